"""Settings of the houses that trials start: the tests', with connections kept for minutes, as in production."""

from goldwallet.test.settings import *  # noqa: F403 - settings
from goldwallet.test.settings import DATABASES

DATABASES["default"]["CONN_MAX_AGE"] = 600

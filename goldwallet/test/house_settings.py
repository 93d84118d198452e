"""Settings of the web and worker processes that browser tests start: the tests', with mail on the simulator's phone."""

from goldwallet.test.settings import *

MAILERS = {"default": {"BACKEND": "goldwallet.demo.mail.PhoneBackend"}}

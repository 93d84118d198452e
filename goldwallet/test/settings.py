"""Settings of the tests: the demo's, quicker where safety is not what is tested."""

import os

from goldwallet.settings import *
from goldwallet.settings import BASE_DIR, DARAJA, DATABASES

# Argon2 with its real cost is tested once, by name; every other test signs in cheaply.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
]
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
# The append-only tables refuse TRUNCATE, which is how transaction=True tests clean up: only this setting lets it pass.
DATABASES["default"]["OPTIONS"]["options"] += " -c goldwallet.allow_truncate=on"  # type: ignore[index]
DATABASES["default"]["CONN_MAX_AGE"] = 0
# A migrated database to copy, where somebody has made one: the lanes of `make test` share it (goldwallet.test.pattern).
DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ.get("TEST_PATTERN") or None}
# Tests shift the clock, which is a function of the database, and take guards away to see what they were for.
SCHEMA_GUARDED = False
# Processes of one test see the same photos, and those of another checkout's tests do not.
DOCUMENT_FOLDER = BASE_DIR / "var" / "test-documents" / str(DATABASES["default"]["NAME"])
# Nothing is asked of the provider by the clock alone: tests ask for the list and the balances when they are about them.
DARAJA = {**DARAJA, "nominated_phone": ""}
ASK_BALANCES = False

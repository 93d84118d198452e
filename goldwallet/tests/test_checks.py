"""Production refuses to start with what is unsafe: one test for each dangerous setting."""

import base64
import json
import os
import secrets
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from accounts.tests.test_sessions import COOKIES
from goldwallet import checks

ROOT = Path(__file__).resolve().parents[2]
PROXY = ("HTTP_X_FORWARDED_PROTO", "https")
DEMO_DOCUMENT, DEMO_FIELD, DEMO_LOOKUP = sorted(checks.DEMO_KEYS)

# Addresses of machines beside us, also as those write them who want to hide that.
NEARBY = [
    "https://10.0.0.7",
    "https://192.168.1.2:8443",
    "https://169.254.169.254/latest",
    "https://100.64.0.1",
    "https://[::1]",
    "https://[fd00::7]",
    "https://[fe80::1]",
    "https://[::ffff:10.0.0.7]",
    "https://0.0.0.0",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://localhost.",
    "https://db",
    "https://metadata.google.internal",
    "https://wallet.local",
    "https://gold.example@10.0.0.7",
    "https://safaricom@evil.example",
]

SESSION = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"


def session(options):
    return {"DATABASES": {"default": {"OPTIONS": {"options": options}}}}


def policy(**changes):
    return {"SECURE_CSP": {**settings.SECURE_CSP, **changes}}


def bucket(**changes):
    return {"DOCUMENT_STORE": "s3", "DOCUMENT_S3": {"endpoint": "", "sse": "AES256", **changes}}


def safe(**changes):
    """Production's settings as they should be, but for `changes`."""
    config = {
        "DEBUG": False,
        "SECRET_KEY": "x7Qf-3kZp_9Lw2Rt8Yv1Bn6Mc4Sd5Hg0JaUeIoTrWqXzCvNbMlKj",
        "ALLOWED_HOSTS": ["gold.example"],
        "BASE_URL": "https://gold.example",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SECURE_SSL_REDIRECT": True,
        "SECURE_PROXY_SSL_HEADER": None,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "ALLAUTH_TRUSTED_PROXY_COUNT": 0,
        "FIELD_KEYS": {"k1": bytes(range(32))},
        "DOCUMENT_KEYS": {"d1": bytes(range(64, 96))},
        "LOOKUP_KEY": base64.b64encode(bytes(range(32, 64))),
        "DARAJA": {"base_url": "https://api.safaricom.co.ke"},
        "SIMULATOR_URL": "",
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache"}},
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.Argon2PasswordHasher"],
        "SECURE_CSP": deepcopy(settings.SECURE_CSP),
        "MAILERS": {
            "default": {
                "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "OPTIONS": {"use_tls": True},
            }
        },
        "CSRF_TRUSTED_ORIGINS": ["https://gold.example"],
        "MIDDLEWARE": list(settings.MIDDLEWARE),
        "X_FRAME_OPTIONS": "DENY",
        "RATE_LIMITS": dict(settings.RATE_LIMITS),
        "METRICS_TOKEN": "",
        "LOG_LEVEL": "INFO",
        "DATABASES": {"default": {"OPTIONS": {"options": SESSION}}},
        "SCHEMA_GUARDED": True,
        "DOCUMENT_STORE": "folder",
        "DOCUMENT_FOLDER": "/srv/goldwallet/documents",
        "DOCUMENT_S3": {"endpoint": "", "sse": "AES256"},
        "STATIC_ROOT": Path("/srv/goldwallet/static"),
        "STATICFILES_DIRS": [Path("/app/static")],
    }
    return SimpleNamespace(**{**config, **changes})


def ids(messages):
    return {message.id.removeprefix("goldwallet.") for message in messages}


def test_what_is_safe_passes():
    assert ids(checks.unsafe(safe())) == set()
    assert ids(checks.doubtful(safe())) == set()


@pytest.mark.fault("X06", "X09")
@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("E001", {"DEBUG": True}),
        ("E002", {"SECRET_KEY": "short"}),
        ("E002", {"SECRET_KEY": "ab" * 40}),
        ("E003", {"ALLOWED_HOSTS": []}),
        ("E003", {"ALLOWED_HOSTS": ["gold.example", "*"]}),
        ("E003", {"ALLOWED_HOSTS": ["*.example"]}),
        ("E004", {"BASE_URL": "http://gold.example"}),
        ("E004", {"BASE_URL": "https://localhost:8000"}),
        ("E004", {"BASE_URL": "https://127.0.0.1"}),
        ("E004", {"BASE_URL": "https://"}),
        ("E005", {"SESSION_COOKIE_SECURE": False}),
        ("E005", {"CSRF_COOKIE_SECURE": False}),
        ("E006", {"SESSION_COOKIE_HTTPONLY": False}),
        ("E006", {"SESSION_COOKIE_SAMESITE": "None"}),
        ("E007", {"SECURE_SSL_REDIRECT": False}),
        (
            "E007",
            {
                "SECURE_SSL_REDIRECT": False,
                "SECURE_PROXY_SSL_HEADER": PROXY,
                "ALLAUTH_TRUSTED_PROXY_COUNT": 1,
            },
        ),
        ("E024", {"SECURE_HSTS_SECONDS": 0}),
        ("E025", {"SECURE_PROXY_SSL_HEADER": PROXY}),
        ("E008", {"FIELD_KEYS": {"k1": bytes(range(32)), "old": DEMO_FIELD}}),
        ("E008", {"FIELD_KEYS": {"k1": b"a" * 32}}),
        ("E008", {"DOCUMENT_KEYS": {"d1": b"a" * 32}}),
        ("E008", {"DOCUMENT_KEYS": {"d1": DEMO_DOCUMENT}}),
        ("E010", {"DOCUMENT_KEYS": {"d1": bytes(range(32))}}),
        ("E009", {"LOOKUP_KEY": base64.b64encode(DEMO_LOOKUP)}),
        ("E009", {"LOOKUP_KEY": b"not base64 at all"}),
        ("E009", {"LOOKUP_KEY": base64.b64encode(b"too short")}),
        ("E010", {"LOOKUP_KEY": base64.b64encode(bytes(range(32)))}),
        ("E011", {"DARAJA": {"base_url": "http://api.safaricom.co.ke"}}),
        ("E011", {"DARAJA": {"base_url": "https://127.0.0.1:8001"}}),
        *(("E004", {"BASE_URL": address}) for address in NEARBY),
        *(("E011", {"DARAJA": {"base_url": address}}) for address in NEARBY),
        ("E012", {"SIMULATOR_URL": "http://127.0.0.1:8001"}),
        ("E013", {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}),
        ("E013", {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}}),
        ("E014", {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}),
        ("E015", policy(**{"script-src": ["'self'", "'unsafe-inline'"]})),
        ("E015", policy(**{"script-src": ["'self'", "'unsafe-eval'"]})),
        ("E015", policy(**{"script-src": ["*"]})),
        ("E015", policy(**{"script-src": [], "default-src": []})),
        ("E016", {"MAILERS": {"default": {"BACKEND": "goldwallet.demo.mail.PhoneBackend"}}}),
        ("E017", {"METRICS_TOKEN": "guess"}),
        ("E018", session(SESSION + " -c goldwallet.allow_truncate=on")),
        ("E019", {"SCHEMA_GUARDED": False}),
        ("E020", session(SESSION.replace("lock_timeout=10s", ""))),
        ("E020", session("")),
        ("E020", {"DATABASES": {"default": {}}}),
        *(("E021", bucket(endpoint=address)) for address in NEARBY),
        ("E026", {"CSRF_TRUSTED_ORIGINS": ["https://gold.example", "https://*.example"]}),
        ("E026", {"CSRF_TRUSTED_ORIGINS": ["http://gold.example"]}),
        *(
            ("E027", {"MIDDLEWARE": [name for name in settings.MIDDLEWARE if name != guard]})
            for guard in sorted(checks._GUARDS)
        ),
        ("E028", {"X_FRAME_OPTIONS": "SAMEORIGIN"}),
        ("E028", policy(**{"frame-ancestors": ["*"]})),
        ("E028", policy(**{"frame-ancestors": []})),
        ("E029", {"RATE_LIMITS": {}}),
        ("E029", {"RATE_LIMITS": {**settings.RATE_LIMITS, "sign_in_account": (1000, 300)}}),
        ("E029", {"RATE_LIMITS": {**settings.RATE_LIMITS, "code_address": (50, 1)}}),
        ("E021", bucket(endpoint="http://s3.gold.example")),
        ("E021", bucket(endpoint="https://127.0.0.1:9000")),
        ("E022", bucket(sse="")),
        ("E023", {"DOCUMENT_FOLDER": "/srv/goldwallet/static"}),
        ("E023", {"DOCUMENT_FOLDER": "/app/static/../static/documents"}),
    ],
)
def test_what_is_unsafe_is_refused(rule, changes):
    assert ids(checks.unsafe(safe(**changes))) == {rule}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("W001", {"DARAJA": {"base_url": "https://sandbox.safaricom.co.ke"}}),
        ("W002", {"LOG_LEVEL": "debug"}),
        ("W003", {"MAILERS": {"default": {"BACKEND": "smtp", "OPTIONS": {"use_tls": False}}}}),
    ],
)
def test_what_is_doubtful_is_told(rule, changes):
    assert ids(checks.doubtful(safe(**changes))) == {rule}


def test_every_rule_has_its_test():
    marks = [*test_what_is_unsafe_is_refused.pytestmark, *test_what_is_doubtful_is_told.pytestmark]
    tested = {case[0] for mark in marks if mark.name == "parametrize" for case in mark.args[1]}
    assert tested == {rule.id for rule in (*checks.UNSAFE, *checks.DOUBTFUL)}


def test_a_proxy_may_be_the_one_that_sends_on_to_https():
    config = safe(SECURE_PROXY_SSL_HEADER=PROXY, ALLAUTH_TRUSTED_PROXY_COUNT=1)
    assert ids(checks.unsafe(config)) == set()


def test_all_reasons_at_once(settings):
    settings.DEMO, settings.DEBUG = False, True
    with pytest.raises(ImproperlyConfigured) as caught:
        checks.refuse_unsafe()
    assert "goldwallet.E001" in str(caught.value)
    assert "goldwallet.E008" in str(caught.value)
    assert ids(checks.deployment(None)) >= {"E001", "E008"}


def test_the_demo_is_left_alone():
    checks.refuse_unsafe()
    assert checks.deployment(None) == []


@pytest.mark.django_db
class TestDatabase:
    def found(self, settings):
        settings.DEMO = False
        return ids(checks.database(None, databases=["default"]))

    def test_ours_is_safe(self, settings):
        assert self.found(settings) == set()
        assert checks.database(None, databases=[]) == []

    def test_a_forgetful_one(self, settings):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        assert self.found(settings) == {"E103"}


# --- a whole process ------------------------------------------------------------------------------
def production(*, then="", **changes):
    """Start Django as production does, run `then`, and say how that ended."""
    names = ("CONSUMER_KEY", "CONSUMER_SECRET", "PASSKEY", "INITIATOR_PASSWORD")
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://nobody@localhost/nothing",
        "GOLDWALLET_MODE": "production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "FIELD_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "DOCUMENT_KEYS": f"d1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "LOOKUP_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "BASE_URL": "https://gold.example",
        "ALLOWED_HOSTS": "gold.example",
        "EMAIL_HOST": "mail.gold.example",
        "DARAJA_BASE_URL": "https://api.safaricom.co.ke",
        "DARAJA_SHORTCODE": "123456",
        "DARAJA_B2C_SHORTCODE": "654321",
        "DARAJA_INITIATOR_NAME": "gold",
        "DARAJA_CERTIFICATE": "/nowhere/daraja.pem",
        **{f"DARAJA_{name}": secrets.token_urlsafe(16) for name in names},
        **changes,
    }
    program = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'goldwallet.settings'; django.setup()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program + then],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def started():
    """Production as it should be: it says its cookies, and then what Django's own checks find."""
    then = "import json\nfrom django.conf import settings as s\n"
    then += f"print(json.dumps({{name: getattr(s, name) for name in {sorted(COOKIES)}}}))\n"
    then += "from django.core.management import call_command\n"
    then += 'call_command("check", deploy=True, fail_level="WARNING")'
    return production(then=then)


@pytest.mark.fault("A10")
def test_production_keeps_its_cookies_to_itself(started):
    """__Host-: of this very host, by https alone, for all paths. What the tests of sessions look at is what is set."""
    assert started.stdout, started.stderr
    assert json.loads(started.stdout.splitlines()[0]) == COOKIES


@pytest.mark.fault("X09")
def test_django_s_own_checks_find_nothing_either(started):
    assert started.returncode == 0, started.stderr
    assert "no issues" in started.stdout


@pytest.mark.fault("X09")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            # All reasons are said at once (`test_all_reasons_at_once`), so each alone would do.
            {
                "CSRF_TRUSTED_ORIGINS": "https://*.example",
                "DARAJA_BASE_URL": "https://10.0.0.7",
                "ALLOWED_HOSTS": "*",
                "BASE_URL": "http://gold.example",
            },
            ["goldwallet.E026", "goldwallet.E011", "goldwallet.E003", "goldwallet.E004"],
        ),
        ({"SECRET_KEY": None}, ["SECRET_KEY is not set"]),
        ({"SECRET_KEY": settings.SECRET_KEY}, ["SECRET_KEY must be set to a secret of your own"]),
        ({"DARAJA_PASSKEY": "demo-passkey-7f3a"}, ["DARAJA_PASSKEY must be set"]),
        ({"GOLDWALLET_MODE": "prod"}, ["write demo or production"]),
        ({"DOCUMENT_STORE": "s3"}, ["DOCUMENT_S3_BUCKET is not set"]),
        ({"DOCUMENT_STORE": "nowhere"}, ["write one of: folder, s3"]),
    ],
)
def test_production_does_not_start(changes, says):
    done = production(**changes)
    assert done.returncode != 0
    assert [words for words in says if words not in done.stderr] == []
    assert "ImproperlyConfigured" in done.stderr

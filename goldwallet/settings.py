"""Settings, read from the environment. `.env.example` documents every name.

Two modes. `demo` (the default) runs on one machine against the simulator with well-known secrets. `production` refuses
to start without its own secrets or with an unsafe setting (`goldwallet.checks`, run at start).
"""

import base64
import datetime as dt
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from goldwallet import env
from goldwallet.jobs import fresh_connection

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_dotenv(BASE_DIR / ".env")

MODE = env.text("GOLDWALLET_MODE", "demo")
if MODE not in {"demo", "production"}:
    raise ImproperlyConfigured(f"GOLDWALLET_MODE is {MODE!r}; write demo or production.")
DEMO = MODE == "demo"
DEBUG = False


def _secret(name: str, demo: str) -> str:
    """A secret of the demo is public and fixed; production must bring its own, and not the demo's."""
    if DEMO:
        return env.text(name, demo)
    value = env.text(name)
    if not value or value == demo:
        raise ImproperlyConfigured(f"{name} must be set to a secret of your own in production.")
    return value


def _keys(name: str, value: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for part in value.split(","):
        kid, colon, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not colon or not kid.isalnum() or len(key) != 32 or kid in keys:
            raise ImproperlyConfigured(
                f"{name} must be a list of `id:base64 of 32 bytes`, the current key first."
            )
        keys[kid] = key
    return keys


# --- addresses ------------------------------------------------------------------------------------
PORT = env.number("PORT", 8000)
SIMULATOR_PORT = env.number("SIMULATOR_PORT", 8001)
SIMULATOR_URL = env.text("SIMULATOR_URL", f"http://127.0.0.1:{SIMULATOR_PORT}") if DEMO else ""
BASE_URL = env.text("BASE_URL", f"http://127.0.0.1:{PORT}" if DEMO else None).rstrip("/")
# In the demo any name of this machine will do; in production only the names that the operator lists.
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "*" if DEMO else "")
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS", "" if DEMO else BASE_URL)

# --- secrets --------------------------------------------------------------------------------------
SECRET_KEY = _secret("SECRET_KEY", "demo-only-secret-key-that-everybody-may-read-0123456789")
FIELD_KEYS = _keys("FIELD_KEYS", _secret("FIELD_KEYS", "demo1:ZGVtby1maWVsZC1rZXktMzItYnl0ZXMtbG9uZyEhISE="))
DOCUMENT_KEYS = _keys(
    "DOCUMENT_KEYS", _secret("DOCUMENT_KEYS", "demo1:ZGVtby1kb2N1bWVudC1rZXktMzItYnl0ZXMtbG9uZyE=")
)
LOOKUP_KEY = _secret("LOOKUP_KEY", "ZGVtby1sb29rdXAta2V5LTMyLWJ5dGVzLWxvbmchISE=").encode()

# --- applications ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "goldwallet",
    "trading",
    "oversight",
    "kyc",
    "pools",
    "payments",
    "accounts",
    "notifications",
    "controls",
    "ledger",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "accounts.admin_site.StaffAdminConfig",
    "allauth",
    "allauth.account",
    "django_otp",
    "django_htmx",
    "heroicons",
    "pgtrigger",
    "pghistory",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "goldwallet.middleware.RequestIdMiddleware",
    "goldwallet.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "accounts.middleware.SessionLifetimeMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "goldwallet.middleware.RefusedMiddleware",
]

ROOT_URLCONF = "goldwallet.urls"
WSGI_APPLICATION = "goldwallet.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "goldwallet.context.house",
            ],
            "builtins": ["goldwallet.templatetags.amounts"],
        },
    },
]

FORM_RENDERER = "goldwallet.forms.Renderer"

# --- database, cache, queue -----------------------------------------------------------------------
_url = env.text("DATABASE_URL", "" if DEMO else None) or env.embedded_database(BASE_DIR)
_database = env.database(_url)
DATABASES = {
    "default": {
        **_database,
        # Persistent connections: without them every request pays for a new session (speed.md: a factor of 7-14).
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_database["OPTIONS"],  # type: ignore[dict-item]
            # A slow lock or query must not pile up (faults.md W08).
            "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        },
    }
}
# Start on no database that lacks a guard (goldwallet.schema). Only tests, which take guards away on purpose, say False.
SCHEMA_GUARDED = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# What one process has told, another must not tell again (oversight.watch), so all share it.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "goldwallet_cache",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    },
    # Pieces of pages that hang on nothing but what their key says, such as the desk's navigation: each process its own.
    "pieces": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "pieces"},
}

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
PROCRASTINATE_WORKER_DEFAULTS = {
    "concurrency": 8,
    "task_middleware": [fresh_connection],
    # What has succeeded is told by the rows that it changed. Failed jobs stay, for a person to look at.
    "delete_jobs": "successful",
    "fetch_job_polling_interval": 2.0,
    "shutdown_graceful_timeout": 20.0,
}

# --- people ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.NotAboutYou"},
    {"NAME": "accounts.passwords.LongEnough", "OPTIONS": {"min_length": 10}},
    {"NAME": "accounts.passwords.NotCommon"},
    {"NAME": "accounts.passwords.NotDigitsOnly"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_FORMS = {
    "signup": "accounts.forms.SignUpForm",
    "login": "accounts.forms.SignInForm",
    "add_email": "accounts.forms.ChangeEmailForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
    "confirm_email_verification_code": "accounts.forms.ConfirmEmailForm",
}
# How often within how many seconds (accounts.limits): strict for an account from one network, where a thief guesses;
# generous for an account from everywhere, or strangers would lock people out, and for a network; apart for browsers and
# sessions of the person. allauth's own limits are off: they live in the cache, which forgets some when it is full.
ACCOUNT_RATE_LIMITS = False
RATE_LIMITS = {
    "sign_in_account": (5, 300),
    "sign_in_everywhere": (100, 3600),
    "sign_in_device": (5, 300),
    "sign_in_session": (5, 300),
    "sign_in_address": (50, 300),
    # All tries, also the right ones: each costs a hash.
    "sign_in_posts_address": (120, 60),
    "sign_up_address": (30, 60),
    "reset_account": (5, 3600),
    "reset_everywhere": (30, 3600),
    "reset_device": (5, 3600),
    "reset_address": (20, 60),
    "reset_link_address": (20, 60),
    # Waits for wrong codes that a new password ends.
    "codes_forgiven": (1, 86_400),
    # Each mail allows three guesses at six digits, so the mails are few.
    "mail_code_soon": (1, 10),
    "mail_code": (10, 3600),
    # Wrong codes of mails and of the second factor; a device's own wait comes on top (accounts.second_factor).
    "code_address": (50, 300),
    "email_change_account": (10, 60),
    # Each sends an M-Pesa prompt to a phone, whoever's it is. Thousands share an address of a mobile network; a person
    # and a phone have limits of their own (trading).
    "buy_prompts_address": (600, 600),
    # Lists that one of the staff takes out as files.
    "exports_person": (60, 3600),
    # Looks of one of the staff for a person, by Find or by a list's filters: more is no day's work.
    "searches_person": (300, 3600),
}
# Whose X-Forwarded-For counts: that of our own proxies, where there are any.
_BEHIND_PROXY = not DEMO and env.flag("BEHIND_PROXY", True)
ALLAUTH_TRUSTED_PROXY_COUNT = env.number("TRUSTED_PROXY_COUNT", 1) if _BEHIND_PROXY else 0
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
PASSWORD_RESET_TIMEOUT = int(dt.timedelta(hours=1).total_seconds())
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True

SESSION_ENGINE = "accounts.session_store"
SESSION_COOKIE_AGE = int(dt.timedelta(days=1).total_seconds())
SESSION_IDLE_SECONDS = int(dt.timedelta(minutes=30).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# What the next page says ("The mail goes to ...") names people, so it stands in no cookie.
MESSAGE_STORAGE = "goldwallet.said.SealedMessages"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
# By it a browser is known again (accounts.devices). It opens nothing.
DEVICE_COOKIE_NAME = "device"

# --- mail -----------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Gold Wallet <hello@goldwallet.example>")
if DEMO:
    # In the demo mail is read on the simulator's phone.
    MAILERS: dict[str, dict[str, object]] = {"default": {"BACKEND": "goldwallet.demo.mail.PhoneBackend"}}
else:
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {
                "host": env.text("EMAIL_HOST"),
                "port": env.number("EMAIL_PORT", 587),
                "username": env.text("EMAIL_USER", ""),
                "password": env.text("EMAIL_PASSWORD", ""),
                "use_tls": env.flag("EMAIL_TLS", True),
                "timeout": 10,
            },
        }
    }

# --- M-Pesa ---------------------------------------------------------------------------------------
# The simulator makes its own certificate; what is sealed with another one it cannot open.
_DEMO_CERTIFICATE = BASE_DIR / env.text("SIMULATOR_DATA", "var/simulator") / "certificate.pem"
DARAJA = {
    "base_url": env.text("DARAJA_BASE_URL", SIMULATOR_URL if DEMO else None).rstrip("/"),
    "consumer_key": _secret("DARAJA_CONSUMER_KEY", "demo-consumer-key"),
    "consumer_secret": _secret("DARAJA_CONSUMER_SECRET", "demo-consumer-secret"),
    "shortcode": env.text("DARAJA_SHORTCODE", "174379" if DEMO else None),
    "passkey": _secret("DARAJA_PASSKEY", "demo-passkey-7f3a"),
    "b2c_shortcode": env.text("DARAJA_B2C_SHORTCODE", "600991" if DEMO else None),
    "initiator_name": env.text("DARAJA_INITIATOR_NAME", "goldwallet" if DEMO else None),
    "initiator_password": _secret("DARAJA_INITIATOR_PASSWORD", "demo-initiator-2026"),
    "certificate": env.text("DARAJA_CERTIFICATE", str(_DEMO_CERTIFICATE) if DEMO else None),
    "collection_tariff": env.choice(
        "DARAJA_COLLECTION_TARIFF", "customer", of=("customer", "shared", "business")
    ),
    # Empty: the list of money that came (Pull) is not asked for.
    "nominated_phone": env.text("DARAJA_NOMINATED_PHONE", "254700000000" if DEMO else ""),
}
# Whether our balances are asked for by the clock, and not at the desk alone.
ASK_BALANCES = env.flag("DARAJA_BALANCES", True)

# --- photos of identity ---------------------------------------------------------------------------
# Sealed before they leave the process, wherever they lie (kyc.storage).
DOCUMENT_STORE = env.choice("DOCUMENT_STORE", "folder", of=("folder", "s3"))
DOCUMENT_FOLDER = BASE_DIR / env.text("DOCUMENT_FOLDER", "var/documents")
DOCUMENT_S3 = {
    "bucket": env.text("DOCUMENT_S3_BUCKET", None if DOCUMENT_STORE == "s3" else ""),
    "endpoint": env.text("DOCUMENT_S3_ENDPOINT", "").rstrip("/"),
    "region": env.text("DOCUMENT_S3_REGION", "us-east-1"),
    "key_id": env.text("DOCUMENT_S3_KEY_ID", ""),
    "secret": env.text("DOCUMENT_S3_SECRET", ""),
    "sse": env.choice("DOCUMENT_S3_SSE", "AES256", of=("AES256", "aws:kms")),
    "kms_key": env.text("DOCUMENT_S3_KMS_KEY", ""),
}

# --- web ------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Africa/Nairobi"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "var" / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# The demo serves from the source folders, so that it needs no `collectstatic`.
WHITENOISE_USE_FINDERS = DEMO
# Without this a file that changes while it is served is cut at its old length.
WHITENOISE_AUTOREFRESH = DEMO

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
# No file of a stranger touches our disk as it came, and no request holds more of them than a form has.
FILE_UPLOAD_HANDLERS = ["goldwallet.uploads.MemoryUpload"]
DATA_UPLOAD_MAX_NUMBER_FILES = 4
if not DEMO:
    SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    DEVICE_COOKIE_NAME = "__Host-device"
    if env.flag("BEHIND_PROXY", True):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- observing ------------------------------------------------------------------------------------
# /metrics names no person, but it is not for strangers: loopback, or a bearer token.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
LOG_LEVEL = env.text("LOG_LEVEL", "INFO")
LOGGING_CONFIG = "goldwallet.logs.configure"
LOGGING = {"json": not DEMO, "level": LOG_LEVEL}
PGHISTORY_INSTALL_CONTEXT_FUNC_ON_MIGRATE = True

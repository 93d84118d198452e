"""Runs a Python program as in production, with secrets made up for this one run: what `check --deploy` and
`collectstatic` need, which otherwise refuse to start without.

    python tools/production.py manage.py collectstatic --no-input
"""

import base64
import os
import secrets
import subprocess
import sys


def throwaway() -> dict[str, str]:
    """An environment as production has it. None of its secrets is used twice."""
    secret = ("CONSUMER_KEY", "CONSUMER_SECRET", "PASSKEY", "INITIATOR_NAME", "INITIATOR_PASSWORD")
    return {
        "DATABASE_URL": "postgresql://nobody@localhost/nothing",
        **os.environ,
        "GOLDWALLET_MODE": "production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "FIELD_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "DOCUMENT_KEYS": f"d1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "LOOKUP_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "BASE_URL": "https://gold.example",
        "ALLOWED_HOSTS": "gold.example",
        "EMAIL_HOST": "mail.gold.example",
        "METRICS_TOKEN": secrets.token_urlsafe(32),
        "DARAJA_BASE_URL": "https://rail.example",
        "DARAJA_SHORTCODE": "123456",
        "DARAJA_B2C_SHORTCODE": "654321",
        "DARAJA_CERTIFICATE": "/run/secrets/daraja.pem",
        **{f"DARAJA_{name}": secrets.token_urlsafe(24) for name in secret},
    }


if __name__ == "__main__":
    sys.exit(subprocess.run([sys.executable, *sys.argv[1:]], env=throwaway()).returncode)

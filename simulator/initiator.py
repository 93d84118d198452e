"""The API operator that pays out: its password arrives encrypted with the simulator's own certificate.

The credential is base64 of RSA PKCS#1 v1.5 over the password's bytes. Three wrong ones in a
row lock the operator.
"""

import base64
import binascii
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from simulator import results
from simulator.config import Settings
from simulator.store import Db, StoreError

TRIES = 3
_STAMPED = re.compile(r"(.*)[0-9]{14}", re.DOTALL)


def key_of(folder: Path) -> rsa.RSAPrivateKey:
    """The key pair of this simulator. Made, with its self-signed certificate, at the first start."""
    key_path, certificate_path = folder / "key.pem", folder / "certificate.pem"
    if not key_path.exists():
        _write(key_path, _new_key(), mode=0o600)
    key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise StoreError(f"{key_path} is not an RSA key. Delete it, and the simulator makes a new one.")
    if not certificate_path.exists():
        _write(certificate_path, _certificate(key), mode=0o644)
    return key


def _new_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "M-Pesa simulator")])
    start = datetime.now(UTC) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    # Whole or not at all: another process reads the certificate as soon as it is there.
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    draft.replace(path)


def check(
    db: Db, settings: Settings, key: rsa.RSAPrivateKey, *, name: str, credential: str
) -> results.Result:
    """SUCCESS, WRONG_CREDENTIAL or LOCKED; a wrong password is counted. For the result, not the answer."""
    if name != settings.initiator:
        return results.WRONG_CREDENTIAL
    row = db.execute("SELECT failures FROM initiators WHERE name = ?", (name,)).fetchone()
    failures = row["failures"] if row else 0
    if failures >= TRIES:
        return results.LOCKED
    right = _password_is_right(settings, _decrypt(key, credential))
    failures = 0 if right else failures + 1
    db.execute("INSERT OR REPLACE INTO initiators (name, failures) VALUES (?, ?)", (name, failures))
    if right:
        return results.SUCCESS
    return results.LOCKED if failures >= TRIES else results.WRONG_CREDENTIAL


def is_locked(db: Db, settings: Settings) -> bool:
    row = db.execute("SELECT failures FROM initiators WHERE name = ?", (settings.initiator,)).fetchone()
    return row is not None and row["failures"] >= TRIES


def unlock(db: Db, settings: Settings) -> None:
    """What the organisation's administrator does on the portal."""
    db.execute("DELETE FROM initiators WHERE name = ?", (settings.initiator,))


def _decrypt(key: rsa.RSAPrivateKey, credential: str) -> str:
    try:
        return key.decrypt(base64.b64decode(credential, validate=True), padding.PKCS1v15()).decode()
    except (
        binascii.Error,
        ValueError,
    ):  # not base64, wrong length or padding, not text: no password at any rate
        return ""


def _password_is_right(settings: Settings, text: str) -> bool:
    """The plain password; unless told to be strict, also the password followed by a timestamp.

    Documents and clients disagree on which is encrypted; the public mpesakit package sends the second.
    """
    if text == settings.initiator_password:
        return True
    stamped = _STAMPED.fullmatch(text)
    return (
        not settings.strict_credential and stamped is not None and stamped[1] == settings.initiator_password
    )

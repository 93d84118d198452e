"""SecurityCredential: the initiator's password, encrypted for Safaricom (daraja.md 4.1)."""

import base64
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


class NoCredential(Exception):
    """The certificate is missing or is none; nothing can be sent until somebody mends that."""


@lru_cache(maxsize=4)
def _key(path: str, changed: int, size: int) -> RSAPublicKey:
    """The public key of the certificate as it was at `changed`.

    Its dates are not checked: the certificates that Safaricom uses have long expired (daraja.md 4.1).
    """
    try:
        certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise NoCredential("DARAJA_CERTIFICATE is not a certificate in PEM form") from error
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise NoCredential("DARAJA_CERTIFICATE holds no RSA key")
    return key


def security_credential(*, password: str, certificate: str) -> str:
    """RSA with PKCS#1 v1.5 padding over the plain password, in base64. Raises NoCredential."""
    try:
        file = Path(certificate).stat()
    except OSError as error:
        raise NoCredential("DARAJA_CERTIFICATE names no file that can be read") from error
    key = _key(certificate, file.st_mtime_ns, file.st_size)
    return base64.b64encode(key.encrypt(password.encode(), PKCS1v15())).decode()

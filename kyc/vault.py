"""How an image is sealed before it leaves this process: AES-256-GCM with a key that no other document has.

A sealed file is one byte of version, a nonce of 12 bytes, then ciphertext and tag. The associated data names the
document and the object, so a file that was changed, exchanged with another document's, or put in place of its own
thumbnail does not open. The key itself is wrapped in the document's row (`Document.data_key`): without the row nobody
opens the file, and destroying the key is erasure (design section 7).
"""

import base64
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from goldwallet.sealing import SealBroken

_VERSION = b"\x01"
_NONCE_BYTES, _KEY_BYTES = 12, 32


def new_key() -> str:
    """Base64 of 32 random bytes, as the row wraps it."""
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode()


def seal_file(data: bytes, *, key: str, document_id: uuid.UUID, name: str) -> bytes:
    """Encrypt for exactly this object of exactly this document."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + _cipher(key).encrypt(nonce, data, _associated(document_id, name))


def open_file(sealed: bytes, *, key: str, document_id: uuid.UUID, name: str) -> bytes:
    """Decrypt what `seal_file` wrote for this place. Raises SealBroken."""
    if not sealed.startswith(_VERSION):
        raise SealBroken(f"an image of document {document_id} is of no version that we know")
    nonce, secret = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return _cipher(key).decrypt(nonce, secret, _associated(document_id, name))
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"an image of document {document_id} does not open") from error


def _cipher(key: str) -> AESGCM:
    return AESGCM(base64.b64decode(key, validate=True))


def _associated(document_id: uuid.UUID, name: str) -> bytes:
    return f"kyc_document|{document_id}|{name}|v1".encode()

"""Where sealed images lie: a folder of this machine, or a bucket. What is put there is ciphertext already.

A store knows names and bytes, nothing of documents. It raises StoreDown for whatever keeps it from doing what it was
asked; after that nobody knows whether it was done, and asking again is safe.
"""

from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from kyc.storage.contract import NotStored, Store, StoreDown
from kyc.storage.folder import FolderStore

__all__ = ["NotStored", "Store", "StoreDown", "document_store_of_settings", "refuse_public_store"]


def document_store_of_settings() -> Store:
    """The store that DOCUMENT_STORE names."""
    if settings.DOCUMENT_STORE == "s3":
        # Late: the library takes a fifth of a second to load, and one machine's folder does without it.
        from kyc.storage.s3 import BucketSettings, S3Store

        return S3Store(BucketSettings(**settings.DOCUMENT_S3))
    return FolderStore(Path(settings.DOCUMENT_FOLDER))


def refuse_public_store() -> None:
    """At start: production raises ImproperlyConfigured while strangers may read the store, or nobody can say whether
    they may (faults.md K09).
    """
    if settings.DEMO:
        return
    dangers = document_store_of_settings().dangers()
    if dangers:
        raise ImproperlyConfigured("Identity documents are not safe like this:\n- " + "\n- ".join(dangers))

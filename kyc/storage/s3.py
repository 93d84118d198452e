"""A bucket of any server that speaks S3. Nothing waits for it long: a person stands before the page.

What the key needs: PutObject, GetObject, DeleteObject, ListBucket, and to see whether the bucket is private
GetBucketPublicAccessBlock, GetBucketPolicyStatus and GetBucketAcl.
"""

import base64
import datetime as dt
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from kyc.storage.contract import NotStored, StoreDown, checked, is_name

CONNECT_SECONDS, READ_SECONDS = 2, 5
#: One retry: a connection that the other side had closed is the usual trouble.
TRIES = 2
#: For a whole object, since a read time-out alone never ends a body that drips.
MOST_SECONDS = 15.0
_PIECE = 64 * 1024
#: Objects that one question lists.
PAGE = 1000

_EVERYBODY = frozenset(
    {
        "http://acs.amazonaws.com/groups/global/AllUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    }
)
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# Servers other than Amazon's may not know a question. Then the anonymous try alone tells.
_NOT_KNOWN = frozenset({"NotImplemented", "MethodNotAllowed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSettings:
    """`endpoint` empty: Amazon's. Keys empty: those that the machine has by its role."""

    bucket: str
    endpoint: str
    region: str
    key_id: str
    secret: str = field(repr=False)
    sse: str
    kms_key: str


@lru_cache(maxsize=4)
def _client(settings: BucketSettings, *, anonymous: bool = False) -> Any:
    """Kept, since making one takes a tenth of a second. Threads may share it."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        signature_version=UNSIGNED if anonymous else "s3v4",
        # Checksums in trailers are Amazon's own; Content-MD5 is known everywhere.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # Only Amazon is sure to have a name of its own for each bucket.
        s3={"addressing_style": "path" if settings.endpoint else "auto"},
        # A proxy of the environment must not move where the documents go.
        proxies={},
    )
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.endpoint or None,
        region_name=settings.region,
        aws_access_key_id=settings.key_id or None,
        aws_secret_access_key=settings.secret or None,
        config=config,
    )


@contextmanager
def _troubles(what: str) -> Iterator[None]:
    """Whatever goes wrong on the way becomes StoreDown, which names no key and no address."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in {"NoSuchKey", "404"}:
            raise NotStored("no such object") from error
        raise StoreDown(f"the bucket did not {what}: {code}") from error
    except (BotoCoreError, ResponseParserError) as error:
        raise StoreDown(f"the bucket did not {what}: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class S3Store:
    settings: BucketSettings

    def put(self, name: str, data: bytes) -> None:
        options = {"ServerSideEncryption": self.settings.sse}
        if self.settings.kms_key:
            options["SSEKMSKeyId"] = self.settings.kms_key
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        with _troubles("take an object"):
            self._ask.put_object(
                **self._named(name),
                Body=data,
                ContentType="application/octet-stream",
                ContentMD5=base64.b64encode(digest).decode(),
                **options,
            )

    def get(self, name: str) -> bytes:
        end = time.monotonic() + MOST_SECONDS
        found = bytearray()
        with _troubles("give an object"):
            answer = self._ask.get_object(**self._named(name))
            body = answer["Body"]
            try:
                while piece := body.read(_PIECE):
                    found += piece
                    if time.monotonic() > end:
                        raise StoreDown("the bucket did not give an object: it drips")
            finally:
                body.close()
        if len(found) != answer.get("ContentLength", len(found)):
            raise StoreDown("the bucket did not give an object: only a part of it came")
        return bytes(found)

    def delete(self, name: str) -> None:
        with _troubles("delete an object"):
            self._ask.delete_object(**self._named(name))

    def names(self, *, older_than: dt.datetime) -> Iterator[str]:
        with _troubles("list its objects"):
            listing = self._ask.get_paginator("list_objects_v2")
            pages = listing.paginate(Bucket=self.settings.bucket, PaginationConfig={"PageSize": PAGE})
            for page in pages:
                for one in page.get("Contents", ()):
                    if is_name(one["Key"]) and one["LastModified"] < older_than:
                        yield one["Key"]

    def dangers(self) -> list[str]:
        try:
            return [
                sentence
                for look in (self._blocks, self._policy, self._grants, self._try)
                if (sentence := look())
            ]
        except StoreDown as error:
            return [f"Nobody can say whether the bucket is private: {error}."]

    @property
    def _ask(self) -> Any:
        return _client(self.settings)

    def _named(self, name: str) -> dict[str, str]:
        return {"Bucket": self.settings.bucket, "Key": checked(name)}

    def _blocks(self) -> str:
        answer = self._asked(self._ask.get_public_access_block, none="NoSuchPublicAccessBlockConfiguration")
        if answer is None:
            return ""
        block = answer.get("PublicAccessBlockConfiguration", {})
        missing = [name for name in _BLOCKS if block.get(name) is not True]
        return f"The bucket's public access block is not fully on: {', '.join(missing)}." if missing else ""

    def _policy(self) -> str:
        answer = self._asked(self._ask.get_bucket_policy_status, none="NoSuchBucketPolicy") or {}
        return "The bucket's policy is public." if answer.get("PolicyStatus", {}).get("IsPublic") else ""

    def _grants(self) -> str:
        grants = (self._asked(self._ask.get_bucket_acl) or {}).get("Grants", ())
        public = any(grant.get("Grantee", {}).get("URI") in _EVERYBODY for grant in grants)
        return "The bucket's access list lets everybody in." if public else ""

    def _try(self) -> str:
        """Store something and ask for it as a stranger would."""
        probe = secrets.token_hex(32)
        self.put(probe, b"Is this private?")
        try:
            _client(self.settings, anonymous=True).get_object(**self._named(probe))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in {401, 403}:
                return ""
            raise StoreDown("the bucket answered a stranger in a way that tells nothing") from error
        except BotoCoreError as error:
            raise StoreDown("the bucket did not answer a stranger") from error
        finally:
            with suppress(StoreDown):  # the sweep of orphans takes it
                self.delete(probe)
        return "Anybody can read the bucket's objects."

    def _asked(self, question: Callable[..., Any], *, none: str = "") -> dict[str, Any] | None:
        """The answer; empty where there is nothing of that kind (`none`), None where the server does not know it."""
        try:
            with _troubles("say who may read it"):
                answer: dict[str, Any] = question(Bucket=self.settings.bucket)
                return answer
        except StoreDown as error:
            code = (
                error.__cause__.response["Error"]["Code"] if isinstance(error.__cause__, ClientError) else ""
            )
            if code in _NOT_KNOWN:
                return None
            if none and code == none:
                return {}
            raise

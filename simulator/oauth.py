"""Access tokens: GET /oauth/v1/generate?grant_type=client_credentials with the app's key and secret."""

import base64
import binascii
import hmac
import secrets
import string

from flask import Blueprint, Response, request

from simulator import call_faults, ids
from simulator.answers import GatewayError, answer, envelope
from simulator.context import current
from simulator.store import Db

blueprint = Blueprint("oauth", __name__)

_TOKEN_LETTERS = string.ascii_letters + string.digits
_TOKEN_LENGTH = 28


@blueprint.get("/oauth/v1/generate")
def generate() -> Response:
    return call_faults.through("oauth", _serve)


def _serve() -> Response:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return envelope(GatewayError(400, "400.008.01", "Invalid Authentication passed"))
    if request.args.get("grant_type") != "client_credentials":
        return envelope(GatewayError(400, "400.008.02", "Invalid grant type passed"))
    settings = current().settings
    wanted = f"{settings.consumer_key}:{settings.consumer_secret}"
    if not hmac.compare_digest(_decoded(encoded), wanted.encode()):
        return Response(status=400)  # measured: a wrong key or secret gets an empty body
    with current().store.write() as db:
        token = _token_add(db, at=ids.now(), seconds=settings.token_seconds, only_one=settings.one_token)
    # Captures show a string, the newest documents a number.
    life = settings.token_seconds if settings.numeric_expiry else str(settings.token_seconds)
    return answer({"access_token": token, "expires_in": life})


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return b""


def _token_add(db: Db, *, at: float, seconds: int, only_one: bool) -> str:
    if only_one:  # an answer in the FAQ says that a new token ends the one before
        db.execute("DELETE FROM tokens")
    db.execute("DELETE FROM tokens WHERE expires_at <= ?", (at,))
    token = "".join(secrets.choice(_TOKEN_LETTERS) for _ in range(_TOKEN_LENGTH))
    db.execute("INSERT INTO tokens (token, expires_at) VALUES (?, ?)", (token, at + seconds))
    return token


def token_is_valid(db: Db, token: str, *, at: float) -> bool:
    row = db.execute("SELECT 1 FROM tokens WHERE token = ? AND expires_at > ?", (token, at)).fetchone()
    return row is not None

"""The gateway in front of every API: verb, token, body, and the error envelope that all of them share.

A fault plan (hang, HTML, 500, 429, cut after accept, token refused) has its place in `endpoint`, around the
handler.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from simulator import ids, oauth
from simulator.checks import Body, Invalid
from simulator.context import current

type Handler = Callable[[Body], Mapping[str, Any]]


class GatewayError(Exception):
    """An answer other than 200: HTTP status, errorCode and errorMessage."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class BadToken:
    """How one API refuses a token. `{token}` in the message is the token itself: some APIs echo it."""

    status: int
    code: str
    message: str = "Invalid Access Token"


def answer(body: Mapping[str, Any], status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


def envelope(error: GatewayError) -> Response:
    body = {"requestId": ids.request_id(), "errorCode": error.code, "errorMessage": error.message}
    return answer(body, error.status)


def endpoint(
    blueprint: Blueprint, path: str, *, bad_token: BadToken, invalid_code: str = "400.002.02"
) -> Callable[[Handler], Handler]:
    """Serve a handler under POST `path`. It gets the parsed body and returns the acknowledgement."""

    def register(handler: Handler) -> Handler:
        def view() -> Response:
            try:
                _check_token(bad_token)
                return answer(handler(_read_body()))
            except Invalid as error:
                return envelope(GatewayError(400, invalid_code, f"Bad Request - Invalid {error.field}"))
            except GatewayError as error:
                return envelope(error)

        blueprint.add_url_rule(path, handler.__name__ + path, view, methods=["POST"])
        return handler

    return register


def _check_token(bad_token: BadToken) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise GatewayError(404, "404.001.04", "Invalid Authentication Header")
    with current().store.read() as db:
        valid = oauth.token_is_valid(db, token, at=ids.now())
    if not valid:
        raise GatewayError(bad_token.status, bad_token.code, bad_token.message.format(token=token))


def _read_body() -> Body:
    # Documented: what does not call itself JSON reads as an empty body, so its first field is named invalid.
    if not request.is_json:
        return {}
    try:
        body = json.loads(request.get_data(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise GatewayError(400, "400.002.05", "Invalid Request Payload")
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def api_error(error: HTTPException) -> Response:
    """What the gateway itself answers to a path or verb that no API has."""
    if error.code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return envelope(GatewayError(500, "500.003.1001", "Internal Server Error"))
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        return envelope(GatewayError(405, "405.001", f"{request.method} Method Not Allowed"))
    if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return envelope(GatewayError(400, "400.002.05", "Invalid Request Payload"))
    return envelope(GatewayError(404, "404.001.01", "Resource not found"))

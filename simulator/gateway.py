"""The gateway in front of every API: verb, token, body. The fault plan stands around what it serves."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from simulator import call_faults, faults, ids, oauth
from simulator.answers import BadToken, GatewayError, answer, envelope
from simulator.checks import Body, Invalid
from simulator.context import current

# What an API needs to be served, in one place.
__all__ = ["BadToken", "GatewayError", "api_error", "endpoint"]

type Handler = Callable[[Body], Mapping[str, Any]]


def endpoint(
    blueprint: Blueprint, path: str, *, bad_token: BadToken, invalid_code: str = "400.002.02"
) -> Callable[[Handler], Handler]:
    """Serve a handler under POST `path`. It gets the parsed body and returns the acknowledgement."""
    api = faults.api_of(path)

    def register(handler: Handler) -> Handler:
        def view() -> Response:
            return call_faults.through(api, serve)

        def serve() -> Response:
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

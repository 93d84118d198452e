"""Answers as the gateway writes them: JSON, and the error envelope that all APIs share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response

from simulator import ids


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

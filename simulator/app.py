"""The web application: the provider's APIs, the control API and the pages, on one port."""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, abort

from simulator import b2c, balance, c2b, control, gateway, moves, oauth, pages, pull, reversal, status, stk
from simulator.context import Simulator

_LARGEST_BODY = 1024 * 1024
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(simulator: Simulator) -> Flask:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    simulator.attach(app)
    # `moves` adds its calls to the blueprint of `control`.
    for module in (oauth, stk, b2c, status, balance, reversal, c2b, pull, moves, pages):
        app.register_blueprint(module.blueprint)
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _refuse_other_sites() -> None:
    """A page of another site, open in the same browser, must not press buttons here."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.host:
        abort(403, "This request comes from another site.")


def _add_headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "same-origin"
    return response


def _http_error(error: HTTPException) -> Response | HTTPException:
    if request.path.startswith("/control/"):
        return control.control_error(error)
    if request.path.startswith(("/mpesa/", "/oauth/", "/pulltransactions/")):
        return gateway.api_error(error)
    return error

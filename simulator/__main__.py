"""`python -m simulator`: serve until told to stop (Ctrl-C or SIGTERM)."""

import logging
import os
import signal
import sys
import threading
from wsgiref.types import WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server

from simulator import books, ids, initiator, manual
from simulator.app import create_app
from simulator.config import Settings, SettingsError, settings_from
from simulator.context import Simulator
from simulator.hurry import bring_forward
from simulator.scheduler import Scheduler
from simulator.store import Store, StoreError

_LOG = logging.getLogger("simulator")


class _Handler(WSGIRequestHandler):
    """Writes no line for each request: the phone page alone asks once a second."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        """The client has gone, or the fault plan cuts the answer: close, and wait for no further request."""
        self.close_connection = True


def _end_process(failure: threading.ExceptHookArgs) -> None:
    # A simulator without its clockwork or its senders would look alive and never answer: rather stop at once.
    threading.__excepthook__(failure)
    sys.stderr.flush()
    os._exit(70)


def build(settings: Settings) -> tuple[Simulator, Scheduler]:
    """Open the data folder, on first use with its key pair and opening float. Raises StoreError."""
    store = Store(settings.data)
    if settings.manual:
        manual.start(store)
    with store.write() as db:
        books.open_float(db, shortcode=settings.b2c_shortcode, amount=settings.float_opening, at=ids.now())
    simulator = Simulator(
        settings=settings, store=store, key=initiator.key_of(settings.data), bring_forward=bring_forward
    )
    return simulator, Scheduler(store, settings)


def serve(settings: Settings) -> None:
    """Run the simulator in this process until a signal ends it."""
    simulator, scheduler = build(settings)
    server = make_server(
        settings.host, settings.port, create_app(simulator), threaded=True, request_handler=_Handler
    )
    scheduler.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        # shutdown() waits for the serving loop, so it must not run on the loop's own thread.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    _LOG.info("The phone is on http://%s:%s/", settings.host, settings.port)
    server.serve_forever(poll_interval=0.1)
    scheduler.stop()
    simulator.store.close()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="simulator: %(message)s", stream=sys.stderr)
    threading.excepthook = _end_process
    try:
        serve(settings_from())
    except (SettingsError, StoreError) as error:
        _LOG.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Where the provider's callbacks go: a process that writes each down and answers, whoever of the house is alive.

The address says whose it is: `/r<run>/hooks/...`. Delivery to the house is a step of its own, so that the order of
things does not depend on the machine's load.
"""

import os
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

from trials.killsweep.place import Place
from trials.processes import end_with_parent


class Postbox:
    """`url` is the house's address for one run; `start` forks the process, `stop` ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pid = 0

    def url(self, run: int) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/r{run}"

    def place(self, run: int) -> Place:
        return Place(self._folder / f"r{run}")

    def start(self) -> None:
        self._pid = os.fork()
        if self._pid == 0:
            end_with_parent()
            server = HTTPServer(self._listening.getsockname(), _handler(self._folder), False)
            server.socket = self._listening
            server.serve_forever()

    def stop(self) -> None:
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)
        self._listening.close()


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            _, run, path = self.path.split("/", 2)
            if (folder / run).is_dir():
                Place(folder / run).post(next(numbers), f"/{path}", body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler

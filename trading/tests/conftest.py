import base64
import os
from collections.abc import Iterator

import pytest

from goldwallet.test.browser import Visitor, chromium
from goldwallet.test.house import House
from goldwallet.test.provider import Simulator
from goldwallet.test.world import TOTP, World


@pytest.fixture(scope="session")
def browser_program():
    # Playwright's own event loop runs in this thread; what the tests ask the database besides is not asynchronous.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with chromium() as browser:
        yield browser
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def house(transactional_db: None, world: World, simulator_process: Simulator) -> Iterator[House]:
    """Web, worker and simulator as processes of their own, over the test's database."""
    simulator_process.reset()
    running = House(simulator_process)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def visit(browser_program, house: House):
    """`visit()` opens a window of a new person at the wallet's address; `visit(url)` elsewhere."""
    visitors: list[Visitor] = []

    def open_window(url: str = "", **options) -> Visitor:
        visitors.append(Visitor(browser_program, url or house.url, **options))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.leave()


TOTP_KEY = base64.b32decode(TOTP)

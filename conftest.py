"""Fixtures for every app's tests."""

import copy
import datetime as dt
import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from asgiref.sync import SyncToAsync
from django.core.servers.basehttp import WSGIServer
from django.db import connections
from django.test import TransactionTestCase
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.tests.people import signed_in
from controls.models import Threshold
from controls.selectors import CACHE_SECONDS, thresholds_forget
from goldwallet.test.browser import Visitor, chromium
from goldwallet.test.clock import clock_shift
from goldwallet.test.emptying import tables_empty
from goldwallet.test.house import House, callbacks_end
from goldwallet.test.provider import Simulator
from goldwallet.test.race import queue_empty
from goldwallet.test.world import World, world_create
from goldwallet.tests.scene import Scene, made_for_all, photographs, scene_create

# Races knock with 32 connections at once; Django's test server keeps ten waiting and resets the rest.
WSGIServer.request_queue_size = 128
# Hundreds of tests end with this, and Django's own way takes more than many of them do.
TransactionTestCase._fixture_teardown = lambda self: tables_empty()


@pytest.fixture(autouse=True)
def _fresh_thresholds() -> Iterator[None]:
    thresholds_forget()
    yield
    thresholds_forget()


#: Autovacuum counts the rows of tables between two tests, when they are empty; then queries are planned for no rows.
_NEVER_COUNTED = """
DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', one);
    END LOOP;
END
$$
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
        cursor.execute(_NEVER_COUNTED)
    yield
    # A worker that ran in a test has left a thread with a connection to the database, which goes now.
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture
def world(db: None) -> World:
    return world_create()


@pytest.fixture(scope="module")
def made_once(
    django_db_setup, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Scene, Path]]:
    """World, scene and the folder of its photos, made once for all tests of a module (`made_for_all`)."""
    folder = tmp_path_factory.mktemp("documents")

    def make() -> tuple[World, Scene, Path]:
        with photographs(folder):
            world = world_create()
            return world, scene_create(world), folder

    yield from made_for_all(django_db_blocker, make)


@pytest.fixture
def shared(made_once: tuple[World, Scene, Path], db: None, settings) -> tuple[World, Scene]:
    """World and scene of the module, as copies that the test may change."""
    world, scene, settings.DOCUMENT_FOLDER = made_once
    return copy.deepcopy((world, scene))


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(simulator_process: Simulator, live_server: LiveServer, settings) -> Iterator[Simulator]:
    """The simulator, emptied, with the house's callbacks reaching the live server of this test, and none after it."""
    simulator_process.reset()
    point_at(simulator_process, live_server.url, settings)
    yield simulator_process
    callbacks_end(simulator_process)


def point_at(simulator: Simulator, base_url: str, settings) -> None:
    certificate: Path = simulator.folder / "certificate.pem"
    settings.SIMULATOR_URL = simulator.url
    settings.BASE_URL = base_url
    settings.DARAJA = {**settings.DARAJA, "base_url": simulator.url, "certificate": str(certificate)}


# --- a browser before the whole house -------------------------------------------------------------


#: What of the tests runs beside what: `make test` gives each lane a process and a database of its own. The first is the
#: trials, what is killed or broken on purpose, and the browser, wherever they are tested; the second most of what moves
#: money; the last all others.
LANES = ("machinery", "money", "house")
_MONEY = frozenset({"ledger", "payments", "trading", "oversight"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--lane", choices=LANES, help="a part of the tests, as `make test` runs them side by side"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A lane does not even read the files of the others."""
    lane = config.getoption("lane")
    if not lane or not collection_path.match("test_*.py"):
        return None
    browses = lane == LANES[0] and "mark.browser" in collection_path.read_text()
    return None if browses or _lane_of(collection_path, config) == lane else True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright leaves a running event loop in this thread, and tests that run the worker
    in it start one of their own. And the house that they share runs until the end.
    """
    if lane := config.getoption("lane"):
        wanted = [item for item in items if _lane(item) == lane]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
        items[:] = wanted
    items.sort(key=_in_browser)


def pytest_collection_finish() -> None:
    """What has been collected stays until the end. Python looking for waste among it took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _lane(item: pytest.Item) -> str:
    return LANES[0] if _in_browser(item) else _lane_of(item.path, item.config)


def _lane_of(path: Path, config: pytest.Config) -> str:
    """The lane of what stands in this file and needs no browser."""
    folder = path.relative_to(config.rootpath).parts[0]
    if folder == "trials" or path.name.startswith(("test_kill_", "test_fault_")):
        return "machinery"
    return "money" if folder in _MONEY else "house"


def _in_browser(item: pytest.Item) -> bool:
    return item.get_closest_marker("browser") is not None


@pytest.fixture(scope="session")
def browser_program():
    """One Chromium for all tests, the simulator's too: Playwright runs but once in a process."""
    # Playwright's own event loop runs in this thread; what the tests ask the database besides is not asynchronous.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with chromium() as browser:
        yield browser
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def house_running(django_db_setup, django_db_blocker, simulator_process: Simulator) -> Iterator[House]:
    """Web and worker as processes of their own over the test database. All browser tests share them, which come last:
    a worker would do the jobs of tests that bring their own. Between two tests it is held still.
    """
    running = House(simulator_process)
    try:
        with django_db_blocker.unblock():
            queue_empty()
            # A trial that was killed leaves the house's clock where it had moved it.
            clock_shift(dt.timedelta())
            running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def house(house_running: House, transactional_db: None, world: World) -> Iterator[House]:
    """Web, worker and simulator, as `make run` runs them, over the test's database."""
    house_running.simulator.reset()
    house_running.resume()
    yield house_running
    house_running.pause()
    if Threshold.objects.exists():
        time.sleep(CACHE_SECONDS)  # or the next test would meet what its processes still remember of this one


@pytest.fixture
def visit(browser_program, house: House):
    """`visit()` opens a window of a new person at the wallet's address; `visit(url)` elsewhere; `visit(user=...)` with
    the session of somebody who has signed in.
    """
    visitors: list[Visitor] = []

    def open_window(url: str = "", *, user: User | None = None, **options) -> Visitor:
        visitor = Visitor(browser_program, url or house.url, **options)
        visitors.append(visitor)
        if user is not None:
            cookie = signed_in(user).cookies["sessionid"]
            visitor.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": house.url}])
        return visitor

    yield open_window
    for visitor in visitors:
        visitor.context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []

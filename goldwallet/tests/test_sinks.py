"""The net that `test_canaries` draws has no hole: a leak in any place is seen."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pghistory
import pytest
import structlog
from django.core.cache import cache
from django.db import connection
from django.test import Client
from procrastinate.contrib.django import app

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import signed_in
from controls.services import Evidence, request_make
from goldwallet.test.race import queue_empty
from goldwallet.test.world import World
from goldwallet.tests.sinks import Net, hung_up
from pools.models import Pool

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "Zawadi Njambiwe Kiprotichi"


@pytest.fixture
def net(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> Iterator[Net]:
    net = Net(documents=tmp_path)
    net.plant("legal name", NAME)
    with hung_up(net, caplog):
        yield net
    cache.clear()
    queue_empty()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS came_yesterday")


def leaks() -> dict[str, Callable[[Net, World], object]]:
    """One hole in each place."""
    look = app.tasks["payments.look"]
    log = structlog.get_logger("trading")
    return {
        "log": lambda net, world: log.debug("seen", note=NAME),
        "headers": lambda net, world: net.headers.append(f"/kyc/?name={quote(NAME)}"),
        "photos": lambda net, world: (net.documents / "x").write_bytes(NAME.encode()),
        "procrastinate_jobs.args": lambda net, world: look.defer(payment_id=NAME),
        "accounts_session.session_data": lambda net, world: _remember(signed_in(world.bob)),
        "pghistory_context.metadata": lambda net, world: _freeze(world),
        "goldwallet_cache.value": lambda net, world: cache.set("who", NAME),
        "goldwallet_cache.cache_key": lambda net, world: cache.set(NAME, 1),
        "pools_pool.note": lambda net, world: Pool.objects.update(note=quote(NAME)),
        "controls_request.reason": lambda net, world: _ask(world),
        "came_yesterday.raw": lambda net, world: _new_table(),
    }


def _remember(browser: Client) -> None:
    session = browser.session
    session["name"] = NAME
    session.save()


def _freeze(world: World) -> None:
    with pghistory.context(url=f"/desk/people/{NAME}/"):
        User.objects.filter(pk=world.bob.pk).update(frozen_reason="We look at this.")


def _ask(world: World) -> None:
    request_make(
        kind="threshold_set",
        payload={"name": "sell_min_kes", "value": "20"},
        subject="threshold:sell_min_kes",
        reason=f"{NAME} sells too little.",
        by=world.staff(Role.TREASURY),
        evidence=Evidence(name="note.pdf", content=b"%PDF-1.4 a note"),
    )


def _new_table() -> None:
    """Of which nobody has told the net."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE came_yesterday (id bigint, raw bytea)")
        cursor.execute("INSERT INTO came_yesterday VALUES (1, %s)", [NAME.encode()])


@pytest.mark.parametrize("place", leaks())
def test_the_net_has_no_hole(net: Net, world: World, place: str) -> None:
    assert net.draw_all() == {}
    leaks()[place](net, world)
    assert (place, "legal name") in net.draw_all()

"""No page of the desk asks more than 25 questions. That more rows ask no more is shown beside each list."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goldwallet.test.world import World
from goldwallet.tests.routes import ROUTES, all_routes
from goldwallet.tests.scene import scene_create, visitor_open
from goldwallet.tests.test_routes import path_of
from kyc.tests.making import photos_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]

MOST = 25
#: What marks a place to come back to, and what stamps the history with who acts, asks nothing.
MARKS = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT", "SET ")


def _own(sql: str) -> str:
    """The statement without the stamp for the history that goes before it in the same question."""
    return sql.split("; ", 1)[-1] if sql.startswith("SELECT set_config('pghistory") else sql


def test_every_page_of_the_desk(world: World) -> None:
    scene = scene_create(world)
    browser = visitor_open("all_roles", scene)
    asked = {}
    for name, arguments in all_routes().items():
        if name not in ROUTES or ROUTES[name].kind != "staff" or ROUTES[name].answers[0] != 200:
            continue
        path = path_of(name, scene.arguments(name, arguments))
        browser.get(path)  # what a process asks once
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(path)
        assert answer.status_code == 200, path
        asked[name] = sum(not _own(query["sql"]).startswith(MARKS) for query in queries.captured_queries)
    assert len(asked) > 30
    assert {name: number for name, number in asked.items() if number > MOST} == {}

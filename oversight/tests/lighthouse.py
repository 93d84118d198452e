"""The desk as Lighthouse sees it: `make lighthouse`. No `test_` in its name, since it needs Node and is run by itself.

Each page is opened by a member of the staff who may do whatever any of the roles may, in a house in which every page
has something to show. Accessibility and best practices must have 100 points.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from goldwallet.test.browser import FLAGS
from goldwallet.test.house import House
from goldwallet.test.world import World
from goldwallet.tests.routes import all_routes
from goldwallet.tests.scene import ALL_ROLES, scene_create

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

CATEGORIES = ("accessibility", "best-practices")
#: The overview, the lists, and a page of each thing.
PAGES = (
    "desk",
    "desk_orders",
    "desk_order",
    "desk_approvals",
    "desk_approval",
    "desk_people",
    "desk_person",
    "desk_payouts",
    "desk_payment",
    "desk_pools",
    "desk_pool",
    "desk_prices",
    "desk_ledger",
    "desk_transaction",
    "desk_audit",
    "desk_close_day",
    "desk_exports",
)


def looked_at(url: str, cookie: str, report: Path) -> dict[str, Any]:
    """Lighthouse's report of one page on a screen of a desk."""
    command = [
        *("node", os.environ["LIGHTHOUSE"], url, "--quiet", "--preset=desktop", "--output=json"),
        f"--output-path={report}",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--extra-headers={json.dumps({'Cookie': cookie})}",
        f"--chrome-flags=--headless=new {' '.join(FLAGS)}",
    ]
    environment = {**os.environ, "CHROME_PATH": os.environ["BROWSER_PATH"]}
    subprocess.run(command, env=environment, check=True, timeout=180)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def complaints(report: dict[str, Any]) -> list[str]:
    """What cost points, each with the first elements that it is about."""
    said = []
    for category in CATEGORIES:
        for part in report["categories"][category]["auditRefs"]:
            audit = report["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 1:
                items = (audit.get("details") or {}).get("items") or []
                where = [
                    str((item.get("node") or {}).get("snippet") or item.get("description") or item)[:160]
                    for item in items[:3]
                ]
                said.append(f"{part['id']}: {audit['title']} {where}")
    return said


def test_the_desk_has_all_points(house: House, world: World, tmp_path: Path) -> None:
    scene = scene_create(world)
    person = staff(*ALL_ROLES)
    key = signed_in(person).cookies[settings.SESSION_COOKIE_NAME].value
    wrong = {}
    wanted = os.environ.get("LIGHTHOUSE_PAGES", "").split() or PAGES
    print()
    for name in wanted:
        path = reverse(name, kwargs=scene.arguments(name, all_routes()[name]))
        report = looked_at(
            house.url + path, f"{settings.SESSION_COOKIE_NAME}={key}", tmp_path / f"{name}.json"
        )
        assert report["finalDisplayedUrl"].endswith(path), (name, report["finalDisplayedUrl"])
        assert not report.get("runtimeError"), report["runtimeError"]
        points = [round((report["categories"][one]["score"] or 0) * 100) for one in CATEGORIES]
        told = "   ".join(f"{one} {two:3}" for one, two in zip(CATEGORIES, points, strict=True))
        print(f"  {name:<20} {told}", flush=True)
        if points != [100, 100]:
            wrong[name] = complaints(report)
    assert wrong == {}, json.dumps(wrong, indent=1)

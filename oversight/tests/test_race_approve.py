"""Two people approve one request at the same moment: it is done once. Without the guards it is done twice."""

from decimal import Decimal

import pytest
from django.db import connection

from accounts.roles import Role
from accounts.services import staff_create
from controls import services
from controls.models import Request, RequestState, Threshold
from controls.services import requests as under_test
from goldwallet.errors import Conflict
from goldwallet.test.race import Meeting, errors, moves_unguarded, rows_unlocked, schema_kept, together
from goldwallet.test.two import YES

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

NAME = "payout_approval_kes"


def both_approve() -> list[object]:
    maker, *others = (
        staff_create(email=f"{name}@example.com", password="x", roles=[Role.TREASURY])
        for name in ("maker", "one", "two")
    )
    request = services.request_make(
        kind="threshold_set",
        payload={"name": NAME, "value": "50000"},
        subject=f"threshold:{NAME}",
        reason="The vault's insurer asks for it.",
        by=maker,
    )
    seen = services.request_seal(request, services.request_effect(request))

    def approve(number: int) -> Request:
        return services.request_approve(
            request_id=request.pk, by=others[number], seen=seen, words=YES, typed=("50000",)
        )

    return together(2, approve)


def executions() -> int:
    """How often the threshold was written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM controls_thresholdevent")
        return int(cursor.fetchone()[0])


@pytest.mark.fault("Z04")
def test_it_is_done_once() -> None:
    outcomes = both_approve()
    (refused,) = errors(outcomes)
    assert isinstance(refused, Conflict)
    assert executions() == 1
    assert Request.objects.get().state == RequestState.EXECUTED
    assert Threshold.objects.get().value == Decimal(50_000)


@pytest.mark.fault("Z04")
def test_the_lock_alone_does_it(monkeypatch) -> None:
    moves_unguarded(monkeypatch, under_test, meeting=Meeting(2))
    assert len(errors(both_approve())) == 1
    assert executions() == 1


def test_without_the_guards_it_is_done_twice(monkeypatch) -> None:
    """The control: no lock on the row, no condition in the move, no rule in the database."""
    rows_unlocked(monkeypatch)
    moves_unguarded(monkeypatch, under_test, meeting=Meeting(2))
    with schema_kept():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE controls_request DISABLE TRIGGER USER")
        try:
            outcomes = both_approve()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE controls_request ENABLE TRIGGER USER")
    assert errors(outcomes) == []
    assert executions() == 2

"""The demo: each page of the desk has something to show, made by the real services against the simulator."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in
from controls.selectors import requests_waiting, switches
from goldwallet.demo import data, waiting
from goldwallet.test.books import assert_books
from goldwallet.test.provider import Simulator
from goldwallet.test.worker import work
from ledger import chart
from ledger.selectors import balance
from oversight.models import Break, BreakKind, Run, RunState
from payments.floats import Verdict, floats
from payments.models import Arrival, ArrivalState, Payment, State
from trading.models import Order, Status

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def test_it_has_something_of_each(simulator: Simulator, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DARAJA = {**settings.DARAJA, "nominated_phone": "254700000000"}
    settings.MAILERS = {"default": {"BACKEND": "goldwallet.demo.mail.PhoneBackend"}}
    # Who waits for the worker is the worker.
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: work())
    data.demo_load()
    for _ in range(2):
        said = StringIO()
        call_command("demo_orders", stdout=said, stderr=said)
        assert "Demo orders" not in said.getvalue(), "nothing is missing"
    people = {email: User.objects.get(email=email) for email in (data.ALICE, data.BOB, data.CAROL)}
    assert Order.objects.count() == 8, "a second start makes no more"

    alice = people[data.ALICE]
    assert balance(chart.user_gold(alice.pk)) > 1
    assert balance(chart.user_gold_locked(alice.pk)) == balance(chart.user_cash(alice.pk)) == 0

    carol = people[data.CAROL]
    late = Order.objects.get(user=carol, status=Status.PAID_LATE)
    page = signed_in(carol).get(reverse("order", args=[late.pk])).content.decode()
    assert "Buy at today" in page, "the choice is open"
    assert late.payment.sent_at is None, "no prompt is left on her phone"
    assert Payment.objects.get(state=State.AWAITING_APPROVAL).amount >= 100_000
    stray = Arrival.objects.get(state=ArrivalState.SUSPENSE)
    assert (stray.amount, stray.payment.user) == (1050, carol)

    assert sorted(found.kind for found in requests_waiting()) == ["adjust_cash", "bars_add"]
    assert Run.objects.get().state == RunState.DONE
    assert Break.objects.get().kind == BreakKind.LINE_OUT_UNKNOWN
    assert {float.account: float.verdict for float in floats()}["collections"] == Verdict.AGREES
    assert not any(switch.paused for switch in switches())
    portal = Decimal(90)
    assert -balance(chart.mpesa_payouts()) - portal == simulator.account(
        "b2c:600991:utility", "b2c:600991:charges"
    )
    assert_books()

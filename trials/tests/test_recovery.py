"""What staff do after a kill goes through whatever the amount."""

from contextlib import nullcontext
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from accounts.roles import Role
from controls.models import Request, RequestState
from controls.services import request_approve, request_effect, request_seal, threshold_set
from goldwallet.clock import after
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.two import approve
from goldwallet.test.world import World, buy, paid, sell
from payments.models import Payment, State
from trials.killsweep import people, recovery

pytestmark = pytest.mark.django_db


def refused_untyped(request: Request, by: Any) -> Request:
    """As who types no amount is answered: so the request of the test is one that asks for it."""
    with pytest.raises(Refused, match="Type the amount that this request moves"):
        request_approve(
            request_id=request.pk,
            by=by,
            seen=request_seal(request, request_effect(request)),
            words="Seen in the statement of the day.",
        )
    return approve(request, by)


def test_the_amount_of_a_large_payout_that_never_moved_is_typed_again(world: World, monkeypatch: Any) -> None:
    for email in people.TREASURERS:
        world.staff(Role.TREASURY, email=email)
    threshold_set(name="approval_retype_kes", value=Decimal(1000), by=world.vault)
    paid(buy(world.alice, 33_000))
    payment = sell(world.alice, Decimal("0.5")).payment
    for state in (State.SENDING, State.UNKNOWN):
        Payment.objects.filter(pk=payment.pk).update(state=state, sent_at=after(-3600), attention=True)
    monkeypatch.setattr(recovery, "_until_quiet", lambda house, answer: [])
    monkeypatch.setattr(recovery, "approve", refused_untyped)
    recovery.resolve(cast(Any, SimpleNamespace(later=lambda seconds: nullcontext())), payment)
    assert Request.objects.get().state == RequestState.EXECUTED
    payment.refresh_from_db()
    assert payment.state == State.FAILED
    assert_books()

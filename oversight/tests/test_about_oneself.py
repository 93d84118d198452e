"""What the desk shows to staff about themselves: nothing to decide, and not what others note."""

import re

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.own import OWN
from accounts.tests.people import signed_in, staff
from goldwallet.clock import now
from goldwallet.test.two import agreed, asked
from kyc.tests.making import photos_once, sent
from ledger.models import Transaction
from oversight.models import Break, BreakKind, Run, RunState
from oversight.tests.standing import CALLS, HOLD, SIM, raised, read, sale
from payments.models import Arrival, ArrivalState, Payment
from trading.models import Order

__all__ = ["photos_once", "sale"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def me(sale: Order) -> User:
    """Alice works in the treasury under another account, with the same phone."""
    return staff("treasury", phone=sale.user.phone)


@pytest.mark.fault("Z07")
def test_of_ones_own_payout_the_queue_has_a_sentence_and_no_form(sale: Order, me: User) -> None:
    mine, others = (read(signed_in(one), "desk_payouts") for one in (me, staff("treasury")))
    assert mine.count(OWN) == 1
    assert OWN not in others
    # Alice is on hold, so it takes two: what one person does alone is to refuse it.
    for what in ("refuse", "release", "record"):
        form = reverse(f"desk_payout_{what}", args=[sale.payment_id])
        assert form not in mine, what
        assert form in others, what


@pytest.mark.fault("Z07")
def test_of_ones_own_payment_the_page_has_a_sentence_and_no_form(sale: Order, me: User) -> None:
    came = Payment.objects.get(user=sale.user, direction="in")
    reverse_it = reverse("desk_payment_reversed", args=[came.pk])
    assert reverse_it in read(signed_in(staff("treasury")), "desk_payment", came.pk)
    for payment in (came.pk, sale.payment_id):
        html = read(signed_in(me), "desk_payment", payment)
        assert html.count(OWN) == 1
        assert "<form" not in html[html.index('id="main"') :]


@pytest.mark.fault("Z07")
def test_of_ones_own_order_a_sentence_stands_where_the_note_is_written(sale: Order, me: User) -> None:
    html = read(signed_in(me), "desk_order", sale.pk)
    assert html.index(OWN) > html.index('id="notes"')
    assert reverse("desk_note_add") not in html
    assert reverse("desk_flag_lower") not in html
    other = read(signed_in(staff("treasury")), "desk_order", sale.pk)
    assert OWN not in other
    assert reverse("desk_note_add") in other
    # Who could not write there anyway is told nothing.
    assert OWN not in read(signed_in(staff("auditor", phone=sale.user.phone)), "desk_order", sale.pk)


@pytest.mark.fault("Z07")
def test_of_ones_own_limits_a_sentence_stands_in_place_of_the_form(sale: Order, me: User) -> None:
    html = read(signed_in(me), "desk_kyc_person", sale.user_id)
    assert OWN in html
    assert reverse("desk_kyc_tier", args=[sale.user_id]) not in html


def test_of_ones_own_payment_with_nothing_to_do_nothing_is_said(sale: Order, me: User) -> None:
    """Somebody has asked a second person already: nobody else could do anything here either."""
    payload = {"payment": str(sale.payment_id), "receipt": "TKL7X2M9QB"}
    asked("payout_record", payload, by=staff("treasury"), subject=f"payment:{sale.payment_id}")
    assert OWN not in read(signed_in(me), "desk_payment", sale.payment_id)
    assert OWN not in read(signed_in(me), "desk_payouts")


@pytest.mark.fault("Z07")
def test_what_two_people_would_do_about_oneself_is_not_offered_to_oneself(sale: Order, me: User) -> None:
    """A correction taken back, a difference resolved, money sent back: others ask for it."""
    maker, checker = staff("treasury"), staff("treasury")
    payload = {"person": str(sale.user_id), "kes": "500", "way": "credit", "words": "We were wrong."}
    agreed("adjust_cash", payload, maker=maker, checker=checker, subject="correction")
    run = Run.objects.create(state=RunState.DONE, starts_at=now(), ends_at=now(), finished_at=now())
    difference = Break.objects.create(
        key="own",
        kind=BreakKind.CHARGE_DIFFERS,
        kes=7,
        sentence="M-Pesa took another charge.",
        cause="Nobody knows.",
        payment=sale.payment,
        first_run=run,
        last_run=run,
    )
    came = Arrival.objects.create(
        receipt="TKL7X2M9QC",
        amount=7,
        arrived_at=now(),
        state=ArrivalState.SUSPENSE,
        source="pull",
        payment=Payment.objects.get(user=sale.user, direction="in"),
    )
    others = signed_in(maker)
    for name, key, form in [
        ("desk_transaction", Transaction.objects.latest("id").pk, "desk_transaction_reverse"),
        ("desk_break", difference.pk, "desk_break_resolve"),
        ("desk_arrival", came.pk, "desk_arrival_return"),
    ]:
        mine, theirs = (read(desk, name, key) for desk in (signed_in(me), others))
        assert OWN in mine, name
        assert OWN not in theirs, name
        assert reverse(form, args=[key]) not in mine, name
        assert reverse(form, args=[key]) in theirs, name


# --- what others note -----------------------------------------------------------------------------


NOTED = "He asked me to hurry his payout."


def test_nobody_reads_at_work_what_others_note_about_them(sale: Order, photos_once: None) -> None:
    """Who reads that they are suspected knows what to hide. The audit trail stays whole for who may read it."""
    raised(f"person:{sale.user_id}", NOTED, by=staff("treasury"), person=sale.user, flag="")
    phone = sale.user.phone
    looks = {
        "reviewer": [
            ("desk_person", sale.user_id, (SIM, NOTED, HOLD, "Flag raised: ")),
            ("desk_kyc_person", sale.user_id, (SIM, HOLD)),
            ("desk_kyc_case", sent(sale.user).pk, (SIM, HOLD)),
        ],
        "treasury": [
            ("desk_person", sale.user_id, (SIM, CALLS, NOTED, "Flag raised: ")),
            ("desk_order", sale.pk, (SIM, CALLS, HOLD)),
            ("desk_payment", sale.payment_id, (SIM, CALLS, HOLD)),
            ("desk_payouts", None, (SIM, CALLS, HOLD)),
            ("desk_flags", None, (SIM, CALLS)),
        ],
    }
    for role, pages in looks.items():
        other, me = signed_in(staff(role)), signed_in(staff(role, phone=phone))
        for name, key, words in pages:
            theirs, mine = (read(desk, name, *([key] if key else [])) for desk in (other, me))
            for word in words:
                assert word in theirs, (role, name, word)
                assert word not in mine, (role, name, word)


def test_the_list_of_people_marks_no_reader_with_a_flag(sale: Order) -> None:
    flagged = f'href="{reverse("desk_person", args=[sale.user_id])}"'
    for phone, number in [("", 1), (sale.user.phone, 0)]:
        desk = signed_in(staff("treasury", phone=phone))
        assert read(desk, "desk_people", standing="flagged").count(flagged) == number
        assert len(re.findall(r"<td>[^\n]*On hold[^\n]*Flag", read(desk, "desk_people"))) == number

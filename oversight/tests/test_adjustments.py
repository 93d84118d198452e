"""Adjustments at the desk, and transactions that two people take back."""

import re
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.people import read_mail, signed_in
from controls.models import Request
from controls.services import request_effect
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import FLOAT, World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from ledger.services import Transfer, post
from pools.selectors import figures_of
from trading.selectors import holding

pytestmark = pytest.mark.django_db

WHY = "She wrote to us, and the order shows it."
WORDS = "We sent you too little gold on Monday."


@pytest.fixture
def maker(world: World):
    return world.staff(Role.TREASURY, email="one@example.com")


@pytest.fixture
def checker(world: World):
    return world.staff(Role.TREASURY, email="two@example.com")


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def typed(world: World, **changes) -> dict[str, str]:
    return {"person": "Alice", "way": "credit", "words": WORDS, "reason": WHY} | changes


# --- the page -------------------------------------------------------------------------------------


def test_gold_is_asked_for_approved_and_seen_by_the_customer(world: World, maker, checker) -> None:
    desk = signed_in(maker)
    page = desk.get(reverse("desk_adjustments"))
    assert "Nobody has asked for a correction yet." in text(page)
    assert reverse("desk_adjustments") in desk.get(reverse("desk")).content.decode()
    letter = SimpleUploadedFile("letter.txt", b"Where is my gold?")
    sent = typed(world, grams="0.5", pool=str(world.pool.pk))
    asked_ = desk.post(reverse("desk_adjust_gold"), sent | {"evidence": letter})
    request = Request.objects.get()
    assert asked_.url == reverse("desk_approval", args=[request.pk])
    assert request.attachment.name == "letter.txt"
    again = desk.post(reverse("desk_adjust_gold"), sent)
    assert again.status_code == 409 and "Somebody has asked for this already." in text(again)
    approve(request, checker)
    listed = text(desk.get(reverse("desk_adjustments")))
    assert "alice@example.com gets 0.500000 g of the pool First. Done" in listed
    assert WHY in listed and "one@example.com" in listed and "two@example.com" in listed
    wallet = text(signed_in(world.alice).get(reverse("wallet")))
    assert f"Corrected by us Gold +0.500 000 g {WORDS}" in wallet
    assert WHY not in wallet
    assert "Corrected by us" not in text(signed_in(world.bob).get(reverse("wallet")))


def test_cash_is_asked_for_by_email(world: World, maker, checker) -> None:
    desk = signed_in(maker)
    desk.post(reverse("desk_adjust_cash"), typed(world, person=" ALICE@example.com ", kes="1500"))
    approve(Request.objects.get(), checker)
    assert balance(chart.user_cash(world.alice.pk)) == 1500
    wallet = text(signed_in(world.alice).get(reverse("wallet")))
    assert "KES 1,500 of yours is with us as cash" in wallet and f"Cash with us +KES 1,500 {WORDS}" in wallet


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"person": ""}, "Write whose it is."),
        ({"person": "nobody@example.com"}, "Nobody has this e-mail address or username."),
        ({"person": "\x00"}, "A sign in this cannot be read"),
        ({"way": ""}, "gets it or gives it back"),
        ({"grams": ""}, "Write how many grams."),
        ({"grams": "1,5"}, "digits only"),
        ({"grams": "0"}, "above zero"),
        ({"grams": "2000"}, "at most KES 250,000"),
        ({"pool": "x"}, "Choose a pool."),
        ({"words": ""}, "Write what the customer reads."),
        ({"words": "Sorry"}, "10 to 200 letters"),
        ({"reason": "typo"}, "At least 10 letters"),
        ({"way": "debit"}, "does not hold 0.500000 g of this pool"),
    ],
)
def test_a_mistake_is_said_and_keeps_what_was_typed(world: World, maker, change, sentence) -> None:
    sent = typed(world, grams="0.5", pool=str(world.pool.pk)) | change
    answer = signed_in(maker).post(reverse("desk_adjust_gold"), sent)
    assert answer.status_code in {400, 409}
    assert sentence in text(answer).replace("&#x27;", "'")
    for name in {"words", "reason"} - change.keys():
        assert sent[name] in answer.content.decode()
    assert not Request.objects.exists()


def test_who_may(world: World, maker) -> None:
    places = [reverse("desk_adjust_gold"), reverse("desk_adjust_cash")]
    for role in (Role.VAULT, Role.PRICING, Role.REVIEWER, Role.AUDITOR):
        desk = signed_in(world.staff(role))
        reads = 200 if role == Role.AUDITOR else 403
        page = desk.get(reverse("desk_adjustments"))
        assert page.status_code == reads and b"<textarea" not in page.content
        assert {desk.post(place, typed(world, kes="5")).status_code for place in places} == {403}
    assert signed_in(world.alice).get(reverse("desk_adjustments")).status_code == 403
    assert not Request.objects.exists()


# --- a transaction taken back ---------------------------------------------------------------------


def reversal(found: Transaction, by) -> Request:
    return asked("ledger_reverse", {"transaction": found.pk}, by=by, subject=f"transaction:{found.pk}")


def of_kind(kind: str) -> Transaction:
    return Transaction.objects.filter(kind=kind).latest("pk")


def adjust_gold(world: World, maker, checker, grams: str, way: str = "credit") -> Transaction:
    payload = {
        "person": str(world.alice.pk),
        "pool": str(world.pool.pk),
        "grams": grams,
        "way": way,
        "words": WORDS,
    }
    agreed("adjust_gold", payload, maker=maker, checker=checker)
    return of_kind("adjustment_gold")


def assert_done_as_shown(request: Request, by) -> None:
    accounts = request_effect(request).accounts
    approve(request, by)
    assert {a.code: Decimal(a.after) for a in accounts} == {a.code: balance(a.code) for a in accounts}
    assert_books()


@pytest.mark.parametrize("way", ["credit", "debit"])
def test_a_correction_in_grams_is_taken_back_with_its_allocation(world, maker, checker, way) -> None:
    paid(buy(world.alice, 16_500))
    found = adjust_gold(world, maker, checker, "0.25", way)
    request = reversal(found, maker)
    assert_done_as_shown(request, checker)
    assert balance(chart.user_gold(world.alice.pk)) == 1 == figures_of(world.pool).sold
    told = holding(world.alice.pk, price=None)
    assert (told.grams, told.cost) == (1, 16_500)
    assert [row.reversal for row in told.corrections] == [False, True]
    assert f"We took a correction back. It said: {WORDS}" in str(read_mail("alice@example.com").body)
    with pytest.raises(Conflict, match="taken back already"):
        reversal(found, maker)
    paid(sell(world.alice, Decimal(1)))
    assert_books()


def test_gold_that_was_sold_is_not_taken_back(world: World, maker, checker) -> None:
    found = adjust_gold(world, maker, checker, "0.5")
    request = reversal(found, maker)
    sell(world.alice, Decimal("0.1"))
    with pytest.raises(Conflict, match=r"only 0\.400000 g free"):
        approve(request, checker)
    assert not found.reversals.exists()
    assert_books()


def test_a_correction_in_shillings_is_taken_back_once(world: World, maker, checker) -> None:
    payload = {"person": str(world.alice.pk), "kes": "500", "way": "credit", "words": WORDS}
    agreed("adjust_cash", payload, maker=maker, checker=checker)
    found = of_kind("adjustment_cash")
    one = reversal(found, maker)
    # Two requests about it at once need two subjects; even so it happens once.
    two = asked("ledger_reverse", {"transaction": found.pk}, by=checker, subject="transaction:other")
    assert_done_as_shown(one, checker)
    with pytest.raises(Conflict, match="taken back already"):
        approve(two, maker)
    assert balance(chart.user_cash(world.alice.pk)) == 0
    with pytest.raises(Refused, match="takes another transaction back"):
        reversal(of_kind("reversal"), maker)


def test_a_float_is_taken_back_and_the_money_that_leaves_is_told(world: World, maker, checker) -> None:
    request = reversal(of_kind("float_in"), maker)
    assert request_effect(request).leaving_kes == "5000000.000000"
    with pytest.raises(Refused, match="yourself"):
        approve(request, maker)
    assert balance(chart.mpesa_payouts()) == -FLOAT
    assert_done_as_shown(request, checker)
    assert balance(chart.mpesa_payouts()) == 0


def test_a_float_that_was_paid_out_is_not_taken_back(world: World, maker) -> None:
    out = Transfer(chart.house_charges(), chart.mpesa_payouts(), Decimal(1))
    post(key="charge", kind="test", transfers=[out])
    with pytest.raises(Conflict, match="By the book there is KES 4,999,999 on that account"):
        reversal(of_kind("float_in"), maker)


def test_what_has_a_state_beside_the_book_says_where_it_is_undone(world: World, maker) -> None:
    paid(buy(world.alice, 16_500))
    sell(world.alice, Decimal("0.1"))
    kinds = set(Transaction.objects.values_list("kind", flat=True)) - {"float_in"}
    assert {"vault_arrival", "buy_reserved", "buy_paid", "sale_agreed"} <= kinds
    desk, before = signed_in(maker), Transaction.objects.count()
    for kind in kinds:
        found = of_kind(kind)
        with pytest.raises(Conflict) as refused:
            reversal(found, maker)
        page = desk.get(reverse("desk_transaction", args=[found.pk]))
        assert (
            refused.value.sentence in text(page).replace("&#x27;", "'") and b"<textarea" not in page.content
        )
    for wrong in ("", "0", "-1", "x", "9" * 30, "٥", None):
        with pytest.raises(Refused, match="no such transaction"):
            asked("ledger_reverse", {"transaction": wrong}, by=maker)
    assert Transaction.objects.count() == before and not Request.objects.exists()


def test_it_is_asked_for_on_the_transaction_page(world: World, maker, checker) -> None:
    found = adjust_gold(world, maker, checker, "0.25")
    desk, url = signed_in(maker), reverse("desk_transaction_reverse", args=[found.pk])
    home = reverse("desk_transaction", args=[found.pk])
    assert "Take it back by its exact mirror" in text(desk.get(home))
    short = desk.post(url, {"reason": "wrong"})
    assert short.status_code == 400 and "At least 10 letters" in text(short)
    made = desk.post(url, {"reason": WHY})
    request = Request.objects.get(kind="ledger_reverse")
    assert made.url == reverse("desk_approval", args=[request.pk])
    page = text(desk.get(home))
    assert "one@example.com has asked to take this back" in page and "exact mirror" not in page
    approve(request, checker)
    assert "Taken back by" in text(desk.get(home))
    auditor = signed_in(world.staff(Role.AUDITOR))
    for other in (auditor, signed_in(world.staff(Role.VAULT))):
        assert other.post(url, {"reason": WHY}).status_code == 403
    assert b"<textarea" not in auditor.get(home).content

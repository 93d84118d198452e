"""Races of real processes: 50 rounds of each, and what they find when a guard of the database is off."""

import time

import pytest

from goldwallet.test.race import (
    BOOK_GUARDS,
    book_unguarded,
    constraint_off,
    function_changed,
    queue_empty,
    schema_kept,
)
from payments import rails
from payments.services import receipts
from trials.contests import RACES
from trials.contests.money_in import Collect, ReceiptOnce
from trials.contests.rows import house_create
from trials.races import Race, Report, race_run

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ROUNDS = 50


@pytest.fixture(autouse=True)
def rail_kept(transactional_db, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rails, "RAILS", {})
    yield
    rails.rail.cache_clear()
    queue_empty()


def run(name: str, rounds: int = ROUNDS, *, whole: bool = True) -> Report:
    return run_race(RACES[name], rounds, whole=whole)


def run_race(race: Race, rounds: int, *, whole: bool) -> Report:
    house_create(race.stock)
    report = race_run(race, rounds, whole=whole)
    print(report, *report.violations[:5], sep="\n  ")
    return report


def nothing_wrong(name: str) -> None:
    report = run(name)
    assert report.violations == []
    assert report.deadlocks == 0
    assert report.rounds == sum(report.ends.values()) == ROUNDS


@pytest.mark.fault("P01")
def test_copies_of_a_success_callback_are_one_posting() -> None:
    nothing_wrong("callback-copies")


@pytest.mark.fault("P01")
def test_one_receipt_pays_for_one_payment() -> None:
    nothing_wrong("receipt-once")


@pytest.mark.fault("P06")
def test_expiry_against_success_and_both_are_seen_to_win() -> None:
    nothing_wrong("expiry-success")


@pytest.mark.fault("P14", "O09")
def test_a_payment_that_many_look_at_sends_one_prompt() -> None:
    nothing_wrong("one-push")


@pytest.mark.fault("P14")
def test_one_quote_confirmed_by_six_is_one_order() -> None:
    nothing_wrong("one-quote")


def test_the_last_gram_is_sold_once() -> None:
    nothing_wrong("last-gram")


@pytest.mark.fault("L03")
def test_sales_that_together_exceed_the_balance() -> None:
    nothing_wrong("two-sales")


@pytest.mark.fault("O03", "O09")
def test_a_payout_that_many_look_at_is_sent_once_and_never_on_a_guess() -> None:
    nothing_wrong("payout-claims")


@pytest.mark.fault("L10")
def test_a_hold_is_used_up_or_released_never_both() -> None:
    nothing_wrong("hold-twice")


@pytest.mark.fault("L06")
def test_locks_that_cross_in_everything_one_person_can_do_never_deadlock() -> None:
    nothing_wrong("crossing-acts")


@pytest.mark.fault("L06", "O07", "P19")
def test_a_reversal_against_a_payout_that_was_paid_after_all() -> None:
    nothing_wrong("reversal-incident")


@pytest.mark.fault("L05", "L06")
def test_posts_that_cross_lose_nothing_and_never_deadlock() -> None:
    nothing_wrong("crossing-posts")


# --- negative controls: the same races, and a guard of the database is off -------------------------


def test_without_the_book_s_guards_the_last_gram_is_sold_again() -> None:
    with schema_kept(), book_unguarded(*BOOK_GUARDS, pause=0.05):
        report = run("last-gram", 4, whole=False)
    assert any("answers ['bought', 'bought'" in violation for violation in report.violations)


def test_without_the_lock_crossing_posts_are_errors() -> None:
    with schema_kept(), book_unguarded("lock", pause=0.02):
        report = run("crossing-posts", 5, whole=False)
    assert any("errors reached somebody" in violation for violation in report.violations)


def test_without_any_guard_crossing_posts_leave_a_book_that_is_wrong() -> None:
    with schema_kept(), book_unguarded(*BOOK_GUARDS, pause=0.02):
        report = run("crossing-posts", 5)
    assert any(violation.startswith("books: ") for violation in report.violations)


def test_without_one_order_of_locks_crossing_posts_deadlock() -> None:
    def one_by_one(text: str) -> str:
        """Locks as the caller names the accounts, the last first, with time between one and the next."""
        marker = "    -- 4. Lock and reckon"
        assert text.count(marker) == 1
        taken = """
    FOR v_account IN SELECT code FROM unnest(p_codes) WITH ORDINALITY AS named (code, place) ORDER BY place DESC LOOP
        PERFORM FROM ledger_account WHERE code = v_account.code FOR UPDATE;
        PERFORM pg_sleep(0.02);
    END LOOP;
"""
        return text.replace(marker, taken + marker)

    with schema_kept(), function_changed("ledger_post", one_by_one):
        report = run("crossing-posts", 3, whole=False)
    assert report.deadlocks > 0
    assert any("deadlock detected" in violation for violation in report.violations)


class ReceiptUnlocked(ReceiptOnce):
    """The same without the receipt's lock: everybody looks, rests, and writes."""

    def before(self, number: int, item: list[Collect]) -> None:
        looked = receipts._check_payments
        if receipts.receipt_lock is _no_lock:
            return

        def slowly(*args: object) -> None:
            looked(*args)
            time.sleep(0.05)

        receipts.receipt_lock, receipts._check_payments = _no_lock, slowly


def _no_lock(receipt: str) -> None:
    pass


def test_without_its_lock_a_receipt_meets_the_unique_key() -> None:
    report = run_race(ReceiptUnlocked(), 5, whole=False)
    assert any("errors reached somebody" in violation for violation in report.violations)
    assert not any("payments carry one receipt" in violation for violation in report.violations)


def test_without_its_lock_and_its_unique_key_a_receipt_pays_for_several_payments() -> None:
    with schema_kept(), constraint_off("payments_payment", "payments_payment_receipt_key"):
        report = run_race(ReceiptUnlocked(), 5, whole=False)
    assert any("payments carry one receipt" in violation for violation in report.violations)

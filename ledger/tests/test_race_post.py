import random
from collections import Counter
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connection, transaction

from ledger import chart
from ledger.errors import KeyReused, Overdraft, WrongReversal
from ledger.models import Account, Transaction
from ledger.selectors import balance, balances
from ledger.services import Transfer, post, reverse, verify
from ledger.tests.threads import errors, together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

CASH, SALES, COLLECTIONS = chart.user_cash("alice"), chart.house_sales(), chart.mpesa_collections()
AVAILABLE, VAULT = chart.pool_available("p1"), chart.pool_vault("p1")
ONE = Decimal(1)


@pytest.mark.fault("L05")
def test_sixteen_posts_on_one_account_lose_nothing():
    def work(number):
        for turn in range(10):
            post(key=f"{number}:{turn}", kind="in", transfers=[Transfer(COLLECTIONS, CASH, ONE)])

    assert errors(together(16, work)) == []
    assert balances([CASH, COLLECTIONS]) == {CASH.code: Decimal(160), COLLECTIONS.code: Decimal(-160)}
    assert Account.objects.get(code=CASH.code).seq == 160
    assert verify() == []


@contextmanager
def without_the_lock():
    """The function as it would be without FOR UPDATE: the negative control."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('ledger_post'::regproc)")
        original = cursor.fetchone()[0]
        assert original.count("FOR UPDATE") == 1
        cursor.execute(original.replace("FOR UPDATE", "").replace("%", "%%"), ())
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(original.replace("%", "%%"), ())


def test_without_the_lock_the_race_is_there_and_ends_in_errors_never_in_a_lost_update():
    post(key="open", kind="in", transfers=[Transfer(COLLECTIONS, CASH, ONE)])

    def work(number):
        done = 0
        for turn in range(20):
            post(key=f"{number}:{turn}", kind="in", transfers=[Transfer(COLLECTIONS, CASH, ONE)])
            done += 1
        return done

    with without_the_lock():
        results = together(8, work)
    assert errors(results), "the race did not show; then the test above shows nothing"
    assert balance(CASH) == Transaction.objects.count()
    assert verify() == []


@pytest.mark.fault("L03")
def test_the_last_gram_is_sold_once():
    post(key="in", kind="top-up", transfers=[Transfer(VAULT, AVAILABLE, ONE)])

    def work(number):
        reserved = Transfer(AVAILABLE, chart.user_gold_incoming(f"u{number}"), ONE)
        return post(key=f"buy:{number}", kind="reserve", transfers=[reserved])

    results = together(16, work)
    assert Counter(type(result) for result in results) == {int: 1, Overdraft: 15}
    assert balance(AVAILABLE) == 0
    assert verify() == []


@pytest.mark.fault("L06")
def test_crossing_transfers_do_not_deadlock():
    """Two people, two pools and the house, in every order, several accounts opened on the way."""
    everyone = [chart.user_cash(f"u{number}") for number in range(4)] + [SALES, COLLECTIONS]

    def work(number):
        dice = random.Random(number)
        for turn in range(25):
            chosen = dice.sample(everyone, 4)
            # Through the house, so that nobody runs dry and what is tested is the locks.
            transfers = [Transfer(COLLECTIONS, chosen[0], ONE) for _ in (1,) if chosen[0] != COLLECTIONS]
            transfers += [Transfer(SALES, code, ONE) for code in chosen[1:] if code != SALES]
            newcomers = [chart.user_cash(f"new{turn}"), chart.user_cash(f"new{turn}b")]
            dice.shuffle(newcomers)
            transfers += [Transfer(COLLECTIONS, code, ONE) for code in newcomers]
            dice.shuffle(transfers)
            post(key=f"{number}:{turn}", kind="cross", transfers=transfers)

    assert errors(together(12, work)) == []
    assert verify() == []


def test_one_key_at_the_same_moment_is_one_transaction():
    def work(number):
        return post(key="once", kind="in", transfers=[Transfer(COLLECTIONS, CASH, ONE)])

    results = together(16, work)
    assert errors(results) == []
    assert len(set(results)) == 1
    assert balance(CASH) == 1


def test_one_key_with_two_inputs_at_the_same_moment():
    def work(number):
        amount = Decimal(1 + number % 2)
        return post(key="once", kind="in", transfers=[Transfer(COLLECTIONS, CASH, amount)])

    results = together(16, work)
    assert Counter(type(result) for result in results) == {int: 8, KeyReused: 8}
    assert balance(CASH) in {1, 2}


def test_a_reversal_at_the_same_moment_happens_once():
    made = post(key="in", kind="in", transfers=[Transfer(COLLECTIONS, CASH, ONE)])

    def work(number):
        return reverse(transaction_id=made, key=f"back:{number}")

    results = together(8, work)
    kinds = Counter(type(result) for result in results)
    assert kinds[int] == 1
    assert kinds[int] + kinds[WrongReversal] + kinds[Overdraft] == 8
    assert balance(CASH) == 0


def test_a_twin_waits_for_one_that_is_rolled_back_and_then_posts():
    """The first holds its key and gives up; the second must not answer with what never happened."""
    import threading

    first_has_posted, second_started = threading.Event(), threading.Event()

    class GaveUp(Exception):
        pass

    def work(number):
        transfers = [Transfer(COLLECTIONS, CASH, ONE)]
        if number == 0:
            with transaction.atomic():
                post(key="k", kind="in", transfers=transfers)
                first_has_posted.set()
                second_started.wait(10)
                raise GaveUp
        first_has_posted.wait(10)
        second_started.set()
        return post(key="k", kind="in", transfers=transfers)

    gave_up, posted = together(2, work)
    assert isinstance(gave_up, GaveUp)
    assert Transaction.objects.filter(pk=posted).exists()
    assert balance(CASH) == 1

from decimal import Decimal

import pytest
from django.db import connection, transaction

from ledger import chart
from ledger.errors import KeyReused, Overdraft, WrongAmount, WrongAsset, WrongTransfer
from ledger.models import Account, Entry, Transaction
from ledger.selectors import balance, balances, legs
from ledger.services import Transfer, post, verify

pytestmark = pytest.mark.django_db

ALICE, POOL = "alice", "p1"
CASH, SALES, COLLECTIONS = chart.user_cash(ALICE), chart.house_sales(), chart.mpesa_collections()
GOLD, AVAILABLE, VAULT = chart.user_gold(ALICE), chart.pool_available(POOL), chart.pool_vault(POOL)


def kes(amount: str) -> Transfer:
    return Transfer(COLLECTIONS, CASH, Decimal(amount))


def test_it_works():
    made = post(
        key="k1", kind="top-up", transfers=[Transfer(VAULT, AVAILABLE, Decimal("1000"))], actor="vault"
    )
    assert balances([VAULT, AVAILABLE]) == {VAULT.code: Decimal(-1000), AVAILABLE.code: Decimal(1000)}
    row = Transaction.objects.get(pk=made)
    assert (row.key, row.kind, row.actor) == ("k1", "top-up", "vault")
    account = Account.objects.get(code=AVAILABLE.code)
    assert (account.asset, account.may_go_negative, account.shared, account.seq) == ("GOLD", False, True, 1)
    assert verify() == []


def test_it_is_one_round_trip(django_assert_num_queries):
    transfers = [kes("100"), Transfer(CASH, SALES, Decimal("100"))]
    with django_assert_num_queries(1):
        post(key="k1", kind="buy", transfers=transfers)


def test_entries_carry_seq_leg_and_running_balance():
    post(key="k1", kind="a", transfers=[kes("100"), kes("50.25")])
    post(key="k2", kind="b", transfers=[Transfer(CASH, SALES, Decimal("0.25"))])
    rows = Entry.objects.filter(account__code=CASH.code).order_by("seq")
    assert [(e.seq, e.leg, e.amount, e.balance) for e in rows] == [
        (1, 1, Decimal(100), Decimal(100)),
        (2, 2, Decimal("50.25"), Decimal("150.25")),
        (3, 1, Decimal("-0.25"), Decimal(150)),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_value_may_pass_through_an_empty_account_whatever_the_order(order):
    transfers = [kes("100"), Transfer(CASH, SALES, Decimal("100"))][::order]
    post(key="k1", kind="buy", transfers=transfers)
    assert balance(CASH) == 0
    assert [e.balance for e in Entry.objects.filter(account__code=CASH.code).order_by("seq")] == [100, 0]
    assert verify() == []


def test_several_transfers_between_the_same_accounts():
    made = post(key="k1", kind="a", transfers=[kes("1"), kes("2"), kes("3")])
    assert balance(CASH) == 6
    assert [leg.amount for leg in legs(made)] == [1, 2, 3]


def test_two_assets_in_one_transaction():
    transfers = [Transfer(VAULT, AVAILABLE, Decimal("0.000001")), kes("0.01")]
    post(key="k1", kind="a", transfers=transfers)
    assert (balance(AVAILABLE), balance(CASH)) == (Decimal("0.000001"), Decimal("0.01"))
    assert verify() == []


class TestOverdraft:
    def test_it_names_the_account_and_changes_nothing(self):
        post(key="k1", kind="a", transfers=[kes("99.99")])
        with pytest.raises(Overdraft) as caught, transaction.atomic():
            post(key="k2", kind="b", transfers=[Transfer(CASH, SALES, Decimal(100))])
        assert caught.value.code == CASH.code
        assert balance(CASH) == Decimal("99.99")
        assert not Transaction.objects.filter(key="k2").exists()

    def test_the_same_key_may_be_tried_again(self):
        with pytest.raises(Overdraft), transaction.atomic():
            post(key="k", kind="b", transfers=[Transfer(CASH, SALES, Decimal(100))])
        post(key="k1", kind="a", transfers=[kes("100")])
        post(key="k", kind="b", transfers=[Transfer(CASH, SALES, Decimal(100))])
        assert balance(CASH) == 0

    def test_the_last_gram_may_go(self):
        post(key="k1", kind="a", transfers=[kes("100")])
        post(key="k2", kind="b", transfers=[Transfer(CASH, SALES, Decimal(100))])
        assert balance(CASH) == 0

    def test_outside_accounts_may_go_negative(self):
        post(key="k1", kind="a", transfers=[kes("100")])
        assert balance(COLLECTIONS) == -100


class TestKey:
    def test_same_key_and_input_is_the_stored_transaction(self):
        first = post(key="k", kind="a", transfers=[kes("100")], actor="one", memo="first")
        again = post(key="k", kind="a", transfers=[kes("100.00")], actor="two", memo="again")
        assert again == first
        assert balance(CASH) == 100
        assert Transaction.objects.get(pk=first).memo == "first"

    @pytest.mark.parametrize(
        "other",
        [
            {"kind": "b", "transfers": [kes("100")]},
            {"kind": "a", "transfers": [kes("100.01")]},
            {"kind": "a", "transfers": [kes("100"), kes("100")]},
            {"kind": "a", "transfers": [Transfer(COLLECTIONS, chart.user_cash("bob"), Decimal(100))]},
            {"kind": "a", "transfers": [Transfer(CASH, COLLECTIONS, Decimal(100))]},
        ],
    )
    def test_same_key_and_other_input_is_refused(self, other):
        post(key="k", kind="a", transfers=[kes("100")])
        with pytest.raises(KeyReused), transaction.atomic():
            post(key="k", **other)
        assert balance(CASH) == 100


class TestAmounts:
    @pytest.mark.parametrize(
        "amount",
        ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "0.001", "100000000000000", "1e20", "1e-7"],
    )
    def test_no_amount_of_shillings(self, amount):
        with pytest.raises(WrongAmount):
            post(key="k", kind="a", transfers=[kes(amount)])

    @pytest.mark.parametrize("amount", ["0.0000001", "0", "NaN"])
    def test_no_amount_of_grams(self, amount):
        with pytest.raises(WrongAmount):
            post(key="k", kind="a", transfers=[Transfer(VAULT, AVAILABLE, Decimal(amount))])

    @pytest.mark.fault("L12")
    @pytest.mark.parametrize("amount", [1, 1.5, "1", None])
    def test_decimals_only(self, amount):
        with pytest.raises(WrongAmount):
            post(key="k", kind="a", transfers=[Transfer(COLLECTIONS, CASH, amount)])

    def test_many_zeros_after_the_point_are_not_finer(self):
        post(key="k", kind="a", transfers=[kes("1.000000000")])
        assert balance(CASH) == 1

    @pytest.mark.fault("L12")
    def test_a_balance_beyond_the_range_is_refused(self):
        most = Decimal("99999999999999.99")
        post(key="k1", kind="a", transfers=[Transfer(COLLECTIONS, CASH, most)])
        with pytest.raises(WrongAmount), transaction.atomic():
            post(key="k2", kind="a", transfers=[kes("1")])
        assert balance(CASH) == most


class TestTransfers:
    def test_asset_may_not_change(self):
        with pytest.raises(WrongAsset):
            post(key="k", kind="a", transfers=[Transfer(COLLECTIONS, GOLD, Decimal(1))])

    def test_unknown_asset(self):
        silver, outside = chart.Code("a", "SILVER"), chart.Code("b", "SILVER", may_go_negative=True)
        with pytest.raises(WrongAsset):
            post(key="k", kind="a", transfers=[Transfer(outside, silver, Decimal(1))])

    def test_to_itself(self):
        with pytest.raises(WrongTransfer):
            post(key="k", kind="a", transfers=[Transfer(CASH, CASH, Decimal(1))])

    @pytest.mark.parametrize(("key", "kind"), [("", "a"), ("k", "")])
    def test_key_and_kind(self, key, kind):
        with pytest.raises(WrongTransfer):
            post(key=key, kind=kind, transfers=[kes("1")])

    @pytest.mark.parametrize("code", ["", "a,b", "a}", '"', "a b", "{", "\\", "null x", "x" * 121, "é"])
    def test_no_code(self, code):
        with pytest.raises(WrongTransfer):
            post(key="k", kind="a", transfers=[Transfer(chart.Code(code, "KES"), CASH, Decimal(1))])

    def test_a_person_called_null(self):
        cash = chart.user_cash("null")
        post(key="k", kind="a", transfers=[Transfer(COLLECTIONS, cash, Decimal(1))])
        assert balance(cash) == 1

    def test_none(self):
        with pytest.raises(WrongTransfer):
            post(key="k", kind="a", transfers=[])

    @pytest.mark.parametrize(
        "forged",
        [
            chart.Code(CASH.code, "KES", may_go_negative=True),
            chart.Code(CASH.code, "KES", shared=True),
        ],
    )
    def test_an_account_keeps_the_properties_that_it_opened_with(self, forged):
        post(key="k1", kind="a", transfers=[kes("1")])
        with pytest.raises(WrongAsset), transaction.atomic():
            post(key="k2", kind="a", transfers=[Transfer(forged, SALES, Decimal(5))])
        assert balance(CASH) == 1

    def test_a_mistake_that_python_sees_leaves_the_transaction_alive(self):
        with transaction.atomic():
            with pytest.raises(WrongAmount):
                post(key="k", kind="a", transfers=[kes("0")])
            post(key="k", kind="a", transfers=[kes("1")])
        assert balance(CASH) == 1


def test_it_is_rolled_back_with_the_transaction_around_it():
    class Stop(Exception):
        pass

    with pytest.raises(Stop), transaction.atomic():
        post(key="k", kind="a", transfers=[kes("100")])
        raise Stop
    assert balance(CASH) == 0
    assert not Account.objects.filter(code=CASH.code).exists()


def test_the_function_keeps_its_settings():
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosecdef, proconfig FROM pg_proc WHERE proname = 'ledger_post'")
        definer, settings = cursor.fetchone()
    assert definer
    assert {"plan_cache_mode=force_generic_plan", "enable_seqscan=off"} <= set(settings)
    assert any(setting.endswith("pg_temp") for setting in settings)

"""Whatever is posted, the book agrees with a model of a few lines, and is whole."""

from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ledger import chart
from ledger.errors import LedgerError, Overdraft
from ledger.selectors import balances, trial_balance
from ledger.services import Transfer, post, reverse, verify

CODES = {
    "KES": [chart.mpesa_collections(), chart.house_sales(), chart.user_cash("a"), chart.user_cash("b"),
            chart.payouts_clearing()],
    "GOLD": [chart.pool_vault("p"), chart.pool_available("p"), chart.user_gold("a"),
             chart.user_gold_incoming("a")],
}  # fmt: skip


@st.composite
def transfer(draw):
    asset = draw(st.sampled_from(["KES", "GOLD"]))
    source, destination = draw(st.permutations(CODES[asset]))[:2]
    units = draw(st.integers(1, 5) | st.integers(1, 10**9))
    return Transfer(source, destination, Decimal(units).scaleb(-chart.SCALES[asset]))


postings = st.lists(st.lists(transfer(), min_size=1, max_size=6), min_size=1, max_size=8)


class TestPosting(TestCase):
    @pytest.mark.fault("L04")
    @settings(max_examples=60, deadline=None)
    @given(postings)
    def test_the_book_follows_the_model(self, asked):
        model = {code: Decimal(0) for codes in CODES.values() for code in codes}
        for number, transfers in enumerate(asked):
            after = dict(model)
            for one in transfers:
                after[one.source] -= one.amount
                after[one.destination] += one.amount
            touched = {code for one in transfers for code in (one.source, one.destination)}
            due = {code.code for code in touched if after[code] < 0 and not code.may_go_negative}
            try:
                with transaction.atomic():
                    post(key=str(number), kind="test", transfers=transfers)
                assert not due
                model = after
            except Overdraft as refusal:
                assert refusal.code in due
        assert balances(model) == {code.code: amount for code, amount in model.items()}
        assert all(total.difference == 0 for total in trial_balance())
        assert verify() == []

    @settings(max_examples=30, deadline=None)
    @given(st.lists(transfer(), min_size=1, max_size=6))
    def test_a_reversal_is_the_way_back(self, transfers):
        codes = [code for codes in CODES.values() for code in codes]
        try:
            with transaction.atomic():
                made = post(key="there", kind="test", transfers=transfers)
        except Overdraft:
            return
        reverse(transaction_id=made, key="back")
        assert set(balances(codes).values()) == {Decimal(0)}
        assert verify() == []

    @pytest.mark.fault("L12")
    @settings(max_examples=150, deadline=None)
    @given(st.decimals(allow_nan=True, allow_infinity=True) | st.decimals(-2, 2, places=8))
    def test_any_decimal_is_entered_exactly_or_refused(self, amount):
        cash = chart.user_cash("a")
        try:
            with transaction.atomic():
                post(key="k", kind="test", transfers=[Transfer(chart.mpesa_collections(), cash, amount)])
        except LedgerError:
            assert balances([cash]) == {cash.code: Decimal(0)}
        else:
            assert balances([cash]) == {cash.code: amount}

"""What the filters print, by rendering a template: they are builtins, so no page loads them."""

import datetime as dt
from decimal import Decimal

import pytest
from django.template import Context, Template

from goldwallet.clock import NAIROBI

NOON = dt.datetime(2026, 11, 21, 12, 0, 0, tzinfo=NAIROBI)


def show(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (Decimal("1000"), "KES 1,000"),
        (Decimal("1000.00"), "KES 1,000"),
        (Decimal("13010.5"), "KES 13,010.50"),
        (Decimal("-5"), "−KES 5"),
        (Decimal("0"), "KES 0"),
        (None, "–"),
    ],
)
def test_kes(value, printed):
    assert show("{{ value|kes }}", value=value) == printed


@pytest.mark.parametrize(("value", "printed"), [("120", "+KES 120"), ("-120", "−KES 120"), ("0", "KES 0")])
def test_kes_signed_names_the_direction_without_colour(value, printed):
    assert show("{{ value|kes_signed }}", value=Decimal(value)) == printed


@pytest.mark.parametrize(
    ("value", "strong", "dimmed"),
    [
        ("12.490312", "12.490", "312"),
        ("1000.5", "1,000.500", "000"),
        ("0", "0.000", "000"),
        ("-3", "−3.000", "000"),
    ],
)
def test_grams_have_six_places_and_the_last_three_are_dimmed(value, strong, dimmed):
    assert show("{{ value|grams }}", value=Decimal(value)) == (
        f'<span class="amount">{strong}<span class="dim">{dimmed}</span> <span class="unit">g</span></span>'
    )


def test_grams_of_the_smallest_unit_are_never_an_exponent():
    assert (
        show("{{ value|grams_plain }} {{ value|grams_number }}", value=Decimal("1E-6"))
        == "0.000001 g 0.000001"
    )


def test_grams_number_can_be_sent_back_by_a_form():
    assert show("{{ value|grams_number }}", value=Decimal("1234.5")) == "1234.500000"


def test_grams_signed():
    assert show("{{ value|grams_signed }}", value=Decimal("0.5")).startswith('<span class="amount">+0.500')
    assert show("{{ value|grams_signed }}", value=Decimal("-0.5")).startswith('<span class="amount">−0.500')


def test_amount_takes_the_unit_of_its_asset():
    assert show("{{ value|amount:'KES' }}", value=Decimal("2")) == "KES 2"
    assert "2.000" in show("{{ value|amount:'GOLD' }}", value=Decimal("2"))
    assert show("{{ value|amount_signed:'KES' }}", value=Decimal("2")) == "+KES 2"


@pytest.mark.parametrize(
    ("value", "printed"), [("2.656", "+2.7%"), ("-2.6", "−2.6%"), ("0", "0.0%"), ("-0.01", "0.0%")]
)
def test_percent_signed(value, printed):
    assert show("{{ value|percent_signed }}", value=Decimal(value)) == printed


def test_worth_is_cut_for_the_house():
    assert show("{{ g|worth:p|kes }}", g=Decimal("0.074515"), p=Decimal("13420.99")) == "KES 1,000.06"


def test_phones():
    source = "{{ value|mask_phone }} {{ value|local_phone }}"
    assert show(source, value="254712345678") == "2547****5678 0712 345 678"


def test_state_is_a_word_with_a_dot():
    assert show("{% state 'completed' 'order' %}") == (
        '<span class="state state-done"><span class="dot dot-done" aria-hidden="true"></span>Completed</span>'
    )


def test_state_escapes_what_it_does_not_know():
    assert "&lt;b&gt;" in show("{% state value 'order' %}", value="<b>")


def test_an_amount_may_stand_beside_a_dot_as_the_filters_print_it():
    assert show("{{ value|grams }}", value=Decimal(1)) in show(
        "{% dot 'done' value|grams %}", value=Decimal(1)
    )


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (dt.timedelta(0), "just now"),
        (dt.timedelta(seconds=59), "just now"),
        (dt.timedelta(minutes=1), "1 minute ago"),
        (dt.timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (dt.timedelta(hours=1), "today, 11:00"),
        (dt.timedelta(hours=12, seconds=1), "yesterday, 23:59"),
        (dt.timedelta(days=3), "18 Nov, 12:00"),
        (dt.timedelta(days=400), "17 Oct 2025"),
        (dt.timedelta(seconds=-30), "in less than a minute"),
        (dt.timedelta(minutes=-5), "in 5 minutes"),
        (dt.timedelta(hours=-3), "today, 15:00"),
        (dt.timedelta(hours=-15), "tomorrow, 03:00"),
    ],
)
def test_when_says_it_as_people_do(ago, said):
    assert f">{said}</time>" in show("{% when moment %}", moment=NOON - ago, now=NOON)


def test_when_keeps_the_exact_nairobi_time_on_hover():
    moment = dt.datetime(2026, 11, 21, 8, 30, 5, tzinfo=dt.UTC)
    printed = show("{% when moment %}", moment=moment, now=NOON)
    assert 'title="Sat 21 Nov 2026, 11:30:05, Nairobi time"' in printed
    assert 'datetime="2026-11-21T11:30:05+03:00"' in printed
    assert 'data-age="1795"' in printed


def test_when_exact_does_not_grow_old():
    printed = show("{% when moment 'exact' %}", moment=NOON, now=NOON)
    assert ">Sat 21 Nov 2026, 12:00:00</time>" in printed
    assert "data-age" not in printed


def test_when_without_a_time():
    assert show("{% when moment %}", moment=None) == "–"

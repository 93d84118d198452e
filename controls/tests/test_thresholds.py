"""The numbers that staff steer."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from controls import selectors
from controls.models import Threshold
from controls.selectors import threshold, thresholds
from controls.services import threshold_set
from controls.thresholds import DEFINITIONS
from goldwallet.errors import Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief(db) -> User:
    return User.objects.create_user(username="chief", email="chief@example.com")


def test_defaults_count_until_somebody_changes_them(chief):
    assert threshold("buy_min_kes") == 100
    assert threshold("sell_min_kes") == 10
    assert threshold("order_max_kes") == 250_000
    threshold_set(name="buy_min_kes", value=Decimal(500), by=chief)
    assert threshold("buy_min_kes") == 500
    assert threshold("sell_min_kes") == 10


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_default_lies_within_its_own_bounds(chief, name):
    definition = DEFINITIONS[name]
    assert definition.least <= definition.default <= definition.most
    threshold_set(name=name, value=definition.default, by=chief)
    assert thresholds()[name] == definition.default


def test_all_are_read_by_one_query_and_kept_for_a_moment(chief, monkeypatch):
    seconds = [100.0]
    monkeypatch.setattr(selectors.time, "monotonic", lambda: seconds[0])
    with CaptureQueriesContext(connection) as queries:
        for name in DEFINITIONS:
            threshold(name)
    assert len(queries) == 1
    Threshold.objects.create(name="buy_min_kes", value=200, changed_by=chief)  # another process
    seconds[0] += selectors.CACHE_SECONDS - 0.01
    assert threshold("buy_min_kes") == 100
    seconds[0] += 0.01
    assert threshold("buy_min_kes") == 200


def test_the_process_that_changes_one_sees_it_at_once(chief, django_capture_on_commit_callbacks):
    assert threshold("payouts_manual") == 0
    with django_capture_on_commit_callbacks(execute=True):
        threshold_set(name="payouts_manual", value=Decimal(1), by=chief)
    assert threshold("payouts_manual") == 1


def test_who_changed_what_is_recorded(chief):
    threshold_set(name="quote_open_max", value=Decimal(5), by=chief)
    threshold_set(name="quote_open_max", value=Decimal(6), by=chief)
    events = Threshold.pgh_event_model.objects.order_by("pgh_id")
    assert [event.value for event in events] == [5, 6]
    assert {event.pgh_context.metadata["user"] for event in events} == {str(chief.pk)}
    assert Threshold.objects.get().changed_by == chief


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("no_such", "1", "no threshold"),
        ("buy_min_kes", "0", "KES 1 to KES 250,000"),
        ("buy_min_kes", "-5", "choose KES 1 to"),
        ("order_max_kes", "250001", "to KES 250,000"),
        ("sell_min_kes", "9", "choose KES 10 to"),
        ("payouts_manual", "2", "choose yes or no"),
        ("price_jump_percent", "0.5", "choose 1 to 100%"),
        ("price_jump_percent", "1.5", "whole number"),
        ("quote_open_max", "NaN", "choose 1 to 1,000"),
        ("quote_open_max", "Infinity", "choose 1 to 1,000"),
    ],
)
def test_what_makes_no_sense_is_refused(chief, name, value, sentence):
    with pytest.raises(Refused, match=sentence):
        threshold_set(name=name, value=Decimal(value), by=chief)
    assert not Threshold.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("keep_sessions_days", 1, "1 day"),
        ("keep_sessions_days", 1_000, "1,000 days"),
        ("price_max_age_hours", 1, "1 hour"),
        ("kyc_valid_months", 1, "1 month"),
        ("price_jump_percent", 1, "1%"),
        ("quote_open_max", 1, "1"),
    ],
)
def test_one_of_a_unit_is_said_as_one(name: str, value: int, words: str) -> None:
    assert DEFINITIONS[name].show(Decimal(value)) == words


def test_a_name_that_does_not_exist_is_a_bug():
    with pytest.raises(KeyError):
        threshold("no_such")

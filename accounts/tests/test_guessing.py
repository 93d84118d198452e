"""Guessing at the second factor: how far somebody gets who has the password and all the time of the world (A05)."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from accounts import second_factor
from accounts.models import Authenticator, RecoveryCode, RecoveryKit, User
from accounts.tests.people import customer, totp, wrong_code
from goldwallet import clock
from goldwallet.errors import Refused
from goldwallet.test.clock import shift_clock
from goldwallet.test.race import rows_unlocked, together
from notifications.models import Message

#: The code of now and its two neighbours, of a million.
CHANCE = 3 / 10**6


def enrolled() -> tuple[User, list[str]]:
    person = customer()
    return person, second_factor.authenticator_give(user=person, key=second_factor.new_key())


def refusal(person: User, code: str) -> str:
    with pytest.raises(Refused) as refused:
        second_factor.code_check(user=person, code=code)
    return refused.value.code


def guess_for(person: User, device: type, code: str, *, days: int) -> tuple[int, timedelta]:
    """Wrong codes, each the moment it is allowed, for so many days. Answers how many there were, and the last wait."""
    begun, tries, ahead, wait = clock.now(), 0, timedelta(), timedelta()
    while ahead < timedelta(days=days):
        with shift_clock(seconds=ahead.total_seconds()):
            assert refusal(person, code) == "code"
            tries += 1
            until = device.objects.get(user=person).locked_until
            wait = until - clock.now() if until else timedelta()
            if until:
                assert refusal(person, code) == "locked", "nor a moment before"
        ahead = max(ahead, until - begun) if until else ahead
    return tries, wait


@pytest.mark.fault("A05")
@pytest.mark.django_db
def test_ten_thousand_guesses_take_a_lifetime():
    """Once a day is all that remains; so the first thirty days tell of all the others."""
    alice, codes = enrolled()
    first_days, wait = guess_for(alice, Authenticator, wrong_code(alice), days=30)
    assert timedelta(hours=23) < wait <= timedelta(days=1)
    assert first_days <= 17 + 30
    a_year = first_days + 335
    assert a_year * CHANCE < 0.0012
    assert (10_000 - first_days) / 365 > 27, "years"
    with shift_clock(days=20):
        assert refusal(alice, totp(alice)) == "locked", "the right code waits as well"
        second_factor.code_check(user=alice, code=codes[0])


@pytest.mark.fault("A05")
@pytest.mark.django_db
def test_recovery_codes_are_no_easier():
    alice, _ = enrolled()
    tries, wait = guess_for(alice, RecoveryKit, "0000-0000-0000-0001", days=20)
    assert tries <= 17 + 20 and wait > timedelta(hours=23)
    assert tries * second_factor.RECOVERY_CODES / 10**16 < 1e-12


@pytest.mark.fault("A05")
@pytest.mark.django_db
def test_the_owner_hears_of_it_again_and_again():
    alice, _ = enrolled()
    guess_for(alice, Authenticator, wrong_code(alice), days=1)
    assert Message.objects.filter(user=alice, kind="second-factor-alarm").count() == 3


@pytest.mark.fault("A05")
@pytest.mark.django_db
def test_the_count_stands_in_the_row_and_outlives_every_process():
    alice, _ = enrolled()
    for _ in range(3):
        refusal(alice, wrong_code(alice))
    cache.clear()
    fresh = User.objects.get(pk=alice.pk)
    assert Authenticator.objects.get(user=alice).failures == 3
    assert refusal(fresh, totp(fresh)) == "locked"


@pytest.mark.fault("A05")
@pytest.mark.django_db
def test_a_right_code_begins_the_count_anew_and_a_used_one_does_not():
    alice, codes = enrolled()
    refusal(alice, wrong_code(alice))
    code = totp(alice)
    second_factor.code_check(user=alice, code=code)
    assert Authenticator.objects.get(user=alice).failures == 0
    assert refusal(alice, code) == "code_used"
    second_factor.code_check(user=alice, code=codes[0])
    assert refusal(alice, codes[0]) == "code"
    assert RecoveryCode.objects.filter(kit__user=alice, used_at=None).count() == 9


def looked_at(person: User) -> int:
    """Of eight wrong codes at the same moment, those that were compared at all."""
    code = wrong_code(person)

    def guess(_: int) -> str:
        try:
            second_factor.code_check(user=person, code=code)
        except Refused as refused:
            return refused.code
        return "let in"

    return together(8, guess).count("code")


@pytest.mark.race
@pytest.mark.fault("A05")
@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_moment_do_not_get_round_the_lock():
    alice, _ = enrolled()
    assert looked_at(alice) == 3
    assert Authenticator.objects.get(user=alice).failures == 3


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_of_the_row_they_do(monkeypatch):
    rows_unlocked(monkeypatch)
    alice, _ = enrolled()
    assert looked_at(alice) > 3

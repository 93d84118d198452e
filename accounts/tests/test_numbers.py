"""Another number for payouts: proof, notice, cool-off, calling off (faults.md O12)."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts import numbers, second_factor, tasks
from accounts.models import PayoutNumber, User
from accounts.selectors import contacts
from accounts.services import person_freeze
from accounts.stepup import StepUpNeeded, step_up_begin
from accounts.tests.people import PASSWORD, customer, read_mail, signed_in, totp
from accounts.tests.proofs import confirm_page, enter_code, fresh_totp, prove
from controls.services import threshold_set
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.sealing import fingerprint
from goldwallet.test.clock import shift_clock
from ledger.tests.threads import together
from notifications.models import Message

pytestmark = pytest.mark.django_db
HERE = "session-of-this-browser"
OLD, NEW = "254712345678", "254733000111"


@pytest.fixture
def alice(db: None) -> User:
    return customer(email="alice@example.com", phone=OLD)


def ask(user: User, phone: str = NEW, *, session_key: str = HERE) -> PayoutNumber:
    return numbers.number_change_ask(user_id=user.pk, phone=phone, session_key=session_key)


def asked(user: User, phone: str = NEW) -> PayoutNumber:
    """Asked for with a code, as a person does."""
    with pytest.raises(StepUpNeeded) as needed:
        ask(user, phone)
    prove(user, operation="phone", digest=needed.value.digest, session_key=HERE)
    return ask(user, phone)


def phone_of(user: User) -> str:
    return User.objects.get(pk=user.pk).phone


# --- asking ---------------------------------------------------------------------------------------


@pytest.mark.fault("O12", "A08")
def test_it_takes_a_proof_for_this_very_number(alice: User) -> None:
    with pytest.raises(StepUpNeeded) as needed:
        ask(alice)
    assert needed.value.shown == [
        ("Your number now", "0712 345 678"),
        ("Your new number", "0733 000 111"),
    ]
    prove(alice, operation="phone", digest=needed.value.digest, session_key=HERE)
    for phone, session_key in (("254733000112", HERE), (NEW, "another-session"), (NEW, "")):
        with pytest.raises(StepUpNeeded):
            ask(alice, phone, session_key=session_key)
    assert not PayoutNumber.objects.exists()
    assert ask(alice).phone == NEW
    numbers.number_change_cancel(user_id=alice.pk)
    with pytest.raises(StepUpNeeded):
        ask(alice)


@pytest.mark.fault("O12")
def test_it_waits_as_long_as_the_house_says(alice: User) -> None:
    waits = asked(alice)
    assert waits.usable_from - waits.created_at >= dt.timedelta(hours=48)
    assert waits.usable_from - waits.created_at < dt.timedelta(hours=48, seconds=2)
    bob = customer(phone="254722000002")
    threshold_set(name="payout_cooloff_hours", value=Decimal(72), by=bob)
    assert asked(bob).usable_from > now() + dt.timedelta(hours=71)
    for hours in (23, 73):
        with pytest.raises(Refused, match="24 to 72 hours"):
            threshold_set(name="payout_cooloff_hours", value=Decimal(hours), by=bob)


@pytest.mark.parametrize(
    ("phone", "sentence"),
    [
        ("0712 345 678", "This is your number already."),
        ("0612345678", "Write a Kenyan mobile number"),
        ("", "Write a Kenyan mobile number"),
    ],
)
def test_what_is_no_new_number(alice: User, phone: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        ask(alice, phone)
    assert not PayoutNumber.objects.exists()


def test_one_at_a_time(alice: User) -> None:
    asked(alice)
    with pytest.raises(Conflict, match="Call that off first"):
        ask(alice, "254733000112")


def test_who_is_on_hold_or_closed_changes_nothing(alice: User) -> None:
    person_freeze(user_id=alice.pk, reason="It may be somebody else.")
    with pytest.raises(Refused, match="on hold"):
        ask(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Refused, match="closed"):
        ask(alice)


def test_it_is_sealed(alice: User) -> None:
    row = asked(alice)
    assert NEW not in row.phone_sealed
    assert row.phone_lookup == fingerprint(NEW, kind="phone")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_8_at_once_with_one_proof_are_one() -> None:
    alice = customer(phone=OLD)
    with pytest.raises(StepUpNeeded) as needed:
        ask(alice)
    prove(alice, operation="phone", digest=needed.value.digest, session_key=HERE)
    results = together(8, lambda number: ask(alice))
    assert [type(result) for result in results].count(PayoutNumber) == 1
    assert {type(result) for result in results} == {PayoutNumber, Conflict}


# --- the notice -----------------------------------------------------------------------------------


@pytest.mark.fault("O12")
def test_the_old_contact_hears_of_it_at_once(alice: User) -> None:
    asked(alice)
    letter = read_mail("alice@example.com")
    assert letter.subject == "Your M-Pesa number is about to change"
    assert "2547****0111" in letter.body
    assert "call it off" in letter.body
    assert "/accounts/phone/" in letter.body
    assert NEW not in letter.body


@pytest.mark.fault("O12")
def test_an_address_that_was_replaced_lately_hears_of_it_too(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="thief@example.com")
    alice.refresh_from_db()
    assert contacts(alice) == ["thief@example.com", "alice@example.com"]
    asked(alice)
    assert read_mail("alice@example.com").subject == "Your M-Pesa number is about to change"
    assert read_mail("thief@example.com").subject == "Your M-Pesa number is about to change"
    with shift_clock(days=29):
        assert contacts(alice) == ["thief@example.com", "alice@example.com"], "long after the cool-off"
    with shift_clock(days=31):
        assert contacts(alice) == ["thief@example.com"]


@pytest.mark.fault("O12")
def test_the_codes_go_to_the_former_address_alone_until_the_new_one_has_cooled_off(alice: User) -> None:
    for address in ("thief@example.com", "thief2@example.com"):
        User.objects.filter(pk=alice.pk).update(email=address)
    alice.refresh_from_db()
    prove_for = {"operation": "phone", "digest": "d" * 64, "session_key": "here"}
    step_up_begin(user=alice, **prove_for)
    assert [row.to for row in Message.objects.filter(kind="step-up-code")] == ["alice@example.com"]
    with shift_clock(hours=49):
        step_up_begin(user=alice, **prove_for)
        codes = [row.to for row in Message.objects.filter(kind="step-up-code")]
        assert sorted(codes) == ["alice@example.com", "thief2@example.com"]


# --- the end of the cool-off ----------------------------------------------------------------------


@pytest.mark.fault("O12")
def test_it_becomes_the_person_s_number_when_its_time_has_come(alice: User) -> None:
    asked(alice)
    for hours in (0, 24, 47.9):
        with shift_clock(hours=hours):
            assert numbers.numbers_adopt() == 0
            assert phone_of(alice) == OLD
    with shift_clock(hours=48, seconds=5):
        tasks.numbers_adopt(0)
        tasks.numbers_adopt(0)
        assert phone_of(alice) == NEW
        assert User.objects.get(pk=alice.pk).phone_lookup == fingerprint(NEW, kind="phone")
        assert PayoutNumber.objects.get().adopted_at is not None
        assert read_mail("alice@example.com").subject == "Your M-Pesa number was changed"
    assert Message.objects.filter(kind="payout-number-adopted").count() == 1


@pytest.mark.fault("O12")
def test_one_that_cannot_be_read_keeps_no_other_waiting(alice: User) -> None:
    bob = customer(email="bob@example.com", phone="0711000112")
    for person in (alice, bob):
        asked(person)
    PayoutNumber.objects.filter(user=alice).update(phone_sealed="broken")
    with shift_clock(hours=49):
        assert numbers.numbers_adopt() == 1
    assert (phone_of(alice), phone_of(bob)) == (OLD, NEW)


@pytest.mark.fault("O12")
def test_called_off_it_never_comes(alice: User) -> None:
    asked(alice)
    numbers.number_change_cancel(user_id=alice.pk)
    assert read_mail("alice@example.com").subject == "Your M-Pesa number stays as it is"
    with pytest.raises(Conflict):
        numbers.number_change_cancel(user_id=alice.pk)
    with shift_clock(days=4):
        assert numbers.numbers_adopt() == 0
    assert phone_of(alice) == OLD


@pytest.mark.fault("O12")
def test_a_hold_stops_it_and_it_comes_when_the_hold_is_lifted(alice: User) -> None:
    asked(alice)
    person_freeze(user_id=alice.pk, reason="She says that it was not her.")
    with shift_clock(hours=49):
        assert numbers.numbers_adopt() == 0
        assert phone_of(alice) == OLD
        User.objects.filter(pk=alice.pk).update(frozen_reason="")
        assert numbers.numbers_adopt() == 1


@pytest.mark.race
@pytest.mark.fault("O12")
@pytest.mark.django_db(transaction=True)
def test_called_off_at_the_moment_that_it_is_due() -> None:
    """Whoever is first under the person's lock: never both."""
    alice = customer(phone=OLD)
    asked(alice)
    acts = [numbers.numbers_adopt, lambda: numbers.number_change_cancel(user_id=alice.pk)]
    with shift_clock(hours=49):
        together(8, lambda number: acts[number % 2]())
    row = PayoutNumber.objects.get()
    assert (row.adopted_at is None) != (row.cancelled_at is None)
    assert phone_of(alice) == (NEW if row.adopted_at else OLD)
    mails = Message.objects.filter(kind__in=["payout-number-adopted", "payout-number-called-off"])
    assert mails.count() == 1


def test_the_database_keeps_its_time(alice: User) -> None:
    row = asked(alice)
    with pytest.raises(Exception, match="stays"):
        PayoutNumber.objects.filter(pk=row.pk).update(usable_from=now())


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def browser(alice: User) -> Client:
    return signed_in(alice)


def page(browser: Client) -> str:
    answer = browser.get(reverse("account_phone"))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.fault("O12", "A08")
def test_the_whole_way_through_the_pages(alice: User, browser: Client) -> None:
    assert "0712 345 678" in page(browser)
    answer = browser.post(reverse("account_phone"), {"phone": "0733 000 111"})
    assert "0733 000 111" in browser.get(confirm_page(browser, answer)).content.decode()
    assert not PayoutNumber.objects.exists()
    assert enter_code(browser, answer) == reverse("account_phone")
    assert "Change it to 0733 000 111" in page(browser)
    assert browser.post(reverse("account_phone"), {"phone": "0733 000 111"})["Location"] == reverse(
        "account_phone"
    )
    shown = page(browser)
    assert "Until then we pay you on 0712 345 678" in shown
    assert "call it off" in shown
    assert browser.get(reverse("account_phone_cancel")).status_code == 405
    assert browser.post(reverse("account_phone_cancel"))["Location"] == reverse("account_phone")
    assert "change your password now" in page(browser)
    assert phone_of(alice) == OLD


@pytest.mark.fault("A08")
def test_a_direct_post_of_another_number_than_the_proven_one(alice: User, browser: Client) -> None:
    answer = browser.post(reverse("account_phone"), {"phone": "0733 000 111"})
    enter_code(browser, answer)
    confirm_page(browser, browser.post(reverse("account_phone"), {"phone": "0733 000 112"}))
    assert not PayoutNumber.objects.exists()


def test_the_page_refuses_in_words(browser: Client) -> None:
    for written, sentence in (
        ("0612345678", "Write a Kenyan mobile number"),
        ("0712345678", "This is your number already."),
        ("", "Write the new number"),
    ):
        answer = browser.post(reverse("account_phone"), {"phone": written})
        assert answer.status_code == 400
        assert sentence in answer.content.decode(), written


def test_strangers_are_sent_to_sign_in() -> None:
    for name in ("account_phone", "account_phone_cancel"):
        assert Client().post(reverse(name))["Location"].startswith("/accounts/login/")


def test_somebody_without_a_number_adds_one(db: None) -> None:
    carol = customer(phone="")
    browser = signed_in(carol)
    assert "None yet" in page(browser)
    enter_code(browser, browser.post(reverse("account_phone"), {"phone": "0733 000 111"}))
    browser.post(reverse("account_phone"), {"phone": "0733 000 111"})
    assert "we cannot pay you" in page(browser)
    with shift_clock(hours=49):
        numbers.numbers_adopt()
    assert phone_of(carol) == NEW


# --- password and address -------------------------------------------------------------------------

SECRET = "slow-mountain-tea-77"


@pytest.fixture
def enrolled(alice: User) -> Client:
    second_factor.authenticator_give(user=alice, key=second_factor.new_key())
    return signed_in(alice)


def change_password(browser: Client, **changes: str):
    fields = {"oldpassword": PASSWORD, "password1": SECRET, "password2": SECRET, **changes}
    return browser.post("/accounts/password/change/", fields)


def test_a_new_password_takes_the_code_of_whoever_has_one(alice: User, enrolled: Client) -> None:
    assert 'name="code"' in enrolled.get("/accounts/password/change/").content.decode()
    code = totp(alice)
    for changes in ({}, {"code": "000000"}, {"code": code, "password2": "another-harbour-12"}):
        assert change_password(enrolled, **changes).status_code == 400, changes
        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)
    assert change_password(enrolled, code=code).status_code == 302, "a slip elsewhere has cost no code"
    alice.refresh_from_db()
    assert alice.check_password(SECRET)
    assert alice.payouts_from is None
    answer = enrolled.post(
        "/accounts/password/change/",
        {"oldpassword": SECRET, "password1": PASSWORD, "password2": PASSWORD, "code": code},
    )
    assert answer.status_code == 400, "a code is good for one change"


def test_without_a_second_factor_no_code_is_asked_for(alice: User, browser: Client) -> None:
    assert 'name="code"' not in browser.get("/accounts/password/change/").content.decode()
    assert change_password(browser).status_code == 302


def test_a_new_address_takes_the_password_first_and_then_the_code(alice: User, enrolled: Client) -> None:
    answer = enrolled.get("/accounts/email/")
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    answer = enrolled.post(answer["Location"], {"password": PASSWORD})
    assert answer["Location"] == "/accounts/email/"
    assert 'name="code"' in enrolled.get("/accounts/email/").content.decode()
    wanted = {"email": "new@example.com", "action_add": "1"}
    for code in ("", "000000"):
        assert enrolled.post("/accounts/email/", {**wanted, "code": code}).status_code == 400
    assert not Message.objects.filter(kind__startswith="email-confirmation").exists()
    answer = enrolled.post("/accounts/email/", {**wanted, "code": fresh_totp(alice)})
    assert answer["Location"] == "/accounts/confirm-email/"


def test_allauths_other_actions_on_addresses_do_nothing(alice: User, browser: Client) -> None:
    for action in ("action_remove", "action_primary", "action_send"):
        answer = browser.post("/accounts/email/", {"email": alice.email, action: "1"})
        assert answer.status_code == 302
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    assert alice.emailaddress_set.get().verified


def test_who_took_the_address_cannot_hide_a_new_password_from_its_owner(alice: User, browser: Client) -> None:
    User.objects.filter(pk=alice.pk).update(email="thief@example.com")
    assert change_password(browser).status_code == 302
    for address in ("thief@example.com", "alice@example.com"):
        assert read_mail(address).subject == "Your password was changed"

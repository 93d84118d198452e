"""A proof is good for one operation of one person in one session, for minutes, once (faults.md A08)."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts import second_factor, stepup
from accounts.models import StepUp, User
from accounts.stepup import (
    StepUpNeeded,
    step_up_again,
    step_up_begin,
    step_up_digest,
    step_up_prove,
    step_up_proven,
    step_up_use,
)
from accounts.tests.people import customer, mailed_code, read_mail, signed_in, totp, wrong_code
from accounts.tests.proofs import confirm_page, prove
from goldwallet.errors import Conflict, Refused, TooOften
from goldwallet.test.clock import shift_clock
from goldwallet.test.race import Meeting
from ledger.tests.threads import together
from notifications.models import Message

pytestmark = pytest.mark.django_db
HERE = "session-of-this-browser"
DIGEST = step_up_digest("sell", grams=Decimal("3.5"))


@pytest.fixture
def alice(db: None) -> User:
    return customer(email="alice@example.com")


@pytest.fixture
def enrolled(alice: User) -> User:
    second_factor.authenticator_give(user=alice, key=second_factor.new_key())
    return alice


def begin(user: User, **changes: str) -> StepUp:
    return step_up_begin(user=user, **{"operation": "sell", "digest": DIGEST, "session_key": HERE, **changes})


def enter(asked: StepUp, code: str, *, session_key: str = HERE) -> StepUp:
    return step_up_prove(step_up_id=asked.pk, user=asked.user, session_key=session_key, code=code)


def use(user: User, **changes: object) -> None:
    wanted = {"user_id": user.pk, "operation": "sell", "digest": DIGEST, "session_key": HERE, **changes}
    with transaction.atomic():
        step_up_use(**wanted)


def proven(user: User, **changes: str) -> StepUp:
    return prove(user, **{"operation": "sell", "digest": DIGEST, "session_key": HERE, **changes})


# --- using ----------------------------------------------------------------------------------------


@pytest.mark.fault("A08")
def test_it_is_used_once(alice: User) -> None:
    proven(alice)
    assert step_up_proven(user_id=alice.pk, operation="sell", digest=DIGEST, session_key=HERE)
    use(alice)
    assert not step_up_proven(user_id=alice.pk, operation="sell", digest=DIGEST, session_key=HERE)
    with pytest.raises(StepUpNeeded) as refused:
        use(alice)
    assert (refused.value.status, refused.value.code) == (403, "step_up")
    assert (refused.value.operation, refused.value.digest) == ("sell", DIGEST)


@pytest.mark.fault("A08")
def test_it_is_good_for_nothing_else(alice: User) -> None:
    asked = proven(alice)
    stranger = customer()
    for changes in (
        {"operation": "phone"},
        {"digest": step_up_digest("sell", grams=Decimal("3.500001"))},
        {"session_key": "session-of-another-browser"},
        {"session_key": ""},
        {"user_id": stranger.pk},
    ):
        with pytest.raises(StepUpNeeded):
            use(alice, **changes)
        asked.refresh_from_db()
        assert asked.used_at is None, changes
    use(alice)


@pytest.mark.fault("A08")
def test_what_was_asked_and_not_proven_is_no_proof(alice: User) -> None:
    begin(alice)
    with pytest.raises(StepUpNeeded):
        use(alice)


@pytest.mark.fault("A08")
def test_it_lives_five_minutes(alice: User) -> None:
    proven(alice)
    with shift_clock(seconds=stepup.PROOF_SECONDS + 1), pytest.raises(StepUpNeeded):
        use(alice)
    with shift_clock(seconds=stepup.PROOF_SECONDS - 5):
        use(alice)


def test_an_operation_that_fails_gives_it_back(alice: User) -> None:
    asked = proven(alice)
    with pytest.raises(Conflict), transaction.atomic():
        step_up_use(user_id=alice.pk, operation="sell", digest=DIGEST, session_key=HERE)
        raise Conflict("The gold went meanwhile.")
    asked.refresh_from_db()
    assert asked.used_at is None
    use(alice)


@pytest.mark.django_db(transaction=True)
def test_it_is_used_in_the_transaction_of_its_operation() -> None:
    alice = customer()
    with pytest.raises(RuntimeError, match="in the transaction"):
        step_up_use(user_id=alice.pk, operation="sell", digest=DIGEST, session_key=HERE)


@pytest.mark.fault("A08")
@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_16_at_once_one_has_it() -> None:
    """The UPDATE alone decides: nobody holds the person's lock here."""
    alice = customer()
    proven(alice)
    results = together(16, lambda number: use(alice))
    assert [result for result in results if result is None] == [None]
    assert {type(result) for result in results if result is not None} == {StepUpNeeded}
    assert StepUp.objects.exclude(used_at=None).count() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_checked_and_then_written_16_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: looked up first, marked later."""
    alice = customer()
    proven(alice)
    meeting = Meeting(16)

    def naive(number: int) -> None:
        there = step_up_proven(user_id=alice.pk, operation="sell", digest=DIGEST, session_key=HERE)
        meeting.wait()
        if not there:
            raise StepUpNeeded(operation="sell", digest=DIGEST)

    assert together(16, naive).count(None) > 1


def test_the_row_is_bound_in_the_database(alice: User) -> None:
    asked = proven(alice)
    stranger = customer()
    for column, value in (
        ("user_id", stranger.pk),
        ("operation", "phone"),
        ("digest", "0" * 64),
        ("session_hash", "0" * 64),
    ):
        with pytest.raises(Exception, match="bound"), transaction.atomic():
            StepUp.objects.filter(pk=asked.pk).update(**{column: value})
    use(alice)
    with pytest.raises(Exception, match="used_once"), transaction.atomic():
        StepUp.objects.filter(pk=asked.pk).update(used_at=None)


def test_the_digest_is_of_everything_and_of_nothing_else() -> None:
    same = step_up_digest("sell", grams=Decimal("3.500000"), kes=Decimal(56_000), phone="254712345678")
    assert same == step_up_digest("sell", phone="254712345678", kes=Decimal("56000.00"), grams=Decimal("3.5"))
    others = {
        step_up_digest("sell", grams=Decimal("3.5"), kes=Decimal(56_000), phone="254712345679"),
        step_up_digest("sell", grams=Decimal("3.5"), kes=Decimal(56_001), phone="254712345678"),
        step_up_digest("sell", grams=Decimal("3.500001"), kes=Decimal(56_000), phone="254712345678"),
        step_up_digest("buy", grams=Decimal("3.5"), kes=Decimal(56_000), phone="254712345678"),
        step_up_digest("sell", grams=Decimal("3.5"), kes=Decimal(56_000)),
    }
    assert len(others) == 5
    assert same not in others
    with pytest.raises(TypeError):
        step_up_digest("sell", when=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))  # type: ignore[arg-type]


# --- the code by mail -----------------------------------------------------------------------------


def test_the_code_comes_by_mail_and_the_mail_says_what_it_is_for(alice: User) -> None:
    asked = step_up_begin(
        user=alice, operation="sell", digest=DIGEST, session_key=HERE, shown=[("You sell", "3.5 g")]
    )
    code = mailed_code(alice.email)
    assert "You sell: 3.5 g" in read_mail(alice.email).body
    assert enter(asked, f"{code[:3]} {code[3:]}").proven_at is not None
    use(alice)
    sent = Message.objects.get(kind="step-up-code")
    assert sent.text_sealed == "", "the outbox forgets it once it is sent"
    found = connection.cursor()
    found.execute("SELECT row_to_json(s)::text FROM accounts_stepup AS s")
    assert code not in found.fetchone()[0]


def test_asking_again_sends_no_second_mail_while_the_first_is_good(alice: User) -> None:
    assert begin(alice).pk == begin(alice).pk
    assert Message.objects.filter(kind="step-up-code").count() == 1
    assert begin(alice, digest="f" * 64).pk != begin(alice).pk


def wrong_mail_code(alice: User) -> str:
    return f"{(int(mailed_code(alice.email)) + 1) % 10**6:06d}"


def test_five_wrong_codes_end_it_and_the_right_one_is_too_late(alice: User) -> None:
    asked = begin(alice)
    right, wrong = mailed_code(alice.email), wrong_mail_code(alice)
    for _ in range(5):
        with pytest.raises(Refused, match="That code is not right"):
            enter(asked, wrong)
    with pytest.raises(Conflict, match="too many wrong codes"):
        enter(asked, right)
    assert "Nothing was done" in read_mail(alice.email).body
    newer = step_up_again(asked=asked, user=alice, session_key=HERE)
    assert newer.pk != asked.pk
    enter(newer, mailed_code(alice.email))
    use(alice)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_16_guesses_at_once_are_five() -> None:
    alice = customer()
    asked = begin(alice)
    wrong = wrong_mail_code(alice)
    results = together(16, lambda number: enter(asked, wrong))
    codes = [getattr(result, "code", "") for result in results]
    assert (codes.count("code"), codes.count("step_up_over")) == (5, 11)
    asked.refresh_from_db()
    assert asked.tries == 5


def test_a_new_code_makes_the_old_one_good_for_nothing(alice: User) -> None:
    asked = begin(alice)
    old = mailed_code(alice.email)
    newer = step_up_again(asked=asked, user=alice, session_key=HERE)
    with pytest.raises(Conflict):
        enter(asked, old)
    if old != mailed_code(alice.email):
        with pytest.raises(Refused):
            enter(newer, old)


def test_the_code_is_over_after_ten_minutes(alice: User) -> None:
    asked = begin(alice)
    code = mailed_code(alice.email)
    with shift_clock(seconds=stepup.ASK_SECONDS + 1), pytest.raises(Conflict, match="took too long"):
        enter(asked, code)


def test_ten_mails_an_hour(alice: User) -> None:
    for number in range(10):
        begin(alice, digest=f"{number:064d}")
    with pytest.raises(TooOften, match="We have sent you many codes"):
        begin(alice, digest="a" * 64)
    with shift_clock(hours=1, minutes=1):
        begin(alice, digest="a" * 64)


def test_wrong_codes_of_a_day_are_counted_over_all_mails(alice: User) -> None:
    for number in range(5):
        asked = begin(alice, digest=f"{number:064d}")
        wrong = wrong_mail_code(alice)
        for _ in range(5):
            with pytest.raises(Refused):
                enter(asked, wrong)
    with shift_clock(hours=2), pytest.raises(TooOften, match="too many wrong codes"):
        begin(alice, digest="a" * 64)
    with shift_clock(hours=25):
        begin(alice, digest="a" * 64)


# --- the code of an authenticator -----------------------------------------------------------------


def test_who_has_an_authenticator_writes_its_code_and_gets_no_mail(enrolled: User) -> None:
    asked = begin(enrolled)
    assert not Message.objects.filter(kind="step-up-code").exists()
    enter(asked, totp(enrolled))
    use(enrolled)


def test_one_code_of_the_authenticator_makes_one_proof(enrolled: User) -> None:
    code = totp(enrolled)
    enter(begin(enrolled), code)
    with pytest.raises(Refused, match="has been used"):
        enter(begin(enrolled, operation="phone"), code)


def test_a_recovery_code_works_once(alice: User) -> None:
    code, *_ = second_factor.authenticator_give(user=alice, key=second_factor.new_key())
    enter(begin(alice), code)
    use(alice)
    with pytest.raises(Refused, match="That code is not right"):
        enter(begin(alice), code)


def test_wrong_codes_of_the_authenticator_wait_longer_and_longer(enrolled: User) -> None:
    asked = begin(enrolled)
    for _ in range(3):
        with pytest.raises(Refused, match="That code is not right"):
            enter(asked, wrong_code(enrolled))
    with pytest.raises(Refused, match="Wait") as refused:
        enter(asked, totp(enrolled))
    assert refused.value.status == 429


def test_a_mail_from_before_the_authenticator_is_good_no_more(alice: User) -> None:
    asked = begin(alice)
    code = mailed_code(alice.email)
    second_factor.authenticator_give(user=alice, key=second_factor.new_key())
    with pytest.raises(Conflict):
        enter(asked, code)
    with pytest.raises(StepUpNeeded):
        use(alice)
    assert begin(alice).method == "code"


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def asked_in_a_browser(alice: User) -> tuple[Client, StepUp]:
    browser = signed_in(alice)
    asked = step_up_begin(
        user=alice,
        operation="phone",
        digest=DIGEST,
        session_key=browser.session.session_key,
        shown=[("Your new number", "0733 000 111")],
        back="/accounts/phone/",
    )
    return browser, asked


def path_of(asked: StepUp) -> str:
    return f"/accounts/confirm/{asked.pk}/"


def test_the_page_says_what_is_confirmed_and_leads_back(
    alice: User, asked_in_a_browser: tuple[Client, StepUp]
) -> None:
    browser, asked = asked_in_a_browser
    page = browser.get(path_of(asked)).content.decode()
    assert "0733 000 111" in page
    assert alice.email in page
    answer = browser.post(path_of(asked), {"code": wrong_mail_code(alice)})
    assert answer.status_code == 400
    assert "That code is not right" in answer.content.decode()
    assert browser.post(path_of(asked), {"code": ""}).status_code == 400
    answer = browser.post(path_of(asked), {"code": mailed_code(alice.email)})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/phone/")
    assert browser.get(path_of(asked))["Location"] == "/accounts/phone/"


@pytest.mark.fault("A08")
def test_the_page_is_nobody_else_s(alice: User, asked_in_a_browser: tuple[Client, StepUp]) -> None:
    _, asked = asked_in_a_browser
    code = mailed_code(alice.email)
    for stranger in (signed_in(alice), signed_in(customer())):
        assert stranger.get(path_of(asked)).status_code == 404
        assert stranger.post(path_of(asked), {"code": code}).status_code == 404
        assert stranger.post(path_of(asked), {"again": "1"}).status_code == 404
    assert Client().post(path_of(asked), {"code": code})["Location"].startswith("/accounts/login/")
    asked.refresh_from_db()
    assert asked.proven_at is None
    assert asked.tries == 0


def test_a_new_code_by_one_press(alice: User, asked_in_a_browser: tuple[Client, StepUp]) -> None:
    browser, asked = asked_in_a_browser
    newer = confirm_page(browser, browser.post(path_of(asked), {"again": "1"}))
    assert newer != path_of(asked)
    assert "too long" in browser.get(path_of(asked)).content.decode()
    assert "0733 000 111" in browser.get(newer).content.decode()
    answer = browser.post(newer, {"code": mailed_code(alice.email)})
    assert answer["Location"] == "/accounts/phone/"


def test_the_answers_are_kept_by_nobody(asked_in_a_browser: tuple[Client, StepUp]) -> None:
    browser, asked = asked_in_a_browser
    assert "no-store" in browser.get(path_of(asked))["Cache-Control"]

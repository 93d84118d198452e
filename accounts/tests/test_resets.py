"""A lost second factor: two people, a delay, a notice, and no payouts (faults.md A09)."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction

from accounts import resets, second_factor
from accounts.models import Authenticator, FactorReset, RecoveryKit, ResetState, User
from accounts.roles import Role
from accounts.services import person_lock
from accounts.tasks import resets_do
from accounts.tests.people import customer, read_mail, signed_in, staff, totp
from accounts.tests.test_factor import password_step
from controls.models import Request, RequestState
from controls.services import request_approve, request_effect, request_make, request_seal, threshold_set
from goldwallet import clock
from goldwallet.errors import Conflict, Refused
from goldwallet.test.clock import shift_clock
from goldwallet.test.race import Meeting, errors, moves_meet, moves_unguarded, rows_unlocked, together
from goldwallet.test.two import YES
from kyc.models import Case, IdType

SECURITY = "/accounts/security/"
STOP = "/accounts/security/reset/stop/"
WHY = "Came to the office with her passport; her phone was stolen."


def enrolled(**changes) -> User:
    person = customer(**changes)
    second_factor.authenticator_give(user=person, key=second_factor.new_key())
    return person


def asked(person: User, by: User) -> Request:
    return request_make(
        kind="factor_reset",
        payload={"person": str(person.pk)},
        subject=f"factor:{person.pk}",
        reason=WHY,
        by=by,
    )


def agreed(request: Request, by: User) -> Request:
    return request_approve(
        request_id=request.pk, by=by, seen=request_seal(request, request_effect(request)), words=YES
    )


def scheduled(person: User) -> FactorReset:
    agreed(asked(person, staff(Role.REVIEWER)), staff(Role.TREASURY))
    return FactorReset.objects.get(user=person, state=ResetState.WAITING)


def held(person: User) -> bool:
    with transaction.atomic():
        return person_lock(person.pk).payouts_held


def delay(reset: FactorReset) -> float:
    """In hours."""
    return round((reset.due_at - reset.created_at).total_seconds() / 3600, 6)


def has_factor(person: User) -> bool:
    return Authenticator.objects.filter(user=person, confirmed=True).exists()


# --- the whole way --------------------------------------------------------------------------------


@pytest.mark.fault("A09")
@pytest.mark.django_db
def test_two_people_a_delay_a_notice_and_no_payouts():
    alice = enrolled()
    rita, tom = staff(Role.REVIEWER), staff(Role.TREASURY)
    theirs = signed_in(alice)
    assert theirs.get(SECURITY).status_code == 200
    desk = signed_in(rita)
    assert "Somebody asks for help" in desk.get("/desk/factor/").content.decode()
    answer = desk.post("/desk/factor/", {"person": alice.email.upper(), "reason": WHY})
    request = Request.objects.get(kind="factor_reset")
    assert answer["Location"] == f"/desk/approvals/{request.pk}/"
    assert not held(alice) and not FactorReset.objects.exists(), "one person alone does nothing"
    assert "has asked for another one" in desk.get("/desk/factor/").content.decode()

    agreed(request, tom)
    reset = FactorReset.objects.get(user=alice)
    assert delay(reset) == 24
    assert has_factor(alice) and held(alice)
    letter = read_mail(alice.email)
    assert letter.subject == "Your authenticator app will be removed" and SECURITY in letter.body
    assert alice.email in desk.get("/desk/factor/").content.decode()

    with shift_clock(hours=23, minutes=59):
        resets_do(0)
        assert has_factor(alice) and held(alice)
        assert password_step(alice)[1] == "/accounts/code/", "until then the code is asked for"
    with shift_clock(hours=24, minutes=1):
        assert held(alice), "the hold leaves no gap before the job"
        resets_do(0)
        resets_do(0)
        assert not has_factor(alice) and not RecoveryKit.objects.filter(user=alice).exists()
        assert theirs.get(SECURITY).status_code == 302, "signed out everywhere"
        reset.refresh_from_db()
        assert reset.state == ResetState.DONE
        assert read_mail(alice.email).subject == "Your authenticator app was removed"
        assert password_step(alice)[1] == "/"
    with shift_clock(hours=24 + 47):
        assert held(alice)
    with shift_clock(hours=24 + 49):
        assert not held(alice)


@pytest.mark.django_db
def test_one_that_fails_keeps_no_other_waiting(monkeypatch):
    alice, bob = enrolled(), enrolled()
    scheduled(alice), scheduled(bob)
    remove = second_factor.second_factor_remove

    def failing(*, user: User) -> bool:
        if user.pk == alice.pk:
            raise ValueError("a broken row")
        return remove(user=user)

    monkeypatch.setattr(second_factor, "second_factor_remove", failing)
    with shift_clock(hours=25):
        assert resets.resets_do() == 1
    assert (has_factor(alice), has_factor(bob)) == (True, False)
    assert FactorReset.objects.get(user=alice).state == ResetState.WAITING


@pytest.mark.fault("A09")
@pytest.mark.django_db
def test_staff_lose_theirs_by_the_same_way_and_set_up_a_new_one():
    vera = staff(Role.PRICING)
    browser = signed_in(vera)
    assert browser.get("/desk/").status_code == 200
    scheduled(vera)
    with shift_clock(hours=25):
        resets_do(0)
        assert browser.get("/desk/").status_code == 302
        again, asked_for = password_step(vera)
        assert asked_for == "/accounts/code/enrol/"
        assert again.get("/desk/").status_code == 302


@pytest.mark.django_db
def test_the_delay_is_a_threshold():
    threshold_set(name="factor_reset_hours", value=Decimal(72), by=staff(Role.ADMINISTRATOR))
    reset = scheduled(enrolled())
    assert delay(reset) == 72


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.fault("A09")
@pytest.mark.django_db
def test_nobody_does_it_for_themself():
    tom, ada, rita = staff(Role.TREASURY), staff(Role.ADMINISTRATOR), staff(Role.REVIEWER)
    with pytest.raises(Refused, match="about yourself"):
        asked(tom, tom)
    with pytest.raises(Refused, match="about yourself"):
        agreed(asked(tom, ada), tom)
    request = asked(enrolled(), ada)
    for checker in (ada, rita, staff(Role.VAULT)):
        with pytest.raises(Refused) as refused:
            agreed(request, checker)
        assert refused.value.status == 403
    with pytest.raises(Refused, match="role"):
        asked(enrolled(), staff(Role.VAULT))
    assert not FactorReset.objects.exists()


@pytest.mark.fault("A09")
@pytest.mark.django_db
def test_two_accounts_of_one_person_are_one_person():
    phone = "254712000111"
    alice = enrolled(phone=phone)
    same, tom, ada = staff(Role.REVIEWER, phone=phone), staff(Role.TREASURY), staff(Role.ADMINISTRATOR)
    with pytest.raises(Refused, match="about yourself"):
        asked(alice, same)
    bob = enrolled()
    request = asked(bob, tom)
    User.objects.filter(pk__in=[tom.pk, ada.pk]).update(phone_lookup="the same for both")
    with pytest.raises(Refused, match="under another account"):
        agreed(request, ada)
    # Somebody else, with the person's own ID.
    eve = staff(Role.ADMINISTRATOR)
    for person in (eve, bob):
        case = Case(user=person, id_type=IdType.NATIONAL_ID)
        case.id_number = "12345678"
        case.save(force_insert=True)
    with pytest.raises(Refused, match="about yourself"):
        agreed(request, eve)
    assert not FactorReset.objects.exists() and not held(bob)
    request.refresh_from_db()
    assert request.state == RequestState.WAITING


@pytest.mark.django_db
def test_the_desk_says_no_in_words():
    desk = signed_in(staff(Role.REVIEWER))
    plain = customer()
    for form, sentence in (
        ({"person": "nobody@example.com", "reason": WHY}, "Nobody has this"),
        ({"person": "", "reason": WHY}, "Write whose it is"),
        ({"person": plain.email, "reason": WHY}, "has no authenticator app"),
        ({"person": enrolled().email, "reason": "lost"}, "Write why"),
    ):
        answer = desk.post("/desk/factor/", form)
        assert answer.status_code == 400 and sentence in answer.content.decode()
    assert not Request.objects.exists()
    for role in (Role.VAULT, Role.PRICING):
        assert signed_in(staff(role)).get("/desk/factor/").status_code == 403


@pytest.mark.django_db
def test_one_waits_at_a_time():
    alice = enrolled()
    rita = staff(Role.REVIEWER)
    request = asked(alice, rita)
    with pytest.raises(Conflict):
        asked(alice, staff(Role.TREASURY))
    agreed(request, staff(Role.TREASURY))
    with pytest.raises(Conflict, match="already"):
        asked(alice, rita)


# --- calling it off -------------------------------------------------------------------------------


@pytest.mark.fault("A09")
@pytest.mark.django_db
def test_the_owner_signs_in_with_the_factor_and_calls_it_off():
    alice = enrolled()
    reset = scheduled(alice)
    browser, _ = password_step(alice)
    assert browser.post(STOP).status_code == 302 and held(alice), "the password alone is not enough"
    browser.post("/accounts/code/", {"code": totp(alice)})
    assert "I have it: call this off" in browser.get(SECURITY).content.decode()
    assert browser.post(STOP)["Location"] == SECURITY
    reset.refresh_from_db()
    assert reset.state == ResetState.CANCELLED and not held(alice)
    assert read_mail(alice.email).subject == "Your authenticator app stays"
    assert browser.post(STOP).status_code == 409
    with shift_clock(hours=25):
        resets_do(0)
        assert has_factor(alice)


@pytest.mark.django_db
def test_a_session_without_the_factor_does_not_call_it_off():
    alice = enrolled()
    scheduled(alice)
    browser = signed_in(alice, verified=False)
    assert "sign in with its code" in browser.get(SECURITY).content.decode()
    assert browser.post(STOP).status_code == 403
    assert held(alice)


@pytest.mark.django_db
def test_calling_one_off_does_not_end_the_wait_of_the_one_before():
    alice = enrolled()
    scheduled(alice)
    with shift_clock(hours=25):
        resets_do(0)
        second_factor.authenticator_give(user=alice, key=second_factor.new_key())
        scheduled(alice)
        resets.reset_call_off(user_id=alice.pk)
        assert held(alice)
    with shift_clock(hours=25 + 47):
        assert held(alice)


@pytest.mark.django_db
def test_the_hold_is_never_shortened():
    alice = enrolled()
    far = clock.now() + dt.timedelta(days=30)
    User.objects.filter(pk=alice.pk).update(payouts_from=far)
    scheduled(alice)
    alice.refresh_from_db()
    assert alice.payouts_from == far
    with shift_clock(hours=25):
        resets_do(0)
    alice.refresh_from_db()
    assert alice.payouts_from == far


# --- at the same moment ---------------------------------------------------------------------------


def called_off_and_done(person: User) -> list[object]:
    acts = [lambda: resets.reset_call_off(user_id=person.pk), resets.resets_do]
    return together(2, lambda number: acts[number]())


@pytest.mark.race
@pytest.mark.fault("A09")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(3))
def test_calling_off_and_the_job_at_the_same_moment(attempt, monkeypatch):
    alice = enrolled()
    reset = scheduled(alice)
    moves_meet(monkeypatch, resets, meeting=Meeting(2))
    with shift_clock(hours=25):
        results = called_off_and_done(alice)
        reset.refresh_from_db()
        done = reset.state == ResetState.DONE
        assert len(errors(results)) == (1 if done else 0), "the late call-off hears of it"
        assert has_factor(alice) != done
        assert held(alice) == done
        assert password_step(alice)[1] == ("/" if done else "/accounts/code/")


@pytest.mark.race
@pytest.mark.fault("A09")
@pytest.mark.django_db(transaction=True)
def test_without_lock_and_look_the_database_still_lets_one_of_them_be(monkeypatch):
    alice = enrolled()
    reset = scheduled(alice)
    rows_unlocked(monkeypatch)
    moves_unguarded(monkeypatch, resets, meeting=Meeting(2))
    with shift_clock(hours=25):
        found = errors(called_off_and_done(alice))
    # Where the job loses, it logs it and goes on with the next.
    assert len(found) <= 1 and not any(isinstance(error, Refused) for error in found), (
        "a trigger's word, for no person to read"
    )
    reset.refresh_from_db()
    assert has_factor(alice) == (reset.state == ResetState.CANCELLED)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_agreed_at_the_same_moment_leave_one():
    alice = enrolled()
    rita, tom, ada = staff(Role.REVIEWER), staff(Role.TREASURY), staff(Role.ADMINISTRATOR)
    first = asked(alice, rita)
    second = Request.objects.get(pk=first.pk)
    seal = request_seal(second, request_effect(second))
    found = errors(
        together(2, lambda n: request_approve(request_id=first.pk, by=(tom, ada)[n], seen=seal, words=YES))
    )
    assert len(found) == 1 and isinstance(found[0], Refused)
    assert FactorReset.objects.filter(user=alice).count() == 1

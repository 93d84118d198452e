"""A proven identity ends: notice before, limits fall, gold stays and can be sold; a renewal takes nothing away."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import DatabaseError

from accounts.models import KycStatus, Tier, User
from accounts.tests.people import customer, read_mail, signed_in
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from kyc import mails, services
from kyc.models import Case, CaseState
from kyc.selectors import case_of
from kyc.services.cases import Facts
from kyc.tests.making import NAME, approve, photos_once, reviewer, send_back, sent, standing
from ledger import chart
from ledger.selectors import balance
from notifications.models import Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("photos_once")]
__all__ = ["photos_once"]


@pytest.fixture
def amina() -> User:
    return customer(email="amina@example.com")


@pytest.fixture
def proven(amina: User) -> Case:
    case = approve(sent(amina), reviewer())
    case.refresh_from_db()
    return case


def ends_in(case: Case, **time: float) -> None:
    """Move the end of a case to so long from now."""
    assert case.decided_at
    Case.objects.filter(pk=case.pk).update(valid_until=case.decided_at + dt.timedelta(**time))


def test_until_its_day_it_holds(proven: Case) -> None:
    assert services.cases_expire() == 0
    with shift_clock(days=729):
        assert services.cases_expire() == 0
    assert standing(proven.user) == KycStatus.VERIFIED
    with shift_clock(days=733):
        assert services.cases_expire() == 1
        assert services.cases_expire() == 0
        assert "has ended" in read_mail(proven.user.email).subject
    assert standing(proven.user) == KycStatus.EXPIRED


def test_a_month_before_its_end_one_letter_goes_out(proven: Case) -> None:
    ends_in(proven, days=31)
    assert services.cases_remind() == 0
    ends_in(proven, days=29)
    assert services.cases_remind() == 1
    assert services.cases_remind() == 0
    letter = read_mail(proven.user.email)
    assert "again who you are" in letter.subject
    assert NAME not in str(letter.body)
    assert Message.objects.filter(kind="kyc-ending").count() == 1


def broken_for(person: User, write: Callable[..., None]) -> Callable[..., None]:
    """As if the row of one person could not be written."""

    def written(case: Case, *more: object) -> None:
        if case.user_id == person.pk:
            raise DatabaseError("a broken row")
        write(case, *more)

    return written


def test_a_broken_row_keeps_nobody_else_from_letter_or_end(amina: User, proven: Case, monkeypatch) -> None:
    second = approve(sent(name="Peter Kamau"), reviewer())
    second.refresh_from_db()
    ends_in(proven, days=5)
    ends_in(second, days=6)
    with monkeypatch.context() as patch:
        patch.setattr(mails, "ending", broken_for(amina, mails.ending))
        patch.setattr(mails, "expired", broken_for(amina, mails.expired))
        assert services.cases_remind() == 1
        with shift_clock(days=7):
            assert services.cases_expire() == 1
    assert (standing(amina), standing(second.user)) == (KycStatus.VERIFIED, KycStatus.EXPIRED)
    # Nothing of the broken one was done by halves: it is done when it can be.
    assert services.cases_remind() == 1
    with shift_clock(days=7):
        assert services.cases_expire() == 1
    assert standing(amina) == KycStatus.EXPIRED


def test_who_renews_already_gets_no_letter(amina: User, proven: Case) -> None:
    ends_in(proven, days=20)
    services.case_save(user_id=amina.pk, facts=Facts(legal_name=NAME))
    assert services.cases_remind() == 0


def test_a_renewal_takes_nothing_away(amina: User, proven: Case) -> None:
    ends_in(proven, days=20)
    browser = signed_in(amina)
    assert "Show it again" in browser.get("/kyc/").content.decode()
    renewal = sent(amina)
    assert renewal.pk != proven.pk
    assert standing(amina) == KycStatus.VERIFIED
    assert "You are verified until" in browser.get("/kyc/").content.decode()
    send_back(renewal, reviewer(), name="A name is missing.")
    assert standing(amina) == KycStatus.VERIFIED
    services.case_save(user_id=amina.pk, facts=Facts(legal_name=f"{NAME} Achieng"))
    again = services.case_submit(user_id=amina.pk)
    approve(again, reviewer())
    states = dict(Case.objects.values_list("pk", "state"))
    assert states == {proven.pk: CaseState.EXPIRED, again.pk: CaseState.APPROVED}
    assert standing(amina) == KycStatus.VERIFIED
    assert not Message.objects.filter(kind="kyc-expired").exists()


def test_a_renewal_under_way_at_the_end_is_in_review(amina: User, proven: Case) -> None:
    ends_in(proven, days=20)
    sent(amina)
    with shift_clock(days=21):
        services.cases_expire()
    assert standing(amina) == KycStatus.PENDING


def test_the_same_id_proves_the_same_person_again(amina: User, proven: Case) -> None:
    ends_in(proven, days=20)
    approve(sent(amina, number=proven.id_number), reviewer())
    assert standing(amina) == KycStatus.VERIFIED


def test_after_the_end_a_new_case_begins(amina: User, proven: Case) -> None:
    with shift_clock(days=740):
        services.cases_expire()
        assert "Your verified identity has ended" in signed_in(amina).get("/kyc/").content.decode()
        approve(sent(amina), reviewer())
    assert standing(amina) == KycStatus.VERIFIED
    found = case_of(amina)
    assert found
    assert found.pk != proven.pk


def test_gold_stays_and_is_sold_within_the_small_limits(world: World) -> None:
    alice = world.alice
    approve(sent(alice), reviewer())
    paid(buy(alice, 66_000))
    with shift_clock(days=740):
        services.cases_expire()
    alice.refresh_from_db()
    assert alice.tier == Tier.UNVERIFIED
    assert balance(chart.user_gold(alice.pk)) == Decimal(4)
    with pytest.raises(Refused, match="at most KES 20,000 at once"):
        sell(alice, None)
    paid(sell(alice, Decimal(1)))
    assert balance(chart.user_gold(alice.pk)) == Decimal(3)
    assert_books()


def test_the_jobs_ask_the_services(proven: Case) -> None:
    from kyc import tasks

    ends_in(proven, days=5)
    tasks.remind(0)
    assert Message.objects.filter(kind="kyc-ending").exists()
    ends_in(proven, seconds=-5)
    tasks.expire(0)
    assert standing(proven.user) == KycStatus.EXPIRED

"""The raw statement that opens every order, held to the model. That it locks is shown by the races of a buy."""

import uuid

import pytest

from accounts.models import KycStatus, Tier, User
from accounts.services import person_freeze, person_lock
from accounts.tests.people import customer
from goldwallet.clock import after
from goldwallet.test.clock import shift_clock

pytestmark = pytest.mark.django_db


def test_it_reads_what_the_orm_reads() -> None:
    person = customer(kyc_status=KycStatus.VERIFIED)
    found = person_lock(person.pk)
    assert (found.id, found.kyc_status, found.is_active) == (person.pk, person.kyc_status, person.is_active)
    assert not found.frozen
    assert not found.payouts_held
    assert found.tier == person.tier == Tier.VERIFIED
    assert found.phone_lookup == person.phone_lookup != ""
    User.objects.filter(pk=person.pk).update(enhanced=True, payouts_from=after(60))
    assert person_lock(person.pk).tier == Tier.ENHANCED
    assert person_lock(person.pk).payouts_held
    with shift_clock(seconds=61):
        assert not person_lock(person.pk).payouts_held
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert not person_lock(person.pk).is_active
    person_freeze(user_id=person.pk, reason="A payment was taken back.")
    assert person_lock(person.pk).frozen


def test_nobody_of_that_id() -> None:
    with pytest.raises(User.DoesNotExist):
        person_lock(uuid.uuid4())

"""Finding a person by their legal name: by whole words, in any order, and not after they are forgotten."""

import pytest

from accounts.tests.people import customer
from goldwallet.sealing import fingerprint
from kyc import services
from kyc.models import Case, NameWord
from kyc.names import name_words_backfill, people_named
from kyc.services.cases import Facts
from kyc.tests.making import written

pytestmark = pytest.mark.django_db


def named(text: str) -> list:
    return people_named(text, most=20)


def test_a_name_is_found_by_its_words_in_any_order_and_without_accents() -> None:
    amina, other = customer(), customer()
    written(amina, name="Amina Wanjiru O'Tieno")
    written(other, name="Aminá Chebet")
    assert named("WANJIRU amina") == [amina.pk]
    assert set(named("amina")) == {amina.pk, other.pk}
    assert named("amina chebet wanjiru") == []
    assert named("wanj") == []
    assert named("") == named("  ' ") == named("a") == []
    assert named(" ".join(f"word{letter}" for letter in "abcdefghi")) == []


def test_a_name_that_is_written_anew_is_found_by_its_new_words_alone() -> None:
    person = customer()
    written(person, name="Amina Wanjiru")
    services.case_save(user_id=person.pk, facts=Facts(legal_name="Amina Chebet"))
    assert named("wanjiru") == []
    assert named("chebet") == [person.pk]
    assert NameWord.objects.count() == 2


def test_a_name_that_is_refused_leaves_no_words() -> None:
    person = customer()
    with pytest.raises(Exception, match="letters only"):
        services.case_save(user_id=person.pk, facts=Facts(legal_name="Amina 2"))
    assert not NameWord.objects.exists()


def test_words_are_keyed_hashes_and_no_plain_ones() -> None:
    written(customer(), name="Amina Wanjiru")
    lookups = set(NameWord.objects.values_list("word_lookup", flat=True))
    assert lookups == {fingerprint(word, kind="name_word") for word in ("amina", "wanjiru")}


def test_a_person_with_two_cases_of_one_name_is_found_once() -> None:
    person = customer()
    case = written(person, name="Amina Wanjiru")
    Case.objects.filter(pk=case.pk).update(state="expired")
    written(person, name="Amina Wanjiru")
    assert named("amina wanjiru") == [person.pk]


def test_names_from_before_are_noted_in_small_batches_and_once() -> None:
    people = [customer() for _ in range(3)]
    for person, name in zip(people, ("Amina Wanjiru", "李小龙", "Otieno Ouma"), strict=True):
        written(person, name=name)
    NameWord.objects.all().delete()
    assert name_words_backfill(most=2) == 2
    assert name_words_backfill(most=2) == 1
    assert name_words_backfill(most=2) == 0
    assert named("otieno") == [people[2].pk]


def test_a_case_that_was_erased_is_not_noted() -> None:
    case = written(customer(), name="Amina Wanjiru")
    NameWord.objects.all().delete()
    Case.objects.filter(pk=case.pk).update(legal_name_sealed="")
    assert name_words_backfill() == 0

"""Finding a person by their legal name: by whole words, in any order, and not after they are forgotten."""

import pytest
from structlog.testing import capture_logs

from accounts.tests.people import customer
from goldwallet.sealing import fingerprint
from kyc import services
from kyc.facts import name_words
from kyc.models import Case, NameWord
from kyc.names import WAY, name_words_renew, people_named
from kyc.services.cases import Facts
from kyc.tasks import name_words as name_words_task
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


@pytest.mark.parametrize(
    ("paper", "typed"),
    [
        ("Peter Ndung'u", ["Ndung'u", "Ndungu", "ndung’u", "NDUNGʼU", "ndung‘u", "ndung`u", "Peter Ndungu"]),
        ("Ng’ang’a Kamau", ["Ng'ang'a", "Nganga", "NG`ANG`A", "ng'anga", "kamau ng´ang´a"]),
        ("Njugunaʼa Ndungu", ["njugunaa", "Ndung'u", "ndung’u"]),
        ("Łukasz Sørensen", ["lukasz", "Łukasz", "LUKASZ SORENSEN", "sørensen"]),
        ("Đorđe Strauß", ["dorde strauss", "DORDE", "strauß"]),
        ("Ærø Þórr", ["aero", "thorr"]),
        ("Wangarĩ Mũthoni", ["wangari muthoni", "wangarĩ"]),
    ],
)
def test_a_name_is_found_however_its_apostrophes_and_letters_are_typed(paper: str, typed: list[str]) -> None:
    person = customer()
    written(person, name=paper)
    written(customer(), name="Jane Doe")
    assert {text: named(text) for text in typed} == {text: [person.pk] for text in typed}
    assert named("ndung u") == named("ang") == named("ng") == []


def test_a_name_that_is_written_anew_is_found_by_its_new_words_alone() -> None:
    person = customer()
    written(person, name="Amina Wanjiru")
    services.case_save(user_id=person.pk, facts=Facts(legal_name="Amina Chebet"))
    assert named("wanjiru") == []
    assert named("chebet") == [person.pk]
    assert NameWord.objects.exclude(word_lookup=WAY).count() == 2


def test_a_name_that_is_refused_leaves_no_words() -> None:
    person = customer()
    with pytest.raises(Exception, match="letters only"):
        services.case_save(user_id=person.pk, facts=Facts(legal_name="Amina 2"))
    assert not NameWord.objects.exists()


def test_words_are_keyed_hashes_and_no_plain_ones() -> None:
    written(customer(), name="Amina Wanjiru")
    lookups = set(NameWord.objects.values_list("word_lookup", flat=True))
    assert lookups - {WAY} == {fingerprint(word, kind="name_word") for word in ("amina", "wanjiru")}


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
    assert name_words_renew(most=2) == 2
    assert name_words_renew(most=2) == 1
    assert name_words_renew(most=2) == 0
    assert named("otieno") == [people[2].pk]


def in_an_older_way(case: Case, *words: str) -> None:
    """As an earlier version of the house left it."""
    NameWord.objects.filter(case=case).delete()
    for word in words:
        NameWord.objects.create(case=case, word_lookup=fingerprint(word, kind="name_word") if word else "")


def test_words_that_were_made_in_an_older_way_are_made_anew_by_the_worker() -> None:
    person, other, foreign = customer(), customer(), customer()
    in_an_older_way(written(person, name="Peter Ng'ang'a"), "peter", "ng", "ang")
    in_an_older_way(written(foreign, name="李小龙"), "")
    new = written(other, name="Peter Ndung'u")
    kept = set(NameWord.objects.filter(case=new).values_list("pk", flat=True))
    assert named("nganga") == []
    assert set(named("peter")) == {person.pk, other.pk}
    name_words_task(0)
    assert named("nganga") == named("Ng'ang'a") == [person.pk]
    assert named("ang") == []
    assert set(named("peter")) == {person.pk, other.pk}
    assert set(NameWord.objects.filter(case=new).values_list("pk", flat=True)) == kept
    assert name_words_renew() == 0


def test_a_name_that_does_not_open_keeps_its_words_and_holds_up_no_other() -> None:
    broken, fine = sorted(
        (written(customer(), name="Peter Ng'ang'a") for _ in range(2)), key=lambda case: case.pk
    )
    for case in (broken, fine):
        in_an_older_way(case, "peter", "ng", "ang")
    Case.objects.filter(pk=broken.pk).update(legal_name_sealed=fine.legal_name_sealed)
    with capture_logs() as logs:
        assert name_words_renew() == 1
    assert named("nganga") == [fine.user_id]
    assert set(named("peter")) == {broken.user_id, fine.user_id}
    [line] = [line for line in logs if line["log_level"] == "error"]
    assert line["case"] == str(broken.pk)
    assert "ang" not in str(line)


def test_whoever_changes_how_words_are_made_raises_the_way() -> None:
    """Else words that stand there already are never made anew."""
    names = ["Ng'ang’a OUMA", "José Müller-Lüdenscheidt Jr.", "Łukasz Sørensen", "Đỗ A Strauß", "李小龙"]
    assert WAY == "2"
    assert [" ".join(sorted(name_words(name))) for name in names] == [
        "nganga ouma",
        "jose jr ludenscheidt muller",
        "lukasz sorensen",
        "do strauss",
        "",
    ]


def test_a_case_that_was_erased_is_not_noted() -> None:
    case = written(customer(), name="Amina Wanjiru")
    NameWord.objects.all().delete()
    Case.objects.filter(pk=case.pk).update(legal_name_sealed="")
    assert name_words_renew() == 0

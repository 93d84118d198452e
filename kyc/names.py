"""Finding people by their legal name, which is sealed: each word of it stands beside its case as a keyed hash.

Only whole words are found. Hashes of beginnings would let who reads the database guess a name letter by letter.
"""

import uuid

from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from goldwallet.sealing import fingerprint
from kyc.facts import name_words
from kyc.models import Case, NameWord

_KIND = "name_word"
#: Of a case whose name has no word in our letters: it has been looked at. Nothing is searched by it.
_NONE = ""
#: A search takes so many words; a name has fewer.
_MOST_WORDS = 8


def _lookup(word: str) -> str:
    return fingerprint(word, kind=_KIND)


def name_words_note(case: Case) -> None:
    """Write down the words of the case's legal name instead of those that stood there, in the caller's transaction."""
    words = name_words(case.legal_name) or {_NONE}
    NameWord.objects.filter(case=case).delete()
    rows = [NameWord(case=case, word_lookup=_lookup(word)) for word in sorted(words)]
    NameWord.objects.bulk_create(rows, ignore_conflicts=True)


def name_words_backfill(*, most: int = 200) -> int:
    """Note the words of names that were written before there were any; answers of how many cases."""
    noted = NameWord.objects.filter(case=OuterRef("pk"))
    missing = Case.objects.exclude(legal_name_sealed="").filter(~Exists(noted)).order_by("pk")
    return sum(_backfilled(pk) for pk in list(missing.values_list("pk", flat=True)[:most]))


@transaction.atomic
def _backfilled(case_id: uuid.UUID) -> bool:
    """Under the case's lock, so that a name that is written or erased at this moment wins."""
    case = Case.objects.select_for_update(no_key=True).get(pk=case_id)
    if not case.legal_name_sealed:
        return False
    name_words_note(case)
    return True


def people_named(text: str, *, most: int) -> list[uuid.UUID]:
    """Whose proven or claimed legal name has all of these words, in any order; at most so many. None without a word."""
    words = sorted(name_words(text))
    if not words or len(words) > _MOST_WORDS:
        return []
    found = NameWord.objects.filter(word_lookup__in=[_lookup(word) for word in words])
    cases = found.values("case").annotate(words=Count("word_lookup")).filter(words=len(words))
    people = Case.objects.filter(pk__in=cases.values("case")).order_by("user_id")
    return list(people.values_list("user_id", flat=True).distinct()[:most])

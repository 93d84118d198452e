"""Finding people by their legal name, which is sealed: each word of it stands beside its case as a keyed hash.

Only whole words are found. Hashes of beginnings would let who reads the database guess a name letter by letter.
"""

import uuid

import structlog
from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from goldwallet.sealing import SealBroken, fingerprint
from kyc.facts import name_words
from kyc.models import Case, NameWord

log = structlog.get_logger(__name__)

_KIND = "name_word"
#: In which way `name_words` makes words. It stands as a row beside the words of each case, and is no hash: nothing is
#: found by it. When it is raised, the worker makes the words of all cases anew, from the sealed names.
WAY = "2"
#: A search takes so many words; a name has fewer.
_MOST_WORDS = 8


def _lookup(word: str) -> str:
    return fingerprint(word, kind=_KIND)


def name_words_note(case: Case) -> None:
    """Write down the words of the case's legal name instead of those that stood there, in the caller's transaction."""
    lookups = sorted(_lookup(word) for word in name_words(case.legal_name))
    NameWord.objects.filter(case=case).delete()
    rows = [NameWord(case=case, word_lookup=lookup) for lookup in [WAY, *lookups]]
    NameWord.objects.bulk_create(rows, ignore_conflicts=True)


def name_words_renew(*, most: int = 1000) -> int:
    """Note the words of names that have none yet, or have them made in an older way; answers of how many cases.

    Each case by itself: killed, the next run goes on, and what is not done yet is found by its old words.
    """
    noted = NameWord.objects.filter(case=OuterRef("pk"), word_lookup=WAY)
    missing = Case.objects.exclude(legal_name_sealed="").filter(~Exists(noted)).order_by("pk")
    done = sum(_renewed(pk) for pk in list(missing.values_list("pk", flat=True)[:most]))
    if done:
        log.info("words of names are noted", cases=done)
    return done


def _renewed(case_id: uuid.UUID) -> bool:
    """Under the case's lock, so that a name that is written or erased at this moment wins."""
    try:
        with transaction.atomic():
            case = Case.objects.select_for_update(no_key=True).get(pk=case_id)
            if not case.legal_name_sealed:
                return False
            name_words_note(case)
            return True
    except SealBroken as error:
        log.error("a name does not open", case=str(case_id), why=str(error))
        return False


def people_named(text: str, *, most: int) -> list[uuid.UUID]:
    """Whose proven or claimed legal name has all of these words, in any order; at most so many. None without a word."""
    words = sorted(name_words(text))
    # No name has a digit: numbers and codes ask nothing here.
    if not words or len(words) > _MOST_WORDS or any(sign.isdigit() for sign in text):
        return []
    found = NameWord.objects.filter(word_lookup__in=[_lookup(word) for word in words])
    cases = found.values("case").annotate(words=Count("word_lookup")).filter(words=len(words))
    people = Case.objects.filter(pk__in=cases.values("case")).order_by("user_id")
    return list(people.values_list("user_id", flat=True).distinct()[:most])

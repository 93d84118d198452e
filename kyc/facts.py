"""What a person writes about themselves, checked and brought into one form. Each refusal says how to write it."""

import datetime as dt
import re
import unicodedata

from goldwallet.errors import Refused
from kyc.models import IdType

LEAST_AGE = 18
_OLDEST = 120
_LONGEST_NAME = 100

#: What stands on a Kenyan paper, spaces and dashes left out. Foreign passports are wider than ours.
_NUMBERS = {
    IdType.NATIONAL_ID: (
        re.compile(r"[0-9]{6,9}"),
        "The number of a national ID has 6 to 9 digits, for example 12345678.",
    ),
    IdType.PASSPORT: (
        re.compile(r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{6,9}"),
        "The number of a passport has 6 to 9 letters and digits, for example AK0123456.",
    ),
    IdType.ALIEN_ID: (
        re.compile(r"[0-9]{5,9}"),
        "The number of an alien ID has 5 to 9 digits, for example 123456.",
    ),
}
_WITHIN_A_NAME = frozenset(" '’.-")
#: Whatever people and phones write for an apostrophe: Ng'ang'a and Nganga are one word.
_APOSTROPHES = str.maketrans("", "", "'’‘‛ʼʻʽʾʿ`´′＇")
#: Letters of one piece, as people write them who have no key for them.
_PLAIN_LETTERS = str.maketrans("øłđðħŧıɓɖɗƙƴɛɔ", "olddhtibddkyeo") | str.maketrans(
    {"æ": "ae", "œ": "oe", "þ": "th", "ŋ": "ng"}
)


def name_parse(text: str) -> str:
    """A legal name, as its paper has it. Raises Refused."""
    name = " ".join(unicodedata.normalize("NFC", text.replace("\x00", " ")).split())
    if not name:
        raise Refused("Write your name as it stands on your ID.", code="name")
    if len(name) > _LONGEST_NAME:
        raise Refused(f"Keep your name under {_LONGEST_NAME} letters.", code="name")
    # Marks are accents that have no sign of their own with their letter.
    letters = sum(sign.isalpha() for sign in name)
    if letters < 2 or not all(
        sign.isalpha() or sign in _WITHIN_A_NAME or unicodedata.category(sign) == "Mn" for sign in name
    ):
        raise Refused("Write your name with letters only, as it stands on your ID.", code="name")
    return name


def birth_date_parse(*, day: str, month: str, year: str, today: dt.date) -> dt.date:
    """`today` is Nairobi's. Raises Refused, also for who is not grown up yet."""
    day, month, year = day.strip(), month.strip(), year.strip()
    parts = (day, month, year)
    if not all(part.isascii() and part.isdigit() for part in parts) or len(year) != 4:
        raise Refused("Write day, month and year in digits, for example 27 3 1990.", code="birth_date")
    try:
        born = dt.date(int(year), int(month), int(day))
    except ValueError:
        raise Refused("There is no such day. Look at day, month and year again.", code="birth_date") from None
    birth_date_check(born, today=today)
    return born


def birth_date_check(born: dt.date, *, today: dt.date) -> None:
    """Raises Refused for who is younger than 18, and for what nobody lives to."""
    if born > today or age(born, today=today) > _OLDEST:
        raise Refused(
            "Look at the year again: nobody is born then and opens a wallet now.", code="birth_date"
        )
    if age(born, today=today) < LEAST_AGE:
        raise Refused(f"You can verify your identity from {LEAST_AGE} years on.", code="too_young")


def age(born: dt.date, *, today: dt.date) -> int:
    """Whole years. Who was born on 29 February is a year older on 1 March."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def id_number_parse(id_type: str, text: str) -> str:
    """The number without spaces and dashes, in capitals. Raises Refused."""
    if id_type not in IdType.values:
        raise Refused("Choose which ID you show us.", code="id_type")
    pattern, sentence = _NUMBERS[IdType(id_type)]
    number = re.sub(r"[ \-./]", "", text).upper()
    if not pattern.fullmatch(number):
        raise Refused(sentence, code="id_number")
    return number


def name_words(name: str) -> frozenset[str]:
    """The words of a name for comparing: without accents, apostrophes, capitals and the order of the words.

    Who changes what comes out raises `kyc.names.WAY`.
    """
    letters = unicodedata.normalize("NFKD", name.casefold().translate(_APOSTROPHES))
    plain = "".join(sign for sign in letters if not unicodedata.combining(sign)).translate(_PLAIN_LETTERS)
    return frozenset(word for word in re.split(r"[^a-z0-9]+", plain) if len(word) > 1)

"""What people type: numbers read strictly by `goldwallet.money` and its like, and words as they are kept."""

from collections.abc import Callable

from django.core.exceptions import ValidationError

from goldwallet.errors import Refused


def read[T](parse: Callable[[str], T], text: str) -> T:
    """What `parse` makes of the text; what it refuses becomes the sentence beside the field."""
    try:
        return parse(text)
    except Refused as refused:
        raise ValidationError(refused.sentence, code=refused.code) from refused


def read_if_any[T](parse: Callable[[str], T], text: str) -> T | None:
    """The same for a field that may be empty: None."""
    return read(parse, text) if text else None


def one_line(text: str) -> str:
    """What somebody wrote, on one line and with single spaces; without NUL, which the database does not take."""
    return " ".join(text.replace("\x00", " ").split())

"""Staff who look for a person by what they have of one, counted for each of them wherever they do it.

The page Find, the list of people, and every list that is filtered by a name, an e-mail address or a phone answer the
same question: is there somebody with this? More in an hour than a day's work takes is somebody who tries numbers or
copies the list.
"""

from django.http import HttpRequest

from accounts.limits import count
from goldwallet.errors import TooOften


def search_counted(request: HttpRequest) -> None:
    """One more search of this member of staff. Raises TooOften; RuntimeError within a transaction."""
    count("searches_person", str(request.user.pk))


def search_refused(request: HttpRequest, *names: str, address: bool = False) -> TooOften | None:
    """Count a look at a list when one of its filters `names` is filled in; `address`: with an e-mail address, as other
    text there is nobody's.

    Answers why it may not be had. Then the list reads no filter at all: a sentence beside a field would be an answer.
    """
    # Each of several of one name: which of them a form reads is the form's.
    typed = [text.strip() for name in names for text in request.GET.getlist(name)]
    if not any("@" in text if address else text for text in typed):
        return None
    try:
        search_counted(request)
    except TooOften as refused:
        return refused
    return None

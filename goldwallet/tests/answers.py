"""What every answer of the house must carry, and what no page of ours may hold (docs/architecture.md, "The web")."""

import re
from functools import lru_cache
from html.parser import HTMLParser

from django.http import HttpResponse

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": r"same-origin|no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": r".*camera=\((self)?\).*geolocation=\(\).*",
}
POLICY = {
    "default-src": {"'self'"},
    "style-src": {"'self'"},
    "connect-src": {"'self'"},
    "object-src": {"'none'"},
    "base-uri": {"'none'"},
    "form-action": {"'self'"},
    "frame-ancestors": {"'none'"},
}
_SECRETIVE = {"no-store", "private"}
#: Stands where the nonce of an answer stood, so that no page can hold it by chance.
_NONCE = "the-nonce-of-this-answer"
#: Django's token against forged requests.
_TOKEN = re.compile(r'(?<= name="csrfmiddlewaretoken" value=")\w{64}(?=")')


class _Inline(HTMLParser):
    """Finds what the policy would refuse: script and style in the page itself, without its nonce."""

    def __init__(self, nonces: set[str]) -> None:
        super().__init__()
        self.nonces, self.found = nonces, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"<{tag} {name}>" for name in given if name.startswith("on") or name == "style"]
        if any((value or "").strip().lower().startswith("javascript:") for value in given.values()):
            self.found.append(f"<{tag} javascript:>")
        if tag == "style" or (tag == "script" and given.get("nonce") not in self.nonces):
            self.found.append(f"<{tag}>")
        if tag == "form" and re.match(r"(\w+:)?//", given.get("action") or ""):
            self.found.append(f"<form action={given['action']}>")


def directives(answer: HttpResponse) -> dict[str, set[str]]:
    """The content security policy, each directive with its sources."""
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";") if part.strip()]
    return {name: set(sources) for name, *sources in parts}


def complaints(answer: HttpResponse) -> list[str]:
    """What is wrong with an answer, whatever its status; nothing, if nothing is."""
    wrong = [
        f"{name}: {answer.get(name)}"
        for name, pattern in HEADERS.items()
        if not re.fullmatch(pattern, answer.get(name, ""))
    ]
    if "Content-Security-Policy" not in answer:
        return [*wrong, "no Content-Security-Policy"]
    policy = directives(answer)
    page = answer.get("Content-Type", "").startswith("text/html")
    if not page and policy.get("default-src") == {"'none'"}:
        return wrong  # a file: nothing at all may run in it
    wrong += [f"{name} {policy.get(name)}" for name, sources in POLICY.items() if policy.get(name) != sources]
    nonces = {source for source in policy["script-src"] if source.startswith("'nonce-")}
    if policy["script-src"] - nonces != {"'self'"}:
        wrong.append(f"script-src {policy['script-src']}")
    if page:
        wrong += _page_complaints(answer, {nonce[len("'nonce-") : -1] for nonce in nonces})
    return wrong


def _page_complaints(answer: HttpResponse, nonces: set[str]) -> list[str]:
    wrong = []
    rules = {part.strip() for part in answer.get("Cache-Control", "").split(",")}
    if _SECRETIVE - rules:
        wrong.append(f"Cache-Control: {answer.get('Cache-Control')}")
    if "HX-Request" not in answer.get("Vary", ""):
        wrong.append(f"Vary: {answer.get('Vary')}")
    # Many answers are the same page but for what is drawn anew for each: it is read once.
    text = answer.content.decode()
    for nonce in nonces:
        text = text.replace(f'nonce="{nonce}"', f'nonce="{_NONCE}"')
    return wrong + _inline(_TOKEN.sub("", text))


@lru_cache(maxsize=512)
def _inline(page: str) -> list[str]:
    reader = _Inline({_NONCE})
    reader.feed(page)
    return reader.found

"""What the tests of pages share: signed-in browsers, and the proof that nothing has changed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in
from ledger.models import Account, Transaction
from payments.models import Payment
from pools.models import Allocation
from trading.models import Order, Quote

PHONE = "0712 345 678"


def browser(person: User) -> Client:
    return signed_in(person)


def text(response) -> str:
    """What a person reads: tags gone, spaces folded."""
    plain = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return " ".join(unescape(plain).split())


def state_of_the_house() -> dict[str, object]:
    return {
        "transactions": Transaction.objects.count(),
        "balances": dict(Account.objects.values_list("code", "balance")),
        "orders": list(Order.objects.order_by("pk").values_list("pk", "status")),
        "payments": list(Payment.objects.order_by("pk").values_list("pk", "state")),
        "allocations": Allocation.objects.count(),
        "used quotes": Quote.objects.exclude(used_at=None).count(),
    }


@contextmanager
def nothing_changes(*, quotes: bool = True) -> Iterator[None]:
    """No order, payment, posting or used quote; and, unless told otherwise, no new quote either."""
    before, asked = state_of_the_house(), Quote.objects.count()
    yield
    assert state_of_the_house() == before
    if quotes:
        assert Quote.objects.count() == asked


def ask(client: Client, side: str, /, **fields: str):
    """Ask for a price; with the phone of alice unless told."""
    return client.post(reverse(side), {"phone": PHONE, **fields})


def quote_asked(client: Client, side: str, **fields: str) -> Quote:
    response = ask(client, side, **fields)
    assert response.status_code == 302, text(response)
    return Quote.objects.get(pk=response["Location"].rstrip("/").rpartition("/")[2])


def confirm(client: Client, side: str, quote: object, /, **fields: str):
    return client.post(reverse(side), {"quote": str(getattr(quote, "pk", quote)), **fields})


def order_confirmed(client: Client, side: str, **fields: str) -> Order:
    response = confirm(client, side, quote_asked(client, side, **fields))
    assert response.status_code == 302, text(response)
    return Order.objects.get(pk=response["Location"].rstrip("/").rpartition("/")[2])


def attribute(response, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', response.content.decode())
    assert found is not None, f"{name} is not on the page"
    return found.group(1)


def hidden(response, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', response.content.decode())
    assert found is not None, f"there is no hidden {name}"
    return found.group(1)

"""Transactions of a day in March, and what the ledger's lists show of them."""

import datetime as dt
import re
from decimal import Decimal

from django.db import connection
from django.test import Client
from django.urls import reverse

from goldwallet.clock import NAIROBI
from ledger import chart
from ledger.models import Transaction
from ledger.services import Transfer, post
from trading.tests.pages import text

LIST = "/desk/ledger/transactions/"


def numbers(response) -> list[int]:
    assert response.status_code == 200, text(response)
    rows = response.content.decode().partition('id="rows"')[2].partition('id="trail"')[0]
    return [int(number) for number in re.findall(rf'href="{LIST}(\d+)/"', rows)]


def found(desk: Client, **asked: object) -> list[int]:
    return numbers(desk.get(LIST, asked))


def keys(ids: list[int]) -> list[str]:
    by_id = dict(Transaction.objects.filter(pk__in=ids).values_list("pk", "key"))
    return [by_id[number] for number in ids]


def every_id(**conditions: object) -> list[int]:
    rows = Transaction.objects.filter(**conditions).order_by("-created_at", "-pk")
    return list(rows.values_list("pk", flat=True))


def move(
    number: int, amount: Decimal | int = 1, *, kind: str = "test", actor: str = "", memo: str = ""
) -> int:
    transfer = Transfer(chart.mpesa_collections(), chart.house_sales(), Decimal(amount))
    return post(key=f"test:{number}", kind=kind, transfers=[transfer], actor=actor, memo=memo)


def dated(transaction_id: int, at: dt.datetime) -> None:
    """Let it have been posted then. The book's guards are off for this one statement."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_transaction DISABLE TRIGGER USER")
        cursor.execute("UPDATE ledger_transaction SET created_at = %s WHERE id = %s", [at, transaction_id])
        cursor.execute("ALTER TABLE ledger_transaction ENABLE TRIGGER USER")


def nairobi(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, day, hour, minute, tzinfo=NAIROBI)


def three_days() -> str:
    """Lines on 4, 5 and 6 March of 10, 20 and 30 shillings; the page of their account."""
    for number, day in enumerate((4, 5, 6)):
        dated(move(number, (number + 1) * 10), nairobi(day))
    return reverse("desk_account", args=["house:sales"])

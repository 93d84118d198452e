"""A house in which every page has something to show: the ids of the route matrix are those of real rows.

What belongs to a customer belongs to Alice. Visitors differ in what they may do, and none of them is Alice but herself.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings

from accounts.models import StepUp, User
from accounts.roles import Role
from accounts.stepup import step_up_begin
from accounts.tests.people import customer, signed_in, staff
from controls.models import Export, ExportState
from controls.services import Evidence, request_make
from goldwallet.clock import NAIROBI, now
from goldwallet.test.world import World, buy, paid
from kyc.models import Document, Part
from kyc.tests.making import cleaned_once, photographed, sent, written
from ledger import chart
from ledger.models import Transaction
from ledger.services import Transfer, post
from oversight.models import Break, BreakKind, Run, RunState
from payments.models import Arrival, ArrivalState, Exchange, Kind, Payment, Source
from pools.models import Assay, Bar, Price
from pools.services import assay_add
from trading import services
from trading.tests.late import late

#: Everybody who may knock. The last one may do whatever any of the roles may.
STAFF = tuple(role.value for role in Role)
VISITORS = (
    "anonymous",
    "unverified",
    "verified",
    "frozen",
    "owner",
    "no_factor",
    *STAFF,
    "all_roles",
)
CUSTOMERS = ("unverified", "verified", "frozen", "owner")
ALL_ROLES = tuple(role for role in STAFF if role != Role.AUDITOR)


@dataclass
class Scene:
    """`ids` holds the arguments of every route by the name that its path gives them."""

    alice: User
    ids: dict[str, Any]
    #: Where one name means different things: route -> its own.
    own: dict[str, dict[str, Any]]

    def arguments(self, route: str, names: list[str]) -> dict[str, Any]:
        known = {**self.ids, **self.own.get(route, {})}
        return {name: known[name] for name in names}


def scene_create(world: World) -> Scene:
    """Alice has bought, quoted, paid late, and sent her papers; the desk has a request, a difference and odd money."""
    alice, treasury = world.alice, world.staff(Role.TREASURY)
    order = paid(buy(alice, 33_000), receipt="TKL7X2M9QA")
    waiting = late(alice, 2000, receipt="TKL7X2M9QB")
    quote = services.quote_buy(user=alice, phone=alice.phone, kes=Decimal(1000))
    sale = services.quote_sell(user=alice, phone=alice.phone, grams=Decimal("0.5"))
    sold = services.sell_confirm(
        user_id=alice.pk,
        quote_id=services.quote_sell(user=alice, phone=alice.phone, grams=Decimal("0.25")).pk,
    )
    case = sent(customer())
    mine = written(alice)
    photographed(alice, Part.SELFIE)
    run = Run.objects.create(
        state=RunState.DONE, starts_at=now() - dt.timedelta(days=1), ends_at=now(), finished_at=now()
    )
    difference = Break.objects.create(
        key="scene",
        kind=BreakKind.BOOK_BROKEN,
        kes=Decimal(7),
        sentence="A shilling is missing.",
        cause="Nobody knows.",
        first_run=run,
        last_run=run,
    )
    request = request_make(
        kind="threshold_set",
        payload={"name": "sell_min_kes", "value": "20"},
        subject="threshold:sell_min_kes",
        reason="Small sales cost us more than they bring.",
        by=treasury,
        evidence=Evidence(name="note.pdf", content=b"%PDF-1.4 a note"),
    )
    return Scene(
        alice=alice,
        ids={
            "order_id": order.pk,
            "quote_id": quote.pk,
            "payment_id": sold.payment_id,
            "pool_id": world.pool.pk,
            "bar_id": Bar.objects.get(pool=world.pool).pk,
            "assay_id": _assay(world).pk,
            "transaction_id": Transaction.objects.latest("id").pk,
            "code": "mpesa:collections",
            "request_id": request.pk,
            "said_id": Exchange.objects.create(payment_id=sold.payment_id, kind=Kind.PAY_OUT).pk,
            "run_id": run.pk,
            "price_id": Price.objects.latest("id").pk,
            "break_id": difference.pk,
            "arrival_id": _odd_money().pk,
            "export_id": _export(treasury).pk,
            "day": f"{now().astimezone(NAIROBI):%Y-%m-%d}",
            "person_id": alice.pk,
            "name": "sell",
            "case_id": case.pk,
            "document_id": Document.objects.filter(case=case).earliest("stored_at").pk,
            "part": Part.SELFIE.value,
            "step_up_id": _step_up(alice).pk,
            "uidb36": "abc",
            "key": "set-password",
            "method": "daraja",
            "kind": "collect",
            "token": Payment.objects.get(pk=order.payment_id).token,
        },
        own={
            "sell_quote": {"quote_id": sale.pk},
            "order_refund": {"order_id": waiting.pk},
            "order_rebuy": {"order_id": waiting.pk},
            "kyc_image": {"document_id": Document.objects.filter(case=mine).earliest("stored_at").pk},
            "desk_threshold_ask": {"name": "buy_min_kes"},
            "desk_export": {"kind": "orders"},
            "desk_person_roles": {"person_id": treasury.pk},
        },
    )


@contextmanager
def photographs(folder: Path) -> Iterator[None]:
    """Photos are stored in this folder, each cleaned but once for all tests."""
    with override_settings(DOCUMENT_FOLDER=folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr("kyc.documents.image_clean", cleaned_once)
        yield


def _export(by: User) -> Export:
    return Export.objects.create(
        kind="orders",
        filters="{}",
        format="csv",
        by=by,
        state=ExportState.DONE,
        expires_at=now() + dt.timedelta(days=1),
    )


def _assay(world: World) -> Assay:
    """The certificate of the bar in the vault."""
    bar = Bar.objects.get(pool=world.pool)
    return assay_add(bar_id=bar.pk, name="assay.pdf", content=b"%PDF-1.4 an assay", by=world.vault)


def _odd_money() -> Arrival:
    """A payment by hand that is nobody's yet."""
    arrival = Arrival.objects.create(
        receipt="TKL7X2M9QZ",
        amount=Decimal(500),
        source=Source.PULL,
        arrived_at=now(),
        state=ArrivalState.SUSPENSE,
    )
    kept = Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), arrival.amount)
    post(key=f"arrival:{arrival.pk}:suspense", kind="arrival_suspense", transfers=[kept])
    return arrival


def _step_up(user: User) -> StepUp:
    return step_up_begin(user=user, operation="phone", digest="0" * 64, session_key="another")


def visitor_open(name: str, scene: Scene) -> Client:
    """A browser of such a visitor."""
    if name == "anonymous":
        return Client()
    if name == "owner":
        return signed_in(scene.alice)
    if name in CUSTOMERS:
        person = customer(kyc_status="verified" if name in {"verified", "frozen"} else "unverified")
        if name == "frozen":
            User.objects.filter(pk=person.pk).update(frozen_reason="A test holds this person.")
        return signed_in(person)
    if name == "no_factor":
        return signed_in(staff(*ALL_ROLES), verified=False)
    return signed_in(staff(*(ALL_ROLES if name == "all_roles" else (name,))))


# --- what a request did ---------------------------------------------------------------------------

# As pg_stat_xact_user_tables has it. That view counts much more, of every index as well, and is asked for each request.
_WRITES = """
SELECT relname, written FROM (
    SELECT relname, pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
        + pg_stat_get_xact_tuples_deleted(oid) AS written
    FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
) AS counted
WHERE written > 0
"""


def writes() -> dict[str, int]:
    """Rows that this transaction has written so far, by table, as PostgreSQL counts them."""
    with connection.cursor() as cursor:
        cursor.execute(_WRITES)
        return dict(cursor.fetchall())


def written_since(before: dict[str, int]) -> set[str]:
    return {table for table, count in writes().items() if count != before.get(table, 0)}


class Written:
    """Tables that were written since the last look. What is taken back counts all the same, and goes on counting: so
    each look is where the next one begins.
    """

    def __init__(self) -> None:
        self._before = writes()

    def look(self) -> set[str]:
        before, self._before = self._before, writes()
        return {table for table, count in self._before.items() if count != before.get(table, 0)}


@contextmanager
def taken_back() -> Iterator[None]:
    """Whatever the block writes is undone, so that the next request meets the same house."""
    block = transaction.atomic()
    # As the test's own: what insists on being outermost (`durable`) may still stand within it.
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def made_for_all[T](blocker, make: Callable[[], T]) -> Iterator[T]:
    """What `make` makes, for a fixture of a whole module: each of its tests takes back what it does with it.

    In such a module every test that asks the database must expect it, and none may be a `transaction=True`.
    """
    block = ExitStack()
    with blocker.unblock():
        block.enter_context(taken_back())
        made = make()
        with connection.cursor() as cursor:
            # What the database looks at in the end it looks at now, and not again in each test.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            # Others' tests left these tables empty, and by that the planner would go on for as long as this lasts.
            if filled := writes():
                cursor.execute(f"ANALYZE {', '.join(filled)}")
    yield made
    with blocker.unblock():
        block.close()


def nonsense(value: Any) -> Any:
    """An argument of the same shape that is nobody's."""
    if isinstance(value, uuid.UUID):
        return uuid.uuid4()
    return 987_654_321 if isinstance(value, int) else "nothing-of-ours"

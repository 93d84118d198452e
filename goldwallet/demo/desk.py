"""What the demo's desk has to do: money to decide about, requests of one person, a comparison with a difference."""

import datetime as dt

from accounts.models import User
from controls.services import request_make
from goldwallet import clock
from goldwallet.demo import phone
from goldwallet.demo.data import CAROL, TREASURY, VAULT
from goldwallet.demo.waiting import until_patience_ends
from oversight.reconciliation.run import reconcile
from payments.floats import balances_ask, shortcode_of
from payments.models import BalanceReading, Float
from payments.statements import statement_import
from pools.models import Pool
from pools.requests import bars_subject
from trading.requests import adjustment_subject

#: Paid at M-Pesa's portal, and by nobody here: the comparison finds it. Older than what it does not judge yet. M-Pesa
#: takes no charge for so little, so it is one difference.
_PORTAL_KES = 90
_PORTAL_AGE = dt.timedelta(minutes=50)


def portal_payout_make() -> None:
    """Somebody has paid at the portal, without us. Before any order: M-Pesa's statement is sorted by time."""
    phone.pay_out_at_portal("254733000909", _PORTAL_KES, at=clock.now() - _PORTAL_AGE)


def demo_desk_make() -> None:
    """After the orders: what waits for a second person, and a comparison. Waits for what comes from M-Pesa."""
    _requests(User.objects.get(email=CAROL))
    _compared(User.objects.get(email=TREASURY))


def _requests(carol: User) -> None:
    request_make(
        kind="adjust_cash",
        payload={
            "person": str(carol.pk),
            "kes": "250",
            "way": "credit",
            "words": "We kept you waiting on the telephone. Please take this as our excuse.",
        },
        subject=adjustment_subject(user_id=carol.pk, gold=False),
        reason="She waited for an hour on Friday.",
        by=User.objects.get(email=TREASURY),
    )
    pool = Pool.objects.order_by("priority")[0]
    bar = {
        "serial": "NB-2026-0533",
        "gross_grams": "500",
        "fineness": "999.9",
        "refiner": "Rift Refinery",
    }
    request_make(
        kind="bars_add",
        payload={"pool": str(pool.pk), "bars": [bar]},
        subject=bars_subject(pool.pk),
        reason="Delivered by courier this morning, seal unbroken.",
        by=User.objects.get(email=VAULT),
    )


def _compared(by: User) -> None:
    """M-Pesa's balances and statements of now, compared with the book."""
    began = clock.now()
    balances_ask()
    for _ in until_patience_ends("M-Pesa does not say our balances"):
        said = BalanceReading.objects.filter(exchange__created_at__gte=began)
        if {shortcode_of(account) for account in Float} <= set(said.values_list("shortcode", flat=True)):
            break
    today = clock.now().astimezone(clock.NAIROBI).date()
    for account in Float:
        # From yesterday on: the demo may be made across midnight.
        data = phone.statement(account, since=today - dt.timedelta(days=1))
        statement_import(account=account, name=f"{account}-{today}.csv", data=data, by=by)
    reconcile(by=by)

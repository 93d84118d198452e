"""The books after a test: the ledger's own audit, the gold against the bars, and the simulator's books against ours."""

from decimal import Decimal

from goldwallet.test.provider import Simulator
from ledger import chart
from ledger.selectors import balance
from ledger.services import verify
from pools.selectors import pools_with_figures
from trading.models import Order, Status

#: The provider's charges stand on an account of their own, below zero until they are settled (daraja.md 7).
COLLECTIONS = ("paybill:174379:utility", "paybill:174379:charges")
PAYOUTS = ("b2c:600991:utility", "b2c:600991:charges")


def assert_books(simulator: Simulator | None = None) -> None:
    """Everything that must hold whenever the house is quiet. With a simulator, its books must agree with ours."""
    assert verify() == []
    for pool in pools_with_figures():
        assert pool.difference == 0, pool
    assert_holds_match_orders()
    if simulator is not None:
        assert -balance(chart.mpesa_collections()) == simulator.account(*COLLECTIONS)
        assert -balance(chart.mpesa_payouts()) == simulator.account(*PAYOUTS)


def assert_holds_match_orders() -> None:
    """A hold exists if and only if its order is open (invariant I12)."""
    buys = _sum(Order.objects.filter(side="buy", status=Status.PENDING))
    sales = _sum(Order.objects.filter(side="sell", status=Status.PENDING))
    assert _held("incoming") == buys
    assert _held("locked") == sales


def _sum(orders) -> Decimal:  # type: ignore[no-untyped-def]
    return sum(orders.values_list("grams", flat=True), Decimal(0))


def _held(kind: str) -> Decimal:
    from ledger.models import Account

    held = Account.objects.filter(code__startswith="user:", code__endswith=f":gold:{kind}")
    return sum(held.values_list("balance", flat=True), Decimal(0))

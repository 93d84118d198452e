"""Money in and out, what was said about it, money that came by itself, and what the provider's own statement says."""

from payments.models.arrival import ARRIVAL_MOVES, Arrival, ArrivalState, Pull, Source
from payments.models.payment import (
    FINAL,
    LIVE,
    MOVES,
    Callback,
    Direction,
    Exchange,
    Kind,
    Payment,
    RailToken,
    State,
    new_token,
)
from payments.models.statement import BalanceReading, Float, StatementFile, StatementLine

__all__ = [
    "ARRIVAL_MOVES",
    "FINAL",
    "LIVE",
    "MOVES",
    "Arrival",
    "ArrivalState",
    "BalanceReading",
    "Callback",
    "Direction",
    "Exchange",
    "Float",
    "Kind",
    "Payment",
    "Pull",
    "RailToken",
    "Source",
    "State",
    "StatementFile",
    "StatementLine",
    "new_token",
]

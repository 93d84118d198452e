"""Requests of the operator's view that two people decide (`controls.kinds`)."""

from oversight.reconciliation.resolving import resolve_describe as break_resolve_describe
from oversight.reconciliation.resolving import resolve_execute as break_resolve_execute
from oversight.reconciliation.resolving import resolve_person as break_resolve_person
from oversight.resetting import factor_reset_describe, factor_reset_execute
from oversight.reversing import ledger_reverse_describe, ledger_reverse_execute, ledger_reverse_person

__all__ = [
    "break_resolve_describe",
    "break_resolve_execute",
    "break_resolve_person",
    "factor_reset_describe",
    "factor_reset_execute",
    "ledger_reverse_describe",
    "ledger_reverse_execute",
    "ledger_reverse_person",
]

"""The list of differences that a run keeps for its report."""

from collections.abc import Iterable, Sequence
from typing import Any

from oversight.models import Break, Finding, News, Run
from payments.models import Arrival, Payment, StatementLine

_CHUNK = 5_000
_SAME = ("kind", "kes", "grams", "theirs", "ours", "sentence", "cause")


def findings_keep(*, run: Run, told: Sequence[tuple[News, Break]]) -> None:
    """Write the list, once, in the transaction that ends the run."""
    subjects = _subjects([row for _, row in told])
    Finding.objects.bulk_create(
        (
            Finding(
                run=run,
                difference=row,
                news=news,
                subject=subjects[row.pk],
                **{name: getattr(row, name) for name in _SAME},
            )
            for news, row in told
        ),
        batch_size=_CHUNK,
    )


def _subjects(found: Sequence[Break]) -> dict[Any, str]:
    """What each is about, in few words."""
    receipts = _texts(StatementLine, "receipt", (row.line_id for row in found))
    references = _texts(Payment, "reference", (row.payment_id for row in found))
    arrivals = _texts(Arrival, "receipt", (row.arrival_id for row in found))
    told = {}
    for row in found:
        texts = (receipts.get(row.line_id), references.get(row.payment_id), arrivals.get(row.arrival_id))
        told[row.pk] = ", ".join(dict.fromkeys(text for text in texts if text)) or row.about or "The ledger"
    return told


def _texts(model: Any, column: str, ids: Iterable[Any]) -> dict[Any, str]:
    wanted = {one for one in ids if one is not None}
    return dict(model.objects.filter(pk__in=wanted).values_list("pk", column))

"""A close as PDF."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from goldwallet.pdf import Column, Sheet
from goldwallet.wording import exact_time
from oversight.close.shown import Close
from payments.floats import Verdict

_NUMBER = 26.0
_VERDICTS = {Verdict.AGREES: "Agrees", Verdict.MOVING: "On its way", Verdict.DIFFERS: "Differs"}


def printed(close: Close, *, made_by: str, made_at: dt.datetime) -> bytes:
    """The page's own figures in its own order."""
    figures = close.figures
    sheet = Sheet(
        "Daily close", f"{close.day:%A} {close.day.day} {close.day:%B %Y}, Nairobi", made_by, made_at
    )
    sheet.facts(_facts(close))
    for warning in close.warnings:
        sheet.note(f"To look at: {warning}")
    _gold(sheet, figures["gold"])
    _cash(sheet, figures["cash"])
    _trade(sheet, figures)
    _people(sheet, figures)
    sheet.note(f"SHA-256 of these figures: {close.digest}")
    return sheet.output()


def _facts(close: Close) -> list[tuple[str, str]]:
    if close.stored is None:
        state = "Not over: so far" if close.today else "Over, and not closed yet"
        return [("State", state)]
    closed = [("Closed", exact_time(close.stored.made_at))]
    if close.same is None:
        return closed
    return [*closed, ("Counted again now", "the same" if close.same else "NOT the same")]


def _g(value: Any) -> str:
    return f"{value:,.6f}"


def _k(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, Decimal) else str(value)


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count:,} bars"


def _table(sheet: Sheet, first: str, numbers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    columns = [Column(first, 178 - _NUMBER * len(numbers))]
    sheet.table([*columns, *(Column(title, _NUMBER, "right") for title in numbers)], rows)


def _gold(sheet: Sheet, gold: Any) -> None:
    sheet.heading("Gold, fine grams")
    names = ("opening", "came", "went", "closing", "free")
    rows = [
        [f"{one['name']} ({_bars(one['bars'])})", *(_g(one[name]) for name in names)] for one in gold["pools"]
    ]
    rows.append([f"All ({_bars(gold['bars'])})", *(_g(gold[name]) for name in names)])
    _table(sheet, "Pool", ("Opening", "In", "Out", "Closing", "Free"), rows)
    sheet.facts(
        [
            ("Owed to customers", f"{_g(gold['owed'])} g, {_g(gold['for_sale'])} g of it held for sales"),
            ("Reserved for buys", f"{_g(gold['reserved'])} g"),
            ("Left over", f"{_g(gold['difference'])} g; bars against ledger {_g(gold['bars_difference'])} g"),
        ]
    )


def _cash(sheet: Sheet, cash: Any) -> None:
    sheet.heading("Money, KES")
    names = ("opening", "came", "went", "closing")
    rows = [[one["name"], *(_k(one[name]) for name in names)] for one in cash["accounts"]]
    _table(sheet, "Account", ("Opening", "In", "Out", "Closing"), rows)
    for one in cash["floats"]:
        sheet.note(
            f"M-Pesa said at {exact_time(one['read_at'])}: {one['name']} {_k(one['there'])}. "
            f"The book had {_k(one['book'])}; difference {_k(one['difference'])}. "
            f"{_VERDICTS[one['verdict']]}."
        )
    sheet.note(f"All shillings of the book add up to {_k(cash['difference'])}.")


def _trade(sheet: Sheet, figures: Any) -> None:
    trade = figures["trade"]
    sheet.heading("Trade")
    rows = [
        [label, str(one["count"]), _g(one["grams"]), _k(one["kes"]), _k(one["average"]) or "-"]
        for label, one in (("Bought by people", trade["buys"]), ("Sold by people", trade["sales"]))
    ]
    _table(sheet, "", ("Count", "Grams", "KES", "KES a gram"), rows)
    ends = (
        f"Payouts {trade['payouts']['count']}, KES {_k(trade['payouts']['kes'])}. Buys expired "
        f"{trade['expired']}, failed {trade['buys_failed']}, paid late and kept as cash {trade['kept_late']}, "
        f"taken back by M-Pesa {trade['reversed']}. Sales not paid {trade['sales_failed']}. "
        f"Refunds {trade['refunded']}."
    )
    sheet.note(ends)
    sheet.heading("All postings, by kind")
    kinds = [
        [one["label"], str(one["count"]), _g(one["gold"]), _k(one["cash"]), _k(one["mpesa"])]
        for one in figures["posted"]
    ]
    _table(sheet, "Kind", ("Count", "People's gold, g", "People's cash", "At M-Pesa"), kinds)


def _people(sheet: Sheet, figures: Any) -> None:
    breaks, requests = figures["breaks"], figures["requests"]
    sheet.heading("Differences, prices, approvals")
    sheet.note(
        f"Differences: {breaks['found']} found, {breaks['resolved']} resolved, {breaks['gone']} gone by themselves, "
        f"{breaks['open']} open at the end."
    )
    for one in figures["prices"]:
        sheet.note(
            f"Price from {exact_time(one['from'])}: {_k(one['buy'])} / {_k(one['sell'])} KES a gram, by {one['who']}."
        )
    sheet.note(
        f"Requests of two people: {requests['made']} made, {requests['executed']} approved, "
        f"{requests['refused']} refused."
    )
    if requests["decided"]:
        # An e-mail address of ours fits on one line.
        columns = [Column("At", 30), Column("What", 40), Column("Asked by", 42), Column("Decided by", 42)]
        sheet.table(
            [*columns, Column("Outcome", 24)],
            [
                [exact_time(one["at"]), one["label"], one["asked_by"], one["decided_by"], one["word"]]
                for one in requests["decided"]
            ],
        )
    for one in figures["switches"]["changes"]:
        word = "paused" if one["paused"] else "on again"
        sheet.note(
            f"{one['label']} {word} at {exact_time(one['at'])}, by {one['who'] or 'the house'}. {one['why']}"
        )
    for outcome, count in figures["identity"]:
        sheet.note(f"Identities, {outcome.lower()}: {count}.")

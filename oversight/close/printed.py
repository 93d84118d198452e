"""A close as PDF: what the page says, in its words and in its order."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from goldwallet.pdf import WIDTH, Column, Sheet
from goldwallet.templatetags.amounts import kes, kes_signed
from goldwallet.wording import exact_time
from oversight.close.shown import Close, plain_grams
from payments.floats import Verdict

_VERDICTS = {Verdict.AGREES: "Agrees", Verdict.MOVING: "On its way", Verdict.DIFFERS: "Differs"}

type _Row = Sequence[str | tuple[str, ...]]


def printed(close: Close, *, made_by: str, made_at: dt.datetime) -> bytes:
    """The page's own figures in its own order."""
    figures = close.figures
    sheet = Sheet(
        "Daily close", f"{close.day:%A} {close.day.day} {close.day:%B %Y}, Nairobi", made_by, made_at
    )
    sheet.facts(_state(close))
    _gold(sheet, figures["gold"])
    _cash(sheet, figures["cash"])
    _trade(sheet, figures)
    _differences(sheet, figures["breaks"])
    sheet.heading("Prices")
    sheet.facts(
        [
            (exact_time(one["from"]), f"{kes(one['buy'])} / {kes(one['sell'])} a gram, {one['who']}")
            for one in figures["prices"]
        ]
        or [("Pair", "No price was set.")]
    )
    _requests(sheet, figures["requests"])
    _house(sheet, figures)
    sheet.note(f"SHA-256 of these figures: {close.digest}")
    return sheet.output()


def _state(close: Close) -> Iterable[tuple[str, str]]:
    if close.stored:
        by = close.stored.made_by.email if close.stored.made_by else "the house itself"
        yield "State", f"Closed {exact_time(close.stored.made_at)}, by {by}"
    elif close.today:
        yield "State", "Not over. These are the figures so far."
    else:
        yield "State", "Not closed. The house had not closed this day; it was counted for this page."
    if close.same:
        yield "Counted again now", "The same"
    elif close.same is False:
        yield (
            "Counted again now",
            "Not the same. What is counted now differs from what was stored. Nothing can be posted into a day that is "
            "over, so somebody has to look.",
        )
    for number, warning in enumerate(close.warnings or ["Everything adds up."]):
        yield "" if number else "To look at", warning


def _table(sheet: Sheet, first: str, numbers: Sequence[str], rows: Iterable[_Row], *, width: float) -> None:
    """Names and amounts. `width`: of a column of amounts."""
    columns = [Column(first, WIDTH - width * len(numbers))]
    sheet.table([*columns, *(Column(title, width, "right") for title in numbers)], rows)


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count:,} bars"


def _gold(sheet: Sheet, gold: Any) -> None:
    sheet.heading("Gold, fine grams")
    names = ("opening", "came", "went", "closing", "free", "promised")
    rows: list[_Row] = [
        [(f"{one['name']} {one['purity']}", _bars(one["bars"])), *_grams(one, names)] for one in gold["pools"]
    ] or [["No bar had come into the vault.", *("" for _ in names)]]
    rows.append([("All", _bars(gold["bars"])), *_grams(gold, names)])
    # Figures of less than a tonne stand on one line.
    _table(sheet, "Pool", ("Opening", "In", "Out", "Closing", "Free", "Promised"), rows, width=26.2)
    sheet.facts(
        [
            (
                "Owed to customers",
                f"{plain_grams(gold['owed'])}, of it held for sales {plain_grams(gold['for_sale'])}",
            ),
            ("Reserved for buys", plain_grams(gold["reserved"])),
            ("Neither free nor anybody's", plain_grams(gold["difference"])),
            ("Bars less ledger", plain_grams(gold["bars_difference"])),
        ]
    )


def _grams(one: Any, names: Sequence[str]) -> list[str]:
    """The heading says what they are."""
    return [plain_grams(one[name]).removesuffix(" g") for name in names]


def _cash(sheet: Sheet, cash: Any) -> None:
    sheet.heading("Money")
    names = ("opening", "came", "went", "closing")
    rows = [[one["name"], *(kes(one[name]) for name in names)] for one in cash["accounts"]]
    _table(sheet, "Account", ("Opening", "In", "Out", "Closing"), rows, width=31)
    said = [
        (
            f"M-Pesa's word, {one['name'].lower()}",
            f"{kes(one['there'])} {exact_time(one['read_at'])}. The book then: {kes(one['book'])}. "
            f"Difference: {kes(one['difference'])}. {_VERDICTS[one['verdict']]}",
        )
        for one in cash["floats"]
    ] or [("M-Pesa's word", "M-Pesa was not asked for its balances, or did not answer.")]
    sheet.facts([*said, ("Sum of the whole book, zero when it agrees", kes(cash["difference"]))])


def _trade(sheet: Sheet, figures: Any) -> None:
    trade = figures["trade"]
    sheet.heading("Trade")
    rows = [
        [
            label,
            str(one["count"]),
            plain_grams(one["grams"]),
            kes(one["kes"]),
            kes(one["average"]) if one["average"] else "–",
        ]
        for label, one in (("Bought by people", trade["buys"]), ("Sold by people", trade["sales"]))
    ]
    _table(sheet, "Delivered this day", ("Count", "Grams", "KES", "KES a gram"), rows, width=31)
    times = "time" if trade["payouts"]["count"] == 1 else "times"
    sheet.facts(
        [
            ("Paid out", f"{trade['payouts']['count']} {times}, {kes(trade['payouts']['kes'])}"),
            (
                "Buys that came to nothing",
                f"{trade['expired']} expired, {trade['buys_failed']} failed, {trade['kept_late']} paid late and kept "
                f"as cash, {trade['reversed']} taken back by M-Pesa",
            ),
            ("Payouts", f"{trade['sales_failed']} of sales not paid, {trade['refunded']} refunds paid"),
        ]
    )
    sheet.heading("All postings, by kind")
    kinds = [
        [
            one["label"],
            str(one["count"]),
            ("+" if one["gold"] > 0 else "") + plain_grams(one["gold"]),
            kes_signed(one["cash"]),
            kes_signed(one["mpesa"]),
        ]
        for one in figures["posted"]
    ] or [["Nothing was posted.", "", "", "", ""]]
    _table(sheet, "Kind", ("Count", "People's gold", "People's cash", "At M-Pesa"), kinds, width=31)


def _differences(sheet: Sheet, breaks: Any) -> None:
    sheet.heading("Differences")
    last, said = breaks["compared"], "none this day"
    if last:
        count = "1 difference" if last["differences"] == 1 else f"{last['differences']} differences"
        said = f"{exact_time(last['at'])}: {count}, {kes(last['kes'])} and {plain_grams(last['grams'])}"
    sheet.facts(
        [
            ("Found", str(breaks["found"])),
            ("Resolved", f"{breaks['resolved']}, {breaks['gone']} gone by themselves"),
            ("Open at the end", str(breaks["open"])),
            ("Last comparison", said),
        ]
    )


def _requests(sheet: Sheet, requests: Any) -> None:
    sheet.heading("Decided by two people")
    decided = requests["decided"]
    sheet.note(
        f"{requests['made']} asked, {requests['executed']} approved, {requests['refused']} refused."
        + (
            f" The first {len(decided)} of {requests['of']} are listed."
            if len(decided) < requests["of"]
            else ""
        )
    )
    if decided:
        # An e-mail address of ours fits on one line.
        columns = [Column("At", 29), Column("What", 27), Column("Asked by", 41), Column("Decided by", 41)]
        sheet.table(
            [*columns, Column("Outcome", 40)],
            [
                [
                    exact_time(one["at"]),
                    one["label"],
                    one["asked_by"],
                    one["decided_by"],
                    (one["word"], *filter(None, [one["result"]])),
                ]
                for one in decided
            ],
        )


def _house(sheet: Sheet, figures: Any) -> None:
    sheet.heading("Switches and identity")
    changes = [
        (
            one["label"],
            f"{'paused' if one['paused'] else 'on again'} {exact_time(one['at'])}, "
            f"by {one['who'] or 'the house itself'}{'. ' if one['why'] else ''}{one['why']}",
        )
        for one in figures["switches"]["changes"]
    ]
    decided = ", ".join(f"{count} {outcome.lower()}" for outcome, count in figures["identity"])
    sheet.facts(
        [
            *(changes or [("Switches", "Nothing was paused or switched on again.")]),
            ("Identities decided", decided or "none"),
        ]
    )

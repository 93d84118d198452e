"""Words that every page shares: what a state is called, and how a time is said."""

import datetime as dt

from goldwallet.clock import NAIROBI

type Word = tuple[str, str]

# kind -> state -> (word, tone). The tone decides the dot: done, now, next, todo, ended, wrong.
STATES: dict[str, dict[str, Word]] = {
    "order": {
        "pending": ("In progress", "now"),
        "completed": ("Completed", "done"),
        "failed": ("Not completed", "wrong"),
        "expired": ("Expired", "ended"),
        "paid_late": ("Paid late", "next"),
        "refunded": ("Money returned", "done"),
        "rebought": ("Bought again", "done"),
        "reversed": ("Reversed", "wrong"),
    },
    "payment": {
        "created": ("Waiting to be sent", "todo"),
        "sending": ("Being sent", "now"),
        "pending": ("Waiting for M-Pesa", "now"),
        "unknown": ("Checking with M-Pesa", "now"),
        "awaiting_approval": ("Waiting for approval", "next"),
        "succeeded": ("Paid", "done"),
        "failed": ("Failed", "wrong"),
        "cancelled": ("Cancelled", "ended"),
        "reversed": ("Reversed", "wrong"),
    },
    "kyc": {
        "unverified": ("Not verified", "todo"),
        "pending": ("In review", "now"),
        "verified": ("Verified", "done"),
        "rejected": ("Something is missing", "next"),
        "expired": ("Expired", "next"),
    },
    "case": {
        "draft": ("Not sent yet", "todo"),
        "submitted": ("In review", "now"),
        "approved": ("Approved", "done"),
        "rejected": ("Sent back", "next"),
        "expired": ("Expired", "ended"),
    },
    "review": {
        "approved": ("Approved", "done"),
        "more": ("Asked for more", "next"),
        "rejected": ("Rejected", "wrong"),
    },
    "pool": {"open": ("Open", "done"), "closed": ("Closed", "ended")},
    "bar": {"active": ("In the vault", "done"), "withdrawn": ("Withdrawn", "ended")},
    "allocation": {
        "reserved": ("Reserved", "now"),
        "sold": ("Sold", "done"),
        "released": ("Released", "ended"),
    },
    "request": {
        "waiting": ("Waits for a second person", "next"),
        "executed": ("Done", "done"),
        "refused": ("Refused", "wrong"),
        "withdrawn": ("Taken back", "ended"),
        "expired": ("Expired", "ended"),
    },
    "switch": {"false": ("On", "done"), "true": ("Paused", "wrong")},
    "arrival": {
        "new": ("Being looked at", "now"),
        "matched": ("Belongs to a payment", "done"),
        "suspense": ("Nobody's yet", "next"),
        "assigned": ("Given to a customer", "done"),
        "returning": ("Being sent back", "now"),
        "returned": ("Sent back", "done"),
        "reversed": ("Reversed by M-Pesa", "ended"),
    },
    "break": {
        "open": ("Open", "next"),
        "resolved": ("Resolved", "done"),
        "gone": ("No longer there", "ended"),
    },
    "run": {
        "running": ("Running", "now"),
        "done": ("Done", "done"),
        "failed": ("Stopped by an error", "wrong"),
    },
    "export": {
        "waiting": ("Waits for its turn", "now"),
        "running": ("Being written", "now"),
        "done": ("Ready", "done"),
        "failed": ("Stopped", "wrong"),
        "gone": ("Deleted", "ended"),
    },
    "health": {"ok": ("In order", "done"), "late": ("Late", "next"), "wrong": ("Needs a look", "wrong")},
    "holds": {"true": ("Agrees", "done"), "false": ("Does not agree", "wrong")},
}


def state(value: object, kind: str) -> Word:
    """The word and the tone. A state without a word of its own is shown as written, in a neutral tone."""
    key = str(value).lower()
    return STATES[kind].get(key, (key.replace("_", " ").capitalize(), "todo"))


# Not by strftime: a page has hundreds of times, and its names are those of the machine's language.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _clock(local: dt.datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"


def exact_time(moment: dt.datetime) -> str:
    """`Sat 21 Nov 2026, 14:05:33`, in Nairobi."""
    local = moment.astimezone(NAIROBI)
    day = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month]} {local.year}"
    return f"{day}, {_clock(local)}:{local.second:02}"


def said_time(moment: dt.datetime, current: dt.datetime) -> str:
    """A past or a coming time, the way one says it."""
    seconds = int((current - moment).total_seconds())
    if 0 <= seconds < 3600:
        return minutes_ago(seconds)
    if -3600 < seconds < 0:
        ahead = -seconds // 60
        return "in less than a minute" if ahead == 0 else f"in {_count(ahead, 'minute')}"
    local, today = moment.astimezone(NAIROBI), current.astimezone(NAIROBI).date()
    clock = _clock(local)
    days = (local.date() - today).days
    if days in _NEAR:
        return f"{_NEAR[days]}, {clock}"
    if local.year == today.year:
        return f"{local.day} {_MONTHS[local.month]}, {clock}"
    return f"{local.day} {_MONTHS[local.month]} {local.year}"


_NEAR = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def minutes_ago(seconds: int) -> str:
    """The same sentences stand in static/js/page.js, which counts them on."""
    return "just now" if seconds < 60 else f"{_count(seconds // 60, 'minute')} ago"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

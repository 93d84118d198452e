"""The house watches itself: every minute a few facts that must always hold, every night the whole book.

Each check is one statement in the database, so it sees one moment, and trade that goes on meanwhile cannot make it cry.
The checks share no code with what writes. A violation pauses payouts first and then all trade, and tells staff; the
house resolves nothing by itself, and going on takes two people (faults.md L04, O16).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from controls.models import Cause, Switch, SwitchName
from controls.selectors import switches
from controls.services import switch_pause
from goldwallet import clock
from ledger.services import verify
from notifications.services import message_enqueue, messages_known

log = structlog.get_logger(__name__)

#: Transactions that the checks of the last entries look at. The night looks at all.
_RECENT = 5000
#: Of one check: the first few tell what happened.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Check:
    """`sql` answers one sentence a row for what is wrong, and no row when all is well."""

    name: str
    says: str
    sql: str


CHECKS = (
    Check(
        "sum",
        "The balances of each asset sum to zero.",
        """
        SELECT format('%s sums to %s', asset, trim_scale(sum(balance))) FROM ledger_account
        GROUP BY asset HAVING sum(balance) <> 0
        """,
    ),
    Check(
        "negative",
        "Nobody's account is below zero.",
        # By the code, not by the account's own flag: that might be what somebody has changed.
        r"""
        SELECT format('account %s stands at %s', code, trim_scale(balance)) FROM ledger_account
        WHERE balance < 0 AND code !~ '^(mpesa:|house:|pool:[^:]+:vault$|user:[^:]+:receivable$)'
        """,
    ),
    Check(
        "entries",
        "An account stands where its last entry left it.",
        f"""
        SELECT format('account %s stands at %s, its last entry left %s', a.code,
                      trim_scale(a.balance), trim_scale(last.balance))
        FROM (SELECT DISTINCT account_id FROM ledger_entry
              WHERE transaction_id > (SELECT max(id) - {_RECENT} FROM ledger_transaction)) recent
        JOIN ledger_account a ON a.id = recent.account_id
        CROSS JOIN LATERAL (SELECT seq, balance FROM ledger_entry WHERE account_id = a.id
                            ORDER BY seq DESC LIMIT 1) last
        WHERE (last.balance, last.seq) IS DISTINCT FROM (a.balance, a.seq)
        """,  # noqa: S608 - a number of ours
    ),
    Check(
        "transactions",
        "A transaction sums to zero in each asset.",
        f"""
        SELECT format('transaction %s sums to %s %s', e.transaction_id, trim_scale(sum(e.amount)), a.asset)
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        WHERE e.transaction_id > (SELECT max(id) - {_RECENT} FROM ledger_transaction)
        GROUP BY e.transaction_id, a.asset HAVING sum(e.amount) <> 0
        """,  # noqa: S608 - a number of ours
    ),
    Check(
        "pools",
        "A pool's bars are what it has free and what it has promised and sold.",
        """
        SELECT format('pool %s: its bars hold %s g, the book has %s g in its vault, %s g are free, promised or sold',
                      p.name, trim_scale(bars.grams), trim_scale(vault.grams), trim_scale(free.grams + given.grams))
        FROM pools_pool p
        CROSS JOIN LATERAL (SELECT coalesce(sum(fine_grams), 0) AS grams FROM pools_bar
                            WHERE pool_id = p.id AND status = 'active') bars
        CROSS JOIN LATERAL (SELECT coalesce(-sum(balance), 0) AS grams FROM ledger_account
                            WHERE code = 'pool:' || p.id::text || ':vault') vault
        CROSS JOIN LATERAL (SELECT coalesce(sum(balance), 0) AS grams FROM ledger_account
                            WHERE code = 'pool:' || p.id::text || ':available') free
        LEFT JOIN (SELECT pool_id, sum(a.grams - a.returned) AS grams FROM pools_allocation a
                   WHERE state <> 'released' GROUP BY pool_id) allocated ON allocated.pool_id = p.id
        CROSS JOIN LATERAL (SELECT coalesce(allocated.grams, 0) AS grams) given
        WHERE bars.grams <> vault.grams OR bars.grams <> free.grams + given.grams
        """,
    ),
    Check(
        "holds",
        "Gold is held exactly for the orders that are open.",
        """
        SELECT format('account %s holds %s g, the open orders are for %s g',
                      coalesce(due.code, held.code), trim_scale(coalesce(held.balance, 0)),
                      trim_scale(coalesce(due.grams, 0)))
        FROM (SELECT 'user:' || user_id::text ||
                     CASE side WHEN 'buy' THEN ':gold:incoming' ELSE ':gold:locked' END AS code,
                     sum(grams) AS grams
              FROM trading_order WHERE status = 'pending' GROUP BY 1) due
        FULL JOIN (SELECT code, balance FROM ledger_account
                   WHERE balance <> 0 AND code ~ '^user:[^:]+:gold:(incoming|locked)$') held USING (code)
        WHERE coalesce(held.balance, 0) <> coalesce(due.grams, 0)
        """,
    ),
    Check(
        "payouts",
        "The money under way is that of the payouts that are open.",
        """
        SELECT format('the book has KES %s under way, the open payouts are for KES %s', trim_scale(book.kes),
                      trim_scale(open.kes))
        FROM (SELECT coalesce(sum(balance), 0) AS kes FROM ledger_account
              WHERE code = 'payouts:clearing') book,
             (SELECT coalesce(sum(amount), 0) AS kes FROM payments_payment WHERE direction = 'out'
              AND state IN ('created', 'awaiting_approval', 'sending', 'pending', 'unknown')) open
        WHERE book.kes <> open.kes
        """,
    ),
    Check(
        "suspense",
        "The money in suspense is that of the arrivals that nobody has claimed.",
        """
        SELECT format('the book has KES %s in suspense, the arrivals there are for KES %s', trim_scale(book.kes),
                      trim_scale(there.kes))
        FROM (SELECT coalesce(sum(balance), 0) AS kes FROM ledger_account
              WHERE code = 'suspense:mpesa') book,
             (SELECT coalesce(sum(amount), 0) AS kes FROM payments_arrival
              WHERE state IN ('suspense', 'returning')) there
        WHERE book.kes <> there.kes
        """,
    ),
    Check(
        "two people",
        "What takes two people was done by two.",
        """
        SELECT format('request %s was decided by one person', id) FROM controls_request
        WHERE state = 'executed' AND (checker_id IS NULL OR checker_id = maker_id)
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A check that does not hold: what must hold, and the first few sentences about what does not."""

    name: str
    says: str
    sentences: list[str]

    @property
    def text(self) -> str:
        """In short, for a note."""
        return f"{self.says} But {self.sentences[0]}."


def violations() -> list[Violation]:
    """The quick checks that do not hold now; an empty list for a house in order."""
    found = [Violation(check.name, check.says, _rows(check.sql)) for check in CHECKS]
    return [violation for violation in found if violation.sentences]


def _rows(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} LIMIT {_SHOWN}")
        return [str(row[0]) for row in cursor.fetchall()]


def house_watch() -> list[Violation]:
    """The look of every minute. Pauses on a violation, tells staff of that and of every pause of the house's own."""
    found = violations()
    _act_on(found)
    for switch in switches():
        _tell_of_pause(switch)
    _note(_MINUTE, found)
    return found


def house_audit() -> list[Violation]:
    """The look of the night: the whole book, entry by entry (`ledger_verify`)."""
    wrong = verify()
    found = [Violation("audit", "The whole book holds.", wrong[:_SHOWN])] if wrong else []
    _act_on(found)
    _note(_NIGHT, found)
    return found


def _act_on(found: Sequence[Violation]) -> None:
    if not found:
        return
    for violation in found:
        log.error("an invariant is broken", check=violation.name, sentences=violation.sentences)
    note = " ".join(violation.text for violation in found)
    # Payouts first: money that has left does not come back.
    for name in (SwitchName.PAYOUTS, SwitchName.BUY, SwitchName.SELL):
        switch_pause(name=name, cause=Cause.INVARIANT, note=note)
    day = clock.now().astimezone(clock.NAIROBI).date()
    for violation in found:
        staff_tell(
            f"watch:{violation.name}:{day}",
            "Gold Wallet: the books do not add up",
            f"{violation.says} This does not hold any more:\n\n"
            + "\n".join(violation.sentences)
            + "\n\nPayouts, buying and selling are paused. They go on when two people say so.",
        )


# --- telling staff --------------------------------------------------------------------------------


def _tell_of_pause(switch: Switch) -> None:
    """A pause of the house's own, each once. Violations have a mail of their own; what staff pause they know."""
    if not switch.paused or switch.cause in {Cause.STAFF, Cause.INVARIANT}:
        return
    label = SwitchName(switch.name).label
    staff_tell(
        f"paused:{switch.name}:{switch.changed_at.isoformat()}",
        f"Gold Wallet has paused {label.lower()}",
        f"{label}: paused by the house itself. {switch.get_cause_display()}.\n\n{switch.note}\n\n"
        "It goes on when two people say so.",
    )


def staff_tell(occasion: str, subject: str, text: str, *, page: str = "desk_steering") -> None:
    """Mail treasury and administrators, once an occasion. `page` is the name of the page that the mail leads to."""
    roles = [Role.TREASURY, Role.ADMINISTRATOR]
    staff = User.objects.filter(is_active=True, groups__name__in=roles).distinct()
    keys = {f"{occasion}:{person.pk}": person for person in staff}
    known = messages_known(keys)
    address = settings.BASE_URL + reverse(page)
    for key, person in keys.items():
        if key not in known:
            message_enqueue(
                user_id=person.pk,
                to=person.email,
                subject=subject,
                text=f"{text}\n\n{address}\n",
                kind="alert",
                key=key,
            )


# --- what it saw last -----------------------------------------------------------------------------

# In the cache, which all processes share: what is lost there is looked at again within a minute. What holds trade up
# are the switches.
_MINUTE = "oversight.watch.minute"
_NIGHT = "oversight.watch.night"
KEYS = (_MINUTE, _NIGHT)


@dataclass(frozen=True, slots=True)
class Look:
    """When the house was looked at last (None: not as far as is known), and what was wrong."""

    at: dt.datetime | None
    wrong: list[str]


def _note(key: str, found: Sequence[Violation]) -> None:
    seen = {"at": clock.now().isoformat(), "wrong": [violation.text for violation in found]}
    cache.set(key, seen, timeout=None)


def last_look(seen: Mapping[str, Any] | None = None) -> Look:
    """What the last minute and the last night saw, together. `at` is the minute's. `seen`: what the cache has of KEYS,
    where it was read already.
    """
    seen = cache.get_many(KEYS) if seen is None else seen
    minute, night = seen.get(_MINUTE), seen.get(_NIGHT, {"wrong": []})
    if minute is None:
        return Look(None, night["wrong"])
    return Look(dt.datetime.fromisoformat(minute["at"]), minute["wrong"] + night["wrong"])

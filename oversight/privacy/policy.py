"""The retention policy: which data is kept, why, for how long, and how it ends. One table for the job and the page.

Sources: records of identity and of transactions seven years (POCAMLA, the circular of CBK); all else no longer than it
is needed (Data Protection Act 2019, s. 25 and 39). The days are thresholds, so two people change them.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from controls.selectors import threshold
from oversight.privacy import letting_go

type Erase = Callable[[dt.datetime, int], int]

_LAW = "The law on money laundering asks for it (POCAMLA; Central Bank of Kenya)."
_NEED = "We need it no longer than this."


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`erase(before, most)` lets go of up to `most` things whose time began before, and answers of how many.

    `since` says from when the days count. The sentences are read by customers.
    """

    what: str
    holds: str
    why: str
    since: str
    ends: str
    erase: Erase

    @property
    def threshold(self) -> str:
        return f"keep_{self.what}_days"

    @property
    def days(self) -> int:
        return int(threshold(self.threshold))

    @property
    def sentence(self) -> str:
        """The rule as it is written into the proof."""
        return f"{self.days} days after {self.since}"


POLICY: tuple[Rule, ...] = (
    Rule(
        what="identity",
        holds="Your legal name, date of birth, ID number, and the photos of your ID and yourself",
        why=_LAW,
        since="your account is closed",
        ends="The keys of the photos are destroyed, so that no copy opens any more; the rest is blanked.",
        erase=letting_go.identities,
    ),
    Rule(
        what="person",
        holds="Your e-mail address, username and phone number, also as they stand at your orders and payments",
        why=_LAW,
        since="your account is closed",
        ends="They are blanked. Orders, payments and the ledger stay, under a number that names nobody.",
        erase=letting_go.people,
    ),
    Rule(
        what="unfinished",
        holds="An identity check that you began and never finished",
        why=_NEED,
        since="you last worked on it",
        ends="What you wrote is blanked, and the keys of the photos are destroyed.",
        erase=letting_go.unfinished,
    ),
    Rule(
        what="replaced",
        holds="Photos that you replaced by better ones",
        why="A reviewer may have to see why one was sent back.",
        since="you replaced them",
        ends="Their keys are destroyed.",
        erase=letting_go.replaced,
    ),
    Rule(
        what="messages",
        holds="Mails that we sent you",
        why="So that we can see what you were told.",
        since="they were sent",
        ends="They are deleted.",
        erase=letting_go.messages,
    ),
    Rule(
        what="bodies",
        holds="What M-Pesa wrote to us about your payments, word for word",
        why="To settle a dispute about a payment.",
        since="it came",
        ends="The words are blanked. Amount, time and receipt stay with the payment.",
        erase=letting_go.bodies,
    ),
    Rule(
        what="payers",
        holds="Who paid, as M-Pesa's lists and statements show it",
        why=_LAW,
        since="the payment",
        ends="It is blanked. Amount, time and receipt stay.",
        erase=letting_go.payers,
    ),
    Rule(
        what="evidence",
        holds="Papers that staff attached when two of them decided something",
        why=_LAW,
        since="the decision",
        ends="The papers are blanked. Who decided what, and why, stays.",
        erase=letting_go.evidence,
    ),
    Rule(
        what="quotes",
        holds="Prices that you asked for and did not take",
        why=_NEED,
        since="they lapsed",
        ends="They are deleted.",
        erase=letting_go.quotes,
    ),
    Rule(
        what="proofs",
        holds="That you confirmed something with a code",
        why="To see what happened if you tell us that it was not you.",
        since="it was asked for",
        ends="It is deleted.",
        erase=letting_go.proofs,
    ),
    Rule(
        what="devices",
        holds="Which browsers you have signed in with",
        why="So that we can tell you of a sign-in from a new one.",
        since="you last used them",
        ends="They are deleted.",
        erase=letting_go.devices,
    ),
    Rule(
        what="sessions",
        holds="Where you are signed in",
        why=_NEED,
        since="the session ended",
        ends="It is deleted.",
        erase=letting_go.sessions,
    ),
)

#: What stays for good, and why it names nobody: for the page.
KEPT = (
    ("The ledger", "Every gram and shilling must be accounted for. It knows people only by a number."),
    ("Orders and payments", "Amounts, times and M-Pesa's receipts belong to the ledger."),
    ("What staff did", "Who did what, when and why. It holds no data of yours but that number."),
)

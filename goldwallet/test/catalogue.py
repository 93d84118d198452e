"""The faults that must not hurt: payments in (P), payouts (O), the ledger (L), quotes (Q), workers and servers (W),
signing in (A), who may do what (Z), photos of identity and keys (K), the web (X), the law on data (D).

Each row is one way in which a wallet like this one has lost money, and what must hold instead. A test that shows it
carries `@pytest.mark.fault("P01")`; `goldwallet.test.faults` checks that every row that must hold has one.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Row:
    """`tier` S: must be shown before real money moves. H: worth showing, comes next."""

    id: str
    tier: Literal["S", "H"]
    says: str


#: Rows of tier S whose parts are not built yet: sealed blocks and witnesses, documents.
LATER = frozenset({"L15", "L16"})

FAMILIES = {
    "P": "Money in",
    "O": "Payouts",
    "L": "Ledger and database",
    "Q": "Quotes, prices, rounding",
    "W": "Workers, crashes, servers",
    "A": "Signing in and sessions",
    "Z": "Who may do what",
    "K": "Photos of identity, keys",
    "X": "The web",
    "D": "The law on data",
}

ROWS = (
    # --- money in ---------------------------------------------------------------------------------
    Row("P01", "S", "Copies of one success callback at the same moment are one posting and one credit."),
    Row("P02", "S", "A callback before the answer to our request counts, and the answer does not undo it."),
    Row(
        "P03", "S", "A request without an answer is unknown: no second prompt, and the token finds its money."
    ),
    Row("P04", "S", "Without any callback the provider is asked, and the order ends as it truly ended."),
    Row("P05", "S", "Late money is the customer's: honoured in time and with stock, else cash and a choice."),
    Row("P06", "S", "Of expiry and success at one moment one wins, and the other takes its own way."),
    Row("P07", "S", "A made-up callback changes nothing, hears the same as any other, and leaves a trace."),
    Row(
        "P08", "S", "A perfect forgery at the right address delivers nothing while the provider says unpaid."
    ),
    Row("P11", "H", "A payment from another number than the one that was asked waits for a person."),
    Row("P12", "S", "A malformed callback is read within bounds, kept, answered, and moves nothing."),
    Row("P14", "S", "Double clicks, two tabs and repeated requests make one order with one prompt."),
    Row("P15", "S", "Nobody is told `failed` while a payment may still succeed, nor offered to pay again."),
    Row(
        "P16",
        "S",
        "Still processing, too busy, broken or unheard-of answers are no failure: hold and ask again.",
    ),
    Row("P17", "H", "Prompts that nobody pays are limited for a phone and for a person."),
    Row("P18", "H", "A payment by hand with a wrong reference waits in suspense until two people match it."),
    Row("P19", "S", "A reversed payment is taken back as far as the gold is there; the rest is owed to us."),
    Row(
        "P20", "S", "Every difference from the provider's statement is found, and no difference is invented."
    ),
    Row("P21", "S", "After an hour in which every callback was refused, all that was open ends rightly."),
    # --- payouts ----------------------------------------------------------------------------------
    Row("O01", "S", "A payout without an answer is unknown: held, never sent again, settled by asking."),
    Row(
        "O02", "S", "Only a listed, definite answer is a failure; every broken one leaves the payout unknown."
    ),
    Row("O03", "S", "A worker killed before the call leaves an unknown payout, not an unsent one."),
    Row("O04", "S", "A worker killed after the call: result or question settle the payout once."),
    Row("O05", "S", "A timeout notice ends nothing; the result settles, in any order, with any copies."),
    Row(
        "O07", "S", "Paid after its hold was released: an incident, payouts stop, and what is owed is booked."
    ),
    Row("O09", "S", "A job that is delivered again does nothing twice: the row is the truth."),
    Row("O10", "S", "Nobody can send an unknown payout again; two people resolve it with evidence."),
    Row("O11", "H", "An empty float is a definite failure: released, told to staff, and the queue pauses."),
    Row("O12", "S", "A changed payout number is announced and rests before it is paid to."),
    Row("O14", "S", "A released hold is the exact mirror of what was held, for every amount, once."),
    Row("O15", "S", "An outgoing line that is not ours is found, and payouts can be paused."),
    Row("O16", "S", "An abnormal volume of payouts pauses them; two people resume."),
    Row("O17", "H", "Payouts are whole shillings within the provider's limits, refused and never split."),
    # --- ledger and database ----------------------------------------------------------------------
    Row("L01", "S", "The database refuses a transaction that does not balance in each asset."),
    Row("L02", "S", "Posted rows are not changed, deleted or truncated, and the guards not switched off."),
    Row("L03", "S", "Sales at one moment cannot spend more than there is."),
    Row("L04", "S", "No customer is ever below zero, also when the book as a whole balances."),
    Row("L05", "S", "Movements of one account at one moment lose nothing: a fixed row is locked."),
    Row("L06", "S", "Whatever crosses, nothing deadlocks: there is one order of locks."),
    Row("L08", "S", "Safety rests on locks, keys and checks: it holds at every isolation level."),
    Row("L10", "S", "A hold that is settled and released at one moment ends once."),
    Row("L11", "S", "Customers' gold never exceeds the bars: the database refuses a microgram more."),
    Row("L12", "S", "Amounts are exact decimals in range; whatever else is refused, never rounded."),
    Row("L13", "S", "Accounts, assets and amounts come from our rows, nothing from the request."),
    Row("L15", "S", "What is not sealed yet is never called proven."),
    Row("L16", "S", "History rewritten by the database's owner differs from what was published."),
    Row("L17", "S", "A guard that is missing from the database stops the program from starting."),
    # --- quotes, prices, rounding -----------------------------------------------------------------
    Row("Q01", "S", "A price that was quoted binds until it expires, and not a moment longer."),
    Row("Q04", "S", "An old price closes trading."),
    Row("Q05", "S", "A price that cannot be right is refused, a surprising one must be meant; sell <= buy."),
    Row("Q06", "S", "Keeping many quotes and using the winners does not pay."),
    Row("Q07", "S", "No way of splitting or turning round gains; rounding costs < 1 µg and < KES 1."),
    Row("Q09", "H", "Selling everything leaves nothing, and dust can be sold with the rest."),
    Row("Q10", "S", "A server whose clock is wrong neither extends nor kills a deadline."),
    Row("Q11", "H", "A wrong price counts for new quotes only, and a large move needs a second look."),
    Row("Q12", "S", "One strict reader of numbers; whatever could be read in two ways is refused."),
    # --- workers, crashes, servers ----------------------------------------------------------------
    Row(
        "W01", "S", "A worker killed before the prompt: it is sent later or expires, and no gram is stranded."
    ),
    Row("W02", "S", "Killed at any statement, commit or call, the house converges and the books hold."),
    Row("W03", "S", "PostgreSQL stopped at once under load loses nothing that was acknowledged."),
    Row("W05", "S", "No money hangs on a hook after the commit; the job is in the same transaction."),
    Row("W06", "H", "Money is read from the primary, inside the transaction."),
    Row("W07", "S", "Without a working database the answer is 503 with a calm page, and nothing half done."),
    Row("W08", "S", "No statement, lock or idle transaction goes on for ever; no call to a provider in one."),
    Row("W09", "H", "Two schedulers do the same job once."),
    Row("W10", "H", "Old and new program run beside each other during a deployment."),
    Row("W11", "S", "A job that always fails stops after a few tries, is seen, and the others flow."),
    Row("W12", "S", "A database that was put back starts without payouts until the statement matches."),
    Row("W13", "S", "Without the object store nobody claims that a file is stored."),
    Row("W14", "H", "Limits fail closed: whoever cannot be counted is not let in."),
    Row("W15", "S", "Deadlines are judged when they are used, also when the tidying job is hours late."),
    # --- signing in and sessions ------------------------------------------------------------------
    Row("A01", "S", "Neither words, status nor time tell who has an account: sign-in, sign-up, reset."),
    Row("A02", "S", "A guesser is shut out per account and per address, whatever addresses he makes up."),
    Row("A03", "S", "There is one sign-in: Django's own admin has no door beside it."),
    Row("A05", "S", "Guessing codes is slowed, locked and told; recovery codes are hashed and work once."),
    Row("A07", "S", "A reset by mail leaves the second factor, works once, and links to our own address."),
    Row(
        "A08",
        "S",
        "A large sale is paid with a proof for exactly it, used once, by whichever way it is asked.",
    ),
    Row(
        "A09", "S", "A lost second factor is taken away by two people, after a delay, and payouts then wait."
    ),
    Row(
        "A10",
        "H",
        "Sessions change their key at sign-in and with the second factor, end in time, and keep to our site.",
    ),
    # --- who may do what --------------------------------------------------------------------------
    Row("Z02", "S", "Nobody approves what they asked for: the database says so, too."),
    Row("Z04", "S", "Of two who approve at one moment, one does."),
    Row("Z05", "S", "In Django's admin nothing can be changed: no money, no role, no identity."),
    Row(
        "Z06",
        "S",
        "Who approves sees what it does, computed by what does it, and types a large amount or a price again.",
    ),
    Row("Z07", "S", "Staff do nothing at the desk about themselves."),
    Row("Z09", "H", "A form changes what it shows, whatever else is sent with it."),
    Row(
        "Z10",
        "H",
        "Whoever opens a photo of identity gives a reason; each opening is kept, and they are few.",
    ),
    # --- photos of identity, keys -----------------------------------------------------------------
    Row("K01", "S", "Only what decodes as a photo is taken, and what is kept was encoded anew by us."),
    Row("K03", "S", "Bombs and odd formats end within the limits of memory and time."),
    Row("K04", "H", "Documents that are no photos are refused."),
    Row("K05", "S", "Nothing of a photo's metadata is kept."),
    Row("K06", "S", "A file's name decides nothing: it is text, and sealed."),
    Row(
        "K08",
        "S",
        "Keys change while the house runs; killed half way it goes on, and none in use is removed.",
    ),
    Row("K09", "S", "Photos are sealed before they are stored, and a store that strangers read is refused."),
    Row(
        "K10",
        "S",
        "What should be gone does not open any more, from no copy, and a row says that it is gone.",
    ),
    Row("K11", "H", "Uploads are limited, and one ID opens one account."),
    # --- the web ----------------------------------------------------------------------------------
    Row("X02", "S", "No POST passes without its token but the provider's, and looking changes nothing."),
    Row("X04", "H", "No cell of an export is a formula."),
    Row("X05", "S", "What stands in an address reaches no query but as a value."),
    Row("X06", "H", "We call only public https addresses that the operator has named."),
    Row("X07", "S", "After signing out nothing private shows: not by going back, nor from any cache."),
    Row("X08", "H", "No phone, ID number or token in any log, and no line that somebody else has written."),
    Row(
        "X09", "H", "Every answer carries its headers, and production does not start with an unsafe setting."
    ),
    Row("X10", "H", "Long lists and exports cost no more than a page."),
    Row("X11", "H", "What we build on is locked by its hash and looked through."),
    # --- the law on data --------------------------------------------------------------------------
    Row("D01", "H", "Whom a breach concerns can be listed within hours."),
    Row(
        "D02", "S", "What need not be kept is erased on request, the rest at its date by destroying its key."
    ),
    Row("D03", "H", "An export of one's data holds nobody else's."),
)

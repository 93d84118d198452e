"""What a call leads to, done at once: the callback that overtakes the call's own answer."""

from simulator import callbacks, ids, prompts
from simulator.config import Settings
from simulator.scheduler import do_due
from simulator.store import Store

# Rows that wait for their time and then send a callback, by table.
_WAITING = ("payouts", "enquiries")


def bring_forward(store: Store, settings: Settings, subject: str) -> None:
    """Let happen now what is to become of `subject`, and deliver its callback. The payer of a push accepts at once.

    `subject` is the CheckoutRequestID or ConversationID of a call that was just taken in.
    """
    at = ids.now()
    with store.write() as db:
        if subject in {prompt["checkout_id"] for prompt in prompts.open_prompts(db, at=at)}:
            prompts.decide(db, settings, subject, "accept", at=at)
        for table in _WAITING:
            db.execute(
                f"UPDATE {table} SET due_at = ? WHERE conversation_id = ? AND state = 'pending'",  # noqa: S608
                (at, subject),
            )
        do_due(db, settings, at=at)
        due = callbacks.bring_forward(db, subject, at=at, within=settings.callback_seconds)
    for number in due:
        row = callbacks.claim(store, number)
        if row is not None:  # else a sender was quicker
            callbacks.deliver(store, row, timeout=settings.callback_timeout_seconds)

"""Every write to a payment except the talk with the provider, which is `payments.sending`.

Intent is committed before any call; the job that makes the call is enqueued in the same transaction; an outcome is
settled once, under the payment's lock, with one posting as the last write (design section 5).
"""

from payments.services.deciding import (
    payment_seen,
    payout_approve,
    payout_record,
    payout_refuse,
    payout_release,
)
from payments.services.making import (
    hook_url,
    look_soon,
    payment_cancel_expired,
    payment_cancel_unsent,
    payment_create,
    payment_flag,
    payment_lock,
    payment_receipt_add,
    payment_request_known,
    payouts_ask_first,
)
from payments.services.opening import said_open
from payments.services.receipts import receipt_claim, receipt_lock
from payments.services.settling import CustomerFirst, payment_reverse, payment_settle

__all__ = [
    "CustomerFirst",
    "hook_url",
    "look_soon",
    "payment_cancel_expired",
    "payment_cancel_unsent",
    "payment_create",
    "payment_flag",
    "payment_lock",
    "payment_receipt_add",
    "payment_request_known",
    "payment_reverse",
    "payment_seen",
    "payment_settle",
    "payout_approve",
    "payout_record",
    "payout_refuse",
    "payout_release",
    "payouts_ask_first",
    "receipt_claim",
    "receipt_lock",
    "said_open",
]

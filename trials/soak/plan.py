"""The faults of a life: all that the contract allows; a quarter of what the provider says or hears is wrong."""

from typing import Any

#: Fault -> how likely it is for each call or callback that it applies to. `hang` waits by the machine's clock and is
#: left to the races; what it means for us (an answer lost) is `cut_after_accept`.
CALLS = {
    "http_500": 0.02,
    "http_500_after": 0.02,
    "http_429": 0.02,
    "spike_arrest": 0.02,
    "html": 0.02,
    "html_after": 0.02,
    "cut_before": 0.02,
    "cut_after_accept": 0.03,
    "token_invalid": 0.02,
    "callback_before_ack": 0.03,
    "duplicate_originator": 0.05,
    "wrong_type": 0.02,
    "pending": 0.04,
    "spurious": 0.05,
    "unknown_code": 0.02,
}
CALLBACKS = {
    "drop": 0.06,
    "duplicate": 0.04,
    "delay": 0.03,
    "reorder": 0.03,
    "malformed": 0.02,
    "contradict": 0.03,
    "forge": 0.03,
    "wrong_id": 0.02,
    "wrong_amount": 0.02,
    "wrong_receipt": 0.02,
    "wrong_phone": 0.02,
    "masked_phone": 0.03,
    "queue_timeout_first": 0.05,
    "queue_timeout_only_then_late": 0.05,
}


def rules() -> list[dict[str, Any]]:
    return [
        # Against the contract, and seen in the sandbox (daraja.md 3): the query says unpaid though paid.
        {"api": "stk_query", "fault": "lie_failed", "probability": 0.03},
        *({"api": "*", "fault": fault, "probability": chance} for fault, chance in CALLS.items()),
        *(
            {"api": "callback:*", "fault": fault, "probability": chance}
            for fault, chance in CALLBACKS.items()
        ),
    ]

"""Result codes of a payment: which of them are definite failures, and what a customer reads (daraja.md 2.5,
4.3).

The lists are allow-lists. A code that is not here says nothing for certain, and neither do these, which the
page calls ambiguous or still alive: 15, 17 for payouts, 26 for payouts, 1050, 2029, 4999, 100000000 and its
like.
"""

PAID = "0"
#: Of a payout: our Utility account is short (daraja.md 4.3).
FLOAT_EMPTY = "1"
STILL_RUNNING = frozenset({"4999"})

_OURS = "The fault is on our side. No money was taken. Please try again later."
_NO_PROMPT = "The request did not reach your phone. No money was taken. Please try again."
_CANCELLED = "You cancelled the request on your phone. No money was taken."

# A collection that ended so moved no money. Numbers only: daraja.md 2.5 keeps the others unknown.
COLLECT_FAILURES = {
    "1": "There was not enough money on your M-Pesa. Add money and try again.",
    "2": "The amount is below the smallest that M-Pesa takes. Choose a larger one.",
    "3": "The amount is above the most that M-Pesa moves at once, KES 250,000. Choose a smaller one.",
    "4": "This payment would pass your daily M-Pesa limit. Try a smaller amount, or try again tomorrow.",
    "8": "We cannot take this payment just now. No money was taken. Please try again later.",
    "17": "M-Pesa does not take the same amount twice within two minutes. Wait a little, then try again.",
    "26": "M-Pesa is busy. No money was taken. Please try again in a few minutes.",
    "1001": "Another M-Pesa payment is open on your phone. Finish it, wait a minute, then try again.",
    "1019": "The request ran out before it was answered. No money was taken. Please try again.",
    "1025": _NO_PROMPT,
    "1031": _CANCELLED,
    "1032": _CANCELLED,
    "1036": _NO_PROMPT,
    # Soft: no later success was ever proven, yet a phone that was off may still answer. So nothing is
    # promised.
    "1037": "There was no answer from your phone. Check that it is on and has network, then try again.",
    "1101": _NO_PROMPT,
    "1102": _NO_PROMPT,
    "2001": "The PIN was wrong. No money was taken. Please try again with your M-Pesa PIN.",
    "2008": _NO_PROMPT,
    "2026": _NO_PROMPT,
    "2028": _OURS,
    "8006": "Your M-Pesa PIN is locked. Call Safaricom on 100 to unlock it, then try again.",
    "9999": _NO_PROMPT,
}

_NOT_SENT = (
    "We could not send your money, and the fault is on our side. Nothing was sent. Please try again later."
)

# A payout that ended so moved no money.
PAY_OUT_FAILURES = {
    "1": "We cannot send your money just now. Nothing was sent. Please try again later.",
    "2": "M-Pesa sends KES 10 or more. Choose a larger amount.",
    "3": "M-Pesa sends at most KES 250,000 at once. Choose a smaller amount.",
    "4": "This would pass the daily limit of that M-Pesa number. Send less, or try again tomorrow.",
    "8": "That M-Pesa number cannot hold so much money. Choose a smaller amount, or make room first.",
    "11": _NOT_SENT,
    "18": _NOT_SENT,
    "20": _NOT_SENT,
    "21": _NOT_SENT,
    "22": _NOT_SENT,
    "24": _NOT_SENT,
    "25": _NOT_SENT,
    "29": _NOT_SENT,
    "2001": _NOT_SENT,
    "2006": _NOT_SENT,
    "2028": _NOT_SENT,
    "2040": "That number is not registered with M-Pesa. Use a number that is.",
    "8006": _NOT_SENT,
    "SFC_IC0003": "That number is not on M-Pesa. Check it, or use another.",
    "TP40153": _NOT_SENT,
}

# A reversal that ended so sent nothing back (daraja.md 5.3).
REVERSAL_FAILURES = frozenset({"1", "11", "21", "2001", "2006", "2028", "8006", "R000002"})
REVERSED_ALREADY = "R000001"

# Codes that an order can end with although they are no definite failure by themselves, and refusals of a
# request.
_OTHERS = {
    "in": {
        "SFC_IC0003": _OURS,
        "E3008": "M-Pesa refused this payment for your number. Please ask Safaricom why, on 100.",
        "500.003.02": "M-Pesa is busy. No money was taken. Please try again in a few minutes.",
        "500.003.03": "M-Pesa is busy. No money was taken. Please try again in a few minutes.",
        "400.002.02": _OURS,
    },
    "out": {
        "500.003.02": "M-Pesa is busy. Nothing was sent. Please try again in a few minutes.",
        "500.003.03": "M-Pesa is busy. Nothing was sent. Please try again in a few minutes.",
        "400.002.02": _NOT_SENT,
    },
}

_DEFAULT = {
    "in": "The payment did not go through. Please try again, or write to us if it happens again.",
    "out": "The money could not be sent. Please try again, or write to us if it happens again.",
}


def sentence(code: str, direction: str) -> str:
    """For the customer. Raises KeyError for a direction other than "in" and "out"."""
    known = COLLECT_FAILURES if direction == "in" else PAY_OUT_FAILURES
    return known.get(code) or _OTHERS[direction].get(code) or _DEFAULT[direction]

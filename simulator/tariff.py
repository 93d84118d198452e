"""What a business payment costs the business, by Safaricom's form of August 2023. Receiving is free."""

from itertools import pairwise

MINIMUM_PAYOUT = 10
MAXIMUM_AMOUNT = 250_000

# (up to and including this amount, charge). The last band reaches the per-transaction maximum.
_BANDS = ((100, 0), (1_500, 5), (5_000, 9), (20_000, 11), (MAXIMUM_AMOUNT, 13))

assert all(lower[0] < upper[0] for lower, upper in pairwise(_BANDS))


def b2c_charge(amount: int) -> int:
    """Charge in KES for paying `amount` KES to a registered customer. ValueError beyond the maximum."""
    for limit, charge in _BANDS:
        if amount <= limit:
            return charge
    raise ValueError(f"no charge is known for KES {amount}")

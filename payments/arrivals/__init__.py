"""Money that comes by itself: listed by the provider, matched to a payment, kept in suspense, or sent back.

`pulling` asks for the list, `matching` finds out whose each receipt is, `missing` ends payments in that are surely not
on it, `returning` sends money back, `notices` hears of money before it is listed.
"""

from payments.arrivals.matching import arrival_match, arrival_take, arrivals_due
from payments.arrivals.pulling import pull_run

__all__ = ["arrival_match", "arrival_take", "arrivals_due", "pull_run"]

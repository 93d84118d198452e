"""The races: who runs against whom, and what must hold afterwards. `trials.races` runs them."""

from trials.contests.crossing import CrossingActs, CrossingPosts, ReversalIncident
from trials.contests.money_in import CallbackCopies, ExpiryOrSuccess, OnePush, ReceiptOnce
from trials.contests.money_out import HoldTwice, PayoutClaims
from trials.contests.orders import LastGram, OneQuote, TwoSales
from trials.races import Race

RACES: dict[str, Race] = {
    race.name: race
    for race in (
        CallbackCopies(),
        ReceiptOnce(),
        ExpiryOrSuccess(),
        OnePush(),
        OneQuote(),
        LastGram(),
        TwoSales(),
        PayoutClaims(),
        HoldTwice(),
        CrossingActs(),
        CrossingPosts(),
        ReversalIncident(),
    )
}

"""The numbers that staff may steer, each with what it means, its default and its bounds."""

from dataclasses import dataclass
from decimal import Decimal

YES_NO = "yes or no"
#: What one of a unit is called; KES, g and % stay as they are.
_SINGULAR = {"hours": "hour", "days": "day", "months": "month"}


@dataclass(frozen=True, kw_only=True)
class Definition:
    """`unit` is what the number counts; YES_NO counts nothing: 1 is yes, 0 is no. `places`: digits after the point."""

    name: str
    label: str
    unit: str
    default: Decimal
    least: Decimal
    most: Decimal
    places: int = 0

    def show(self, value: Decimal) -> str:
        """The value with its unit, as staff read it."""
        if self.unit == YES_NO:
            return "yes" if value else "no"
        number = f"{value:,.{self.places}f}"
        if self.unit == "KES":
            return f"KES {number}"
        if self.unit == "%":
            return f"{number}%"
        return f"{number} {_SINGULAR.get(self.unit, self.unit) if value == 1 else self.unit}".rstrip()

    @property
    def bounds(self) -> str:
        """`1 to 168 hours`, `KES 1 to KES 250,000`, `yes or no`."""
        if self.unit == YES_NO:
            return "yes or no"
        least = self.show(self.least) if self.unit == "KES" else f"{self.least:,.{self.places}f}"
        return f"{least} to {self.show(self.most)}"


def _kes(name: str, label: str, default: int, *, least: int = 0, most: int = 100_000_000) -> Definition:
    return Definition(
        name=name,
        label=label,
        unit="KES",
        default=Decimal(default),
        least=Decimal(least),
        most=Decimal(most),
    )


def _count(name: str, label: str, default: int, *, least: int, most: int, unit: str = "") -> Definition:
    return Definition(
        name=name,
        label=label,
        unit=unit,
        default=Decimal(default),
        least=Decimal(least),
        most=Decimal(most),
    )


def _limits(tier: str, *, order: int, day: int, month: int) -> list[Definition]:
    """What a person of this tier may buy, and may sell (`kyc.limits`)."""
    people = {"unverified": "an unverified", "verified": "a verified", "enhanced": "an enhanced"}[tier]
    acts = {"buy": "Purchases", "sell": "Sales"}
    spans = {"order": ("one order", order), "day": ("one day", day), "month": ("30 days", month)}
    return [
        _kes(f"{tier}_{side}_{span}_kes", f"{act} of {people} person in {words}", default, most=1_000_000_000)
        for side, act in acts.items()
        for span, (words, default) in spans.items()
    ]


# M-Pesa itself moves KES 1 to 250,000 in one go, and a B2C payout at least KES 10.
_ALL = [
    _kes("buy_min_kes", "The smallest buy", 100, least=1, most=250_000),
    _kes("sell_min_kes", "The least that a sale pays", 10, least=10, most=250_000),
    _kes("order_max_kes", "The largest buy or sale", 250_000, least=100, most=250_000),
    _kes("payout_approval_kes", "Payouts of this much or more wait for staff", 100_000, most=250_001),
    # What a change of hands must not get past (accounts.stepup, accounts.numbers).
    _kes("sell_stepup_kes", "A sale that pays more than this asks for a code", 50_000, most=250_000),
    _count("payout_cooloff_hours", "Before a new number is paid", 48, least=24, most=72, unit="hours"),
    _count(
        "factor_reset_hours", "Before a lost second factor is removed", 24, least=24, most=168, unit="hours"
    ),
    *_limits("unverified", order=20_000, day=20_000, month=100_000),
    *_limits("verified", order=250_000, day=1_000_000, month=5_000_000),
    *_limits("enhanced", order=250_000, day=5_000_000, month=50_000_000),
    _count("price_max_age_hours", "Oldest price that people trade at", 24, least=1, most=168, unit="hours"),
    _count("price_jump_percent", "A larger price move takes two people", 20, least=1, most=100, unit="%"),
    _count("prompts_unpaid_per_phone_hour", "Unpaid prompts to a phone in an hour", 10, least=1, most=1000),
    _count("prompts_unpaid_per_person_hour", "Unpaid prompts of a person in an hour", 15, least=1, most=1000),
    _count("quote_open_max", "Open quotes of one person at a time", 20, least=1, most=1000),
    # Switches that the house throws by itself (controls.services.switches).
    _kes("break_pause_kes", "A difference of this much or more pauses payouts", 10_000, least=1),
    _kes("float_least_kes", "Payouts pause when M-Pesa holds less than this for them", 1_000),
    _kes("payouts_hour_kes", "Payouts pause when an hour's would pass this", 5_000_000, least=1_000),
    _count(
        "payouts_hour_count",
        "Payouts pause when an hour's would pass this number",
        1000,
        least=1,
        most=100_000,
    ),
    _kes(
        "payouts_person_day_kes",
        "A person's payouts of a day beyond this take two people",
        500_000,
        least=1_000,
    ),
    _kes("approval_retype_kes", "From this amount on, who approves types it again", 50_000, least=1),
    _count(
        "approval_retype_grams",
        "From this many grams on, who approves types them again",
        10,
        least=1,
        most=1_000_000,
        unit="g",
    ),
    _count("kyc_valid_months", "How long a proven identity holds", 24, least=1, most=120, unit="months"),
    _count(
        "kyc_openings_hour",
        "Photos of identity that one of the staff opens in an hour",
        300,
        least=10,
        most=10_000,
    ),
    _count(
        "payouts_manual", "Every payout waits for staff, not only large ones", 0, least=0, most=1, unit=YES_NO
    ),
]


def _days(what: str, label: str, default: int, *, least: int = 1, most: int = 7300) -> Definition:
    return _count(f"keep_{what}_days", label, default, least=least, most=most, unit="days")


_YEARS_7 = 2557
# How long data is kept (oversight.privacy.policy). What the law asks for cannot be made shorter here.
_ALL += [
    _days("identity", "Identity is kept after an account is closed", _YEARS_7, least=_YEARS_7),
    _days("person", "Name, address and number are kept after an account is closed", _YEARS_7, least=_YEARS_7),
    _days("unfinished", "Identity checks that were never finished are kept", 90),
    _days("replaced", "Photos that were replaced are kept", 90),
    _days("messages", "Mails that were sent are kept", 365),
    _days("bodies", "M-Pesa's own words about payments are kept", 730, least=90),
    _days("payers", "Who paid, in M-Pesa's lists, is kept", _YEARS_7, least=_YEARS_7),
    _days("evidence", "Papers of decisions are kept", _YEARS_7, least=_YEARS_7),
    _days("quotes", "Prices that nobody took are kept", 30),
    _days("proofs", "Confirmations with a code are kept", 90),
    _days("devices", "Browsers that people signed in with are kept", 400),
    _days("sessions", "Sessions that ended are kept", 1),
]

DEFINITIONS: dict[str, Definition] = {definition.name: definition for definition in _ALL}

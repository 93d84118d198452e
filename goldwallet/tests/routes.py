"""Who may open which page, and by which method: every URL name of the house, with what the route matrix expects.

A route that is not here fails `test_routes`. What a guard does is not read from the guard: this table is written by
hand, as what was meant.
"""

from dataclasses import dataclass, field
from typing import Literal

from django.urls import URLPattern, URLResolver, get_resolver

type Kind = Literal["public", "stranger", "customer", "staff", "hook"]
#: What a GET and a POST without any field answer to who may. None: that method is refused to everybody (405).
type Answers = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Route:
    kind: Kind
    answers: Answers
    #: Who reads and acts at the desk. Auditor and administrator read as well, but for those in `closed`.
    roles: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    #: It shows something of Alice's: to everybody else it is not there (404).
    own: bool = False
    #: Visitors who get something else: "owner" is Alice, "staff" everybody with a role.
    others: dict[str, Answers] = field(default_factory=dict)
    #: A POST only has a copy made: who reads may as well.
    copies: bool = False
    #: Tables that looking at it writes, for the reason beside its line.
    notes: frozenset[str] = frozenset()


def public(get: int | None = 200, post: int | None = None) -> Route:
    """For everybody, signed in or not."""
    return Route("public", (get, post))


def stranger(get: int | None = 200, post: int | None = None) -> Route:
    """For who is not signed in; who is, is sent on."""
    return Route("stranger", (get, post))


def customer(
    get: int | None = 200, post: int | None = None, *, own: bool = False, **others: Answers
) -> Route:
    """For who is signed in, staff too."""
    return Route("customer", (get, post), own=own, others=others)


def desk(
    roles: str,
    get: int | None = 200,
    post: int | None = None,
    *,
    closed: str = "",
    notes: str = "",
    copies: bool = False,
) -> Route:
    """For these roles. Without the second factor nobody gets further than to the code."""
    sets = [frozenset(names.split()) for names in (roles, closed, notes)]
    return Route("staff", (get, post), roles=sets[0], closed=sets[1], notes=sets[2], copies=copies)


TWO = "treasury administrator"
ALL = "pricing vault reviewer treasury administrator"

ROUTES: dict[str, Route] = {
    # --- signing in ---------------------------------------------------------------------------------
    "account_login": stranger(post=400),
    "account_logout": Route("public", (200, 302), others={"anonymous": (302, 302)}),
    "account_signup": stranger(post=400),
    "account_inactive": public(),
    "account_email_verification_sent": public(get=302, post=302),  # nothing waits to be confirmed
    "account_reauthenticate": customer(post=400),
    "account_email": customer(post=302, staff=(302, 302)),  # the code first
    "account_change_password": customer(post=400),
    "account_reset_password": public(post=400),
    "account_reset_password_done": public(),
    "account_reset_password_from_key": public(post=200),
    "account_reset_password_from_key_done": public(),
    "account_code": customer(get=302, post=302, staff=(200, 400)),
    "account_enrol": customer(get=302, post=302),
    "account_security": customer(),
    "account_confirm": customer(get=404, post=404, own=True),  # of another session
    "account_phone": customer(post=400),
    "account_phone_cancel": customer(get=None, post=409),  # nothing waits
    "account_recovery_codes": customer(get=None, post=400),
    "account_authenticator": customer(post=302),  # to the page that asks for a code
    "account_authenticator_remove": customer(get=409, post=409, staff=(403, 403)),  # Alice has none
    "account_session_end": customer(get=None, post=302),
    "account_sessions_end": customer(get=None, post=302),
    "account_reset_stop": customer(
        get=None, post=403, staff=(None, 409), no_factor=(None, 403)
    ),  # nothing waits
    "privacy": public(),
    "account_privacy": customer(),
    "account_export": customer(get=None, post=302),  # to the page that asks for a code
    "account_close": customer(post=302, owner=(200, 409), frozen=(200, 409), staff=(200, 409)),
    # --- the wallet ---------------------------------------------------------------------------------
    "home": public(),
    "wallet": customer(),
    "buy": customer(post=400),
    "buy_quote": customer(own=True),
    "sell": customer(post=400),
    "sell_quote": customer(own=True),
    "orders": customer(),
    "order": customer(own=True),
    "order_refund": customer(post=302, own=True),
    "order_rebuy": customer(get=None, post=302, own=True),
    "kyc": customer(),
    "kyc_about": customer(post=400),
    "kyc_id": customer(post=400),
    "kyc_photo": customer(get=302, post=302, owner=(200, 400)),  # first one says who one is
    "kyc_check": customer(post=409),
    "kyc_image": customer(own=True),
    # --- the desk -----------------------------------------------------------------------------------
    "desk": desk(ALL, notes="goldwallet_cache"),  # the count of customers, kept for all desks
    "desk_orders": desk("pricing vault treasury"),
    "desk_order": desk("pricing vault treasury"),
    "desk_kyc": desk("reviewer"),
    "desk_kyc_case": desk("reviewer"),
    # It asks for a reason.
    "desk_kyc_open": desk("reviewer", get=None, post=400, closed="administrator", copies=True),
    "desk_kyc_decide": desk("reviewer", get=None, post=409),
    "desk_kyc_image": desk("reviewer", get=400, closed="administrator"),  # it asks for a reason
    "desk_kyc_person": desk("reviewer treasury"),
    "desk_kyc_tier": desk("reviewer treasury", get=None, post=400),
    "desk_pools": desk("vault"),
    "desk_pool_new": desk("vault", post=400),
    "desk_pool": desk("vault"),
    "desk_pool_edit": desk("vault", post=400),
    "desk_pool_move": desk("vault", get=None, post=400),
    "desk_pool_turn": desk("vault", post=400),
    "desk_pool_book": desk("vault"),
    "desk_bar": desk("vault"),
    "desk_assay_add": desk("vault", get=None, post=400),
    "desk_assay": desk("vault", notes="pghistory_context"),  # who opened it
    "desk_bars_add": desk("vault", post=400),
    "desk_bars_withdraw": desk("vault", get=302, post=400),
    "desk_bar_restore": desk("vault", post=400),
    "desk_prices": desk("pricing", post=400),
    "desk_price_cancel": desk("pricing", get=None, post=400),
    "desk_payouts": desk("treasury"),
    "desk_payments": desk("treasury"),
    "desk_payment_said": desk("treasury", get=None, post=400),  # it asks for a reason
    "desk_payouts_mode": desk(TWO, get=None, post=400),
    "desk_payment": desk("treasury"),
    "desk_payout_approve": desk("treasury", get=None, post=409),
    "desk_payout_refuse": desk("treasury", get=None, post=400),
    "desk_payment_seen": desk("treasury", get=None, post=400),
    "desk_payout_release": desk(TWO, get=None, post=400),
    "desk_payout_record": desk(TWO, get=None, post=400),
    "desk_payment_resolve": desk(TWO, get=None, post=400),
    "desk_payment_reversed": desk(TWO, get=None, post=400),
    "desk_money": desk(TWO),
    "desk_floats": desk(TWO),
    "desk_floats_ask": desk(TWO, get=None, post=302),
    "desk_float_move": desk(TWO, get=None, post=400),
    "desk_arrival": desk(TWO),
    "desk_arrival_said": desk(TWO, get=None, post=400),  # it asks for a reason
    "desk_arrival_assign": desk(TWO, get=None, post=400),
    "desk_arrival_return": desk(TWO, get=None, post=400),
    "desk_erasures": desk("administrator"),
    "desk_close": desk("treasury"),
    "desk_close_day": desk("treasury"),
    "desk_close_pdf": desk("treasury", notes="controls_count"),  # a file that one takes is counted
    "desk_export": desk("pricing vault treasury", get=400, post=400, copies=True),  # it asks for a format
    "desk_exports": desk(ALL),
    "desk_export_file": desk(ALL, get=404),  # somebody else's
    "desk_ledger": desk("treasury"),
    "desk_account": desk("treasury"),
    "desk_account_extract": desk("treasury", notes="controls_count"),  # a file that one takes is counted
    "desk_transactions": desk("treasury"),
    "desk_transaction": desk("treasury"),
    "desk_transaction_reverse": desk(TWO, get=None, post=400),
    "desk_adjustments": desk("treasury"),
    "desk_adjust_gold": desk(TWO, get=None, post=400),
    "desk_adjust_cash": desk(TWO, get=None, post=400),
    "desk_debt_settle": desk(TWO, get=None, post=400),
    "desk_cash_payout": desk(TWO, get=None, post=400),
    "desk_audit": desk("treasury"),
    "desk_approvals": desk(ALL),
    # This request is about a threshold: it is not for vault and reviewer.
    "desk_approval": desk("pricing treasury administrator", post=200),
    "desk_approval_file": desk(
        "pricing treasury administrator",
        notes="controls_requestevent pghistory_context",  # who opened it
    ),
    "desk_approval_approve": desk("pricing treasury administrator", get=None, post=409),
    "desk_approval_refuse": desk("pricing treasury administrator", get=None, post=400),
    "desk_approval_withdraw": desk("pricing treasury administrator", get=None, post=403),  # only who asked
    "desk_reconciliation": desk("treasury"),
    "desk_statement_upload": desk("treasury", get=None, post=400),
    "desk_reconcile": desk("treasury", get=None, post=302),
    "desk_run": desk("treasury"),
    "desk_run_progress": desk("treasury"),
    "desk_break": desk("treasury"),
    "desk_break_own": desk("treasury", get=None, post=302),
    "desk_break_resolve": desk("treasury", get=None, post=400),
    "desk_steering": desk("pricing treasury administrator"),
    "desk_switch_pause": desk("pricing treasury administrator", get=None, post=400),
    "desk_switch_resume": desk(TWO, get=None, post=400),
    "desk_threshold_ask": desk(TWO, get=200, post=400),
    "desk_flags": desk(ALL),
    "desk_note_add": desk(ALL, get=None, post=404),  # about nothing
    "desk_flag_lower": desk(ALL, get=None, post=404),
    "desk_find": desk("reviewer treasury"),
    "desk_people": desk("reviewer treasury"),
    "desk_person": desk("reviewer treasury"),
    "desk_person_hold": desk(TWO, get=None, post=400),
    "desk_person_lift": desk(TWO, get=None, post=400),
    "desk_person_factor": desk("reviewer treasury administrator", get=None, post=400),
    "desk_person_close": desk(TWO, get=None, post=400),
    "desk_person_message": desk("reviewer treasury administrator", get=None, post=400),
    "desk_factor": desk("reviewer treasury administrator", post=400),
    "desk_roles": desk(TWO),
    "desk_hold": desk(TWO, get=None, post=400),
    "desk_hire": desk("administrator", get=None, post=400),
    "desk_person_roles": desk("administrator", get=200, post=400),
    "desk_hold_lift": desk(TWO, get=None, post=400),
    # --- machines -----------------------------------------------------------------------------------
    "hook": Route("hook", (404, 200)),
    "healthz": public(),
    "readyz": public(get=503),
    "metrics": public(),
}


def all_routes() -> dict[str, list[str]]:
    """Every URL name, and the names of its arguments. Django's admin stands for itself (test_admin)."""
    found: dict[str, list[str]] = {}
    for pattern in walk(get_resolver().url_patterns):
        assert pattern.name, f"{pattern.pattern} has no name"
        assert pattern.name not in found, f"two paths are called {pattern.name}"
        found[pattern.name] = list(pattern.pattern.converters) or list(pattern.pattern.regex.groupindex)
    return found


def walk(patterns: list[URLPattern | URLResolver]) -> list[URLPattern]:
    found: list[URLPattern] = []
    for one in patterns:
        if isinstance(one, URLPattern):
            found.append(one)
        elif one.namespace != "admin":
            found += walk(one.url_patterns)
    return found

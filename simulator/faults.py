"""The fault plan: which calls and callbacks go wrong, and how. What a fault does stands in `call_faults` and
`callback_faults`.

Chance is Random(seed, number of the event): the events of a sequential run are numbered alike each time, so it
repeats, also over a restart, and what one fault draws shifts nothing for those after it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.store import Db, Row

CALLS = ("oauth", "stk_push", "stk_query", "b2c", "status", "balance", "reversal", "c2b_register", "pull")
CALLBACKS = (
    "callback:collect",
    "callback:payout",
    "callback:status",
    "callback:c2b",
    "callback:balance",
    "callback:reversal",
)
ANY, ANY_CALLBACK = "*", "callback:*"
_NAMES = (*CALLS, *CALLBACKS, ANY, ANY_CALLBACK)

_PATHS = {
    "/mpesa/stkpush/": "stk_push",
    "/mpesa/stkpushquery/": "stk_query",
    "/mpesa/b2c/": "b2c",
    "/mpesa/transactionstatus/": "status",
    "/mpesa/accountbalance/": "balance",
    "/mpesa/reversal/": "reversal",
    "/mpesa/c2b/": "c2b_register",
    "/pulltransactions/": "pull",
}
_ASYNCHRONOUS = ("stk_push", "b2c", "status", "balance", "reversal")
_WITH_RESULT = ("callback:collect", "callback:payout", "callback:reversal")
_WITH_MONEY = (*_WITH_RESULT, "callback:status", "callback:c2b")
_WITH_PHONE = (
    *_WITH_RESULT,
    "callback:status",
)  # a confirmation of a collection never names the whole number
# A status query is answered by callback, so what it is told wrongly is told there.
_QUERIES = ("stk_query", "callback:status")

#: Each fault and what it applies to.
FAULTS: dict[str, tuple[str, ...]] = {
    # calls, not executed
    "http_500": CALLS,
    "http_429": CALLS,
    "spike_arrest": CALLS,
    "html": CALLS,
    "cut_before": CALLS,
    "token_invalid": tuple(api for api in CALLS if api != "oauth"),
    # calls, executed
    "http_500_after": CALLS,
    "html_after": CALLS,
    "hang": CALLS,
    "cut_after_accept": CALLS,
    "callback_before_ack": _ASYNCHRONOUS,
    "duplicate_originator": ("b2c",),
    # what a query says
    "pending": _QUERIES,
    "spurious": ("stk_query",),
    "lie_failed": _QUERIES,
    "lie_paid": _QUERIES,
    # callbacks
    "drop": CALLBACKS,
    "duplicate": CALLBACKS,
    "delay": CALLBACKS,
    "reorder": CALLBACKS,
    "malformed": CALLBACKS,
    "contradict": _WITH_RESULT,
    "wrong_id": (*_WITH_RESULT, "callback:status"),
    "forge": _WITH_MONEY,
    "wrong_amount": _WITH_MONEY,
    "wrong_receipt": _WITH_MONEY,
    "wrong_phone": _WITH_PHONE,
    "masked_phone": _WITH_PHONE,
    "queue_timeout_first": ("callback:payout",),
    "queue_timeout_only_then_late": ("callback:payout",),
    # both
    "unknown_code": ("stk_query", *_WITH_RESULT),
    "wrong_type": CALLS + CALLBACKS,
}
#: They break the provider's contract, so no wildcard draws them.
ONLY_BY_NAME = ("lie_failed", "lie_paid")

_DELAYS_MS = {"queue_timeout_first": 1_000}
_USUAL_DELAY_MS = 60_000
_LONGEST_DELAY_MS = 366 * 86_400_000
_FIELDS = ("api", "fault", "probability", "delay_ms", "count")
_MOST_RULES = 200
_LARGEST = 2**53


class BadPlan(Exception):
    """The plan cannot be used. The text is a sentence for whoever wrote it."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`delay_ms` None: the fault's usual one. `count` None: no bound on how often it hits."""

    api: str
    fault: str
    probability: float = 1.0
    delay_ms: int | None = None
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A fault that befalls one call or callback. `delay` is seconds; `chance` decides its details."""

    fault: str
    delay: float
    chance: random.Random


def api_of(path: str) -> str:
    """The name that a plan knows the API under this path by."""
    for prefix, api in _PATHS.items():
        if path.startswith(prefix):
            return api
    raise ValueError(f"no API is known under {path}")


def plan_from(body: dict[str, Any]) -> tuple[int, list[Rule]]:
    """Read `{"seed": n, "rules": [...]}`. Raises BadPlan with a sentence."""
    unknown = sorted(set(body) - {"seed", "rules"})
    if unknown:
        raise BadPlan(f"{unknown[0]!r} is not known. A plan has a seed and rules.")
    seed, rules = body.get("seed", 0), body.get("rules")
    if not _is_whole(seed, least=-_LARGEST, most=_LARGEST):
        raise BadPlan("The seed must be a whole number.")
    if not isinstance(rules, list) or len(rules) > _MOST_RULES:
        raise BadPlan(
            f"Rules must be a list of at most {_MOST_RULES} rules. An empty one switches faults off."
        )
    return seed, [_rule_from(number, rule) for number, rule in enumerate(rules, start=1)]


def _rule_from(number: int, rule: object) -> Rule:
    if not isinstance(rule, dict):
        raise BadPlan(f"Rule {number} must be an object with an api and a fault.")
    unknown = sorted(set(rule) - set(_FIELDS))
    if unknown:
        raise BadPlan(f"Rule {number}: {unknown[0]!r} is not known. A rule has {', '.join(_FIELDS)}.")
    api, fault = rule.get("api"), rule.get("fault")
    if not isinstance(api, str) or api not in _NAMES:
        raise BadPlan(f"Rule {number}: the api must be one of {', '.join(_NAMES)}.")
    if not isinstance(fault, str) or fault not in FAULTS:
        raise BadPlan(f"Rule {number}: the fault must be one of {', '.join(FAULTS)}.")
    _check_fit(number, api, fault)
    probability = rule.get("probability", 1.0)
    if not isinstance(probability, int | float) or isinstance(probability, bool) or not 0 <= probability <= 1:
        raise BadPlan(f"Rule {number}: the probability must be a number from 0 to 1.")
    delay_ms, count = rule.get("delay_ms"), rule.get("count")
    if delay_ms is not None and not _is_whole(delay_ms, least=0, most=_LONGEST_DELAY_MS):
        raise BadPlan(f"Rule {number}: delay_ms must be whole milliseconds from 0 to {_LONGEST_DELAY_MS:,}.")
    if count is not None and not _is_whole(count, least=1, most=_LARGEST):
        raise BadPlan(f"Rule {number}: the count must be a whole number from 1. Leave it out for no bound.")
    return Rule(api=api, fault=fault, probability=float(probability), delay_ms=delay_ms, count=count)


def _is_whole(value: object, *, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _check_fit(number: int, api: str, fault: str) -> None:
    wanted = f"{fault} applies to {', '.join(FAULTS[fault])}"
    if fault in ONLY_BY_NAME and api in {ANY, ANY_CALLBACK}:
        raise BadPlan(f"Rule {number}: {fault} breaks the provider's contract, so name the api; {wanted}.")
    if not any(_covers(api, fault, one) for one in FAULTS[fault]):
        raise BadPlan(f"Rule {number}: {wanted}, not to {api}.")


def _covers(api: str, fault: str, event: str) -> bool:
    """Whether a rule for `api` means this event."""
    if api == ANY:
        return True
    if api == ANY_CALLBACK:
        return event in CALLBACKS
    if api == "status" and event == "callback:status" and "status" not in FAULTS[fault]:
        return fault in {"pending", *ONLY_BY_NAME}
    return api == event


def plan_set(db: Db, seed: int, rules: list[Rule]) -> None:
    """Replace the plan and its counts. No rules: no faults."""
    db.execute("DELETE FROM fault_rules")
    db.execute("DELETE FROM fault_plan")
    if not rules:
        return
    db.execute("INSERT INTO fault_plan (id, seed) VALUES (1, ?)", (seed,))
    db.executemany(
        "INSERT INTO fault_rules (api, fault, probability, delay_ms, most) VALUES (?, ?, ?, ?, ?)",
        [(rule.api, rule.fault, rule.probability, rule.delay_ms, rule.count) for rule in rules],
    )


def plan_view(db: Db) -> dict[str, Any]:
    """The plan, how often each rule hit, and how many events it saw and spoilt."""
    plan = db.execute("SELECT * FROM fault_plan").fetchone()
    rules = [
        {
            "api": row["api"],
            "fault": row["fault"],
            "probability": row["probability"],
            "delay_ms": row["delay_ms"],
            "count": row["most"],
            "hits": row["hits"],
        }
        for row in _rules(db)
    ]
    return {
        "seed": plan["seed"] if plan else None,
        "rules": rules,
        "calls": plan["calls"] if plan else 0,
        "faulty": plan["faulty"] if plan else 0,
    }


def is_on(db: Db) -> bool:
    return db.execute("SELECT 1 FROM fault_plan").fetchone() is not None


def draw(db: Db, event: str, *, can: Callable[[str], bool] = lambda fault: True) -> Hit | None:
    """Count a call or callback, and say what goes wrong with it: at most one fault, that of the first rule that hits.

    `can` tells whether a fault has anything to work on here; a rule that has not draws nothing.
    """
    plan = db.execute("UPDATE fault_plan SET calls = calls + 1 RETURNING seed, calls").fetchone()
    if plan is None:
        return None
    chance = random.Random(f"{plan['seed']}/{plan['calls']}")  # noqa: S311 - repeatable on purpose
    for rule in _rules(db):
        if _applies(rule, event) and can(rule["fault"]) and chance.random() < rule["probability"]:
            db.execute("UPDATE fault_rules SET hits = hits + 1 WHERE id = ?", (rule["id"],))
            db.execute("UPDATE fault_plan SET faulty = faulty + 1")
            return Hit(fault=rule["fault"], delay=_delay(rule), chance=chance)
    return None


def unknown_result(chance: random.Random) -> dict[str, Any]:
    """A result that no list of codes has."""
    return {"ResultCode": chance.randrange(20_000, 100_000), "ResultDesc": "The service request failed."}


def _rules(db: Db) -> list[Row]:
    return db.execute("SELECT * FROM fault_rules ORDER BY id").fetchall()


def _applies(rule: Row, event: str) -> bool:
    if rule["most"] is not None and rule["hits"] >= rule["most"]:
        return False
    return event in FAULTS[rule["fault"]] and _covers(rule["api"], rule["fault"], event)


def _delay(rule: Row) -> float:
    delay_ms = rule["delay_ms"]
    if delay_ms is None:
        delay_ms = _DELAYS_MS.get(rule["fault"], _USUAL_DELAY_MS)
    return float(delay_ms / 1000)

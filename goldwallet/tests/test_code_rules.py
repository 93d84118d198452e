"""Rules that the source keeps: where the network is, what hangs on a commit, whose clock decides."""

import ast
import re
from collections.abc import Iterator

import pytest

from goldwallet.tests.code import called, calls, imported, modules

NETWORK = (
    "httpx",
    "requests",
    "aiohttp",
    "urllib3",
    "urllib.request",
    "http.client",
    "socket",
    "smtplib",
    "websockets",
    "boto3",
    "botocore",
)
#: One module speaks to the provider, and refuses to within a transaction; the token's only takes a timeout from there.
#: Mail is sent by the outbox, after its claim was committed. Photos go to a bucket before
#: their row is written. The demo speaks to the phones of the simulator.
SPEAKS = {
    "payments/rails/daraja/http.py": {"httpx"},
    "payments/rails/daraja/token.py": {"httpx"},
    "notifications/services.py": {"smtplib"},
    "kyc/storage/s3.py": {"boto3", "botocore"},
    "goldwallet/demo/data.py": {"httpx"},
    "goldwallet/demo/phone.py": {"httpx"},
}


def network(tree: ast.Module) -> set[str]:
    names = set(imported(tree))
    return {library for library in NETWORK if any(f"{name}.".startswith(f"{library}.") for name in names)}


@pytest.mark.fault("W08")
def test_the_network_is_in_one_place() -> None:
    assert {name: found for name, tree in modules() if (found := network(tree))} == SPEAKS


@pytest.mark.fault("W08")
def test_whoever_sends_refuses_to_within_a_transaction() -> None:
    """Every function of the wire that opens a request begins with the refusal."""
    trees = dict(modules())
    opens = [
        function
        for name in ("payments/rails/daraja/http.py", "payments/rails/daraja/token.py")
        for function in ast.walk(trees[name])
        if isinstance(function, ast.FunctionDef)
        and any(
            re.search(r"(_client\(\)|httpx)\.(stream|request|get|post|send)$", one)
            for one in called(function)
        )
    ]
    assert [function.name for function in opens] == ["send"]
    first = next(
        node
        for node in opens[0].body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    assert ast.unparse(first) == "refuse_in_transaction()"


def after_commit(tree: ast.Module) -> Iterator[str]:
    for call in calls(tree):
        if ast.unparse(call.func).endswith("on_commit"):
            yield ast.unparse(call.args[0])


@pytest.mark.fault("W05")
def test_nothing_but_forgetting_hangs_on_a_commit() -> None:
    """What runs after a commit may never run. So nothing does that moves money or enqueues a job: only a cache of
    this process is dropped, which would have ended by itself a moment later.
    """
    found = {(name, what) for name, tree in modules() for what in after_commit(tree)}
    assert [one for one in found if not re.fullmatch(r"[a-z_.]*_forget", one[1])] == []
    assert found, "the rule still sees something"


@pytest.mark.fault("W05")
def test_nothing_hangs_on_signals() -> None:
    """Nor on the saving of a row: an effect stands where it is called."""
    for name, tree in modules():
        hooks = {one.rpartition(".")[2] for one in imported(tree)} & {
            "post_save",
            "pre_save",
            "m2m_changed",
            "receiver",
        }
        assert not hooks, name


PYTHON_CLOCK = re.compile(
    r"(timezone\.(now|localtime|localdate)|(dt|datetime)\.(datetime\.)?(now|today|utcnow)|(dt\.|datetime\.)?date\.today"
    r"|time\.(time|time_ns|localtime|gmtime)|auto_now\w*)"
)
#: What is shown ("two minutes ago" without a moment given), and the tidying of sessions that have ended long ago.
MAY_ASK_PYTHON = {
    "goldwallet/templatetags/amounts.py",
    "goldwallet/templatetags/charts.py",
    "accounts/tasks.py",
}


def python_clock(tree: ast.Module) -> set[str]:
    return {one for one in called(tree) if PYTHON_CLOCK.fullmatch(one)}


@pytest.mark.fault("Q10")
def test_no_deadline_asks_the_clock_of_this_machine() -> None:
    assert {name for name, tree in modules() if python_clock(tree)} == MAY_ASK_PYTHON
    for name, tree in modules():
        assert "time.time" not in set(imported(tree)), name


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (network, "import requests"),
        (network, "from urllib.request import urlopen"),
        (network, "from httpx import Client"),
        (network, "import http.client"),
        (python_clock, "from django.utils import timezone\nx = timezone.now()"),
        (python_clock, "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
        (python_clock, "import time\nx = 1 + time.time()"),
        (after_commit, "transaction.on_commit(lambda: post(key='x'))"),
    ],
)
def test_the_rules_see_what_they_forbid(rule, source: str) -> None:
    assert list(rule(ast.parse(source)))


@pytest.mark.parametrize(
    "source", ["from urllib.parse import quote", "import time\ntime.monotonic()", "clock.now()"]
)
def test_the_rules_let_the_rest_pass(source: str) -> None:
    tree = ast.parse(source)
    assert not network(tree)
    assert not python_clock(tree)

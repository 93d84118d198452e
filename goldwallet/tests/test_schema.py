"""The database against what the migrations make: every guard that goes is named, and nothing starts without it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.conf import settings as config
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from goldwallet import schema
from goldwallet.schema import Thing, compare
from goldwallet.test.clock import shift_clock
from goldwallet.test.house import database_url

pytestmark = pytest.mark.django_db

MONEY = ("ledger_", "payments_", "pools_", "trading_", "controls_", "accounts_user.")


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def split(thing: Thing) -> tuple[str, str]:
    table, _, name = thing.name.partition(".")
    return table, name


# --- the file -------------------------------------------------------------------------------------


def test_the_file_is_what_the_migrations_make() -> None:
    assert schema.EXPECTED.read_text(encoding="utf-8") == schema.text(), "manage.py schema --write"


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("schema")
    assert "has everything" in capsys.readouterr().out
    with undone():
        run("DROP TRIGGER pools_no_gram_without_a_bar ON ledger_account")
        with pytest.raises(CommandError, match="1 differences"):
            call_command("schema")
    assert "trigger ledger_account.pools_no_gram_without_a_bar is missing" in capsys.readouterr().out


def test_production_does_not_write_what_it_finds(settings) -> None:
    settings.DEMO = False
    before = schema.EXPECTED.read_text(encoding="utf-8")
    with undone():
        run("DROP TRIGGER pools_no_gram_without_a_bar ON ledger_account")
        with pytest.raises(CommandError, match="where migrations are made"):
            call_command("schema", "--write")
        settings.SCHEMA_GUARDED = True
        with pytest.raises(ImproperlyConfigured) as refused:
            schema.refuse_changed()
    assert "--write" not in str(refused.value)
    assert schema.EXPECTED.read_text(encoding="utf-8") == before


def test_a_shifted_clock_leaves_no_trace() -> None:
    before = schema.present()
    with shift_clock(minutes=3):
        assert compare(before, schema.present()) == ["function wallet_now() has changed"]
    assert compare(before, schema.present()) == []


# --- each guard -----------------------------------------------------------------------------------


@pytest.mark.fault("L17")
@pytest.mark.parametrize("kind", ["constraint", "trigger", "unique"])
def test_each_guard_of_the_money_is_missed_when_it_is_dropped(kind: str) -> None:
    """Every one of them, in the real database. All are dropped before one look, which must name each."""
    before = schema.present()
    guards = [thing for thing in before if thing.kind == kind and thing.name.startswith(MONEY)]
    assert len(guards) > {"constraint": 80, "trigger": 25, "unique": 3}[kind]
    with undone():
        for guard in guards:
            table, name = split(guard)
            drop = {
                # One that others hang on takes them with it.
                "constraint": f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}" CASCADE',
                "trigger": f'DROP TRIGGER "{name}" ON "{table}"',
                "unique": f'DROP INDEX "{name}"',
            }
            run(drop[kind])
        wrong = set(compare(before, schema.present()))
        assert [guard.title for guard in guards if f"{guard.title} is missing" not in wrong] == []
    assert compare(before, schema.present()) == []


@pytest.mark.fault("L17")
@pytest.mark.parametrize("way", ["DISABLE", "ENABLE REPLICA"])
def test_each_trigger_of_the_money_is_missed_when_it_is_switched_off(way: str) -> None:
    before = schema.present()
    guards = [thing for thing in before if thing.kind == "trigger" and thing.name.startswith(MONEY)]
    with undone():
        for guard in guards:
            table, name = split(guard)
            run(f'ALTER TABLE "{table}" {way} TRIGGER "{name}"')
        assert compare(before, schema.present()) == [f"{guard.title} is switched off" for guard in guards]


@pytest.mark.fault("L17")
def test_each_function_is_missed_when_it_is_changed() -> None:
    """By a setting alone: it stands in the text, and the text is what counts."""
    before = schema.present()
    functions = [thing for thing in before if thing.kind == "function"]
    assert any(thing.name.startswith("ledger_post(") for thing in functions)
    with undone():
        for function in functions:
            name = function.name.partition("(")[0]
            run(f"ALTER FUNCTION {name} SET work_mem = '5MB'")
        assert compare(before, schema.present()) == [
            f"{function.title} has changed" for function in functions
        ]


@pytest.mark.fault("L17")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_not_negative,"
            " ADD CONSTRAINT ledger_account_not_negative CHECK (balance > -1000000)",
            "constraint ledger_account.ledger_account_not_negative has changed",
        ),
        (
            "ALTER TABLE ledger_entry ALTER amount TYPE numeric(20, 2)",
            "column ledger_entry.amount has changed",
        ),
        (
            "ALTER TABLE payments_payment ALTER state DROP NOT NULL",
            "column payments_payment.state has changed",
        ),
        (
            "ALTER TABLE payments_payment ALTER created_at SET DEFAULT now()",
            "column payments_payment.created_at has changed",
        ),
        ("ALTER TABLE trading_quote DROP COLUMN used_at", "column trading_quote.used_at is missing"),
        ("ALTER TABLE payments_railtoken SET UNLOGGED", "table payments_railtoken has changed"),
        ("DROP TABLE payments_railtoken", "table payments_railtoken is missing"),
        (
            "CREATE RULE nothing AS ON INSERT TO payments_callback DO INSTEAD NOTHING",
            "rule payments_callback.nothing is not ours",
        ),
        (
            "CREATE FUNCTION ledger_scale(integer) RETURNS integer LANGUAGE sql AS 'SELECT 9'",
            "function ledger_scale(integer) is not ours",
        ),
    ],
)
def test_other_changes_are_named(change: str, sentence: str) -> None:
    before = schema.present()
    with undone():
        run(change)
        assert sentence in compare(before, schema.present())


def test_a_foreign_key_whose_triggers_are_off() -> None:
    before = schema.present()
    with undone():
        run("ALTER TABLE payments_callback DISABLE TRIGGER ALL")
        wrong = compare(before, schema.present())
    names = [sentence.split()[1] for sentence in wrong]
    assert wrong == [f"constraint {name} is switched off" for name in names]
    assert {name.partition(".")[0] for name in names} == {"payments_callback", "payments_payment"}


# --- what is compared when ------------------------------------------------------------------------

DUE = [Thing("constraint", "a.b", "CHECK (x > 0)"), Thing("trigger", "a.t", "CREATE TRIGGER t")]


def test_names_alone_when_the_server_or_the_program_is_older() -> None:
    other = [replace(DUE[0], says="CHECK ((x > 0))"), DUE[1], Thing("column", "a.new", "integer")]
    assert compare(DUE, other, exact=False) == []
    assert compare(DUE, other) == ["constraint a.b has changed", "column a.new is not ours"]
    off = [replace(DUE[0], says="CHECK ((x > 0))"), replace(DUE[1], on=False)]
    assert compare(DUE, off, exact=False) == ["trigger a.t is switched off"]
    assert compare(DUE, DUE[:1], exact=False) == ["trigger a.t is missing"]


def test_a_database_that_is_ahead_may_have_more_and_never_less() -> None:
    run("ALTER TABLE payments_railtoken ADD COLUMN later integer")
    assert "column payments_railtoken.later is not ours" in schema.differences()
    run("INSERT INTO django_migrations (app, name, applied) VALUES ('payments', '9999_later', now())")
    assert schema.differences() == []
    run("DROP TRIGGER pools_no_gram_without_a_bar ON ledger_account")
    assert schema.differences() == ["trigger ledger_account.pools_no_gram_without_a_bar is missing"]


def test_another_server_compares_names(monkeypatch: pytest.MonkeyPatch) -> None:
    run("ALTER TABLE payments_railtoken ALTER token_sealed SET DEFAULT 'x'")
    assert schema.differences() == ["column payments_railtoken.token_sealed has changed"]
    monkeypatch.setattr(schema, "_major", lambda: 16)
    assert schema.differences() == []


# --- nothing starts -------------------------------------------------------------------------------


@pytest.mark.fault("L17")
def test_nothing_starts_on_it(settings, client) -> None:
    settings.SCHEMA_GUARDED = True
    schema.refuse_changed()
    assert client.get("/readyz").json()["checks"]["schema"] == "ok"
    run("ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_not_negative")
    missing = "constraint ledger_account.ledger_account_not_negative is missing"
    with pytest.raises(ImproperlyConfigured, match=missing):
        schema.refuse_changed()
    with pytest.raises(ImproperlyConfigured, match=missing):
        call_command("worker")
    with pytest.raises(ImproperlyConfigured, match=missing):
        call_command("prepare")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert missing in answer.json()["checks"]["schema"]


def test_a_long_list_is_cut(settings) -> None:
    settings.SCHEMA_GUARDED = True
    run("DROP TABLE payments_railtoken")
    run("DROP TABLE pools_allocation")
    with pytest.raises(ImproperlyConfigured, match=r"- and \d+ more\n"):
        schema.refuse_changed()


def test_the_web_starts_before_its_database(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SCHEMA_GUARDED = True

    def away() -> list[str]:
        raise OperationalError("no route to the server")

    monkeypatch.setattr(schema, "differences", away)
    monkeypatch.setattr(connection, "close", lambda: None)
    schema.refuse_changed_or_away()
    with pytest.raises(OperationalError):
        schema.refuse_changed()


@pytest.mark.fault("L17")
@pytest.mark.django_db(transaction=True)
def test_a_web_process_does_not_come_up() -> None:
    """The real thing: `goldwallet.wsgi`, with the settings of `make run`, over a database that lacks one trigger."""
    ((definition,),) = _read(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'pgtrigger_balances%'"
    )
    name = definition.split()[2]
    started = [sys.executable, "-c", "import goldwallet.wsgi; print('up')"]
    environment = {
        "PATH": "",
        "GOLDWALLET_MODE": "demo",
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "goldwallet.settings",
    }

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            started, env=environment, cwd=config.BASE_DIR, capture_output=True, text=True, check=False
        )

    assert start().stdout == "up\n"
    run(f"DROP TRIGGER {name} ON ledger_entry")
    try:
        refused = start()
    finally:
        run(definition)
    assert refused.returncode != 0
    assert f"trigger ledger_entry.{name} is missing" in refused.stderr
    assert "up" not in refused.stdout
    assert schema.differences() == []


def _read(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


# --- the anchor -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_anchor_stays_and_changes_with_the_database() -> None:
    """A copy of the database, a table that a dump has made anew, another database: each has another anchor."""
    mine = schema.anchor()
    system, database, timeline, table = mine.split(":")
    assert len(timeline) == 8 and int(timeline, 16) >= 1
    assert int(system) > 0 and int(database) > 0 and int(table) > 0
    run("TRUNCATE ledger_entry, ledger_transaction CASCADE")
    connection.close()
    assert schema.anchor() == mine, "a new connection and TRUNCATE are the same life"
    with undone():
        run("ALTER TABLE ledger_entry RENAME TO ledger_entry_before")
        run("CREATE TABLE ledger_entry (LIKE ledger_entry_before)")
        assert schema.anchor() != mine, "loaded from a dump"

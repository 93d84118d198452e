"""State on disk: one SQLite file that survives a restart. One process, one writer, readers never wait."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

type Row = sqlite3.Row
type Db = sqlite3.Connection

TABLES = (
    # The books. Amounts are whole KES; an entry is signed, and carries the balance it left behind.
    """CREATE TABLE IF NOT EXISTS accounts (
        name TEXT PRIMARY KEY,
        may_go_negative INTEGER NOT NULL,
        balance INTEGER NOT NULL DEFAULT 0,
        CHECK (may_go_negative OR balance >= 0))""",
    """CREATE TABLE IF NOT EXISTS transactions (
        id INTEGER PRIMARY KEY,
        receipt TEXT UNIQUE,
        kind TEXT NOT NULL,
        memo TEXT NOT NULL,
        at REAL NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY,
        transaction_id INTEGER NOT NULL REFERENCES transactions,
        account TEXT NOT NULL REFERENCES accounts,
        amount INTEGER NOT NULL,
        balance INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS entries_by_transaction ON entries (transaction_id)",
    "CREATE INDEX IF NOT EXISTS entries_by_account ON entries (account, id)",
    # Phones and what is on them.
    """CREATE TABLE IF NOT EXISTS phones (
        number TEXT PRIMARY KEY,
        registered INTEGER NOT NULL DEFAULT 1,
        wrong_pins INTEGER NOT NULL DEFAULT 0,
        seen_at REAL NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY,
        phone TEXT NOT NULL REFERENCES phones,
        kind TEXT NOT NULL,
        sender TEXT NOT NULL,
        subject TEXT NOT NULL,
        recipient TEXT NOT NULL,
        text TEXT NOT NULL,
        at REAL NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS messages_by_phone ON messages (phone, id)",
    """CREATE TABLE IF NOT EXISTS authenticators (
        phone TEXT NOT NULL REFERENCES phones,
        account TEXT NOT NULL,
        secret TEXT NOT NULL,
        digits INTEGER NOT NULL,
        period INTEGER NOT NULL,
        PRIMARY KEY (phone, account))""",
    # A prompt: open -> ignored -> failed, open -> completed | failed. `due_at`: no answer by then is 1037.
    """CREATE TABLE IF NOT EXISTS prompts (
        checkout_id TEXT PRIMARY KEY,
        merchant_id TEXT NOT NULL,
        shortcode TEXT NOT NULL,
        phone TEXT NOT NULL REFERENCES phones,
        amount INTEGER NOT NULL,
        reference TEXT NOT NULL,
        description TEXT NOT NULL,
        callback_url TEXT NOT NULL,
        created_at REAL NOT NULL,
        due_at REAL NOT NULL,
        state TEXT NOT NULL,
        result_code TEXT,
        receipt TEXT,
        decided_at REAL)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS one_live_prompt ON prompts (phone) WHERE state IN ('open', 'ignored')",
    "CREATE INDEX IF NOT EXISTS prompts_due ON prompts (due_at) WHERE state IN ('open', 'ignored')",
    "CREATE INDEX IF NOT EXISTS prompts_by_phone ON prompts (phone, created_at)",
    # A payout: pending -> completed | failed. `verdict`: the credential check at the request.
    """CREATE TABLE IF NOT EXISTS payouts (
        conversation_id TEXT PRIMARY KEY,
        originator_id TEXT NOT NULL UNIQUE,
        shortcode TEXT NOT NULL,
        command TEXT NOT NULL,
        phone TEXT NOT NULL,
        amount INTEGER NOT NULL,
        remarks TEXT NOT NULL,
        occasion TEXT NOT NULL,
        result_url TEXT NOT NULL,
        timeout_url TEXT NOT NULL,
        verdict TEXT NOT NULL,
        created_at REAL NOT NULL,
        due_at REAL NOT NULL,
        state TEXT NOT NULL,
        result_code TEXT,
        transaction_code TEXT,
        receipt TEXT,
        charge INTEGER,
        finished_at REAL)""",
    "CREATE INDEX IF NOT EXISTS payouts_due ON payouts (due_at) WHERE state = 'pending'",
    "CREATE INDEX IF NOT EXISTS payouts_by_transaction ON payouts (transaction_code)",
    # A payment by hand. Together with the paid prompts: every payment in.
    """CREATE TABLE IF NOT EXISTS paybills (
        receipt TEXT PRIMARY KEY,
        shortcode TEXT NOT NULL,
        phone TEXT NOT NULL REFERENCES phones,
        amount INTEGER NOT NULL,
        reference TEXT NOT NULL,
        at REAL NOT NULL)""",
    """CREATE VIEW IF NOT EXISTS payments AS
        SELECT receipt, 'online' AS channel, shortcode, phone, amount, reference, merchant_id AS originator_id,
            created_at AS initiated_at, decided_at AS at
        FROM prompts WHERE receipt IS NOT NULL
        UNION ALL
        SELECT receipt, 'by hand', shortcode, phone, amount, reference, '', at, at FROM paybills""",
    "CREATE INDEX IF NOT EXISTS prompts_by_receipt ON prompts (receipt) WHERE receipt IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS reversals (
        receipt TEXT PRIMARY KEY,
        original TEXT NOT NULL UNIQUE,
        requested_by TEXT NOT NULL,
        initiated_at REAL NOT NULL,
        at REAL NOT NULL)""",
    # The addresses that C2B notices go to, and who registered for Pull.
    """CREATE TABLE IF NOT EXISTS c2b_urls (
        shortcode TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        response_type TEXT NOT NULL,
        confirmation_url TEXT NOT NULL,
        validation_url TEXT NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS pull_registrations (shortcode TEXT PRIMARY KEY, phone TEXT NOT NULL)",
    # A request that is answered by callback waits here until it is due: pending -> answered.
    """CREATE TABLE IF NOT EXISTS enquiries (
        conversation_id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        originator_id TEXT NOT NULL,
        shortcode TEXT NOT NULL,
        fields TEXT NOT NULL,
        result_url TEXT NOT NULL,
        timeout_url TEXT NOT NULL,
        verdict TEXT NOT NULL,
        created_at REAL NOT NULL,
        due_at REAL NOT NULL,
        state TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS enquiries_due ON enquiries (due_at) WHERE state = 'pending'",
    # A callback: pending -> sending -> sent | failed. Found in `sending` at a start: never sent again.
    # By the fault plan: dropped, or held -> pending.
    # AUTOINCREMENT: a sender that still has one from before a reset must not take a new one for it.
    """CREATE TABLE IF NOT EXISTS callbacks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        url TEXT NOT NULL,
        shortcode TEXT NOT NULL,
        body TEXT NOT NULL,
        due_at REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending',
        outcome TEXT NOT NULL DEFAULT '',
        sent_at REAL)""",
    "CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (due_at) WHERE state = 'pending'",
    # The fault plan: at most one, and its rules in order. `most`: how often a rule may hit.
    """CREATE TABLE IF NOT EXISTS fault_plan (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        seed INTEGER NOT NULL,
        calls INTEGER NOT NULL DEFAULT 0,
        faulty INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS fault_rules (
        id INTEGER PRIMARY KEY,
        api TEXT NOT NULL,
        fault TEXT NOT NULL,
        probability REAL NOT NULL,
        delay_ms INTEGER,
        most INTEGER,
        hits INTEGER NOT NULL DEFAULT 0)""",
    # The clock of manual mode: where it stands.
    "CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), now REAL NOT NULL)",
    # Access tokens stay valid over a restart and a reset. `failures` counts wrong passwords.
    "CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, expires_at REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS initiators (name TEXT PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0)",
)

# What a reset does: all but the tokens goes, children before parents.
RESET = (
    "DELETE FROM entries",
    "DELETE FROM transactions",
    "DELETE FROM accounts",
    "DELETE FROM messages",
    "DELETE FROM authenticators",
    "DELETE FROM prompts",
    "DELETE FROM payouts",
    "DELETE FROM paybills",
    "DELETE FROM reversals",
    "DELETE FROM c2b_urls",
    "DELETE FROM pull_registrations",
    "DELETE FROM enquiries",
    "DELETE FROM callbacks",
    "DELETE FROM fault_rules",
    "DELETE FROM fault_plan",
    "DELETE FROM initiators",
    "DELETE FROM phones",
)

# A new table comes to an older file by itself. Raised by hand when a table that exists changes: then an older
# file is refused, with what to do about it.
VERSION = 1


class StoreError(Exception):
    """The data folder cannot be used. The text says why and what to do."""


class Store:
    """Opens the file, and hands out read and write transactions."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "books.sqlite3"
        self._writer = threading.Lock()
        self._idle: list[Db] = []
        # Set after every commit: the scheduler waits for it.
        self.changed = threading.Event()
        self._lock_file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_file)
            raise StoreError(
                f"Another simulator already uses {folder}. Stop it, or set SIMULATOR_DATA to another folder."
            ) from None
        self._prepare()
        # SQLite folds its log back into the file whenever the last connection closes. This one stays open,
        # or every single call would pay for that.
        self._keeper = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._keeper.execute("SELECT count(*) FROM accounts").fetchone()

    def _prepare(self) -> None:
        with self._connection() as db:
            db.execute("PRAGMA journal_mode = WAL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, VERSION}:
                raise StoreError(
                    f"{self._path} was written by another version. Delete it to start with new books."
                )
        with self.write() as db:
            for statement in TABLES:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _connection(self) -> Iterator[Db]:
        # Threads come and go, and opening a connection costs more than most pieces of work: each takes one that nobody
        # uses. One that something went wrong on is not used again.
        try:
            db = self._idle.pop()
        except IndexError:
            db = self._open()
        try:
            yield db
        except BaseException:
            db.close()
            raise
        self._idle.append(db)

    def _open(self) -> Db:
        db = sqlite3.connect(self._path, isolation_level=None, timeout=10, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    @contextmanager
    def read(self) -> Iterator[Db]:
        """One consistent view."""
        with self._connection() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.rollback()

    @contextmanager
    def write(self) -> Iterator[Db]:
        """All or nothing, and alone: whoever is in here decides on what it has just read."""
        with self._writer, self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.rollback()
                raise
            db.commit()
        self.changed.set()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self._keeper.close()
        os.close(self._lock_file)

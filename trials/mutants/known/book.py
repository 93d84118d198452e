"""Mistakes in the book: locks, keys, checks and triggers of the database."""

from trials.mutants.mutant import Mutant

_POST = "ledger/migrations/0002_post.py"
_TABLES = "ledger/migrations/0001_tables.py"
_RACE = "ledger/tests/test_race_post.py"
_ATTACK = "ledger/tests/test_attack.py"

MUTANTS = (
    Mutant(
        name="ledger_without_its_lock",
        world="Balances are read without a lock: withdrawals at the same moment emptied an exchange's hot wallet.",
        file=_POST,
        old="        ORDER BY shared, id\n        FOR UPDATE\n    LOOP",
        new="        ORDER BY shared, id\n    LOOP",
        tests=(f"{_RACE}::test_sixteen_posts_on_one_account_lose_nothing",),
    ),
    Mutant(
        name="accounts_locked_in_any_order",
        world="Two postings lock the same two accounts the other way round and wait for each other: deadlocks in "
        "somebody's face.",
        file=_POST,
        old="        ORDER BY shared, id\n        FOR UPDATE",
        new="        ORDER BY array_position(p_codes, code::text)\n        FOR UPDATE",
        tests=(f"{_RACE}::test_crossing_transfers_do_not_deadlock",),
    ),
    Mutant(
        name="key_checked_then_inserted",
        world="Idempotency by looking first and writing then: two copies of a webhook both find nothing.",
        file=_POST,
        old="""\
    INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo, reverses_id)
    VALUES (p_key, p_hash, p_kind, p_actor, p_memo, p_reverses)
    ON CONFLICT (key) DO NOTHING
    RETURNING id INTO v_transaction;
    IF v_transaction IS NULL THEN
""",
        new="""\
    IF NOT EXISTS (SELECT FROM ledger_transaction WHERE key = p_key) THEN
        INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo, reverses_id)
        VALUES (p_key, p_hash, p_kind, p_actor, p_memo, p_reverses)
        RETURNING id INTO v_transaction;
    END IF;
    IF v_transaction IS NULL THEN
""",
        tests=(f"{_RACE}::test_one_key_at_the_same_moment_is_one_transaction",),
    ),
    Mutant(
        name="key_reused_with_other_input",
        world="The same key with another amount is answered as if it were a retry: the second posting never happens.",
        file=_POST,
        old="        ELSIF v_hash <> p_hash THEN",
        new="        ELSIF false THEN",
        tests=("ledger/tests/test_post.py::TestKey::test_same_key_and_other_input_is_refused",),
    ),
    Mutant(
        name="reversal_not_compared",
        world="A reversal with other amounts than the original passes as its mirror.",
        file=_POST,
        old="    IF p_reverses IS NOT NULL AND EXISTS (",
        new="    IF false AND EXISTS (",
        tests=("ledger/tests/test_reverse.py::test_only_the_exact_mirror_is_a_reversal",),
    ),
    Mutant(
        name="balance_check_dropped",
        world="The books add up while a customer stands below zero: an audit that only summed missed it.",
        file=_TABLES,
        old='models.Q(("may_go_negative", True), ("balance__gte", 0), _connector="OR")',
        new='models.Q(("may_go_negative", True), ("balance__gte", -(10**14)), _connector="OR")',
        tests=(f"{_ATTACK}::test_entries_that_are_refused",),
    ),
    Mutant(
        name="entry_sequence_not_unique",
        world="Two entries are both the next one of an account: an update is lost between them.",
        file=_POST,
        old="ALTER TABLE ledger_account SET (fillfactor = 50);",
        new="ALTER TABLE ledger_account SET (fillfactor = 50);\n"
        "ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_pkey;\n"
        "CREATE INDEX ledger_entry_pkey ON ledger_entry (account_id, seq);",
        tests=(f"{_ATTACK}::test_entries_that_are_refused",),
    ),
    Mutant(
        name="one_sided_entries",
        world="A transaction that does not sum to zero is stored: money appears.",
        file=_TABLES,
        old="HAVING sum(p.amount) <> 0 OR bool_or(",
        new="HAVING bool_or(",
        tests=(f"{_ATTACK}::test_entries_that_are_refused",),
    ),
    Mutant(
        name="entries_may_be_edited",
        world="Posted rows are corrected in place, and nobody can tell any more what was.",
        file=_TABLES,
        old="RAISE EXCEPTION 'ledger_entry is insert-only' USING ERRCODE = 'LD100';",
        new="RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;",
        tests=(f"{_ATTACK}::test_what_stands_in_the_book_stays",),
    ),
    Mutant(
        name="gold_without_a_bar",
        world="The supply trigger is dropped: a typo mints more grams than the vault holds, as an issuer minted "
        "300 trillion coins.",
        file="pools/migrations/0002_supply.py",
        old="WHEN (NEW.asset = 'GOLD' AND NEW.balance < 0)",
        new="WHEN (false)",
        tests=("pools/tests/test_supply.py",),
    ),
    Mutant(
        name="receipt_not_unique",
        world="One receipt pays for two payments: the classic replay of a paid notice.",
        file="payments/migrations/0001_payments.py",
        old='("receipt", models.CharField(default=None, max_length=20, null=True, unique=True))',
        new='("receipt", models.CharField(default=None, max_length=20, null=True))',
        tests=("payments/tests/test_callback.py::test_a_receipt_is_good_for_one_payment",),
    ),
)

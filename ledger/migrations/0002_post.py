from django.db import migrations

# The heart of the book. Refusals carry an SQLSTATE of our own, which ledger/services.py turns into exceptions:
#   LD001 key reused   LD002 overdraft (DETAIL: the account's code)   LD003 asset or properties of an account
#   LD004 amount       LD005 no transfer, or not one                  LD006 reversal
# ledger/triggers.py has LD100 to LD103. A change of the function is a new migration with CREATE OR REPLACE.

SCALE = """
-- Digits after the point of an asset; NULL for an asset that the book does not know.
CREATE FUNCTION ledger_scale(asset text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE asset WHEN 'GOLD' THEN 6 WHEN 'KES' THEN 2 END $$;
"""

POST = """
CREATE FUNCTION ledger_post(
    p_key text, p_hash bytea, p_kind text, p_actor text, p_memo text, p_reverses bigint,
    -- the accounts touched, each once, as the chart defines them
    p_codes text[], p_assets text[], p_may_go_negative boolean[], p_shared boolean[],
    -- the transfers: from and to are places in p_codes
    p_from integer[], p_to integer[], p_amounts numeric[]
) RETURNS bigint
LANGUAGE plpgsql
-- Planning costs more than running it. Index scans whatever the statistics say: a plan made while the tables were
-- tiny would read them from end to end for as long as the session lives.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
-- The application's role needs no right to write the tables, only to call this function.
SECURITY DEFINER
AS $$
DECLARE
    n_legs integer := cardinality(p_amounts);
    n_accounts integer := cardinality(p_codes);
    v_transaction bigint;
    v_hash bytea;
    v_account record;
    v_place integer;
    v_found integer := 0;
    v_seq bigint;
    v_balance numeric;
    e_account bigint[] := '{}';
    e_seq bigint[] := '{}';
    e_leg smallint[] := '{}';
    e_amount numeric[] := '{}';
    e_balance numeric[] := '{}';
BEGIN
    -- 1. Is it a set of transfers? IS NOT TRUE refuses NULL too; NaN and Infinity are above the bound.
    IF (n_legs BETWEEN 1 AND 1000 AND cardinality(p_from) = n_legs AND cardinality(p_to) = n_legs
        AND n_accounts >= 2 AND cardinality(p_assets) = n_accounts
        AND cardinality(p_may_go_negative) = n_accounts AND cardinality(p_shared) = n_accounts
        AND p_key <> '' AND p_kind <> '' AND octet_length(p_hash) = 32) IS NOT TRUE
    THEN
        RAISE EXCEPTION 'a transaction needs a key, a kind, a hash and whole transfers' USING ERRCODE = 'LD005';
    END IF;
    FOR i IN 1..n_legs LOOP
        IF (p_from[i] <> p_to[i] AND p_from[i] BETWEEN 1 AND n_accounts AND p_to[i] BETWEEN 1 AND n_accounts)
            IS NOT TRUE
        THEN
            RAISE EXCEPTION 'transfer % must go from one account to another', i USING ERRCODE = 'LD005';
        END IF;
        IF (p_assets[p_from[i]] = p_assets[p_to[i]]) IS NOT TRUE THEN
            RAISE EXCEPTION 'transfer % from % to % would change the asset', i, p_codes[p_from[i]], p_codes[p_to[i]]
                USING ERRCODE = 'LD003';
        END IF;
        IF (p_amounts[i] > 0 AND p_amounts[i] < 1e14
            AND p_amounts[i] = trunc(p_amounts[i], ledger_scale(p_assets[p_from[i]]))) IS NOT TRUE
        THEN
            RAISE EXCEPTION 'transfer %: % is no amount of %', i, p_amounts[i], p_assets[p_from[i]]
                USING ERRCODE = 'LD004';
        END IF;
    END LOOP;

    -- 2. Once per key. A twin that is still under way makes us wait here for its end (READ COMMITTED).
    INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo, reverses_id)
    VALUES (p_key, p_hash, p_kind, p_actor, p_memo, p_reverses)
    ON CONFLICT (key) DO NOTHING
    RETURNING id INTO v_transaction;
    IF v_transaction IS NULL THEN
        SELECT id, input_hash INTO v_transaction, v_hash FROM ledger_transaction WHERE key = p_key;
        IF v_hash IS NULL THEN
            RAISE EXCEPTION 'the transaction with key % cannot be seen yet', p_key USING ERRCODE = '40001';
        ELSIF v_hash <> p_hash THEN
            RAISE EXCEPTION 'key % was used with other input', p_key USING ERRCODE = 'LD001';
        END IF;
        RETURN v_transaction;
    END IF;

    -- 3. Open accounts that are new. Before any lock is taken and in one order, or two openers could wait in a ring.
    IF (SELECT count(*) FROM ledger_account WHERE code = ANY (p_codes)) < n_accounts THEN
        INSERT INTO ledger_account (code, asset, balance, seq, may_go_negative, shared)
        SELECT n.code, n.asset, 0, 0, n.may_go_negative, n.shared
        FROM unnest(p_codes, p_assets, p_may_go_negative, p_shared) AS n (code, asset, may_go_negative, shared)
        WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.code = n.code)
        ORDER BY n.code
        ON CONFLICT (code) DO NOTHING;
    END IF;

    -- 4. Lock and reckon, account by account: people's first, shared ones last, so that a hot row is held shortest.
    -- Within an account what comes in is entered before what goes out. So value that only passes through leaves the
    -- account where it was, and the order of the transfers never makes an overdraft that the whole is not.
    FOR v_account IN
        SELECT id, code, asset, balance, seq, may_go_negative, shared
        FROM ledger_account WHERE code = ANY (p_codes)
        ORDER BY shared, id
        FOR UPDATE
    LOOP
        v_found := v_found + 1;
        v_place := array_position(p_codes, v_account.code::text);
        IF (v_account.asset = p_assets[v_place] AND v_account.may_go_negative = p_may_go_negative[v_place]
            AND v_account.shared = p_shared[v_place]) IS NOT TRUE
        THEN
            RAISE EXCEPTION 'account % is kept in % and with other properties', v_account.code, v_account.asset
                USING ERRCODE = 'LD003';
        END IF;
        v_seq := v_account.seq;
        v_balance := v_account.balance;
        FOR i IN 1..n_legs LOOP
            IF p_to[i] = v_place THEN
                v_seq := v_seq + 1;
                v_balance := v_balance + p_amounts[i];
                e_account := e_account || v_account.id;
                e_seq := e_seq || v_seq;
                e_leg := e_leg || i::smallint;
                e_amount := e_amount || p_amounts[i];
                e_balance := e_balance || v_balance;
            END IF;
        END LOOP;
        FOR i IN 1..n_legs LOOP
            IF p_from[i] = v_place THEN
                v_seq := v_seq + 1;
                v_balance := v_balance - p_amounts[i];
                e_account := e_account || v_account.id;
                e_seq := e_seq || v_seq;
                e_leg := e_leg || i::smallint;
                e_amount := e_amount || -p_amounts[i];
                e_balance := e_balance || v_balance;
            END IF;
        END LOOP;
        IF v_balance < 0 AND NOT v_account.may_go_negative THEN
            RAISE EXCEPTION 'account % would stand at %', v_account.code, v_balance
                USING ERRCODE = 'LD002', DETAIL = v_account.code;
        END IF;
        IF abs(v_balance) >= 1e14 THEN
            RAISE EXCEPTION 'account % would stand at %', v_account.code, v_balance USING ERRCODE = 'LD004';
        END IF;
    END LOOP;
    IF v_found <> n_accounts THEN
        RAISE EXCEPTION 'accounts are named twice' USING ERRCODE = 'LD005';
    END IF;

    -- 5. Write, in one statement; its trigger checks once more and moves the balances.
    INSERT INTO ledger_entry (account_id, seq, transaction_id, leg, amount, balance)
    SELECT e.account_id, e.seq, v_transaction, e.leg, e.amount, e.balance
    FROM unnest(e_account, e_seq, e_leg, e_amount, e_balance) AS e (account_id, seq, leg, amount, balance);

    -- 6. A reversal is the exact mirror, transfer by transfer.
    IF p_reverses IS NOT NULL AND EXISTS (
        (SELECT account_id, leg, -amount FROM ledger_entry WHERE transaction_id = p_reverses
         EXCEPT SELECT account_id, leg, amount FROM ledger_entry WHERE transaction_id = v_transaction)
        UNION ALL
        (SELECT account_id, leg, amount FROM ledger_entry WHERE transaction_id = v_transaction
         EXCEPT SELECT account_id, leg, -amount FROM ledger_entry WHERE transaction_id = p_reverses)
    ) THEN
        RAISE EXCEPTION 'transaction % is not mirrored', p_reverses USING ERRCODE = 'LD006';
    END IF;
    RETURN v_transaction;
END;
$$;

-- The names above mean this schema's tables, whatever the caller's session says.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION ledger_post SET search_path = %I, pg_temp', current_schema());
END;
$$;

-- It writes with its owner's rights, so not everybody may call it: `manage.py ledger_grants ROLE` says who.
REVOKE ALL ON FUNCTION ledger_post FROM PUBLIC;
"""

FILLFACTOR = """
-- Room in each page for the next version of a row, so that moving a balance touches no index.
ALTER TABLE ledger_account SET (fillfactor = 50);
"""

FOREIGN_KEYS = """
-- Checked at once, inside ledger_post and so with its settings, instead of one by one at the commit.
DO $$
DECLARE fk record;
BEGIN
    FOR fk IN
        SELECT conrelid::regclass AS tab, conname FROM pg_constraint
        WHERE contype = 'f' AND conrelid IN ('ledger_entry'::regclass, 'ledger_transaction'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', fk.tab, fk.conname);
    END LOOP;
END;
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_tables")]

    operations = [
        migrations.RunSQL(SCALE, "DROP FUNCTION ledger_scale;"),
        migrations.RunSQL(POST, "DROP FUNCTION ledger_post;"),
        migrations.RunSQL(FILLFACTOR, "ALTER TABLE ledger_account RESET (fillfactor);"),
        migrations.RunSQL(FOREIGN_KEYS, migrations.RunSQL.noop),
    ]

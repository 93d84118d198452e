from django.db import migrations

# No gram without a bar: what a pool has issued (its vault account's balance, with the sign turned) is never more than
# the fine grams of its bars in the vault. Both sides are watched: the ledger's account and the bars. The ledger knows
# nothing of this; the trigger merely hangs on its table, and looks only at gold accounts that stand below zero.
#
# Whoever changes either side writes the pool's row first, so that two changes at once wait for each other: each then
# counts what the other left. It is a real write, not only a lock: under REPEATABLE READ a transaction that cannot see
# the other's bars fails here instead of miscounting. Buying locks the pool's row FOR KEY SHARE only and does not wait.
CHECK = """
CREATE FUNCTION pools_supply_check(p_pool uuid, p_issued numeric) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_fine numeric;
BEGIN
    UPDATE pools_pool SET priority = priority WHERE id = p_pool;
    SELECT coalesce(sum(fine_grams), 0) INTO v_fine
    FROM pools_bar WHERE pool_id = p_pool AND status = 'active';
    IF (p_issued <= v_fine) IS NOT TRUE THEN
        RAISE EXCEPTION 'pool % would have issued % g, and its bars hold % g', p_pool, p_issued, v_fine
            USING ERRCODE = 'check_violation', CONSTRAINT = 'pools_no_gram_without_a_bar';
    END IF;
END;
$$;
"""

ACCOUNT = """
CREATE FUNCTION pools_supply_of_account() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v_pool uuid;
BEGIN
    -- The whole code is compared, so that no other spelling of a pool's id opens a second vault over the same bars.
    SELECT id INTO v_pool FROM pools_pool WHERE 'pool:' || id::text || ':vault' = NEW.code;
    IF v_pool IS NULL THEN
        RAISE EXCEPTION 'gold comes out of the vault of a pool, and % is none', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'pools_no_gram_without_a_bar',
                  HINT = 'Make the pool and add its bars first (pools.services).';
    END IF;
    PERFORM pools_supply_check(v_pool, -NEW.balance);
    RETURN NULL;
END;
$$;
CREATE TRIGGER pools_no_gram_without_a_bar AFTER INSERT OR UPDATE ON ledger_account
FOR EACH ROW WHEN (NEW.asset = 'GOLD' AND NEW.balance < 0)
EXECUTE FUNCTION pools_supply_of_account();
"""

BARS = """
CREATE FUNCTION pools_supply_of_bar() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v_issued numeric;
BEGIN
    UPDATE pools_pool SET priority = priority WHERE id = OLD.pool_id;
    SELECT -balance INTO v_issued FROM ledger_account WHERE code = 'pool:' || OLD.pool_id::text || ':vault';
    PERFORM pools_supply_check(OLD.pool_id, coalesce(v_issued, 0));
    RETURN NULL;
END;
$$;
CREATE TRIGGER pools_no_gram_without_a_bar AFTER UPDATE OR DELETE ON pools_bar
FOR EACH ROW EXECUTE FUNCTION pools_supply_of_bar();
"""

# The names above mean this schema's tables: a temporary table of the same name must not shadow them.
SEARCH_PATH = """
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION pools_supply_check SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION pools_supply_of_account SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION pools_supply_of_bar SET search_path = %I, pg_temp', current_schema());
END;
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("pools", "0001_pools"), ("ledger", "0001_tables")]

    operations = [
        migrations.RunSQL(CHECK, "DROP FUNCTION pools_supply_check;"),
        migrations.RunSQL(
            ACCOUNT,
            """
            DROP TRIGGER pools_no_gram_without_a_bar ON ledger_account;
            DROP FUNCTION pools_supply_of_account;
            """,
        ),
        migrations.RunSQL(
            BARS,
            """
            DROP TRIGGER pools_no_gram_without_a_bar ON pools_bar;
            DROP FUNCTION pools_supply_of_bar;
            """,
        ),
        migrations.RunSQL(SEARCH_PATH, migrations.RunSQL.noop),
    ]

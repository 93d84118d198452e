"""No session setting opens the histories of people, nor what stays of their proofs, numbers and resets.

An erasure takes out what named the person, and each guard looks at the change itself. `oversight_history_forget` says of
whom, by the setting `goldwallet.forgets`. The setting opens nothing: whoever sets it can do what the erasure of this
person has done anyway.
"""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

# Every name is the database's own or ours: neither a session's tables nor its search path have a say. `p_new` is NULL
# when a row is to be deleted.
_FORGOTTEN = """
CREATE FUNCTION accounts_forgotten() RETURNS TABLE (id uuid, username varchar, email varchar)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT u.id, u.username, u.email FROM accounts_user u
    WHERE u.id = nullif(current_setting('goldwallet.forgets', true), '')::uuid
      AND u.closed_at IS NOT NULL AND NOT u.is_active AND u.email LIKE 'gone-%@erased.invalid'
$$;
"""
_USER = """
CREATE FUNCTION accounts_userevent_forgets(p_old accounts_userevent, p_new accounts_userevent) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN p_new.pgh_id IS NOT NULL AND EXISTS (
        SELECT FROM accounts_forgotten() AS person
        WHERE p_old.pgh_obj_id = person.id
          AND to_jsonb(p_new) = to_jsonb(p_old) || jsonb_build_object(
              'username', person.username, 'email', person.email, 'phone_lookup', '', 'frozen_reason', ''
          )
    );
END
$$;
"""
_NUMBER = """
CREATE FUNCTION accounts_payoutnumberevent_forgets(p_old accounts_payoutnumberevent, p_new accounts_payoutnumberevent)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN p_new.pgh_id IS NOT NULL AND EXISTS (
        SELECT FROM accounts_forgotten() AS person
        WHERE p_old.user_id = person.id AND to_jsonb(p_new) = to_jsonb(p_old) || '{"phone_lookup": ""}'
    );
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_whose_number_it_ever_was"),
    ]

    operations = [
        migrations.RunSQL(_FORGOTTEN, "DROP FUNCTION accounts_forgotten()"),
        migrations.RunSQL(
            _USER, "DROP FUNCTION accounts_userevent_forgets(accounts_userevent, accounts_userevent)"
        ),
        migrations.RunSQL(
            _NUMBER,
            "DROP FUNCTION"
            " accounts_payoutnumberevent_forgets(accounts_payoutnumberevent, accounts_payoutnumberevent)",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="authenticatorevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="factorreset",
            name="delay_stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="factorreset",
            name="ends_once",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="factorresetevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="payoutnumber",
            name="stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="payoutnumberevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="rolegrantevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="stepup",
            name="bound",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="stepup",
            name="used_once",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="userevent",
            name="append_only",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="authenticatorevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="48fd4830c8993884190604e8c6daf7f76e6d2733",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_96273",
                    table="accounts_authenticatorevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="authenticatorevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="7cf1491d1801c163176e90e37da2b27e23736db7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_31475",
                    table="accounts_authenticatorevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="factorreset",
            trigger=pgtrigger.compiler.Trigger(
                name="delay_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."user_id" IS DISTINCT FROM (NEW."user_id") OR OLD."request_id" IS DISTINCT FROM (NEW."request_id") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."due_at" IS DISTINCT FROM (NEW."due_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="206142e5a37fd37b3a216fe70ac81b3622543578",
                    operation="UPDATE",
                    pgid="pgtrigger_delay_stays_0409a",
                    table="accounts_factorreset",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="factorreset",
            trigger=pgtrigger.compiler.Trigger(
                name="ends_once",
                sql=goldwallet.triggers.GuardSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{waiting:done,waiting:cancelled}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="7dd65c53af178ad90f9c9416c9c2742e06cd1750",
                    operation="UPDATE",
                    pgid="pgtrigger_ends_once_3dafd",
                    table="accounts_factorreset",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="factorresetevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="18c2d25ad65886672fc0ec2e9fb9c71a162406a5",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_67b0b",
                    table="accounts_factorresetevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="factorresetevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="05ff63a1de8048d3c267c64b3ad1bf688ac5297f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_80bb0",
                    table="accounts_factorresetevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payoutnumber",
            trigger=pgtrigger.compiler.Trigger(
                name="stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."user_id" IS DISTINCT FROM (NEW."user_id") OR OLD."phone_lookup" IS DISTINCT FROM (NEW."phone_lookup") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."usable_from" IS DISTINCT FROM (NEW."usable_from"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="12ae31c44513498bb5fc34ccb76c978298ed61b7",
                    operation="UPDATE",
                    pgid="pgtrigger_stays_a9c76",
                    table="accounts_payoutnumber",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payoutnumberevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="IF public.accounts_payoutnumberevent_forgets(OLD, NEW) THEN RETURN NEW; END IF; RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="b1174b922072e06ec963dcd4505aade6f881178a",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_cd508",
                    table="accounts_payoutnumberevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payoutnumberevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="cf0fd9cb021af0e57e795c6ac4889a2fe2ded42c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_44d66",
                    table="accounts_payoutnumberevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="rolegrantevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="eb24e843614dd9be2b2309082b8f0fd319ad80c8",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_0af7e",
                    table="accounts_rolegrantevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="rolegrantevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="313d42928d2e983729d79ce312d859494374c4e7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_94230",
                    table="accounts_rolegrantevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stepup",
            trigger=pgtrigger.compiler.Trigger(
                name="bound",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."user_id" IS DISTINCT FROM (NEW."user_id") OR OLD."operation" IS DISTINCT FROM (NEW."operation") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."session_hash" IS DISTINCT FROM (NEW."session_hash"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="4aec9abb4071d3e269d4a74eeefb0bc7b93decfd",
                    operation="UPDATE",
                    pgid="pgtrigger_bound_7e971",
                    table="accounts_stepup",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stepup",
            trigger=pgtrigger.compiler.Trigger(
                name="used_once",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."used_at" IS NOT NULL AND (OLD."used_at" IS DISTINCT FROM (NEW."used_at") OR OLD."proven_at" IS DISTINCT FROM (NEW."proven_at") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."tries" IS DISTINCT FROM (NEW."tries") OR OLD."code_hash" IS DISTINCT FROM (NEW."code_hash") OR OLD."method" IS DISTINCT FROM (NEW."method")))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="536e6359a0eed9a666f434b974c308423f3762b7",
                    operation="UPDATE",
                    pgid="pgtrigger_used_once_ea6fb",
                    table="accounts_stepup",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="userevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="IF public.accounts_userevent_forgets(OLD, NEW) THEN RETURN NEW; END IF; RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="21849b4a352214f10802a338cab70a5427ed551a",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_45b21",
                    table="accounts_userevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="userevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="68f25ca99f21deacfd1d0b171ceb27302713ff79",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_bcf41",
                    table="accounts_userevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]

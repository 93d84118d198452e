"""No session setting opens the audit trail. A line lets go of somebody who was erased, and the guard looks at each change.

`oversight_history_forget` says of whom, by the setting `goldwallet.forgets`. The setting opens nothing: whoever sets it
can do what the erasure of this person has done anyway.
"""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

# Every name is the database's own or ours: neither a session's tables nor its search path have a say.
_FORGETS = """
CREATE FUNCTION controls_audit_forgets(p_old controls_auditentry, p_new controls_auditentry) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_person uuid := nullif(current_setting('goldwallet.forgets', true), '')::uuid;
BEGIN
    -- p_new is NULL when the line is to be deleted.
    RETURN v_person IS NOT NULL AND p_new.id IS NOT NULL
        AND to_jsonb(p_new) - 'reason' = to_jsonb(p_old) - 'reason'
        AND EXISTS (
            SELECT FROM accounts_user u
            WHERE u.id = v_person AND u.closed_at IS NOT NULL AND NOT u.is_active
              AND u.email LIKE 'gone-%@erased.invalid'
              AND (
                p_new.reason = '' AND p_old.person_id = u.id
                OR EXISTS (
                    SELECT FROM accounts_userevent e WHERE e.pgh_obj_id = u.id AND e.email <> u.email
                      AND p_new.reason = left(replace(p_old.reason, e.email, u.email), 500)
                )
              )
        );
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0009_the_trail_of_a_thing_has_what_two_people_did"),
    ]

    operations = [
        migrations.RunSQL(
            _FORGETS, "DROP FUNCTION controls_audit_forgets(controls_auditentry, controls_auditentry)"
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="auditentry",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="auditentry",
            name="no_truncate",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditentry",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="IF public.controls_audit_forgets(OLD, NEW) THEN RETURN NEW; END IF; RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="1b46645434330e1e679795798e89383d152993ed",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_20d7c",
                    table="controls_auditentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditentry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="30bc636eb86ca042d48d2ce69fb2a89b48590f6e",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_cac7a",
                    table="controls_auditentry",
                    when="BEFORE",
                ),
            ),
        ),
    ]

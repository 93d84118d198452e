"""No session setting opens what stays of requests, notes, switches and exports, nor their histories.

In a decided request the address of somebody who was erased gives way (`accounts_forgotten`), and nothing else does.
"""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

# As `controls_audit_forgets`: one of the addresses that the erased person had gives way to what stands for them now.
_REQUEST = """
CREATE FUNCTION controls_request_forgets(p_old controls_request, p_new controls_request) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN p_old.state <> 'waiting' AND EXISTS (
        SELECT FROM accounts_forgotten() AS person
        JOIN accounts_userevent e ON e.pgh_obj_id = person.id AND e.email <> person.email
        WHERE to_jsonb(p_new) = to_jsonb(p_old) || jsonb_build_object(
            'effect', replace(p_old.effect::text, e.email, person.email)::jsonb,
            'result', left(replace(p_old.result, e.email, person.email), 300),
            'reason', left(replace(p_old.reason, e.email, person.email), 500),
            'decision', left(replace(p_old.decision, e.email, person.email), 500)
        )
    );
END
$$;
"""
_EVENT = """
CREATE FUNCTION controls_requestevent_forgets(p_old controls_requestevent, p_new controls_requestevent)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN p_new.pgh_id IS NOT NULL AND EXISTS (
        SELECT FROM accounts_forgotten() AS person
        JOIN accounts_userevent e ON e.pgh_obj_id = person.id AND e.email <> person.email
        WHERE to_jsonb(p_new) = to_jsonb(p_old) || jsonb_build_object(
            'reason', left(replace(p_old.reason, e.email, person.email), 500),
            'decision', left(replace(p_old.decision, e.email, person.email), 500)
        )
    );
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_nobody_changes_a_history_by_a_setting"),
        ("controls", "0014_a_number_of_before_tells_too_and_evidence_stays"),
    ]

    operations = [
        migrations.RunSQL(
            _REQUEST, "DROP FUNCTION controls_request_forgets(controls_request, controls_request)"
        ),
        migrations.RunSQL(
            _EVENT,
            "DROP FUNCTION controls_requestevent_forgets(controls_requestevent, controls_requestevent)",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="export",
            name="content_stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="export",
            name="moves",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="note",
            name="never_removed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="note",
            name="lowered_once",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="note",
            name="content_stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="request",
            name="never_removed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="request",
            name="decided_once",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="request",
            name="content_stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="requestevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="switch",
            name="never_removed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="switchevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="thresholdevent",
            name="append_only",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="export",
            trigger=pgtrigger.compiler.Trigger(
                name="content_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."format" IS DISTINCT FROM (NEW."format") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="0f4be5ce8f7326b07a5047e1fb97432a032c80cd",
                    operation="UPDATE",
                    pgid="pgtrigger_content_stays_70751",
                    table="controls_export",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="export",
            trigger=pgtrigger.compiler.Trigger(
                name="moves",
                sql=goldwallet.triggers.GuardSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{waiting:failed,waiting:gone,waiting:running,running:done,running:failed,running:waiting,done:gone,failed:gone}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="a10eba516893e1b0a0eb57b297dcb78c16607a43",
                    operation="UPDATE",
                    pgid="pgtrigger_moves_0fcfa",
                    table="controls_export",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="1299e7fd081c4b16c24a5a8f6ff8b956ae069d89",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_b1fab",
                    table="controls_note",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="4985df6b26a8e0220b688cbb8f90ceabe05785e5",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_2e449",
                    table="controls_note",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
                name="content_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."subject" IS DISTINCT FROM (NEW."subject") OR OLD."person_id" IS DISTINCT FROM (NEW."person_id") OR OLD."author_id" IS DISTINCT FROM (NEW."author_id") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."flag" IS DISTINCT FROM (NEW."flag") OR OLD."made_at" IS DISTINCT FROM (NEW."made_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="fa3b6ceaf30a934def4e7f9c49d05c2ff691e499",
                    operation="UPDATE",
                    pgid="pgtrigger_content_stays_d28e1",
                    table="controls_note",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
                name="lowered_once",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."lowered_at" IS NOT NULL AND OLD."lowered_at" IS DISTINCT FROM (NEW."lowered_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="7b9d0d6447243db60a18c9dfcbdfb041dd66c491",
                    operation="UPDATE",
                    pgid="pgtrigger_lowered_once_1dd72",
                    table="controls_note",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="request",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="182b73cb064bfb4b258b85d36602f531ef81b592",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_491d8",
                    table="controls_request",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="request",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="971d4f30f0f7fedcba69b73017a052e4da6a16a7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_7b966",
                    table="controls_request",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="request",
            trigger=pgtrigger.compiler.Trigger(
                name="content_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."subject" IS DISTINCT FROM (NEW."subject") OR OLD."payload" IS DISTINCT FROM (NEW."payload") OR OLD."content_hash" IS DISTINCT FROM (NEW."content_hash") OR OLD."effect" IS DISTINCT FROM (NEW."effect") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."person_id" IS DISTINCT FROM (NEW."person_id") OR OLD."maker_id" IS DISTINCT FROM (NEW."maker_id") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at"))',
                    func="IF public.controls_request_forgets(OLD, NEW) THEN RETURN NEW; END IF; RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="f87c0a0b44d6be8243c42f0b92155f635ec1be34",
                    operation="UPDATE",
                    pgid="pgtrigger_content_stays_40763",
                    table="controls_request",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="request",
            trigger=pgtrigger.compiler.Trigger(
                name="decided_once",
                sql=goldwallet.triggers.GuardSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{waiting:executed,waiting:refused,waiting:withdrawn,waiting:expired}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="38f179bd13ad1f0e2b8725ba268d7043b53517d7",
                    operation="UPDATE",
                    pgid="pgtrigger_decided_once_143f1",
                    table="controls_request",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="requestevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="IF public.controls_requestevent_forgets(OLD, NEW) THEN RETURN NEW; END IF; RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="3ebc73d21d3a340418e801ff01d55f9ccf74566d",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_b9b2e",
                    table="controls_requestevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="requestevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="39a02674d318851d6f038dbe787ed617968c9757",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_294c7",
                    table="controls_requestevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="switch",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="934679382ccd55e1de8902b89ae38e303f0a94e2",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_f7f83",
                    table="controls_switch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="switch",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="fae9d6669bb9179a208a70a1236be633702b7a19",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_b7a74",
                    table="controls_switch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="switchevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="532dff34da96fb346a255cb51836c6698cf31749",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_e74b4",
                    table="controls_switchevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="switchevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="3a7e5ba5fad4ffd902b9632b58230c0c710f013c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_cbd80",
                    table="controls_switchevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="thresholdevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="1276ce2d8f1bc130540d6f079a32671d36d22bc8",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_27286",
                    table="controls_thresholdevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="thresholdevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="b1c41a8a645f9b7a786144d88559c866ecac14b0",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_1473a",
                    table="controls_thresholdevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]

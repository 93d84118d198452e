"""No session setting opens what stays of cases, photos, reviews and openings."""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("kyc", "0005_words_of_names"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="case",
            name="moves",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="caseevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="document",
            name="never_deleted",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="document",
            name="content_stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="document",
            name="stays_destroyed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="opening",
            name="never_deleted",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="opening",
            name="content_stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="opening",
            name="shown_once",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="review",
            name="never_removed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="review",
            name="content_stays",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="case",
            trigger=pgtrigger.compiler.Trigger(
                name="moves",
                sql=goldwallet.triggers.GuardSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{draft:expired,draft:submitted,submitted:approved,submitted:rejected,rejected:expired,rejected:submitted,approved:expired}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="74b772f68bccb3fea64d804f98380da683c6ef11",
                    operation="UPDATE",
                    pgid="pgtrigger_moves_501d4",
                    table="kyc_case",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="caseevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="041a353731863b73b0a200b1bedaff7984bc2bd6",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_d1eb0",
                    table="kyc_caseevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="caseevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="8bb2acc30f63ec3743b33df1db85d02c17fe10c8",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_2452e",
                    table="kyc_caseevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="document",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="e7ab8667c05a8f138d488a938f3615a02c7ffd7f",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_bd43e",
                    table="kyc_document",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="document",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="72205a4d6f4b00e1a54d70ec73bbd74665d5a08c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_5f69f",
                    table="kyc_document",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="document",
            trigger=pgtrigger.compiler.Trigger(
                name="content_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."case_id" IS DISTINCT FROM (NEW."case_id") OR OLD."part" IS DISTINCT FROM (NEW."part") OR OLD."object_key" IS DISTINCT FROM (NEW."object_key") OR OLD."stored_at" IS DISTINCT FROM (NEW."stored_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="d58fd67d8a51580c4b213ce6e5fcb052e5add252",
                    operation="UPDATE",
                    pgid="pgtrigger_content_stays_e173e",
                    table="kyc_document",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="document",
            trigger=pgtrigger.compiler.Trigger(
                name="stays_destroyed",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN ((NEW."destroyed_at" IS NULL AND OLD."destroyed_at" IS NOT NULL) OR (OLD."destroyed_at" IS NOT NULL AND NOT (NEW."data_key_sealed" = \'\')))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="6e20020cfa684cb117879f73535fc1a90ea18a8a",
                    operation="UPDATE",
                    pgid="pgtrigger_stays_destroyed_208fd",
                    table="kyc_document",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="opening",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="47408146793916d86bb68b78ac30b18d50e7f10d",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_d0789",
                    table="kyc_opening",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="opening",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="24fdd795beb6f8195af6091324ebad5cbd2989c5",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_3a850",
                    table="kyc_opening",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="opening",
            trigger=pgtrigger.compiler.Trigger(
                name="content_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."document_id" IS DISTINCT FROM (NEW."document_id") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."from_address" IS DISTINCT FROM (NEW."from_address") OR OLD."opened_at" IS DISTINCT FROM (NEW."opened_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="a753bc654594c102fa9460906acf652725a5f39f",
                    operation="UPDATE",
                    pgid="pgtrigger_content_stays_e0155",
                    table="kyc_opening",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="opening",
            trigger=pgtrigger.compiler.Trigger(
                name="shown_once",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."shown_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="dccfce4e6298f1401be86f216af643692ed1d545",
                    operation="UPDATE",
                    pgid="pgtrigger_shown_once_a6548",
                    table="kyc_opening",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="review",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="a361d43dde2375c347d0fc5578b204cb8b112174",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_2dd62",
                    table="kyc_review",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="review",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="abf6a03927d2fb83172c07c37f20cf206818b0e3",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_d579a",
                    table="kyc_review",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="review",
            trigger=pgtrigger.compiler.Trigger(
                name="content_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."case_id" IS DISTINCT FROM (NEW."case_id") OR OLD."person_id" IS DISTINCT FROM (NEW."person_id") OR OLD."reviewer_id" IS DISTINCT FROM (NEW."reviewer_id") OR OLD."outcome" IS DISTINCT FROM (NEW."outcome") OR OLD."reasons" IS DISTINCT FROM (NEW."reasons") OR OLD."checklist" IS DISTINCT FROM (NEW."checklist") OR OLD."decided_at" IS DISTINCT FROM (NEW."decided_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="72a3a3b711a567ae5dfc032e86debe50816275e5",
                    operation="UPDATE",
                    pgid="pgtrigger_content_stays_6ef4e",
                    table="kyc_review",
                    when="BEFORE",
                ),
            ),
        ),
    ]

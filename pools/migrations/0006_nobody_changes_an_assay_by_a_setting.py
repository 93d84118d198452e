"""No session setting opens what stays of an assay, nor the histories of pools, bars and prices."""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("pools", "0005_nobody_changes_history_by_a_setting"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="assay",
            name="content_stays",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="barevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="poolevent",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="priceevent",
            name="append_only",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="assay",
            trigger=pgtrigger.compiler.Trigger(
                name="content_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition='WHEN (OLD."bar_id" IS DISTINCT FROM (NEW."bar_id") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."type" IS DISTINCT FROM (NEW."type") OR OLD."sha256" IS DISTINCT FROM (NEW."sha256") OR OLD."size" IS DISTINCT FROM (NEW."size") OR OLD."added_by_id" IS DISTINCT FROM (NEW."added_by_id") OR OLD."added_at" IS DISTINCT FROM (NEW."added_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="6d8b0cfd6b389da05f3368bba47b6e87f0f9d912",
                    operation="UPDATE",
                    pgid="pgtrigger_content_stays_3c468",
                    table="pools_assay",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="barevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="4e15eb7ec84c68de2c368dd550801f581ed28cab",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_62ff4",
                    table="pools_barevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="barevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="21d340471ee9fb0a5368d5a19fb121dde81712d4",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_4273e",
                    table="pools_barevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="poolevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="0f610721ade916a8b0ec48cfac1786dacf048ddd",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_df9b4",
                    table="pools_poolevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="poolevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="9b7d51d1090cdba23d2f98ec1f4de3ba3080afe4",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_814a8",
                    table="pools_poolevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="priceevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="a72e83a4506e5b2124e5337458865bf29daf9ce5",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_5855f",
                    table="pools_priceevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="priceevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="76fafce613390c9d2cb61cc16cecce56b60621ad",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_cf083",
                    table="pools_priceevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]

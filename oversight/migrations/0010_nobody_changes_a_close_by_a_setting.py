"""No session setting opens a daily close."""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("oversight", "0009_the_audit_trail_forgets_the_erased"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="dailyclose",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="dailyclose",
            name="no_truncate",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyclose",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="0d060bce5f68c2bcb78a27be1854392e4239dbdb",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_13486",
                    table="oversight_dailyclose",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailyclose",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="c194eb3a827267b3b305c3cd48aed1e59f383ab4",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_4f037",
                    table="oversight_dailyclose",
                    when="BEFORE",
                ),
            ),
        ),
    ]

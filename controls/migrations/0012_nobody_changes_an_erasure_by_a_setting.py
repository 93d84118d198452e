"""No session setting opens the proofs of erasure."""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0011_trail_by_page_and_address"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="erasure",
            name="append_only",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="erasure",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="830393125a5fcda396cd25f60f5852b3ab0475c7",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_ed423",
                    table="controls_erasure",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="erasure",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="9de5a65f836d04550a631883bc0843870dd3bd4f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_79f7d",
                    table="controls_erasure",
                    when="BEFORE",
                ),
            ),
        ),
    ]

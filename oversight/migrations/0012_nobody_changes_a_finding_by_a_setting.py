"""No session setting opens what a comparison has found."""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("oversight", "0011_the_trail_lets_go_by_its_own_guard"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="finding",
            name="never_changed",
        ),
        # Its trigger is gone, and had another name than the guard has.
        migrations.RunSQL("DROP FUNCTION pgtrigger_never_changed_288d2()", migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name="finding",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="d83dc5ba2862f2f1e50b77618e5ffde37f568651",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_6d2cb",
                    table="oversight_finding",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="finding",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="d8cac5d13c9304df65635c1d6b425705143cc619",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_50214",
                    table="oversight_finding",
                    when="BEFORE",
                ),
            ),
        ),
    ]

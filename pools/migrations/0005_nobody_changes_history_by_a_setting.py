"""No session setting opens pools, bars, their movements and papers, and prices."""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("pools", "0004_prices_taken_back"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="assay",
            name="never_removed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="assay",
            name="no_truncate",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="bar",
            name="never_removed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="bar",
            name="no_truncate",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="movement",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="movement",
            name="no_truncate",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="pool",
            name="never_removed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="pool",
            name="no_truncate",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="price",
            name="append_only",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="price",
            name="no_truncate",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="assay",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="cd3840548e8f4fae8996adf28290f21516262e2f",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_487fc",
                    table="pools_assay",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="assay",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="c6bd5bcebb8532275e4defca5ad4b72f117f1297",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_d4af7",
                    table="pools_assay",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bar",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="7e55082fcdefde14f5526f590b562a1af6e6b068",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_476da",
                    table="pools_bar",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bar",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="5dbdcc35919dfdec0bd5a94691d4cca6d2d92dcb",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_54f30",
                    table="pools_bar",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="movement",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="bc70f3d80d0b7ce25f8e33059e9f53dfa12c5598",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_1c40e",
                    table="pools_movement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="movement",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="06cc800292ac1b14000c5ee83d3a2710b5a02173",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_d00c7",
                    table="pools_movement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="pool",
            trigger=pgtrigger.compiler.Trigger(
                name="never_removed",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="232ef99dc540efc30ffbb3eee387b8dca14c6cf5",
                    operation="DELETE",
                    pgid="pgtrigger_never_removed_7ac44",
                    table="pools_pool",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="pool",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="42f4cae98ca7aa9cae9326e1e17f33becd327cc7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_cbeb2",
                    table="pools_pool",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="price",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=goldwallet.triggers.GuardSql(
                    func="RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;",
                    hash="fa3c733f4b8b0ff8851c3017cb0dd5552c6e33d7",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_83f6c",
                    table="pools_price",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="price",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=goldwallet.triggers.GuardSql(
                    func="\n            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN\n                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;\n            END IF;\n            RETURN NULL;\n        ",
                    hash="685eae71f9235f2f086c25d6e7936399cc93477c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_6d09f",
                    table="pools_price",
                    when="BEFORE",
                ),
            ),
        ),
    ]

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_receipt_of_a_reversal"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="statementline",
            index=models.Index(
                condition=models.Q(("linked_receipt", ""), _negated=True),
                fields=["linked_receipt"],
                name="statement_line_linked",
            ),
        ),
        migrations.AddIndex(
            model_name="statementline",
            index=models.Index(
                django.db.models.functions.text.Upper("reference"),
                condition=models.Q(("reference", ""), _negated=True),
                name="statement_line_reference",
            ),
        ),
    ]

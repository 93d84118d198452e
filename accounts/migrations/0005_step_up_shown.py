"""A proof keeps what its page shows, sealed, and where the operation is done."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_identity"),
    ]

    operations = [
        migrations.AddField(
            model_name="stepup",
            name="back",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="stepup",
            name="shown_sealed",
            field=models.TextField(blank=True, default=""),
        ),
    ]

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("goldwallet", "0001_clock")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE count_gold_shortages;", "DROP SEQUENCE count_gold_shortages;"),
    ]

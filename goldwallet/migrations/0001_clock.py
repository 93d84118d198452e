from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION wallet_now() RETURNS timestamptz
            LANGUAGE sql STABLE PARALLEL SAFE
            AS $$ SELECT clock_timestamp() $$;
            """,
            "DROP FUNCTION wallet_now();",
        ),
    ]

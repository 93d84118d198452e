from django.db import migrations

# Spelled out, not imported: a migration says what was true when it was written.
ROLES = ["pricing", "vault", "reviewer", "treasury", "auditor", "administrator"]


def make_roles(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    for name in ROLES:
        Group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_people")]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]

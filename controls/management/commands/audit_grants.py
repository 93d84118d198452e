"""Let the application's database role add lines to the audit trail, and no more: `manage.py audit_grants ROLE`.

Run it as the owner of the table (the role that migrates). Triggers refuse to change a line whoever asks; this takes the
right from the application, too, so that nobody who holds its password can switch the triggers off.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from controls.models import AuditEntry
from goldwallet.grants import rights_set


class Command(BaseCommand):
    help = "Let ROLE read the audit trail and add to it, and take every other right on it from the role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *args: Any, role: str, **options: Any) -> None:
        rights_set(
            role=role,
            tables=[AuditEntry._meta.db_table],
            what="the trail",
            statements=[
                "REVOKE ALL ON {tables} FROM PUBLIC, {role}",
                "GRANT SELECT, INSERT ON {tables} TO {role}",
            ],
        )
        self.stdout.write(f"{role} may read the audit trail and add to it, and nothing else.")

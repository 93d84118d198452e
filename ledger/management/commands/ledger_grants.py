"""Give the application's database role what it needs of the book, no more: `manage.py ledger_grants ROLE`.

Run it as the owner of the tables (the role that migrates) after each migration of the ledger. The role may
then read the book and call `ledger_post()`, which writes with its owner's rights; it may not write the tables
itself.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from goldwallet.grants import rights_set
from ledger.models import Account, Entry, Transaction


class Command(BaseCommand):
    help = "Let ROLE read the book and post to it, and take every other right on the book from it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *args: Any, role: str, **options: Any) -> None:
        rights_set(
            role=role,
            tables=[model._meta.db_table for model in (Account, Transaction, Entry)],
            what="the book",
            statements=[
                "REVOKE ALL ON {tables} FROM PUBLIC, {role}",
                "GRANT SELECT ON {tables} TO {role}",
                "REVOKE ALL ON FUNCTION ledger_post FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION ledger_post, ledger_scale TO {role}",
            ],
        )
        self.stdout.write(f"{role} may read the book and post to it, and nothing else.")

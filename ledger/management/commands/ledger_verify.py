"""Check the whole book: `manage.py ledger_verify`. Exit code 1, and a list, when it is broken."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from ledger import audit, selectors


class Command(BaseCommand):
    help = "Check the whole book in the database; exit code 1 and a list of what is wrong when it is broken."

    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # a book of years takes longer than a page may
        broken = 0
        for name, says, found in audit.verify_each():
            self.stdout.write(f"{'BROKEN' if found else 'ok':6}  {name:8}  {says}")
            for sentence in found:
                self.stdout.write(f"          - {sentence}")
            if len(found) == audit.SHOWN:
                self.stdout.write("          - and perhaps more")
            broken += bool(found)
        for total in selectors.trial_balance():
            self.stdout.write(
                f"{total.asset}: {total.accounts} accounts, {total.positive} held, "
                f"difference {total.difference}"
            )
        if broken:
            raise CommandError(f"The book is broken: {broken} checks failed.")
        self.stdout.write("The book is whole.")

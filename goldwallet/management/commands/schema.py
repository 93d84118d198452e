"""`manage.py schema`: does the database have every guard that the migrations give it?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from goldwallet import schema


class Command(BaseCommand):
    help = "Compare the database with goldwallet/schema.txt. --write: this database is right, write it down."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write the file, after a new migration")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"] and not settings.DEMO:
            raise CommandError(
                "The file is written where migrations are made. Here the database must follow it."
            )
        if options["write"]:
            schema.EXPECTED.write_text(schema.text(), encoding="utf-8")
        wrong = schema.differences()
        for sentence in wrong:
            self.stdout.write(sentence)
        if wrong:
            raise CommandError(f"{len(wrong)} differences")
        self.stdout.write(f"The database has everything that {schema.EXPECTED.name} names.")

"""`manage.py affected_people --since 2026-11-20T08:00 [--until ...] [--by thief@example.com]`: whom a breach concerns.

A regulator must hear within 72 hours who and how many (Data Protection Act 2019, s. 43; docs/runbook.md).
"""

import csv
import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.selectors import person_by_login
from goldwallet.clock import NAIROBI
from oversight.privacy.affected import people_affected


class Command(BaseCommand):
    help = "List people whose photos were opened, or whose data was downloaded or changed, within a time. As CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=_moment, required=True, help="for example 2026-11-20T08:00, Nairobi"
        )
        parser.add_argument("--until", type=_moment, help="without it: until now")
        parser.add_argument(
            "--by", help="e-mail address or username: only what this person opened or changed"
        )

    def handle(
        self, *args: Any, since: dt.datetime, until: dt.datetime | None, by: str | None, **options: Any
    ) -> None:
        actor = person_by_login(by) if by else None
        if by and actor is None:
            raise CommandError("Nobody has this e-mail address or username.")
        if until is not None and until <= since:
            raise CommandError("--until must be later than --since.")
        found = people_affected(since=since, until=until, by=actor)
        table = csv.writer(self.stdout)
        table.writerow(["id", "email", "photos_opened", "downloads", "changes"])
        for one in found:
            table.writerow([one.person.pk, one.person.email, one.opened, one.downloaded, one.changed])
        self.stderr.write(f"{len(found)} people.")


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=NAIROBI)

"""`manage.py affected_people --since 2026-11-20T08:00 [--until ...] [--by thief@example.com]`: whom a breach concerns.

A regulator must hear within 72 hours who and how many (Data Protection Act 2019, s. 43; docs/runbook.md). The list is
for a file; what shows many people, and so names nobody, is told on the screen (stderr).
"""

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.selectors import person_by_login
from controls.models import AuditEntry
from goldwallet.clock import NAIROBI
from goldwallet.sheets import csv_bytes
from oversight.privacy.affected import people_affected, shown_many

_COLUMNS = ("id", "email", "photos_opened", "downloads", "changes", "pages_read", "files_taken")


class Command(BaseCommand):
    help = (
        "List people whose pages were read, whose photos were opened, or whose data was taken as a file, downloaded or "
        "changed, within a time. As CSV."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=_moment, required=True, help="for example 2026-11-20T08:00, Nairobi"
        )
        parser.add_argument("--until", type=_moment, help="without it: until now")
        parser.add_argument(
            "--by", help="e-mail address or username: only what this person read, opened, took or changed"
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
        many = shown_many(since=since, until=until, by=actor)
        rows = (
            (one.person.pk, one.person.email, one.opened, one.downloaded, one.changed, one.read, one.taken)
            for one in found
        )
        for piece in csv_bytes(_COLUMNS, rows):
            self.stdout.write(piece.decode(), ending="")
        self.stderr.write(f"{len(found)} people.")
        if many.files:
            self.stderr.write(
                "Files of many people. Whoever was in them is concerned, too, and not in the list:"
            )
        for file in many.files:
            self.stderr.write(_said(file))
        if many.pages:
            told = ", ".join(f"{word or 'search'} {count}" for word, count in many.pages.items())
            self.stderr.write(f"Pages read that are not about one person, and may show many: {told}.")


def _said(file: AuditEntry) -> str:
    """`2026-11-20 09:12:04 thief@example.com took list:payments, csv, 4120 rows, by since, status`"""
    at, after = f"{file.at.astimezone(NAIROBI):%Y-%m-%d %H:%M:%S}", file.after or {}
    asked = ", ".join(after.get("asked_by") or [])
    return (
        f"{at} {file.actor.email if file.actor else 'nobody'} took {file.subject}, {after.get('format')}, "
        f"{after.get('rows')} rows" + (f", by {asked}" if asked else "")
    )


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=NAIROBI)

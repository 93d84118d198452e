"""`manage.py reconcile [--from 2026-11-20] [--to 2026-11-21]`: compare everything now, and say what differs."""

import datetime as dt
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from goldwallet.clock import day_of_text, midnight
from goldwallet.errors import Refused
from oversight.models import News
from oversight.reconciliation.run import reconcile


class Command(BaseCommand):
    help = "Compare M-Pesa's lines, the payments and the ledger, and list what differs. Ends with 1 if anything does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="start", type=_day, help="first day, Nairobi's")
        parser.add_argument("--to", dest="end", type=_day, help="last day, Nairobi's")

    def handle(self, *args: Any, start: dt.date | None, end: dt.date | None, **options: Any) -> None:
        last = None if end is None else midnight(end) + dt.timedelta(days=1) - dt.timedelta(seconds=1)
        try:
            run = reconcile(starts_at=midnight(start) if start else None, ends_at=last)
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        for step in run.report:
            self.stdout.write(f"{step['name']}: {step['differences']} differences, {step['seconds']} s")
        for found in run.findings.exclude(news=News.GONE).order_by("kind", "pk"):
            self.stdout.write(f"- {found.sentence}")
        if run.found:
            raise CommandError(f"{run.found} differences.")


def _day(text: str) -> dt.date:
    found = day_of_text(text)
    if found is None:
        raise ArgumentTypeError(f"{text} is no day like 2026-11-21")
    return found

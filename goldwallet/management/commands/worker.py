"""`manage.py worker`: one process that does the jobs of every queue. Start as many as are needed."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run the jobs of the queue: talk to M-Pesa, settle, expire, send messages."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("procrastinate", "worker")

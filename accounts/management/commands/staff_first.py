"""`manage.py staff_first ada@example.com administrator`: the first administrators of a house that has none.

Everybody else, from the third person on, comes in at the desk, where two people decide it. It leaves a line in the
audit trail, by the system (docs/runbook.md, "A new colleague").
"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.hiring import staff_first
from accounts.roles import Role, roles_named
from accounts.selectors import authenticator_of, person_by_email
from controls import audit
from goldwallet.errors import Refused


class Command(BaseCommand):
    help = "Make somebody an administrator while nobody at the desk can do it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="of somebody who has signed up and confirmed this address")
        parser.add_argument(
            "roles",
            nargs="+",
            metavar="role",
            help=f"all the roles that the person has from then on, administrator among them: {', '.join(Role)}",
        )

    def handle(self, *args: Any, email: str, roles: list[str], **options: Any) -> None:
        person = person_by_email(email)
        if person is None:
            raise CommandError(f"Nobody has the e-mail address {email}. The person signs up first.")
        with audit.acting(actor_id=None, address="", page="manage.py staff_first"):
            try:
                staff_first(person=person, roles=roles_named(roles))
            except Refused as refused:
                raise CommandError(refused.sentence) from refused
        self.stdout.write(f"{person.email} works here now, as {', '.join(sorted(set(roles)))}.")
        shows = (
            "shows a code of the authenticator app"
            if authenticator_of(person)
            else "sets up an authenticator app"
        )
        self.stdout.write(f"At the next sign-in, at {settings.BASE_URL}/desk/, the person {shows}.")

"""`manage.py staff_hold lift ada@example.com --by ben@example.com --reason "..."`: holds that the desk cannot decide.

`lift` takes a hold away while fewer than two people at the desk are free to do so, and refuses otherwise. `put` puts
somebody of the staff on hold although too few are left then. Both leave a line in the audit trail (docs/runbook.md).
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.holds import hold_lift_alone
from accounts.models import User
from accounts.selectors import is_staff_member, person_by_email
from accounts.services import person_freeze
from controls import audit
from goldwallet.errors import Refused


class Command(BaseCommand):
    help = "Lift a hold on somebody of the staff that nobody at the desk can lift, or put one that the desk refuses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["lift", "put"])
        parser.add_argument("email", help="who is, or comes, on hold")
        parser.add_argument(
            "--by", required=True, help="e-mail address of who answers for it: somebody else of us"
        )
        parser.add_argument("--reason", required=True, help="for the audit trail")

    def handle(self, *args: Any, act: str, email: str, by: str, reason: str, **options: Any) -> None:
        person, other = _staff(email), _staff(by)
        with audit.acting(actor_id=other.pk, address="", page="manage.py staff_hold"):
            try:
                if act == "lift":
                    hold_lift_alone(person=person, reason=reason, by=other)
                elif person.pk == other.pk:
                    raise Refused("Nobody puts themselves on hold. Name somebody else.")
                # As the house itself does it, since the limit counts for staff.
                elif not person_freeze(user_id=person.pk, reason=reason):
                    raise Refused(f"{person.email} is on hold already.")
            except Refused as refused:
                raise CommandError(refused.sentence) from refused
        self.stdout.write(f"{person.email} is {'not on hold any more' if act == 'lift' else 'on hold'}.")


def _staff(email: str) -> User:
    person = person_by_email(email)
    if person is None or not person.is_active or not is_staff_member(person):
        raise CommandError(f"Nobody who works here has the e-mail address {email}.")
    return person

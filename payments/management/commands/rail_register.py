"""`manage.py rail_register`: tell M-Pesa where money is announced, and open the list of money that came (Pull)."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from goldwallet.clock import Now
from payments.arrivals.notices import CHECK, NOTICE, hook_secret
from payments.models import Exchange, Kind
from payments.rails import Answer, Outcome, rail
from payments.services import hook_url


class Command(BaseCommand):
    help = "Register our addresses for money that comes, and Pull. Once in a shortcode's life; again does no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        provider = rail("daraja")
        failed = not self._tell(
            "Addresses for money that comes",
            provider.register_collections(
                confirmation_url=_address(NOTICE), validation_url=_address(CHECK), complete_by_default=True
            ),
        )
        phone = settings.DARAJA["nominated_phone"]
        if phone:
            answer = provider.pull_register(nominated_phone=phone, callback_url=_address(NOTICE))
            failed = not self._tell("List of money that came", answer) or failed
        else:
            self.stdout.write(
                "List of money that came: DARAJA_NOMINATED_PHONE is not set, so it is not opened."
            )
        if failed:
            raise CommandError("M-Pesa gave no clear answer. Run this again.")

    def _tell(self, what: str, answer: Answer) -> bool:
        """Keep the answer and say it; whether it was one. A refusal is: usually it was registered before."""
        Exchange.objects.create(
            kind=Kind.REGISTER,
            outcome=answer.outcome,
            http_status=answer.http_status,
            code=answer.code[:40],
            text=answer.text[:300],
            answered_at=Now(),
        )
        said = {
            Outcome.ACCEPTED: "registered",
            Outcome.REFUSED: f"refused, perhaps because it was done before ({answer.text or answer.code})",
        }
        self.stdout.write(f"{what}: {said.get(answer.outcome, answer.text or answer.code)}.")
        return answer.outcome in said


def _address(kind: str) -> str:
    return hook_url(kind, hook_secret(kind))

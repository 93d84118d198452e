"""`manage.py demo_orders`: a few orders made the way customers make them. Needs web, worker and simulator running."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from goldwallet.demo import data, orders


class Command(BaseCommand):
    help = "Complete some orders through the services against the running simulator, if there are none yet."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Demo orders are made in demo mode only.")
        data.authenticators_hand()
        orders.demo_orders_make()

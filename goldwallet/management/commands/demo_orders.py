"""`manage.py demo_orders`: a few orders made the way customers make them. Needs web, worker and simulator running."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from goldwallet.demo import data, orders


class Command(BaseCommand):
    help = "Complete some orders through the services against the running simulator, if there are none yet."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Demo orders are made in demo mode only.")
        data.authenticators_hand()
        data.float_open()
        call_command("rail_register", stdout=self.stdout)
        try:
            orders.demo_orders_make()
        except TimeoutError as late:
            # A slow machine: the order goes on by itself. That is no reason to end the whole demo.
            self.stderr.write(f"Demo orders: {late} in time. Look for it at the desk; all else runs.")

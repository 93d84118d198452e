"""`manage.py demo_orders`: a few orders made the way customers make them, and what the desk has to do about them.

Needs web, worker and simulator running.
"""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from goldwallet.demo import data, desk, orders
from goldwallet.errors import Refused
from trading.models import Order


class Command(BaseCommand):
    help = "Complete some orders through the services against the running simulator, if there are none yet."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Demo orders are made in demo mode only.")
        data.authenticators_hand()
        data.float_open()
        call_command("rail_register", stdout=self.stdout)
        try:
            if not Order.objects.exists() and User.objects.filter(email=data.CAROL).exists():
                desk.portal_payout_make()
                orders.demo_orders_make()
                desk.demo_desk_make()
        except TimeoutError as late:
            # A slow machine: the order goes on by itself. That is no reason to end the whole demo.
            self.stderr.write(f"Demo orders: {late} in time. Look for it at the desk; all else runs.")
        except Refused as refused:
            self.stderr.write(f"Demo orders: {refused.sentence} Some are missing; all else runs.")

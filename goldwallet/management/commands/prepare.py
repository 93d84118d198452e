"""`manage.py prepare`: everything a database needs before the first request, safe to run again."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from controls.keys import refuse_keys
from goldwallet import schema


class Command(BaseCommand):
    help = "Migrate, make the cache table and, in demo mode, the demo's people, gold and prices."

    def handle(self, *args: Any, **options: Any) -> None:
        # WhiteNoise warns at every start about a folder that is not there; the demo collects nothing into it.
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        schema.refuse_changed()
        refuse_keys()
        if settings.DEMO:
            # Late: demo code stays out of a production process.
            from goldwallet.demo import data

            data.demo_load()

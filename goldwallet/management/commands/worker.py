"""`manage.py worker`: one process that does the jobs of every queue. Start as many as are needed."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from controls.keys import refuse_keys
from controls.services import anchor_check
from goldwallet import schema
from goldwallet.worker import work_on
from kyc.storage import refuse_public_store
from payments.services import payouts_ask_first


class Command(BaseCommand):
    help = "Run the jobs of the queue: talk to M-Pesa, settle, expire, send messages."

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_public_store()
        schema.refuse_changed()
        refuse_keys()
        # Together, and one worker after the other: a death in between would let unasked payouts go later.
        with transaction.atomic():
            known = anchor_check(schema.anchor())
            if not known:
                payouts_ask_first()
        if not known:
            self.stdout.write(
                "This database was restored. Payouts are paused until two people let them go on."
            )
        self.stdout.write("The worker waits for jobs.")
        asyncio.run(work_on())

"""What a killed worker leaves in the queue: jobs that are `doing` for ever, until they are given back."""

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from goldwallet.tasks import jobs_rescue
from goldwallet.test.race import queue_empty
from goldwallet.test.worker import work
from goldwallet.test.world import World, buy
from payments.models import Payment, State
from payments.tasks import due

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def quiet_queue(transactional_db):
    queue_empty()
    yield
    queue_empty()


def in_dead_hands() -> None:
    """Whatever waits was taken by a worker that is no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL WHERE status = 'todo'"
        )


@pytest.mark.simulator
def test_a_periodic_job_whose_successor_waits_does_not_keep_the_others_from_being_rescued(
    world: World, simulator
) -> None:
    """The queue allows one waiting job of a periodic kind, so the dead one cannot be put back beside its successor."""
    due.configure().defer(timestamp=1)
    in_dead_hands()
    order = buy(world.alice, 1000)
    in_dead_hands()
    jobs_rescue.configure().defer(timestamp=1)
    due.configure().defer(timestamp=2)
    work(concurrency=1)
    assert Payment.objects.get(pk=order.payment_id).state == State.PENDING
    assert len(simulator.prompts(world.alice.phone)) == 1
    assert not ProcrastinateJob.objects.filter(status__in=["doing", "failed"]).exists()

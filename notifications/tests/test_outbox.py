"""The outbox: what goes in comes out at least once, and never blocks who put it there."""

import smtplib
import threading
import uuid

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from goldwallet.test.clock import shift_clock
from notifications import services, tasks
from notifications.models import Message, State

pytestmark = pytest.mark.django_db


def put(key="order-completed:1", **changes):
    values = {
        "user_id": None,
        "to": "alice@example.com",
        "subject": "Your gold is here",
        "text": "You own 0.5 g more.",
        "kind": "order-completed",
        "key": key,
        **changes,
    }
    services.message_enqueue(**values)
    return Message.objects.filter(key=key).first()


@pytest.fixture
def no_mail_server(monkeypatch):
    def refuse(self, fail_silently=False):
        raise smtplib.SMTPServerDisconnected("alice@example.com: no")

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", refuse)
        yield patch


def test_a_message_is_sent_once_by_its_job():
    message = put()
    job = ProcrastinateJob.objects.get(task_name="notifications.deliver")
    assert job.args == {"message_id": str(message.pk)} and job.queue_name == "mail"
    tasks.deliver(message_id=str(message.pk))
    tasks.deliver(message_id=str(message.pk))
    services.messages_sweep()
    (letter,) = mail.outbox
    assert (letter.to, letter.subject, letter.body) == (
        ["alice@example.com"],
        "Your gold is here",
        "You own 0.5 g more.",
    )
    message.refresh_from_db()
    assert message.state == State.SENT and message.sent_at and message.tries == 1


def test_putting_in_takes_two_statements():
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        put_quietly = {
            "user_id": None,
            "to": "a@example.com",
            "subject": "s",
            "text": "t",
            "kind": "k",
            "key": "k1",
        }
        services.message_enqueue(**put_quietly)
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 2, statements


def test_same_occasion_twice_is_one_message():
    put()
    put(text="another text")
    services.messages_sweep()
    for job in ProcrastinateJob.objects.all():
        tasks.deliver(**job.args)
    assert [letter.body for letter in mail.outbox] == ["You own 0.5 g more."]


def test_nothing_is_left_of_a_transaction_that_failed():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        put()
        raise ZeroDivisionError
    assert not Message.objects.exists() and not ProcrastinateJob.objects.exists()


def test_address_and_text_are_sealed_and_a_secret_is_wiped_once_sent():
    message = put(text="Your code is 123456", secret=True)
    stored = Message.objects.filter(pk=message.pk).values("to_sealed", "text_sealed", "subject").get()
    assert "alice" not in str(stored) and "123456" not in str(stored)
    services.message_deliver(message_id=message.pk)
    assert mail.outbox[0].body == "Your code is 123456"
    message.refresh_from_db()
    assert message.text_sealed == "" and message.text == "" and message.to == "alice@example.com"


def test_failing_mail_server_is_tried_again_later_and_later(no_mail_server, caplog):
    message = put()
    assert services.message_deliver(message_id=message.pk) is False
    message.refresh_from_db()
    assert (message.state, message.tries) == (State.WAITING, 1)
    assert services.messages_sweep() == 0
    message.refresh_from_db()
    assert message.tries == 1, "not before its time"
    assert "alice@example.com" not in caplog.text, "addresses stay out of the log"

    with shift_clock(seconds=31):
        services.messages_sweep()
    message.refresh_from_db()
    assert message.tries == 2
    with shift_clock(seconds=31 + 31):
        services.messages_sweep()
    message.refresh_from_db()
    assert message.tries == 2, "the second wait is longer"

    no_mail_server.undo()
    with shift_clock(seconds=31 + 61):
        assert services.messages_sweep() == 1
    assert len(mail.outbox) == 1


def test_after_ten_tries_it_is_parked_and_others_flow(no_mail_server, caplog):
    message = put()
    for hours in range(0, 40, 2):
        with shift_clock(hours=hours):
            services.messages_sweep()
    message.refresh_from_db()
    assert (message.state, message.tries) == (State.PARKED, services.MOST_TRIES)
    assert "message parked" in caplog.text
    no_mail_server.undo()
    other = put(key="order-completed:2")
    assert services.message_deliver(message_id=other.pk) is True


def test_worker_that_died_on_the_way_leaves_a_message_that_goes_again(monkeypatch):
    message = put()

    class Killed(BaseException):
        pass

    def die(self, fail_silently=False):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(EmailMessage, "send", die)
        services.message_deliver(message_id=message.pk)
    assert services.messages_sweep() == 0, "perhaps it is still on its way"
    with shift_clock(seconds=31):
        assert services.messages_sweep() == 1


def test_lost_job_is_made_up_for():
    put()
    ProcrastinateJob.objects.all().delete()
    tasks.sweep(timestamp=0)
    assert len(mail.outbox) == 1


def test_unknown_message_is_no_error():
    assert services.message_deliver(message_id=uuid.uuid4()) is False


def test_sweep_runs_every_twenty_seconds():
    from croniter import croniter
    from procrastinate.contrib.django import app

    (periodic,) = [
        entry
        for entry in app.periodic_registry.periodic_tasks.values()
        if entry.task.name == "notifications.sweep"
    ]
    moments = croniter(periodic.cron, 1_700_000_000)
    assert [int(moments.get_next(float)) - 1_700_000_000 for _ in range(3)] == [20, 40, 60]


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_two_workers_send_one_mail():
    message = put()
    barrier, sent = threading.Barrier(8), []

    def work():
        barrier.wait()
        sent.append(services.message_deliver(message_id=message.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sent.count(True) == 1 and len(mail.outbox) == 1

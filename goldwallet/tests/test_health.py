from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import User
from controls.models import Cause
from controls.services import switch_pause
from goldwallet import health
from goldwallet.counters import Counter, count
from ledger import chart
from ledger.services import Transfer, post
from oversight import watch
from payments.models import Callback, Payment

READY = {"ready": True, "checks": {"database": "ok", "migrations": "ok", "schema": "ok", "queue": "ok"}}


def worker(seconds_ago: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))",
            [seconds_ago],
        )


@contextmanager
def no_database():
    def refuse(execute, sql, params, many, context):
        raise OperationalError("server closed the connection unexpectedly, password=hunter2")

    with connection.execute_wrapper(refuse):
        yield


class TestHealthz:
    def test_it_asks_nobody(self, client):
        response = client.get("/healthz")  # no database in this test: asking would fail it
        assert (response.status_code, response.content) == (200, b"ok\n")
        assert "no-store" in response.headers["Cache-Control"]

    def test_reading_only(self, client):
        assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
class TestReadyz:
    def test_it_works(self, client):
        worker(seconds_ago=3)
        response = client.get("/readyz")
        assert (response.status_code, response.json()) == (200, READY)

    def test_no_worker(self, client):
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == {**READY["checks"], "queue": "no worker runs"}

    def test_a_silent_worker(self, client):
        worker(seconds_ago=health.WORKER_SILENCE_SECONDS + 5)
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"]["queue"] == "no worker has given a sign of life lately"

    def test_one_living_worker_is_enough(self, client):
        worker(seconds_ago=600)
        worker(seconds_ago=1)
        assert client.get("/readyz").status_code == 200

    def test_a_migration_that_is_not_applied(self, client):
        worker(seconds_ago=1)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'ledger' AND name = '0002_post'")
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"]["migrations"] == "1 migrations are not applied"

    def test_no_database(self, client, settings):
        settings.SCHEMA_GUARDED = True
        with no_database():
            response = client.get("/readyz")
        assert response.status_code == 503
        assert set(response.json()["checks"].values()) == {"the database does not answer"}
        assert b"hunter2" not in response.content

    def test_a_bug_is_not_hidden(self, client, monkeypatch):
        def broken():
            raise ImproperlyConfigured

        monkeypatch.setitem(health.CHECKS, "database", broken)
        with pytest.raises(ImproperlyConfigured):
            client.get("/readyz")


@pytest.mark.django_db
class TestMetricsAccess:
    def test_this_machine(self, client):
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200

    @pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "", "nonsense"])
    def test_others(self, client, address):
        response = client.get("/metrics", REMOTE_ADDR=address)
        assert response.status_code == 403
        assert b"goldwallet_" not in response.content

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
    def test_others_behind_a_proxy_of_this_machine(self, client, header):
        assert client.get("/metrics", headers={header: "192.0.2.7"}).status_code == 403

    def test_the_token(self, client, settings):
        settings.METRICS_TOKEN = "right-token"

        def asked_with(value):
            response = client.get("/metrics", headers={"Authorization": value}, REMOTE_ADDR="192.0.2.7")
            return response.status_code

        assert asked_with("Bearer right-token") == 200
        assert asked_with("Bearer wrong-token") == 403
        assert asked_with("right-token") == 403
        assert asked_with("Bearer ") == 403
        assert asked_with("Bearer rïght") == 403

    def test_an_empty_token_opens_nothing(self, client, settings):
        settings.METRICS_TOKEN = ""
        response = client.get("/metrics", headers={"Authorization": "Bearer "}, REMOTE_ADDR="192.0.2.7")
        assert response.status_code == 403


def payment(user, number, **fields):
    row = Payment(user=user, purpose="buy", amount=Decimal(100), reference=f"GW{number}", **fields)
    row.phone = "254712345678"
    row.save(force_insert=True)
    return row


def numbers(client):
    text = client.get("/metrics").content.decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.django_db
class TestMetrics:
    def test_an_empty_house(self, client):
        found = numbers(client)
        assert found["goldwallet_stk_prompts_pending",] == 0
        assert found["goldwallet_queue_lag_seconds",] == 0
        assert found["goldwallet_workers",] == 0
        assert found["goldwallet_callbacks_unhandled",] == 0

    def test_payments(self, client):
        user = User.objects.create_user(username="alice", email="alice@example.com")
        payment(user, 1, direction="in", state="pending")
        payment(user, 2, direction="in", state="unknown", attention=True)
        payment(user, 3, direction="in", state="succeeded", due_at=None)
        payment(user, 4, direction="out", state="pending")
        paid = payment(user, 5, direction="out", state="awaiting_approval", due_at=None)
        Callback.objects.create(payment=paid, kind="payout")
        found = numbers(client)
        assert found["goldwallet_stk_prompts_pending",] == 2
        assert found["goldwallet_payments_open", ("direction", "in"), ("state", "pending")] == 1
        assert found["goldwallet_payments_open", ("direction", "in"), ("state", "unknown")] == 1
        assert found["goldwallet_payments_open", ("direction", "out"), ("state", "awaiting_approval")] == 1
        assert found["goldwallet_payments_ended_day", ("direction", "in"), ("state", "succeeded")] == 1
        assert found["goldwallet_payments_attention",] == 1
        assert found["goldwallet_callbacks_unhandled",] == 1
        assert "254712345678" not in str(found)

    def test_queue(self, client):
        worker(seconds_ago=1)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at) VALUES"
                " ('payments', 'x', 'todo', now() - interval '90 seconds'),"
                " ('payments', 'x', 'todo', now() + interval '1 hour'),"
                " ('payments', 'x', 'failed', null)"
            )
        found = numbers(client)
        assert 90 <= found["goldwallet_queue_lag_seconds",] < 120
        assert found["goldwallet_queue_jobs", ("queue", "payments"), ("state", "failed")] == 1
        assert found["goldwallet_workers",] == 1

    def test_ledger(self, client):
        cash, outside = chart.user_cash("alice"), chart.mpesa_collections()
        post(key="k", kind="in", transfers=[Transfer(outside, cash, Decimal(100))])
        found = numbers(client)
        assert 0 <= found["goldwallet_ledger_lag_seconds",] < 60
        assert found["goldwallet_ledger_difference", ("asset", "KES")] == 0

    def test_shortages_survive_a_rollback(self, client):
        from django.db import transaction

        before = numbers(client)["goldwallet_pool_shortages_total",]

        class Refusal(Exception):
            pass

        with pytest.raises(Refusal), transaction.atomic():
            count(Counter.GOLD_SHORTAGES)
            raise Refusal
        assert numbers(client)["goldwallet_pool_shortages_total",] == before + 1

    def test_what_is_paused_and_what_the_house_saw(self, client, world):
        switch_pause(name="payouts", cause=Cause.VOLUME, note="Payouts of KES 9,000,000 in an hour.")
        watch.house_watch()
        found = numbers(client)
        assert found["goldwallet_paused", ("cause", "volume"), ("switch", "payouts")] == 1
        assert found["goldwallet_requests_waiting",] == found["goldwallet_watch_violations",] == 0
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE pools_bar DISABLE TRIGGER USER")
            cursor.execute("UPDATE pools_bar SET status = 'withdrawn'")
        watch.house_watch()
        assert numbers(client)["goldwallet_watch_violations",] == 1

"""Mail on the phone of its reader, in demo mode."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.mail import EmailMessage

from accounts.tests.people import customer, staff
from goldwallet.demo.mail import PhoneBackend
from goldwallet.demo.phone import DEMO_PHONE, PhoneAway, hand_authenticator
from notifications.models import Message, State
from notifications.services import message_deliver, message_enqueue

pytestmark = pytest.mark.django_db


@pytest.fixture
def phones(settings):
    """A listener in the simulator's place; gives what was handed to it as (path, body)."""
    handed = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            handed.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    settings.SIMULATOR_URL = f"http://127.0.0.1:{server.server_port}"
    settings.MAILERS = {"default": {"BACKEND": "goldwallet.demo.mail.PhoneBackend"}}
    yield handed
    server.shutdown()
    server.server_close()


@pytest.fixture
def nobody_there(settings):
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    settings.MAILERS = {"default": {"BACKEND": "goldwallet.demo.mail.PhoneBackend"}}


def test_mail_comes_to_the_phone_of_its_reader(phones):
    alice = customer(phone="0712345678")
    EmailMessage(subject="Hello", body="Good day.", to=[alice.email]).send()
    message = {"kind": "mail", "to": alice.email, "subject": "Hello", "text": "Good day."}
    assert phones == [("/control/phones/254712345678", {"message": message})]


def test_mail_to_strangers_and_to_people_without_a_phone_comes_to_the_demo_phone(phones):
    vera = staff("pricing")
    EmailMessage(subject="Hello", body="Good day.", to=["nobody@example.com", vera.email]).send()
    assert [path for path, _ in phones] == [f"/control/phones/{DEMO_PHONE}"] * 2
    assert [body["message"]["to"] for _, body in phones] == ["nobody@example.com", vera.email]


def test_authenticator_is_handed_over(phones):
    hand_authenticator(DEMO_PHONE, "vera@example.com", "GEZDGNBVGY3TQOJQ")
    wanted = {"account": "vera@example.com", "secret": "GEZDGNBVGY3TQOJQ", "digits": 6, "period": 30}
    assert phones == [(f"/control/phones/{DEMO_PHONE}", {"authenticator": wanted})]


def test_phone_that_is_away_is_said_and_logged(nobody_there, caplog):
    with pytest.raises(PhoneAway):
        EmailMessage(subject="Hello", body="Good day.", to=["a@example.com"]).send()
    assert "the demo phone is away" in caplog.text
    assert isinstance(PhoneBackend(alias="default"), PhoneBackend)


def test_sign_up_goes_on_while_the_phone_is_away_and_the_mail_waits(client, nobody_there):
    password = "quiet-harbour-lamp-42"
    form = {"email": "w@example.com", "username": "wanjiku", "phone": "0712345678"}
    answer = client.post("/accounts/signup/", {**form, "password1": password, "password2": password})
    assert answer["Location"] == "/accounts/confirm-email/"
    message = Message.objects.get()
    assert message_deliver(message_id=message.pk) is False
    message.refresh_from_db()
    assert message.state == State.WAITING and message.text


def test_mail_from_the_outbox_reaches_the_phone(phones):
    message_enqueue(user_id=None, to="a@example.com", subject="s", text="t", kind="k", key="k")
    assert message_deliver(message_id=Message.objects.get().pk) is True
    assert len(phones) == 1

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from goldwallet import logs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("paid by 254712345678.", "paid by 2547****5678."),
        ("paid by +254112345678", "paid by 2541****5678"),
        ("paid by 0712345678,", "paid by 2547****5678,"),
        ('{"MSISDN": 254712345678}', '{"MSISDN": 2547****5678}'),
        ("phone=254712345678&x=1", "phone=2547****5678&x=1"),
        ("order 25471234567 and 2547123456789", "order 25471234567 and 2547123456789"),
        ("price 0.712345678", "price 0.712345678"),
        ("for alice.w+x@mail.example.com!", "for a***@mail.example.com!"),
        ("Authorization: Bearer abc.DEF-123", "Authorization: *** ***"),
        ("sent Bearer abcdef123 to it", "sent Bearer *** to it"),
        ("Basic ZGVtbzpzZWNyZXQ=", "Basic ***"),
        ('{"SecurityCredential": "Zm9v+/=", "Amount": 5}', '{"SecurityCredential": ***, "Amount": 5}'),
        ("password=hunter2 tried", "password=*** tried"),
        ("access_token: 'abc def', x", "access_token: ***, x"),
        ("postgresql://wallet:s3cret@db:5432/x", "postgresql://wallet:***@db:5432/x"),
        (
            "https://x.example/hooks/daraja/collect/0123456789abcdef0123456789abcdef/",
            "https://x.example/hooks/daraja/collect/***/",
        ),
        ("GET /accounts/password/reset/key/3a-c0ffee-0123/", "GET /accounts/password/reset/key/***/"),
        ("GET /accounts/password/reset/key/done/", "GET /accounts/password/reset/key/done/"),
        ("asked ws_CO_2609202620193370712345678 again", "asked ws_CO_*** again"),
        (
            "Facts(legal_name='Amina Otieno', birth_date=datetime.date(1990, 3, 27), id_type=None)",
            "Facts(legal_name=***, birth_date=***, id_type=None)",
        ),
        ('{"id_number": "30111222", "grams": "1"}', '{"id_number": ***, "grams": "1"}'),
        (r"{\"id_number\": \"30111222\", \"grams\": 1}", r"{\"id_number\": ***, \"grams\": 1}"),
        ("legal_name=Amina Wanjiru Otieno, id 7", "legal_name=***, id 7"),
        ("ID Number: 30111222", "ID Number: 30111222"),
        ("date_of_birth=1990-03-27&birth_day=27&x=1", "date_of_birth=***&birth_day=***&x=1"),
        ("at /kyc/id_number/ for 12 g", "at /kyc/id_number/ for 12 g"),
        ("Key (email)=(alice@example.com) already exists", "Key (email)=(a***@example.com) already exists"),
        ("nothing to hide: 12 g for KES 150,000", "nothing to hide: 12 g for KES 150,000"),
    ],
)
def test_masked(text, shown):
    assert logs.masked(text) == shown


def test_a_long_text_is_cut():
    assert len(logs.masked("x" * 10_000_000)) < logs.LONGEST + 50


def test_keys_and_nested_values():
    event = {
        "event": "call",
        "password": "hunter2",
        "consumer_secret": "s",
        "Authorization": "Bearer x",
        "pin": "1234",
        "id_number": 30111222,
        "legal_name": "Amina Otieno",
        "token": "",
        "phone": 254712345678,
        "ok": True,
        "token_renewed": True,
        "count": 3,
        "body": {"SecurityCredential": "Zm9v", "to": ["254712345678", {"email": "bob@example.com"}]},
        "raw": b"from 254712345678",
    }
    assert logs.mask(None, "info", event) == {
        "event": "call",
        "password": "***",
        "consumer_secret": "***",
        "Authorization": "***",
        "pin": "***",
        "id_number": "***",
        "legal_name": "***",
        "token": "",
        "phone": "2547****5678",
        "ok": True,
        "token_renewed": True,
        "count": 3,
        "body": {"SecurityCredential": "***", "to": ["2547****5678", {"email": "b***@example.com"}]},
        "raw": "from 2547****5678",
    }


def line(record: logging.LogRecord) -> dict[str, object]:
    return json.loads(logs.formatter(json=True).format(record))


def test_a_library_s_line_becomes_json_and_is_masked():
    record = logging.LogRecord(
        "somebody", logging.WARNING, "x.py", 1, "no answer for %s", ("254712345678",), None
    )
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        shown = line(record)
    assert shown["event"] == "no answer for 2547****5678"
    assert (shown["level"], shown["logger"], shown["request_id"]) == ("warning", "somebody", "abc")
    assert str(shown["timestamp"]).endswith("Z")


def test_a_traceback_is_masked():
    try:
        raise ValueError("254712345678 has password=hunter2")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())
    text = str(line(record)["exception"])
    assert "ValueError: 2547****5678 has password=***" in text


PROGRAM = """
import os, django, logging, structlog
os.environ["DJANGO_SETTINGS_MODULE"] = "goldwallet.settings"
from django.conf import settings
settings.LOGGING = {"json": %s, "level": "INFO"}
django.setup()
structlog.get_logger("ours").info("bought", phone="254712345678", grams="1.5")
logging.getLogger("httpx").info("HTTP Request: GET https://secret")
logging.getLogger("procrastinate.worker").info("Starting job")
logging.getLogger("django.request").warning("Not Found: /x")
logging.getLogger("django.request").error("Service Unavailable: /readyz")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("theirs").exception("broke for %%s", "alice@example.com")
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_a_process_logs_that_way(as_json):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM % as_json],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert "254712345678" not in done.stderr
    assert "alice@example.com" not in done.stderr
    assert "httpx" not in done.stderr
    assert "Starting job" not in done.stderr
    assert "Not Found" not in done.stderr
    assert "Unavailable" not in done.stderr
    assert "ZeroDivisionError" in done.stderr
    if as_json:
        ours, theirs = (json.loads(one) for one in lines)
        assert (ours["event"], ours["phone"], ours["level"]) == ("bought", "2547****5678", "info")
        assert theirs["event"] == "broke for a***@example.com"
    else:
        assert "bought" in lines[0]
        assert "phone=2547****5678" in lines[0]


def test_a_bug_keeps_its_traceback():
    bugs = logs._Bugs()
    record = logging.LogRecord(
        "django.request", logging.ERROR, "x.py", 1, "Internal Server Error: /x", (), None
    )
    assert not bugs.filter(record)
    record.exc_info = (ValueError, ValueError("x"), None)
    assert bugs.filter(record)

"""The page of the audit trail, its filters and its file (design: `controls.audit`)."""

import csv
import datetime as dt
from io import StringIO

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import ProgrammingError
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tests.people import customer, signed_in, staff
from controls.audit import ACTIONS, acting, record
from controls.exports import EXPORTS, rows_of
from controls.models import AuditEntry
from goldwallet.clock import NAIROBI
from goldwallet.sheets import csv_bytes
from oversight.audit import AuditFilters
from oversight.trail import LOOKS

pytestmark = pytest.mark.django_db
PAGE = "/desk/audit/"


@pytest.fixture
def vera():
    return staff("treasury")


def shown(browser, *, status=200, **asked):
    answer = browser.get(PAGE, asked)
    assert answer.status_code == status
    return [row.entry for row in answer.context["rows"]]


def test_a_line_says_who_when_from_where_what_before_after_and_why(vera):
    alice = customer(email="alice@example.com")
    with acting(actor_id=vera.pk, address="41.90.4.7", page="desk_hold"):
        record(
            "hold",
            subject=f"person:{alice.pk}",
            person_id=alice.pk,
            before={"on_hold": False},
            after={"on_hold": True},
            reason="A stolen <b>phone</b>.",
        )
    text = signed_in(vera).get(PAGE).content.decode()
    for words in (vera.email, "41.90.4.7", "Hold", "Put a person on hold", "alice@example.com", "on hold"):
        assert words in text, words
    assert "A stolen &lt;b&gt;phone&lt;/b&gt;." in text
    assert "<td>no</td><td>yes</td>" in text


def test_looking_at_the_trail_is_one_line_of_it_for_each_look(vera):
    browser = signed_in(vera)
    for looks in (1, 2, 3):
        shown(browser, action="hold")
        lines = AuditEntry.objects.filter(actor=vera, page="desk_audit")
        assert lines.count() == looks
    last = lines.latest("id")
    assert (last.action, last.subject, last.after) == ("read", "audit", {"asked_by": ["action"]})


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("treasury", 200),
        ("auditor", 200),
        ("administrator", 200),
        ("pricing", 403),
        ("vault", 403),
        ("reviewer", 403),
    ],
)
def test_who_reads_it(role, status):
    assert signed_in(staff(role)).get(PAGE).status_code == status


class TestFilters:
    @pytest.fixture
    def lines(self, vera):
        """By name; each differs from the others in what its filter asks for."""
        otto, alice = staff("vault"), customer(email="alice@example.com")
        order = "3f0c21aa-1111-4222-8333-444455556666"
        with acting(actor_id=vera.pk, address="41.90.4.7", page="desk_order"):
            record("read", subject=f"order:{order}", person_id=alice.pk)
            record("price_set", subject="price:12", reason="Gold went up.")
        with acting(actor_id=otto.pk, address="2a00:1450::5", page="desk_pools"):
            record("pool_create", subject=f"pool:{order}")
        record("hold", subject=f"person:{alice.pk}", person_id=alice.pk)
        names = ("read", "price", "pool", "house")
        return dict(zip(names, AuditEntry.objects.order_by("id"), strict=True)) | {"otto": otto}

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({}, {"read", "price", "pool", "house"}),
            ({"show": "acts"}, {"price", "pool", "house"}),
            ({"show": "looks"}, {"read"}),
            ({"who": "system"}, {"house"}),
            ({"action": "price_set"}, {"price"}),
            ({"subject": "price:12"}, {"price"}),
            ({"subject": "12"}, {"price"}),
            ({"subject": "3f0c21aa-1111-4222-8333-444455556666"}, {"read", "pool"}),
            ({"subject": "3F0C21AA111142228333444455556666"}, {"read", "pool"}),
            ({"subject": "order:3f0c21aa-1111-4222-8333-444455556666"}, {"read"}),
            ({"subject": "price:12 pool:3f0c21aa-1111-4222-8333-444455556666"}, {"price", "pool"}),
            ({"subject": "12  price:13 3f0c21aa-1111-4222-8333-444455556666"}, {"price", "read", "pool"}),
            ({"subject": "person:nobody"}, set()),
            ({"person": "ALICE@example.com"}, {"read", "house"}),
            ({"where": "desk_pools"}, {"pool"}),
            ({"address": "41.90.4.7"}, {"read", "price"}),
            ({"address": "2A00:1450:0::5"}, {"pool"}),
            ({"person": "alice@example.com", "show": "acts"}, {"house"}),
            ({"since": "2026-01-01", "until": "2027-12-31T10:00"}, {"read", "price", "pool", "house"}),
            ({"until": "2026-01-01T00:00"}, set()),
            ({"since": "2026-01-01", "since_time": "10:00", "until": "2026-01-01"}, set()),
        ],
    )
    def test_each_finds_its_own(self, lines, asked, expected):
        form = AuditFilters(asked)
        assert form.is_valid(), form.errors
        found = {entry.pk for entry in form.lines(after="").rows}
        assert found == {lines[name].pk for name in expected}

    def test_the_lines_about_a_person_are_found_by_their_id(self, lines):
        alice = lines["house"].person_id
        for typed in (f"person:{alice}", str(alice), f"pool:1 person:{alice}"):
            form = AuditFilters({"subject": typed})
            assert form.is_valid()
            assert {entry.pk for entry in form.lines(after="").rows} == {lines["read"].pk, lines["house"].pk}

    def test_who_is_one_of_the_staff(self, lines):
        form = AuditFilters({"who": lines["otto"].email})
        assert form.is_valid()
        assert [entry.pk for entry in form.lines(after="").rows] == [lines["pool"].pk]

    def test_time_is_nairobi_s_and_both_minutes_count(self, lines):
        at = lines["price"].at.astimezone(NAIROBI).replace(second=0, microsecond=0)
        minute = dt.timedelta(minutes=1)
        for since, until, found in ((at, at + minute, 4), (at - 2 * minute, at - minute, 0)):
            asked = {"since": f"{since:%Y-%m-%dT%H:%M}", "until": f"{until:%Y-%m-%dT%H:%M}"}
            form = AuditFilters(asked)
            assert form.is_valid() and len(form.lines(after="").rows) == found, asked

    @pytest.mark.parametrize(
        ("asked", "sentence"),
        [
            ({"who": "nobody@example.com"}, "Who did it (e-mail): Nobody has this e-mail address."),
            ({"person": "nobody@example.com"}, "About whom (e-mail): Nobody has this e-mail address."),
            ({"address": "all of them"}, "IP address: Write an address like 41.90.4.7."),
            (
                {"since": "yesterday"},
                "From day: Write a day like 2026-11-21, and a time like 14:30 if you want one.",
            ),
            ({"since": "0001-01-01"}, "From day: Write a year between 2020 and 2099."),
            (
                {"since": "2026-02-02", "until": "2026-02-01"},
                "To day: This is before the time it begins with.",
            ),
            ({"action": "reason__contains"}, "What: There is no such choice here."),
            ({"subject": "1 2 3 4 5 6 7 8 9 10 11"}, "About: These are too many at once. Ask for fewer."),
            ({"subject": "price:1 " * 300}, "About: This is too long: at most 2000 characters."),
            ({"where": "wallet"}, "Page: There is no such choice here."),
        ],
    )
    def test_what_cannot_be_read_has_a_sentence_and_finds_nothing(self, lines, vera, asked, sentence):
        browser = signed_in(vera)
        assert shown(browser, status=400, **asked) == []
        assert sentence in browser.get(PAGE, asked).content.decode()
        part = browser.get(PAGE, asked, headers={"HX-Request": "true", "HX-Target": "rows"}).content.decode()
        assert sentence in part and "<html" not in part

    def test_every_action_is_either_a_look_or_an_act(self):
        assert set(ACTIONS) > LOOKS


def test_pages_follow_one_another_without_a_gap(vera):
    for number in range(120):
        record("note", subject=f"order:{number}")
    browser, seen, address = signed_in(vera), [], f"{PAGE}?action=note"
    while address:
        context = browser.get(address).context
        seen += [row.entry.pk for row in context["rows"]]
        address = context["older_url"]
    assert seen == sorted(AuditEntry.objects.filter(action="note").values_list("pk", flat=True), reverse=True)
    assert len(seen) == 120
    spans = AuditFilters({"since": "2026-01-01", "action": "note"})
    assert spans.is_valid()
    page, found = spans.lines(after=""), []
    while True:
        found += [entry.pk for entry in page.rows]
        if not page.older:
            break
        page = spans.lines(after=page.older)
    assert found == seen


def test_fifty_lines_take_no_more_queries_than_one(vera):
    browser = signed_in(vera)
    counts = []
    for lines in (1, 60):
        for _ in range(lines):
            record(
                "hold", subject=f"person:{customer().pk}", by=staff("treasury").pk, after={"on_hold": True}
            )
        with CaptureQueriesContext(
            connection,
        ) as asked:
            browser.get(PAGE)
        counts.append(len(asked))
    assert counts[1] <= min(25, counts[0])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE controls_auditentry SET reason = 'another'",
        "DELETE FROM controls_auditentry",
        "TRUNCATE controls_auditentry CASCADE",
    ],
)
def test_a_line_is_never_changed(statement):
    record("hold", subject="person:1", reason="A stolen phone.")
    with (
        pytest.raises((InternalError, ProgrammingError), match="the rows of controls_auditentry stay"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        # What the test itself has written is checked now: a table that waits for it cannot be emptied at all.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Of the tests' connection alone (`goldwallet.triggers`).
        cursor.execute("SET LOCAL goldwallet.allow_truncate = 'off'")
        cursor.execute(statement)
    assert AuditEntry.objects.get().reason == "A stolen phone."


# --- taken out --------------------------------------------------------------------------------------

HOSTILE = [
    "=1+1",
    "+254712345678",
    "-2+3",
    '@SUM(A1:A9)"',
    "\t=1+1",
    "\r=1+1",
    "a\x00=cmd|' /C calc'!A0",
    'He said "no", and left;\n=HYPERLINK("http://evil.example")',
    "\u202e=1",
]


def taken(browser, **asked):
    answer = browser.get("/desk/exports/audit/take/", {"format": "csv", **asked})
    assert answer.status_code == 200, answer.content[:300]
    text = b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text, newline="")))


@pytest.mark.fault("X04")
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), min_size=1, max_size=5))
def test_no_cell_of_the_file_is_a_formula(reasons):
    """Whatever somebody wrote as a reason or a name: a cell is text, and the line keeps its columns."""
    with transaction.atomic():
        record_ids = []
        for reason in reasons:
            record(
                "note",
                subject=f"order:{reason}",
                reason=reason,
                after={reason.replace("\x00", ""): reason.replace("\x00", "")},
            )
            record_ids.append(AuditEntry.objects.latest("id").pk)
        rows = list(csv_rows())
        assert [int(row["Number"]) for row in rows[: len(reasons)]] == record_ids[::-1]
        for row in rows[: len(reasons)]:
            assert set(row) == set(EXPORTS["audit"].columns), "a value broke out of its column"
            for value in row.values():
                assert "\x00" not in value
                assert not value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) or value == "-", value
        transaction.set_rollback(True)


def csv_rows():
    data = b"".join(csv_bytes(EXPORTS["audit"].columns, rows_of("audit", {"action": "note"})))
    return csv.DictReader(StringIO(data.decode("utf-8-sig"), newline=""))


@pytest.mark.fault("X04")
def test_the_trail_is_taken_out_as_it_is_filtered_and_that_is_a_line_of_it(vera):
    root = staff("auditor")
    record("note", subject="order:1", reason="=1+1", by=vera.pk)
    record("hold", subject="person:1", reason="A stolen phone.")
    rows = taken(signed_in(root), action="note")
    assert [(row["Who"], row["About"]) for row in rows] == [(vera.email, "order:1")]
    assert rows[0]["Why"] == "'=1+1"
    last = AuditEntry.objects.filter(actor=root).latest("id")
    assert (last.action, last.subject) == ("export", "list:audit")
    refused = signed_in(root).get("/desk/exports/audit/take/", {"format": "csv", "who": "nobody@example.com"})
    assert refused.status_code == 400 and "Nobody has this e-mail address." in refused.content.decode()


def test_who_may_not_take_the_trail_out_is_not_offered_it(vera):
    browser = signed_in(vera)
    assert "/desk/exports/audit/take/" not in browser.get(PAGE).content.decode()
    assert browser.get("/desk/exports/audit/take/", {"format": "csv"}).status_code == 403
    assert "/desk/exports/audit/take/" in signed_in(staff("auditor")).get(PAGE).content.decode()

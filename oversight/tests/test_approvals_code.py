"""Deciding on the page of a request: a fresh code of the second factor, asked for last; the amount typed again; the
list of what waits and what was decided.
"""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Authenticator, User
from accounts.roles import Role
from accounts.tests.people import code_now, customer, signed_in, staff, totp, wrong_code
from controls import services
from controls.models import AuditEntry, Request, RequestState
from controls.selectors import thresholds
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import PAGE, YES
from goldwallet.test.world import World
from ledger import chart
from ledger.selectors import balance
from oversight.tests.test_approvals import NAME, approve, asked, refuse, seen, url
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

INBOX = "/desk/approvals/"


@pytest.fixture
def maker() -> User:
    return staff("treasury", email="maker@example.com")


@pytest.fixture
def checker() -> User:
    return staff("treasury", email="checker@example.com")


def waits(request: Request) -> bool:
    return Request.objects.get(pk=request.pk).state == RequestState.WAITING


def used(person: User) -> int:
    return int(Authenticator.objects.get(user=person).last_step)


# --- the code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["_approve", "_refuse"])
def test_a_decision_takes_a_fresh_code(maker: User, checker: User, act: str) -> None:
    request, desk = asked(maker), signed_in(checker)
    form = {"seen": seen(desk.post(url(request))), "words": YES, "typed": "50000"}
    for code, sentence in (
        ("", "Write the code that your authenticator app shows now."),
        (" \x00 ", "Write the code that your authenticator app shows now."),
        (wrong_code(checker), "That code is not right."),
    ):
        answer = desk.post(url(request, act), {**form, "code": code})
        assert answer.status_code == 400
        assert sentence in text(answer)
        assert YES in answer.content.decode(), "what was written stands there again"
        assert waits(request)
    code = code_now(checker)
    other = asked(maker, "3", name="price_jump_percent")
    done = desk.post(url(request, act), {**form, "code": code}, follow=True)
    assert done.status_code == 200 and not waits(request)
    again = {"seen": seen(desk.post(url(other))), "words": YES, "code": code}
    answer = desk.post(url(other, act), again)
    assert answer.status_code == 400
    assert "That code has been used." in text(answer)
    assert waits(other)


def test_who_guesses_codes_waits(maker: User, checker: User) -> None:
    request, desk = asked(maker), signed_in(checker)
    form = {"words": "I had rather not.", "code": wrong_code(checker)}
    statuses = [desk.post(url(request, "_refuse"), form).status_code for _ in range(4)]
    assert statuses == [400, 400, 400, 429]
    answer = desk.post(url(request, "_refuse"), {**form, "code": totp(checker)})
    assert answer.status_code == 429
    assert "Too many wrong codes." in text(answer)
    assert waits(request)


def test_no_code_is_used_up_for_what_is_refused_anyway(world: World, maker: User, checker: User) -> None:
    request, desk = asked(maker), signed_in(checker)
    token, code = seen(desk.post(url(request))), code_now(checker)
    for form, status in (
        ({"seen": "0" * 64, "words": YES, "typed": "50000"}, 409),
        ({"seen": token, "words": YES}, 400),
        ({"seen": token, "words": YES, "typed": "5000"}, 400),
        ({"seen": token, "words": "ok", "typed": "50000"}, 400),
    ):
        assert desk.post(url(request, "_approve"), {**form, "code": code}).status_code == status
    assert desk.post(url(request, "_refuse"), {"words": "no", "code": code}).status_code == 400
    keeper = staff("vault")
    form = {"seen": token, "words": YES, "code": code_now(keeper)}
    assert signed_in(keeper).post(url(request, "_approve"), form).status_code == 403
    form = {"seen": token, "words": YES, "code": code_now(maker)}
    assert signed_in(maker).post(url(request, "_approve"), form).status_code == 403
    assert used(checker) == used(maker) == used(keeper) == 0
    assert waits(request)
    assert not AuditEntry.objects.filter(action__in=["request_approve", "request_refuse"]).exists()


def test_taking_ones_own_back_takes_no_code(maker: User) -> None:
    request = asked(maker)
    page = signed_in(maker).get(url(request)).content.decode()
    assert 'name="code"' not in page
    assert signed_in(maker).post(url(request, "_withdraw"), follow=True).status_code == 200
    assert Request.objects.get().state == RequestState.WITHDRAWN


def test_the_code_field_is_one_for_codes(maker: User, checker: User) -> None:
    page = signed_in(checker).post(url(asked(maker))).content.decode()
    assert page.count('name="code" class="input-code" inputmode="numeric" autocomplete="one-time-code"') == 2
    for role in (Role.AUDITOR, Role.VAULT):
        page = signed_in(staff(role)).get(url(Request.objects.get())).content.decode()
        assert 'name="code"' not in page and 'name="seen"' not in page


# --- the amount -----------------------------------------------------------------------------------


def credit(world: World, by: User, kes: str = "60000") -> Request:
    return services.request_make(
        kind="adjust_cash",
        payload={
            "person": str(world.alice.pk),
            "kes": kes,
            "way": "credit",
            "words": "We have corrected a mistake of ours.",
        },
        subject=f"adjustment:{world.alice.pk}:cash",
        reason="The statement of today shows it.",
        by=by,
    )


@pytest.mark.fault("Z06")
def test_a_large_amount_is_typed_and_nothing_helps_to_type_it(
    world: World, maker: User, checker: User
) -> None:
    request, desk = credit(world, maker), signed_in(checker)
    page = desk.post(url(request))
    field = page.content.decode().split('id="typed-1"')[1].split(">")[0]
    assert "60" not in field and "placeholder" not in field
    assert 'value=""' in field
    plain = text(page)
    for words in ("How many shillings leave the house?", "alice@example.com: cash that we owe", "KES 60,000"):
        assert words in plain
    form = {"seen": seen(page), "words": YES}
    for typed, sentence in (
        ("6000", "You typed KES 6,000, this request moves KES 60,000."),
        ("60,000", "digits only"),
        ("٦٠٠٠٠", "digits only"),
        ("", "Type the amount that this request moves."),
        ("60000.001", "at most 2 digits"),
    ):
        answer = desk.post(url(request, "_approve"), {**form, "typed": typed, "code": code_now(checker)})
        assert answer.status_code == 400
        assert sentence in text(answer)
        assert used(checker) == 0
        assert waits(request)
    assert balance(chart.user_cash(world.alice.pk)) == 0
    done = approve(desk, request, typed=" 60000.00 ")
    assert "Approved and done." in text(done)
    assert balance(chart.user_cash(world.alice.pk)) == 60_000
    assert_books()


def test_a_small_amount_is_not_typed(world: World, maker: User, checker: User) -> None:
    page = signed_in(checker).get(url(credit(world, maker, "49999")))
    assert 'name="typed"' not in page.content.decode()


@pytest.mark.fault("Z02")
def test_a_second_account_reads_why_it_does_not_decide(maker: User) -> None:
    maker.phone = "254799000222"
    maker.save()
    request = asked(maker)
    twin = staff("administrator", phone="254799000222")
    desk = signed_in(twin)
    page = desk.get(url(request))
    assert "You asked for it under another account." in text(page)
    assert 'name="seen"' not in page.content.decode()
    assert "You asked for it under another account." in text(desk.get(INBOX))
    for act in ("_approve", "_refuse"):
        answer = desk.post(url(request, act), {"seen": "", "words": YES, "code": code_now(twin)})
        assert answer.status_code == 403
        assert "You asked for this under another account." in text(answer)
    assert waits(request)


# --- the list -------------------------------------------------------------------------------------


def test_the_inbox_says_what_how_long_and_why_not(world: World, maker: User, checker: User) -> None:
    credit(world, maker)
    asked(maker, evidence=PAGE)
    inbox = text(signed_in(checker).get(INBOX))
    for words in (
        "Asked by",
        "just now",
        "Expires",
        "alice@example.com gets KES 60,000",
        "KES 60,000",
        "yes",
    ):
        assert words in inbox
    assert "Soon" not in inbox
    reviewer = text(signed_in(staff("reviewer")).get(INBOX))
    assert "alice@example.com" not in reviewer
    assert "An auditor reads." in text(signed_in(staff("auditor")).get(INBOX))
    with shift_clock(hours=61):
        assert text(signed_in(checker).get(INBOX)).count("Soon") == 2


def test_a_hundred_that_wait_and_a_page_of_decided_ones_take_few_questions(
    world: World, maker: User, checker: User
) -> None:
    first = credit(world, maker)
    rows = []
    for number in range(100):
        for state in ("waiting", "withdrawn"):
            row = Request.objects.get(pk=first.pk)
            row.pk, row.subject, row.state = uuid4(), f"test:{number}:{state}", state
            row.decided_at = row.created_at if state == "withdrawn" else None
            rows.append(row)
    Request.objects.bulk_create(rows)
    desk = signed_in(checker)
    desk.get(INBOX)
    for path in (INBOX, f"{INBOX}?kind=adjust_cash", url(first)):
        with CaptureQueriesContext(connection) as asked_:
            assert desk.get(path).status_code == 200
        # The test's own transaction makes savepoints of what begins a transaction otherwise.
        questions = [row["sql"] for row in asked_ if "SAVEPOINT" not in row["sql"]]
        assert len(questions) <= 25, "\n".join(sql[-170:] for sql in questions)
    mine, *others = desk.get(INBOX).context["queues"]
    assert (mine.name, len(mine.rows), mine.in_all, others) == ("me", 50, 101, [])


def test_decided_ones_are_found(maker: User, checker: User) -> None:
    desk = signed_in(checker)
    done, no = asked(maker), asked(maker, "3", name="price_jump_percent")
    approve(desk, done)
    refuse(desk, no, "The insurer did not ask.")

    def found(**asked_for: str) -> list:
        page = desk.get(INBOX, asked_for)
        assert page.status_code == 200
        return [row.request.pk for row in page.context["decided"]]

    assert found() == [no.pk, done.pk]
    assert found(state="executed") == [done.pk]
    assert found(state="refused", kind="threshold_set") == [no.pk]
    assert found(kind="adjust_cash") == []
    assert found(maker=str(maker.pk)) == [no.pk, done.pk]
    assert found(maker=str(checker.pk)) == []
    assert found(checker=str(checker.pk), state="executed") == [done.pk]
    assert found(since="2099-01-01") == []
    assert found(until="2020-01-01") == []
    assert found(since="2020-01-01", until="2099-12-31") == [no.pk, done.pk]
    wrong = desk.get(INBOX, {"since": "soon", "kind": "king\x00", "maker": "x"})
    assert wrong.status_code == 400
    assert "Write a day like 2026-11-21" in text(wrong)
    assert not wrong.context["decided"]
    part = desk.get(INBOX, {"state": "refused"}, headers={"HX-Request": "true", "HX-Target": "rows"})
    assert part.content.decode().lstrip().startswith('<div id="rows"')
    assert "Find decided requests" not in part.content.decode()


def test_who_has_looked_stands_on_the_page_and_in_the_trail(world: World, maker: User, checker: User) -> None:
    request = credit(world, maker)
    desk = signed_in(checker)
    assert "nobody before you" in text(desk.get(url(request)))
    assert "checker@example.com (1 time)" in text(signed_in(maker).get(url(request)))
    line = AuditEntry.objects.get(subject=f"request:{request.pk}", action="read", actor=checker)
    assert line.person == world.alice
    desk.get(INBOX)
    assert AuditEntry.objects.filter(subject="requests", action="read", actor=checker).exists()


def test_each_act_leaves_one_line(world: World, maker: User, checker: User) -> None:
    first = credit(world, maker)
    desk = signed_in(checker)
    refuse(desk, first, "The customer is wrong about it.")
    second = credit(world, maker)
    signed_in(maker).post(url(second, "_withdraw"))
    lines = AuditEntry.objects.filter(action__startswith="request_").order_by("pk")
    assert [(line.action, line.actor, line.person) for line in lines] == [
        ("request_make", maker, world.alice),
        ("request_refuse", checker, world.alice),
        ("request_make", maker, world.alice),
        ("request_withdraw", maker, world.alice),
    ]
    said = lines[1]
    assert said.reason == "The customer is wrong about it."
    about = {"kind": "adjust_cash", "about": f"adjustment:{world.alice.pk}:cash"}
    assert said.before == {"state": "waiting", **about}
    assert said.after == {"state": "refused", **about}
    assert said.page == "desk_approval_refuse"


def test_a_customer_with_the_code_decides_nothing(maker: User) -> None:
    request, person = asked(maker), customer()
    for act in ("_approve", "_refuse"):
        answer = signed_in(person).post(reverse(f"desk_approval{act}", args=[request.pk]), {"code": "1"})
        assert answer.status_code == 403
    assert thresholds()[NAME] == Decimal(100_000)

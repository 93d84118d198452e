"""The reconciliation's pages: who may, what they show, what a form does, and what it refuses in words."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from accounts.tests.people import customer, signed_in, staff
from controls.models import Request
from goldwallet.clock import now
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, approve
from goldwallet.test.world import World, buy, paid
from notifications.models import Message
from oversight.models import Break, Finding, Run
from oversight.tests.day import Day, new_receipt, row_in, row_out, statement
from payments.models import Arrival, Payment, StatementFile
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

PAGE = "/desk/reconciliation/"


@pytest.fixture
def treasury() -> User:
    return staff("treasury", email="treasury@example.com")


@pytest.fixture
def desk(treasury: User) -> Client:
    return signed_in(treasury)


@pytest.fixture
def day(world: World, treasury: User) -> Day:
    made = Day(world, treasury)
    made.trade(people=2, buys=2, sales=2)
    return made


@pytest.fixture
def found(day: Day) -> Break:
    """A payment by hand that nobody knows, and a payout that nobody sent."""
    day.collections.append(row_in(day.buys[0], receipt=new_receipt(), reference="BY HAND", moved=777))
    day.payouts.append(row_out(day.sales[0], receipt=new_receipt(), moved=-25_000))
    with shift_clock(hours=2):
        day.upload()
        day.compare()
    return Break.objects.get(kind="line_in_unknown")


def upload(desk: Client, data: bytes, account: str = "collections", **more):
    file = SimpleUploadedFile("november.csv", data, content_type="text/csv")
    return desk.post(f"{PAGE}upload/", {"account": account, "statement": file, **more}, follow=True)


@pytest.mark.parametrize("path", ["", "runs/{run}/", "runs/{run}/progress/", "breaks/{found}/"])
def test_treasury_acts_the_auditor_reads_others_stay_out(found: Break, desk: Client, path: str) -> None:
    path = PAGE + path.format(run=found.first_run_id, found=found.pk)
    assert desk.get(path).status_code == 200
    page = signed_in(staff("auditor")).get(path)
    assert page.status_code == 200
    assert "<form" not in page.content.decode().split("<main")[-1]
    assert signed_in(staff("pricing")).get(path).status_code == 403
    assert signed_in(customer()).get(path).status_code == 403
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("path", ["upload/", "run/", "breaks/{found}/own/", "breaks/{found}/resolve/"])
def test_who_may_not_act_changes_nothing(found: Break, path: str) -> None:
    path = PAGE + path.format(found=found.pk)
    for role in ("auditor", "pricing", "vault", "reviewer"):
        assert signed_in(staff(role)).post(path, {"how": "suspense"}).status_code == 403
    found.refresh_from_db()
    assert (found.owner, Request.objects.count(), Run.objects.count()) == (None, 0, 1)


def test_a_statement_is_uploaded_once(day: Day, desk: Client) -> None:
    file = statement(day.collections)
    page = upload(desk, file)
    assert "2 new lines were taken in." in text(page)
    assert "november.csv" in text(page)
    assert "very file was taken in" in text(upload(desk, file))
    assert StatementFile.objects.count() == 1


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "no line with the headings"),
        ({"account": "house"}, "Choose the account"),
        ({"from": "21.11.2026"}, "Write a day like 2026-11-21."),
        ({"from": "2026-02-31"}, "Write a day like 2026-11-21."),
        ({"to": "9999-12-31"}, "Write a day like 2026-11-21."),
        ({"from": "2026-11-21", "to": "2026-11-20"}, "The last day is before the first one."),
        ({"statement": ""}, "Choose the file"),
    ],
)
def test_a_bad_upload_says_why(desk: Client, form: dict[str, str], sentence: str) -> None:
    file = SimpleUploadedFile("letter.pdf", b"%PDF-1.7 no statement")
    page = desk.post(f"{PAGE}upload/", {"account": "collections", "statement": file, **form})
    assert page.status_code == 400
    assert sentence in text(page)
    assert not StatementFile.objects.exists()


@pytest.mark.parametrize("form", ["upload", "run"])
@pytest.mark.parametrize(
    "day", ["0001-01-01", "1999-12-31", "9999-12-31", "2026-02-31", "2026-W10-1", "\u0662", "\x00"]
)
def test_a_day_that_cannot_be_is_refused_beside_its_field(desk: Client, form: str, day: str) -> None:
    file = SimpleUploadedFile("november.csv", b"x")
    page = desk.post(
        f"{PAGE}{form}/", {"statement": file, "account": "payouts", "from": "2026-11-20", "to": day}
    )
    assert page.status_code == 400
    shown = page.content.decode().split(f'id="{form}-to"')[1].split("</div>")[0]
    assert "Write a day like 2026-11-21." in shown
    assert f'id="{form}-from" name="from" type="date" value="2026-11-20"' in page.content.decode()
    assert page.content.decode().count('value="2026-11-20"') == 1
    assert (Run.objects.count(), StatementFile.objects.count()) == (0, 0)
    assert desk.get(PAGE).status_code == 200


def test_days_to_come_are_not_compared(desk: Client) -> None:
    page = desk.post(f"{PAGE}run/", {"from": "2099-01-01", "to": "2099-01-02"})
    assert page.status_code == 400
    shown = page.content.decode().split('id="run-from"')[1].split("</div>")[0]
    assert "This day has not come yet." in shown
    assert not Run.objects.exists()


def test_run_now_is_a_job_and_one_at_a_time(world: World, desk: Client) -> None:
    page = desk.post(f"{PAGE}run/", follow=True)
    assert "The comparison has begun." in text(page)
    run = Run.objects.get()
    assert f"{PAGE}runs/{run.pk}/progress/" in page.content.decode()
    job = ProcrastinateJob.objects.get(task_name="oversight.reconcile_run")
    assert job.args == {"run_id": str(run.pk)}
    again = desk.post(f"{PAGE}run/")
    assert (again.status_code, Run.objects.count()) == (409, 1)
    assert "A comparison is running already." in text(again)


def test_progress_asks_again_until_the_run_has_ended(found: Break, desk: Client) -> None:
    run = Run.objects.create(starts_at=found.found_at, ends_at=found.found_at, steps_total=12, step="Charges")
    path = f"{PAGE}runs/{run.pk}/progress/"
    assert "hx-get" in desk.get(path).content.decode()
    Run.objects.update(state="done")
    ended = desk.get(path)
    assert ended.headers["HX-Refresh"] == "true"
    assert "hx-get" not in ended.content.decode()


def test_the_list_says_what_differs_and_filters(found: Break, desk: Client) -> None:
    page = text(desk.get(PAGE))
    assert "M-Pesa shows KES 777 in under" in page
    assert "M-Pesa shows KES 25,000 out under" in page
    one = text(desk.get(PAGE, {"kind": "line_out_unknown"}))
    assert "KES 25,000 out under" in one
    assert "KES 777 in under" not in one
    assert desk.get(PAGE, {"kind": "nonsense", "after": "x"}).status_code == 200


def test_the_report_has_both_sides_of_each_step(found: Break, desk: Client) -> None:
    page = text(desk.get(f"{PAGE}runs/{found.first_run_id}/"))
    for words in ("Money in", "M-Pesa's lines: 3", "Ours: 2", "The whole book", "2, 2 of them new"):
        assert words in page, words


def test_the_report_says_why_the_sides_differ(found: Break, desk: Client, day: Day) -> None:
    page = text(desk.get(f"{PAGE}runs/{found.first_run_id}/"))
    assert "−KES 777 Open differences, listed below" in page
    assert "+KES 25,000 Open differences, listed below" in page
    # A buy that no statement reaches, and one of a moment ago.
    with shift_clock(hours=5):
        paid(buy(day.people[0], 2000), receipt=new_receipt())
    with shift_clock(hours=6):
        paid(buy(day.people[0], 3000), receipt=new_receipt())
        run = day.compare()
    page = text(desk.get(f"{PAGE}runs/{run.pk}/"))
    assert "+KES 2,000 Booked, and no statement covers it yet" in page
    assert "+KES 3,000 Too fresh to be judged" in page


def test_a_report_stays_as_it_was(found: Break, desk: Client, treasury: User, day: Day) -> None:
    first = found.first_run
    before, _ = text(desk.get(f"{PAGE}runs/{first.pk}/")).split("Audit trail")
    agreed(
        "break_resolve",
        {"break": str(found.pk), "how": "suspense"},
        maker=treasury,
        checker=staff("treasury"),
    )
    with shift_clock(hours=3):
        # The foreign payout was ours after all, and is not found any more.
        other = Break.objects.get(kind="line_out_unknown")
        Payment.objects.filter(pk=day.sales[1].pk).update(receipt=other.line.receipt, amount=25_000)
        second = day.compare()
    # What grows is who has looked at it.
    assert text(desk.get(f"{PAGE}runs/{first.pk}/")).split("Audit trail")[0] == before
    assert "KES 777 in under" in before
    assert [one.news for one in first.findings.all()] == ["new", "new"]
    gone = second.findings.get(difference=other)
    assert (gone.news, gone.kes, gone.theirs) == ("gone", 25_000, -25_000)
    page = text(desk.get(f"{PAGE}runs/{second.pk}/"))
    assert "KES 25,000 out under" in page
    assert "No longer there" in page
    assert "KES 777 in under" not in page


def test_a_finding_is_never_changed(found: Break) -> None:
    for change in (lambda rows: rows.update(kes=1), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError, match="the rows of oversight_finding stay"), transaction.atomic():
            change(Finding.objects.all())
    assert Finding.objects.count() == 2


def test_an_old_run_says_that_its_list_was_not_kept(world: World, desk: Client) -> None:
    start = now()
    old = {"name": "Money in", "theirs": {"name": "M-Pesa's lines", "count": 1, "total": "KES 5"}}
    step = old | {"ours": {"name": "Ours", "count": 0, "total": "KES 0"}, "differences": 1, "seconds": "0.01"}
    run = Run.objects.create(starts_at=start, ends_at=start, state="done", found=1, report=[step])
    page = text(desk.get(f"{PAGE}runs/{run.pk}/"))
    assert "before the list of differences was kept" in page
    assert "not kept" in page


def test_treasury_is_told_by_mail(found: Break, treasury: User) -> None:
    mail = Message.objects.get(user=treasury, key__startswith="reconciliation:")
    assert "2 new differences" in mail.subject


def test_one_takes_it_on_and_two_resolve_it(found: Break, desk: Client, day: Day) -> None:
    path = f"{PAGE}breaks/{found.pk}/"
    assert "It is yours now." in text(desk.post(f"{path}own/", follow=True))
    assert "Nobody has it now." in text(desk.post(f"{path}own/", {"let_go": "1"}, follow=True))
    short = desk.post(f"{path}resolve/", {"how": "suspense", "reason": "no"})
    assert short.status_code == 400
    assert "Write why" in text(short)
    assert desk.post(f"{path}resolve/", {"how": "match", "reason": "It is ours."}).status_code == 400
    desk.post(f"{path}resolve/", {"how": "suspense", "reason": "The statement of today shows it."})
    request = Request.objects.get()
    assert "has asked to resolve it" in text(desk.get(path))
    assert "Ask a second person" not in text(desk.get(path))
    approve(request, staff("treasury"))
    page = text(desk.get(path))
    assert "Resolved" in page
    assert "is in suspense" in page
    assert Arrival.objects.get().amount == 777
    assert desk.post(f"{path}own/").status_code == 409
    assert (
        desk.post(f"{path}resolve/", {"how": "suspense", "reason": "Once more, please."}).status_code == 409
    )


def test_every_kind_has_a_page(found: Break, desk: Client) -> None:
    for kind in (
        "reversed",
        "float_differs",
        "pool_differs",
        "book_broken",
        "state_differs",
        "posting_differs",
    ):
        Break.objects.filter(pk=found.pk).update(kind=kind)
        assert desk.get(f"{PAGE}breaks/{found.pk}/").status_code == 200


def test_what_is_not_there(desk: Client) -> None:
    for path in ("breaks/{}/", "runs/{}/"):
        assert desk.get(PAGE + path.format(uuid.uuid4())).status_code == 404


def test_the_command_says_what_differs(found: Break, day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    with shift_clock(hours=2), pytest.raises(CommandError, match="2 differences"):
        call_command("reconcile")
    assert "M-Pesa shows KES 777 in" in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["0001-01-01", "9999-12-31", "2026-02-31", "yesterday"])
def test_the_command_takes_days_that_there_are(typed: str) -> None:
    for option in ("--from", "--to"):
        with pytest.raises(CommandError, match=f"{typed} is no day like 2026-11-21"):
            call_command("reconcile", option, typed)

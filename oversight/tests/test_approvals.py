"""Approvals at the desk: who sees and decides what, and that a page's refusal changes nothing."""

import re

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from accounts.models import Authenticator, User
from accounts.roles import Role
from accounts.tests.people import code_now, customer, person_of, signed_in, staff
from controls import services
from controls.models import AuditEntry, Request, RequestState
from controls.selectors import thresholds
from controls.services import Evidence
from goldwallet.test.clock import shift_clock
from goldwallet.test.tamper import guard_off
from goldwallet.test.two import YES
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

WHY = "The vault's insurer asks for it."
NAME = "payout_approval_kes"


def asked(by: User, value: str = "50000", *, name: str = NAME, evidence: Evidence | None = None) -> Request:
    return services.request_make(
        kind="threshold_set",
        payload={"name": name, "value": value},
        subject=f"threshold:{name}",
        reason=WHY,
        by=by,
        evidence=evidence,
    )


def url(request: Request, act: str = "") -> str:
    return reverse(f"desk_approval{act}", args=[request.pk])


def seen(page) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page.content.decode())
    assert found, text(page)
    return found.group(1)


def approve(desk: Client, request: Request, **data: str):
    """What the second person does who has read the page and the evidence: the amounts where they are asked for, why,
    and a fresh code.
    """
    page = desk.post(url(request))
    if page.context["attachment"]:
        desk.get(url(request, "_file"))
    form = {"seen": seen(page), "words": YES, "code": code_now(person_of(desk)), "typed": typed_on(page)}
    return desk.post(url(request, "_approve"), form | data, follow=True)


def typed_on(page) -> list[str]:
    """The amounts that the page asks for, as somebody types them."""
    return [f"{field.amount.value.normalize():f}" for field in page.context["retype"]]


def refuse(desk: Client, request: Request, words: str):
    form = {"words": words, "code": code_now(person_of(desk))}
    return desk.post(url(request, "_refuse"), form, follow=True)


@pytest.fixture
def maker() -> User:
    return staff("treasury", email="maker@example.com")


@pytest.fixture
def checker() -> User:
    return staff("treasury", email="checker@example.com")


@pytest.mark.fault("Z06")
def test_the_second_person_sees_it_and_approves(maker: User, checker: User) -> None:
    request = asked(maker)
    desk = signed_in(checker)
    inbox = text(desk.get(reverse("desk_approvals")))
    assert "For you to decide" in inbox
    assert "maker@example.com" in inbox
    page = text(desk.get(url(request)))
    for words in (WHY, "Threshold changed", "KES 100,000", "KES 50,000", "maker@example.com", "Decide"):
        assert words in page
    done = approve(desk, request, words="Seen the letter.")
    assert done.status_code == 200
    assert "Approved and done. Payouts of this much or more wait for staff is KES 50,000 now." in text(done)
    assert "Seen the letter." in text(done)
    assert thresholds()[NAME] == 50_000
    request.refresh_from_db()
    assert (request.state, request.checker) == (RequestState.EXECUTED, checker)
    assert "Nothing waits for you." in text(desk.get(reverse("desk_approvals")))


@pytest.mark.fault("Z02")
def test_the_maker_has_no_button_and_is_refused(maker: User, checker: User) -> None:
    request = asked(maker)
    desk = signed_in(maker)
    page = desk.get(url(request))
    assert "A second person decides this." in text(page)
    assert url(request, "_approve") not in page.content.decode()
    assert url(request, "_refuse") not in page.content.decode()
    # A page that the second person was shown does not help.
    token = seen(signed_in(checker).post(url(request)))
    answer = desk.post(url(request, "_approve"), {"seen": token})
    assert answer.status_code == 403
    assert "You asked for this yourself." in text(answer)
    assert thresholds()[NAME] == 100_000
    assert Request.objects.get().state == RequestState.WAITING


def test_yours_are_told_apart(maker: User, checker: User) -> None:
    asked(maker)
    mine = text(signed_in(maker).get(reverse("desk_approvals")))
    assert "Yours" in mine
    assert "Nothing waits for you." in mine
    reader = text(signed_in(staff("auditor")).get(reverse("desk_approvals")))
    assert "For others to decide" in reader
    assert "Nothing waits for you." in reader
    keeper = text(signed_in(staff("vault")).get(reverse("desk_approvals")))
    assert "For others to decide" not in keeper
    assert "Nothing waits for you." in keeper


def test_the_navigation_counts_what_waits_for_the_reader(maker: User, checker: User) -> None:
    def counted(person: User) -> str:
        page = signed_in(person).get(reverse("desk_steering")).content.decode()
        found = re.search(r'class="nav-count" id="to-decide">(\d+)<', page)
        return found.group(1) if found else ""

    assert counted(checker) == ""
    asked(maker)
    second = asked(maker, "2000", name="float_least_kes")
    assert counted(checker) == "2"
    assert counted(maker) == "", "their own wait for somebody else"
    assert counted(staff("pricing")) == "2"
    assert counted(staff("auditor")) == ""
    approve(signed_in(checker), second)
    assert counted(checker) == "1"


def test_what_has_been_edited_is_not_approved(maker: User, checker: User) -> None:
    """Somebody with the database's own rights gets past the trigger. The hash tells."""
    request = asked(maker)
    desk = signed_in(checker)
    token = seen(desk.post(url(request)))
    with guard_off(Request, "content_stays"):
        Request.objects.filter(pk=request.pk).update(payload={"name": NAME, "value": "250001"})
    for answer in (desk.post(url(request)), desk.post(url(request, "_approve"), {"seen": token})):
        assert answer.status_code == 409
        assert "This request was changed after it was made." in text(answer)
    assert thresholds()[NAME] == 100_000


@pytest.mark.fault("Z06")
def test_what_it_would_do_has_changed_since_the_page_was_opened(maker: User, checker: User) -> None:
    request = asked(maker)
    desk = signed_in(checker)
    token = seen(desk.post(url(request)))
    services.threshold_set(name=NAME, value=thresholds()[NAME] * 2, by=maker)
    answer = desk.post(url(request, "_approve"), {"seen": token})
    assert answer.status_code == 409
    page = text(answer)
    assert "What this would do has changed. Nothing was done. Look again." in page
    # Both stand there: now from 200,000, then from 100,000.
    assert "What it would do now" in page
    assert "What it would have done when it was asked" in page
    assert "KES 200,000" in page
    assert "KES 100,000" in page
    assert thresholds()[NAME] == 200_000
    assert approve(desk, request).status_code == 200
    assert thresholds()[NAME] == 50_000


def test_what_cannot_be_done_any_more_can_only_be_refused(maker: User, checker: User) -> None:
    request = asked(maker)
    services.threshold_set(name=NAME, value=thresholds()[NAME] / 2, by=maker)
    desk = signed_in(checker)
    page = desk.post(url(request))
    assert page.status_code == 200
    assert "It cannot be done any more: Payouts of this much" in text(page)
    assert 'name="seen"' not in page.content.decode()
    assert url(request, "_refuse") in page.content.decode()
    assert desk.post(url(request, "_approve"), {"seen": "0" * 64}).status_code == 400
    assert Request.objects.get().state == RequestState.WAITING
    done = refuse(desk, request, "It stands there already.")
    assert "Refused. Nothing was done." in text(done)
    assert Request.objects.get().state == RequestState.REFUSED


def test_a_refusal_needs_words_and_keeps_what_was_typed(maker: User, checker: User) -> None:
    request = asked(maker)
    desk = signed_in(checker)
    for words in ("", "no", "x" * 501, " \x00 "):
        answer = desk.post(url(request, "_refuse"), {"words": words})
        assert answer.status_code == 400
        assert Request.objects.get().state == RequestState.WAITING
    assert ">no</textarea>" in desk.post(url(request, "_refuse"), {"words": "no"}).content.decode()


def test_the_maker_takes_it_back_and_nobody_else(maker: User, checker: User) -> None:
    request = asked(maker)
    answer = signed_in(checker).post(url(request, "_withdraw"))
    assert answer.status_code == 403
    assert Request.objects.get().state == RequestState.WAITING
    done = signed_in(maker).post(url(request, "_withdraw"), follow=True)
    assert "Taken back. Nothing was done." in text(done)
    late = signed_in(checker).post(url(request, "_approve"), {"seen": "0" * 64})
    assert late.status_code == 409
    assert "does not wait for anybody any more" in text(late)


def test_it_expires(maker: User, checker: User) -> None:
    request = asked(maker)
    desk = signed_in(checker)
    token = seen(desk.post(url(request)))
    with shift_clock(hours=72, seconds=1):
        desk = signed_in(checker)
        page = desk.get(url(request))
        assert "Expired" in text(page)
        assert 'name="seen"' not in page.content.decode()
        assert desk.post(url(request, "_approve"), {"seen": token}).status_code == 409
        assert "Nothing waits for you." in text(desk.get(reverse("desk_approvals")))
    assert thresholds()[NAME] == 100_000


#           reads the request, decides it; everybody has an inbox
MATRIX = {
    Role.PRICING: (200, 200),
    Role.VAULT: (403, 403),
    Role.REVIEWER: (403, 403),
    Role.TREASURY: (200, 200),
    Role.AUDITOR: (200, 403),
    Role.ADMINISTRATOR: (200, 200),
}


@pytest.mark.parametrize("role", list(Role))
def test_roles(maker: User, role: Role) -> None:
    request = asked(maker, evidence=Evidence("letter.pdf", b"%PDF-1.7"))
    reads, decides = MATRIX[role]
    desk = signed_in(staff(role))
    inbox = desk.get(reverse("desk_approvals"))
    assert inbox.status_code == 200
    assert (url(request) in inbox.content.decode()) == (reads == 200)
    assert desk.get(url(request, "_file")).status_code == reads
    page = desk.get(url(request))
    assert page.status_code == reads
    offered = ">Decide<" in page.content.decode()
    assert offered == (decides == 200)
    assert (desk.post(url(request)).status_code == 200) == offered
    token = seen(signed_in(staff("treasury")).post(url(request)))
    form = {"seen": token, "words": YES, "typed": "50000", "code": code_now(person_of(desk))}
    answer = desk.post(url(request, "_approve"), form, follow=True)
    assert answer.status_code == decides
    assert thresholds()[NAME] == (50_000 if decides == 200 else 100_000)
    assert desk.post(url(request, "_refuse"), {"words": "I had rather not."}).status_code in {403, 409}


def test_who_asked_reads_it_whatever_roles_they_have_now(maker: User) -> None:
    request = asked(maker, evidence=Evidence("letter.pdf", b"%PDF-1.7"))
    maker.groups.set(Group.objects.filter(name=Role.VAULT))
    desk = signed_in(maker)
    assert url(request) in desk.get(reverse("desk_approvals")).content.decode()
    for act in ("", "_file"):
        assert desk.get(url(request, act)).status_code == 200


@pytest.mark.parametrize("role", [Role.VAULT, Role.REVIEWER])
def test_what_is_decided_stays_with_the_roles_it_was_for(maker: User, checker: User, role: Role) -> None:
    request = asked(maker)
    refuse(signed_in(checker), request, "The insurer did not ask.")
    desk = signed_in(staff(role))
    for query in ("", "?kind=threshold_set", "?state=refused", f"?maker={maker.pk}"):
        page = desk.get(reverse("desk_approvals") + query)
        assert page.status_code == 200
        assert not page.context["decided"]
    for act in ("", "_file"):
        assert desk.get(url(request, act)).status_code == 403
    for act in ("_approve", "_refuse", "_withdraw"):
        answer = desk.post(url(request, act), {"words": "I had rather not."})
        assert answer.status_code == 403
        assert WHY not in answer.content.decode()


def test_an_auditor_with_another_role_decides_nothing(maker: User) -> None:
    request = asked(maker)
    desk = signed_in(staff("auditor", "treasury"))
    assert 'name="seen"' not in desk.get(url(request)).content.decode()
    assert desk.post(url(request, "_approve"), {"seen": ""}).status_code == 403


def test_nobody_else(maker: User) -> None:
    request = asked(maker, evidence=Evidence("letter.pdf", b"%PDF-1.7"))
    for path in (reverse("desk_approvals"), url(request), url(request, "_file")):
        assert signed_in(customer()).get(path).status_code == 403
        assert Client().get(path)["Location"].startswith("/accounts/login/")
        assert (
            signed_in(staff("treasury"), verified=False).get(path)["Location"].startswith("/accounts/code/")
        )
    for act in ("_approve", "_refuse", "_withdraw"):
        assert signed_in(customer()).post(url(request, act)).status_code == 403
        assert signed_in(maker).get(url(request, act)).status_code == 405


def test_evidence_is_a_download_and_who_opens_it_is_noted(maker: User, checker: User) -> None:
    name = 'bank "letter"\r\nSet-Cookie: a=b.pdf'
    request = asked(maker, evidence=Evidence(name, b"%PDF-1.7 <script>alert(1)</script>"))
    desk = signed_in(checker)
    answer = desk.get(url(request, "_file"))
    assert answer.content == b"%PDF-1.7 <script>alert(1)</script>"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "\n" not in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    page = text(desk.get(url(request)))
    assert "checker@example.com (opened the evidence)" in page
    desk.get(url(request, "_file"))
    assert "checker@example.com (1 time, opened the evidence 2 times)" in text(desk.get(url(request)))
    bare = asked(maker, "3", name="price_jump_percent")
    assert desk.get(url(bare, "_file")).status_code == 404


def test_decided_ones_go_on_page_by_page(maker: User, checker: User, monkeypatch) -> None:
    monkeypatch.setattr("oversight.inbox._PAGE", 3)
    made = []
    for value in range(20, 27):
        request = asked(maker, f"{value}000")
        services.request_withdraw(request_id=request.pk, by=maker)
        made.append(str(request.pk))
    desk, found, path = signed_in(checker), [], reverse("desk_approvals")
    while path:
        page = desk.get(path).content.decode()
        found += re.findall(r'<th scope="row"><a href="/desk/approvals/([0-9a-f-]{36})/"', page)
        older = re.search(r'href="(/desk/approvals/\?after=[^"]+)"', page)
        path = older.group(1) if older else ""
    assert found == made[::-1]


@pytest.mark.parametrize("after", ["x", "1-", "-", "9" * 30, "0-nonsense", "\x00"])
def test_nonsense_for_a_page_is_page_one(maker: User, after: str) -> None:
    assert signed_in(maker).get(reverse("desk_approvals"), {"after": after}).status_code == 200


def test_words_with_nothing_in_them(maker: User, checker: User) -> None:
    request = asked(maker)
    desk = signed_in(checker)
    for words in (" \x00\n ok \x00", "", "x" * 501):
        assert approve(desk, request, words=words).status_code == 400
    assert Request.objects.get().state == RequestState.WAITING
    assert approve(desk, request, words=" \x00\n ok, all of it \x00").status_code == 200
    assert Request.objects.get().decision == "ok, all of it"


def test_a_page_asks_by_a_form(maker: User) -> None:
    """The helper that every page of the desk asks with, by the steering page's form."""
    desk = signed_in(maker)
    path = reverse("desk_threshold_ask", args=[NAME])
    file = SimpleUploadedFile("letter.txt", b"The insurer's letter")
    made = desk.post(path, {"value": "50000", "reason": WHY, "evidence": file})
    request = Request.objects.get()
    assert made["Location"] == url(request)
    assert request.attachment.name == "letter.txt"
    again = desk.post(path, {"value": "60000", "reason": WHY})
    assert again.status_code == 409
    assert "Somebody has asked for this already." in text(again)
    big = SimpleUploadedFile("big.txt", b"x" * (services.MOST_BYTES + 1))
    other = reverse("desk_threshold_ask", args=["price_jump_percent"])
    refused = desk.post(other, {"value": "30", "reason": "Gold is wild this week.", "evidence": big})
    assert refused.status_code == 400
    assert "larger than 1 MB" in text(refused)
    assert "Gold is wild this week." in text(refused)
    assert Request.objects.count() == 1


# --- evidence -------------------------------------------------------------------------------------


def test_who_approves_has_opened_the_evidence(maker: User, checker: User) -> None:
    """This very person: that another one has opened it tells nothing."""
    request = asked(maker, evidence=Evidence("letter.pdf", b"%PDF-1.7"))
    signed_in(staff("treasury")).get(url(request, "_file"))
    desk = signed_in(checker)
    page = desk.post(url(request))
    for shown in (desk.get(url(request)), page):
        assert "Open the evidence first: letter.pdf" in text(shown)
    form = {"seen": seen(page), "words": YES, "typed": "50000", "code": code_now(checker)}
    refused = desk.post(url(request, "_approve"), form)
    assert refused.status_code == 409
    assert "Open the evidence first." in text(refused)
    assert ">I have looked at the statement myself.</textarea>" in refused.content.decode()
    assert Authenticator.objects.get(user=checker).last_step == 0, "no code is used up for it"
    assert Request.objects.get().state == RequestState.WAITING
    assert thresholds()[NAME] == 100_000
    desk.get(url(request, "_file"))
    assert "Open the evidence first" not in text(desk.get(url(request)))
    assert "Approved and done." in text(desk.post(url(request, "_approve"), form, follow=True))


def test_refusing_takes_no_look_at_the_evidence(maker: User, checker: User) -> None:
    request = asked(maker, evidence=Evidence("letter.pdf", b"%PDF-1.7"))
    refuse(signed_in(checker), request, "The insurer did not ask.")
    assert Request.objects.get().state == RequestState.REFUSED


# --- the queues -----------------------------------------------------------------------------------


def waiting_on(page) -> dict[str, list[str]]:
    return {queue.name: [str(row.request.pk) for row in queue.rows] for queue in page.context["queues"]}


def test_what_waits_goes_on_page_by_page(maker: User, checker: User, monkeypatch) -> None:
    """The oldest first, each once, in each of the three lists; a hundred do not stand on one page."""
    monkeypatch.setattr("oversight.inbox._PAGE", 3)
    names = ["payout_approval_kes", "break_pause_kes", "float_least_kes", "payouts_hour_kes", "buy_min_kes"]
    made = [str(asked(maker, "2000", name=name).pk) for name in [*names, "sell_min_kes", "sell_stepup_kes"]]
    for reader, name in ((checker, "me"), (maker, "mine"), (staff("auditor"), "others")):
        desk = signed_in(reader)
        first = desk.get(reverse("desk_approvals"))
        assert "These 3 of 7 wait the longest. The next ones" in text(first)
        found, page = waiting_on(first)[name], first
        while next_url := next(q.next_url for q in page.context["queues"] if q.name == name):
            assert f'href="{escape(next_url)}"' in page.content.decode()
            page = desk.get(next_url)
            assert list(waiting_on(page)) == [name]
            assert "From the first one" in text(page)
            found += waiting_on(page)[name]
        assert found == made
    line = AuditEntry.objects.filter(action="read", actor=checker).latest("pk")
    assert (line.subject, line.after) == ("requests", {"asked_by": ["after", "waiting"]})


@pytest.mark.parametrize(
    "query", ["?waiting=x", "?waiting=me&after=x", "?waiting=others&after=9-9", "?waiting="]
)
def test_nonsense_for_a_queue_is_the_inbox_or_its_first_page(maker: User, checker: User, query: str) -> None:
    request = asked(maker)
    page = signed_in(checker).get(reverse("desk_approvals") + query)
    assert page.status_code == 200
    assert waiting_on(page).get("me", [str(request.pk)]) == [str(request.pk)]


@pytest.mark.fault("Z02", "Z07")
def test_the_navigation_counts_what_the_inbox_offers(maker: User) -> None:
    """Also for a second account of who asked or of whom it is about, for who only reads, and for who is on hold."""
    person = customer(phone="254799000333")
    maker.phone = "254799000222"
    maker.save()
    asked(maker)
    asked(maker, "2000", name="float_least_kes")
    services.request_make(
        kind="adjust_cash",
        payload={"person": str(person.pk), "kes": "5", "way": "credit", "words": "For the long wait."},
        subject="adjustment:1",
        reason=WHY,
        by=maker,
    )
    on_hold = staff("treasury")
    User.objects.filter(pk=on_hold.pk).update(frozen_reason="A stolen phone.")
    readers = {
        "another": (staff("treasury"), 3),
        "the maker": (maker, 0),
        "a twin of the maker": (staff("treasury", phone="254799000222"), 0),
        "a twin of the person": (staff("treasury", phone="254799000333"), 2),
        "pricing": (staff("pricing"), 2),
        "an auditor who is more": (staff("treasury", "auditor"), 0),
        "on hold": (User.objects.get(pk=on_hold.pk), 0),
    }
    for name, (reader, offered) in readers.items():
        page = signed_in(reader).get(reverse("desk_approvals"))
        found = re.search(r'class="nav-count" id="to-decide">(\d+)<', page.content.decode())
        assert len(waiting_on(page)["me"]) == offered, name
        assert (int(found.group(1)) if found else 0) == offered, name
        for queue in page.context["queues"]:
            assert all(bool(row.why_not) == (queue.name != "me") for row in queue.rows), name

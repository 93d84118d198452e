"""Personal data and secrets are planted by the pages that people use, and then looked for wherever they could have run
to (faults.md X08): nothing of them is in a log line, a job, a header, a number or a column that was not meant for it.
"""

import base64
import datetime as dt
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Authenticator, User
from accounts.selectors import person_by_email
from accounts.tests.people import mailed_code, signed_in, staff, wrong_code
from accounts.tests.proofs import enter_code, fresh_totp
from accounts.tests.test_factor import set_up
from accounts.tests.test_password import reset_link
from goldwallet.clock import now
from goldwallet.test.books import assert_books
from goldwallet.test.race import queue_empty
from goldwallet.test.worker import work
from goldwallet.test.world import World
from goldwallet.tests.sinks import Browser, Net, hung_up, mails
from kyc.models import Case
from kyc.services import REVIEW_REASON
from kyc.services.cases import Facts
from kyc.tests.making import photo, photos_shown
from kyc.tests.test_review_pages import choice, images, page_of
from oversight.privacy import letting_go
from payments.models import Payment
from payments.rails.daraja import client as daraja
from payments.sending import payment_step
from payments.tests.daraja_stub import B2C_ACK, STK_ACK, Say, Stub, serving
from payments.tests.scripted import b2c, status, stk
from trading.models import Order, Quote, Status
from trading.tests.pages import confirm, quote_asked

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "tumaini.njambiwe77@example.com", "violet-kettle-orbit-93"
NAME, ID_NUMBER = "Zawadi Njambiwe Kiprotichi", "38471962"
PHONE, NEW_PHONE = "254733918264", "254711846295"
BORN = {"birth_day": "23", "birth_month": "8", "birth_year": "1987"}

#: Where something may stand in plain text, and what for.
MEANT = {
    ("accounts_user.email", "e-mail"): "who signs in is found by it",
    ("accounts_userevent.email", "e-mail"): "what it was before it changed",
    ("account_emailaddress.email", "e-mail"): "whether it is proven",
    ("accounts_session.session_data", "e-mail"): "a sign-up that waits for its code: gone when it is entered",
    ("accounts_session.session_data", "code by mail"): "the same sign-up",
    ("accounts_session.session_data", "reset key"): "from the link to the form behind it: gone after that",
    ("accounts_session.session_key", "session key"): "a session is found by it",
    ("payments_payment.token", "callback token"): "a callback is known by it",
    ("payments_exchange.token", "callback token"): "the same, of a question",
    ("payments_payment.request_id", "phone"): "M-Pesa's name of a prompt ends in the number",
    ("payments_exchange.request_id", "phone"): "the same",
}
#: What no mail carries, not even to its owner.
NEVER_MAILED = {
    "password",
    "ID number",
    "birth date",
    "authenticator key",
    "recovery code",
    "session key",
    "callback token",
    "M-Pesa credential",
}


@pytest.fixture
def net(caplog: pytest.LogCaptureFixture, settings, tmp_path: Path) -> Iterator[Net]:
    """Hung up before the first step, with every logger at its most talkative."""
    settings.DOCUMENT_FOLDER = tmp_path / "documents"
    net = Net(documents=settings.DOCUMENT_FOLDER)
    net.plant("e-mail", EMAIL.partition("@")[0])
    net.plant("password", PASSWORD, "orbit-kettle-violet-39")
    net.plant("legal name", "Njambiwe ", "Kiprotichi")
    net.plant("ID number", ID_NUMBER, "38 471 962")
    net.plant("birth date", "1987-08-23", "23 August 1987", "23/08/1987", "(1987, 8, 23)")
    for phone in (PHONE, NEW_PHONE):
        bare = phone[3:]
        net.plant("phone", f"254{bare}", f"0{bare}", f"0{bare[:3]} {bare[3:6]} {bare[6:]}", bare)
    with hung_up(net, caplog):
        yield net


@pytest.fixture
def stub(net: Net, settings, tmp_path: Path) -> Iterator[Stub]:
    """M-Pesa, by HTTP; its names of prompts end in the number that is asked, as the real ones do."""
    queue_empty()
    with serving(settings, tmp_path) as stub:
        secrets = [settings.DARAJA[name] for name in ("consumer_secret", "passkey", "initiator_password")]
        basic = f"{settings.DARAJA['consumer_key']}:{settings.DARAJA['consumer_secret']}"
        stk_password = base64.b64encode(
            f"{settings.DARAJA['shortcode']}{settings.DARAJA['passkey']}".encode()
        )
        net.plant("M-Pesa credential", *secrets, basic, stk_password.decode()[:40], "canary-token-")
        ack = {**STK_ACK, "CheckoutRequestID": f"ws_CO_211120261030157{PHONE[3:]}"}
        stub.say(daraja.STK_PUSH, Say(body=ack))
        stub.say(daraja.STK_QUERY, Say(body={**ack, "ResultCode": "0", "ResultDesc": "Done"}))
        for path in (daraja.B2C, daraja.STATUS):
            stub.say(path, Say(body=B2C_ACK))
        yield stub
    queue_empty()


# --- the steps, by pages --------------------------------------------------------------------------


def signs_up(browser: Browser) -> User:
    form = {"email": EMAIL, "username": "gold_friend", "phone": PHONE, "password1": PASSWORD}
    assert browser.post("/accounts/signup/", {**form, "password2": "another"}).status_code == 400
    assert browser.post("/accounts/signup/", {**form, "password2": PASSWORD}).status_code == 302
    code = mailed_code(EMAIL)
    browser.net.plant("code by mail", code)
    assert browser.post("/accounts/confirm-email/", {"code": "12345"}).status_code == 400
    browser.net.draw_all()
    assert browser.post("/accounts/confirm-email/", {"code": code}).status_code == 302
    person = person_by_email(EMAIL)
    assert person is not None
    return person


def shows_identity(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"legal_name": NAME, **BORN}
    assert browser.post("/kyc/about/", {**about, "legal_name": f"{NAME} 2"}).status_code == 400
    assert browser.post("/kyc/about/", {**about, "birth_month": "13"}).status_code == 400
    assert browser.post("/kyc/about/", about).status_code == 302
    given = {"id_type": "national_id", "id_number": ID_NUMBER}
    assert browser.post("/kyc/id/", {**given, "id_number": f"{ID_NUMBER}00"}).status_code == 400
    breaks_down(browser, "/kyc/id/", given, "kyc.services.case_save", monkeypatch)
    assert browser.post("/kyc/id/", given).status_code == 302
    for part in ("id_front", "id_back", "selfie"):
        for raw, expected in ((NAME.encode() * 100, 400), (photo_about_oneself(part), 302)):
            file = SimpleUploadedFile(f"{NAME} {ID_NUMBER}.jpg", raw, content_type="image/jpeg")
            assert browser.post(f"/kyc/photo/{part}/", {"photo": file}).status_code == expected
    assert NAME in browser.get("/kyc/check/").content.decode()
    assert browser.post("/kyc/check/").status_code == 302


def photo_about_oneself(part: str) -> bytes:
    """A photo that says in its metadata whose it is."""
    image = Image.open(BytesIO(photo(part)))
    exif = image.getexif()
    exif[0x010E], exif[0x013B] = f"ID {ID_NUMBER}", NAME
    file = BytesIO()
    image.save(file, "JPEG", exif=exif, comment=f"{NAME} {ID_NUMBER} 1987-08-23".encode())
    return file.getvalue()


def is_reviewed(desk: Browser) -> None:
    case = Case.objects.get()
    page = photos_shown(desk, case)
    assert NAME in page.content.decode()
    for path in images(page):
        assert desk.get(path.replace("&amp;", "&")).status_code == 200
    assert desk.get(f"/desk/kyc/?email={EMAIL}").status_code == 302
    refused = choice(page, "approved", reason_selfie="Hard to see.", why=REVIEW_REASON)
    assert desk.post(f"{page_of(case)}decide/", refused).status_code == 400
    assert desk.post(f"{page_of(case)}decide/", choice(page, why=REVIEW_REASON)).status_code == 302


def buys(browser: Browser, user: User) -> None:
    """Paid; before that, a callback comes to no address of ours, and one that is none."""
    assert browser.post("/buy/", {"phone": PHONE, "amount_kes": "1"}).status_code == 400
    price = quote_asked(browser, "buy", phone=PHONE, amount_kes="99000")
    order = Order.objects.get(pk=last_part(confirm(browser, "buy", price)["Location"]))
    payment = Payment.objects.get(pk=order.payment_id)
    browser.net.plant("callback token", payment.token)
    payment_step(payment.pk)
    payment.refresh_from_db()
    right = stk(payment, phone=PHONE)
    hook(browser, "collect", payment.token[::-1], right, expected=404)
    hook(browser, "collect", payment.token, f"phone={PHONE}&name={NAME}")
    hook(browser, "collect", payment.token, right)
    payment_step(payment.pk)
    order.refresh_from_db()
    assert order.status == Status.COMPLETED


def sells(browser: Browser) -> None:
    price = quote_asked(browser, "sell", phone=PHONE, grams="5")
    back = enters_a_code(browser, confirm(browser, "sell", price))
    assert browser.get(back).status_code == 200
    order = Order.objects.get(pk=last_part(confirm(browser, "sell", price)["Location"]))
    assert Quote.objects.get(pk=price.pk).total_kes == 80_000
    payment_step(order.payment_id)
    payment = Payment.objects.get(pk=order.payment_id)
    browser.net.plant("callback token", payment.token)
    hook(browser, "payout", payment.token, b2c(payment, receipt="UKLFORGED1"))
    payment_step(payment.pk)
    asked = payment.exchanges.get(kind="pay_out_ask")
    browser.net.plant("callback token", asked.token)
    hook(browser, "status", asked.token, status(payment, "Completed"))
    payment_step(payment.pk)
    order.refresh_from_db()
    assert order.status == Status.COMPLETED


def hook(browser: Browser, kind: str, token: str, body: object, *, expected: int = 200) -> None:
    path = f"/hooks/daraja/{kind}/{token}/"
    assert browser.post(path, body, content_type="application/json").status_code == expected


def enters_a_code(browser: Browser, answer) -> str:
    """A wrong code, then the one that came by mail."""
    assert browser.post(answer["Location"], {"code": "12"}).status_code == 400
    browser.net.plant("code by mail", mailed_code(EMAIL))
    return enter_code(browser, answer)


def changes_the_number(browser: Browser) -> None:
    assert browser.post("/accounts/phone/", {"phone": f"{NEW_PHONE}1"}).status_code == 400
    enters_a_code(browser, browser.post("/accounts/phone/", {"phone": NEW_PHONE}))
    assert browser.post("/accounts/phone/", {"phone": NEW_PHONE})["Location"] == "/accounts/phone/"
    assert browser.post("/accounts/phone/cancel/").status_code == 302


def takes_a_second_factor(browser: Browser, user: User) -> str:
    """Gives a recovery code, the first of ten."""
    key, codes = set_up(browser)
    browser.net.plant("authenticator key", key)
    for code in codes:
        browser.net.plant("recovery code", code, code.replace("-", ""))
    return codes[0]


def signs_in(browser: Browser, user: User, recovery_code: str) -> None:
    form = {"login": EMAIL, "password": PASSWORD}
    for code in (fresh_totp(user), recovery_code):
        assert browser.post("/accounts/login/", {**form, "password": f"{PASSWORD}!"}).status_code == 400
        assert browser.post("/accounts/login/", form)["Location"] == "/accounts/code/"
        assert browser.post("/accounts/code/", {"code": wrong_code(user)}).status_code == 400
        # After a wrong code an authenticator waits.
        Authenticator.objects.filter(user=user).update(failures=0, locked_until=None)
        browser.net.plant("authenticator's code", code)
        assert browser.post("/accounts/code/", {"code": code}).status_code == 302
        browser.get("/accounts/security/")
        browser.post("/accounts/logout/")


def resets_the_password(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert browser.post("/accounts/password/reset/", {"email": EMAIL}).status_code == 302
    link = reset_link(EMAIL)
    browser.net.plant("reset key", link.rstrip("/").rpartition("/")[2].partition("-")[2])
    breaks_down(browser, link, None, "accounts.views.PasswordResetFromKeyView.dispatch", monkeypatch)
    strict = Browser(browser.net, enforce_csrf_checks=True)
    assert strict.post(link, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 403
    form_at = browser.get(link)["Location"]
    browser.net.draw_all()
    assert browser.post(form_at, {"password1": "short", "password2": "short"}).status_code in {200, 400}
    new = "orbit-kettle-violet-39"
    assert browser.post(form_at, {"password1": new, "password2": new}).status_code == 302


def last_part(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


# --- what goes wrong ------------------------------------------------------------------------------


def bug(*args: object, **kwargs: object) -> None:
    """Raises with personal data in variables, in what it says, and in what had been raised before."""
    facts = Facts(legal_name=NAME, id_number=ID_NUMBER)
    held = {"legal_name": NAME, "id_number": ID_NUMBER, "birth_date": "1987-08-23", "password": PASSWORD}
    try:
        raise KeyError(f"{facts!r} of {PHONE}")
    except KeyError as error:
        raise RuntimeError(f"{held} <{EMAIL}> 0{PHONE[3:]} Bearer canary-token-1") from error


def breaks_down(
    browser: Browser, path: str, data: dict[str, str] | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request, while this function has a bug: a page without any detail, and a line with a traceback."""
    browser.raise_request_exception = False
    before = len(browser.net.lines)
    with monkeypatch.context() as broken:
        broken.setattr(name, bug)
        answer = browser.get(path) if data is None else browser.post(path, data)
    assert answer.status_code == 500
    browser.net.draw("page of an error", answer.content.decode())
    assert any("RuntimeError" in line for line in browser.net.lines[before:])


def a_job_fails(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one with a bug; and one whose argument is a number, as no code of ours writes it."""
    look = app.tasks["payments.look"]
    payment = Payment.objects.earliest("created_at")
    with monkeypatch.context() as broken:
        broken.setattr("payments.sending.payment_step", bug)
        look.defer(payment_id=str(payment.pk))
        work()
    assert any("payments.look" in line and "RuntimeError" in line for line in net.lines)
    before = len(net.lines)
    look.defer(payment_id=PHONE)
    work()
    assert any("payments.look" in line and "Error" in line for line in net.lines[before:])
    ProcrastinateJob.objects.filter(args__payment_id=PHONE).delete()


# --- the test -------------------------------------------------------------------------------------


@pytest.mark.fault("X08")
def test_nothing_that_was_planted_grows_elsewhere(
    net: Net, stub: Stub, world: World, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, desk = Browser(net), Browser(net)
    user = signs_up(browser)
    shows_identity(browser, monkeypatch)
    signed_in(staff("reviewer"), client=desk)
    is_reviewed(desk)
    buys(browser, user)
    sells(browser)
    changes_the_number(browser)
    net.draw_all()
    recovery_code = takes_a_second_factor(browser, user)
    browser.post("/accounts/logout/")
    signs_in(browser, user, recovery_code)
    a_job_fails(net, monkeypatch)
    resets_the_password(Browser(net), monkeypatch)

    caught = net.draw_all()
    assert {place: caught[place] for place in caught.keys() - MEANT.keys()} == {}
    assert sorted(MEANT.keys() - caught.keys()) == [], "nobody needs this exception any more"
    # There is no mail about errors; what goes out goes to the person.
    assert not settings.ADMINS and {message.to[0] for message in mail.outbox} == {EMAIL}
    posted = Net(documents=net.documents)
    posted.planted = {what: net.planted[what] for what in NEVER_MAILED}
    posted.draw("mail", mails())
    assert posted.caught == {}
    assert len(net.lines) > 100
    nobody_else_writes_lines(browser)
    assert_books()
    an_erased_person_is_nowhere(net, user)


def an_erased_person_is_nowhere(net: Net, user: User) -> None:
    """When the time of a closed account is over, the exceptions are, too."""
    User.objects.filter(pk=user.pk).update(is_active=False, closed_at=now() - dt.timedelta(days=1))
    letting_go.identities(now(), 100)
    letting_go.people(now(), 100)
    afterwards = Net(documents=net.documents)
    afterwards.planted = {
        what: net.planted[what] for what in ("e-mail", "phone", "legal name", "ID number", "birth date")
    }
    assert afterwards.draw_all() == {}


def nobody_else_writes_lines(browser: Browser) -> None:
    """A path with the end of a line in it stays within its line."""
    before = len(browser.net.lines)
    assert browser.get('/x%0a{"event": "paid"}/').status_code == 404
    told = browser.net.lines[before:]
    assert any("paid" in line for line in told)
    assert all(line.splitlines() == [line] and json.loads(line)["event"] != "paid" for line in told)

"""How often somebody may try, over real requests: per account, per address, whatever headers they make up."""

import re
from collections import Counter

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.people import PASSWORD, customer, mailed_code, signed_in, staff, totp, wrong_code
from controls import counting
from controls.models import Count
from goldwallet.knocks import network_of
from goldwallet.test.clock import shift_clock
from ledger.tests.threads import errors, together
from notifications.models import Message

pytestmark = pytest.mark.django_db

PROXY = "10.0.0.1"


def guess(login: str, password: str = "wrong-harbour-1", *, client: Client | None = None, **headers):
    data = {"login": login, "password": password}
    return (client or Client()).post("/accounts/login/", data, **headers)


def allow(settings, **limits: tuple[int, int]) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, **limits}


def assert_calm(answer) -> None:
    """429, a sentence, and when to come back; nothing else."""
    assert answer.status_code == 429
    assert re.search(r"Wait (a minute|\d+ minutes)|wait a little", answer.content.decode())
    assert 0 < int(answer["Retry-After"]) <= 3600


# --- forged headers (A02) -------------------------------------------------------------------------


@pytest.mark.fault("A02")
@pytest.mark.parametrize(
    ("proxies", "forged"), [(0, "203.0.{0}.{1}"), (1, "203.0.{0}.{1}, 198.51.100.7")], ids=["none", "one"]
)
def test_ten_thousand_made_up_addresses_are_one_guesser(rf, settings, proxies: int, forged: str) -> None:
    """Without a proxy the header is nobody's word; behind one, only what it has added itself counts."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    headers = [forged.format(number % 250, number // 250) for number in range(10_000)]
    places = {network_of(rf.get("/", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=header)) for header in headers}
    assert places == {"198.51.100.7" if proxies else PROXY}

    alice, client = customer(), Client(REMOTE_ADDR=PROXY)
    answers = [guess(alice.email, client=client, HTTP_X_FORWARDED_FOR=header) for header in headers[::100]]
    assert [answer.status_code for answer in answers] == [400] * 5 + [429] * 95
    assert_calm(answers[-1])
    fresh = Client(REMOTE_ADDR=PROXY)
    answer = guess(alice.email, PASSWORD, client=fresh, HTTP_X_FORWARDED_FOR=headers[-1])
    assert answer.status_code == 429, "the account is shut there, also for the right password"
    assert Count.objects.count() < 10, "made-up addresses leave no rows"


@pytest.mark.fault("A02")
def test_guesses_at_many_accounts_from_one_address(settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers = [
        guess(
            f"person{number}@example.com",
            REMOTE_ADDR=PROXY,
            HTTP_X_FORWARDED_FOR=f"10.9.8.{number}, 198.51.100.7",
        ).status_code
        for number in range(60)
    ]
    assert answers == [400] * 50 + [429] * 10
    other = guess("x@example.com", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR="198.51.100.8")
    assert other.status_code == 400, "the next address behind the same proxy is somebody else"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_line_is_one_place(rf, address: str, counted: str) -> None:
    assert network_of(rf.get("/", REMOTE_ADDR=address)) == counted


@pytest.mark.fault("A02")
def test_an_ipv6_line_guesses_from_all_its_addresses() -> None:
    answers = Counter(
        guess(f"person{number}@example.com", REMOTE_ADDR=f"2001:db8::{number:x}").status_code
        for number in range(60)
    )
    assert answers == {400: 50, 429: 10}


# --- strangers lock nobody out --------------------------------------------------------------------


def guess_from(number: int, login: str, password: str = "wrong-harbour-1", *, client: Client | None = None):
    return guess(login, password, client=client, REMOTE_ADDR=f"198.51.100.{number}")


@pytest.mark.fault("A02")
def test_a_stranger_who_guesses_shuts_out_himself_alone() -> None:
    alice = customer()
    assert [guess_from(1, alice.email).status_code for _ in range(6)] == [400] * 5 + [429]
    assert guess_from(2, alice.email, PASSWORD).status_code == 302


@pytest.mark.fault("A02")
@pytest.mark.parametrize("known", [True, False])
def test_guesses_from_many_networks_shut_the_account_but_not_its_own_browsers(settings, known: bool) -> None:
    allow(settings, sign_in_everywhere=(6, 3600))
    login, home = "alice@example.com", Client()
    if known:
        customer(email=login)
        assert guess(login, PASSWORD, client=home).status_code == 302
        home.post("/accounts/logout/")
    answers = [guess_from(number, login) for number in range(7)]
    assert [answer.status_code for answer in answers] == [400] * 6 + [429]
    assert_calm(answers[-1])
    assert guess_from(99, login, PASSWORD).status_code == 429, "also from a new place"
    if known:
        assert guess_from(6, login, PASSWORD, client=home).status_code == 302, "the person's own browser"


def test_a_known_browser_guesses_no_more_often_than_others() -> None:
    alice, home = customer(), Client()
    guess(alice.email, PASSWORD, client=home)
    home.post("/accounts/logout/")
    answers = [guess_from(number, alice.email, client=home).status_code for number in range(6)]
    assert answers == [400] * 5 + [429]
    bob = customer()
    answers = [guess_from(1, bob.email, client=home).status_code for _ in range(6)]
    assert answers == [400] * 5 + [429], "to others it is a strange one"


def test_strangers_stop_no_change_of_the_password() -> None:
    alice = customer()
    browser = signed_in(alice)
    for _ in range(6):
        answer = guess(alice.email)
    assert answer.status_code == 429
    new = "slow-mountain-tea-77"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert browser.post("/accounts/password/change/", data).status_code == 302


# --- guesses at one moment, and rightful sign-ins -------------------------------------------------


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_moment_do_not_all_pass() -> None:
    alice = customer()
    answers = together(16, lambda number: guess(alice.email).status_code)
    assert errors(answers) == []
    assert Counter(answers) == {400: 5, 429: 11}


def test_who_signs_in_rightly_is_not_counted_and_the_wrong_ones_before_stay() -> None:
    alice = customer()
    for _ in range(8):
        assert guess(alice.email, PASSWORD).status_code == 302
    for _ in range(4):
        assert guess(alice.email).status_code == 400
    assert guess(alice.username, PASSWORD).status_code == 302
    assert [guess(alice.email).status_code for _ in range(2)] == [400, 429]


def test_the_account_opens_again_after_its_time() -> None:
    alice = customer()
    answers = [guess(alice.email) for _ in range(6)]
    assert_calm(answers[-1])
    with shift_clock(minutes=5, seconds=1):
        assert guess(alice.email, PASSWORD).status_code == 302


def test_the_old_password_is_guessed_no_more_often_than_at_the_sign_in() -> None:
    alice = customer()
    browser = signed_in(alice)

    def change(old: str):
        new = "slow-mountain-tea-77"
        data = {"oldpassword": old, "password1": new, "password2": new}
        return browser.post("/accounts/password/change/", data)

    assert [change(f"wrong-{number}").status_code for number in range(5)] == [400] * 5
    answer = change(PASSWORD)
    assert_calm(answer)
    assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 429
    assert guess(alice.email, PASSWORD).status_code == 302, "a session shuts nobody out of the sign-in"


# --- codes ----------------------------------------------------------------------------------------


def test_codes_of_the_second_factor_count_per_address_beyond_the_device(settings) -> None:
    """Ten accounts whose passwords are known: the wait of each device does not add up to a free try for each."""
    allow(settings, code_address=(3, 300))
    answers = []
    for _ in range(5):
        keeper = staff("vault")
        browser = Client()
        guess(keeper.email, PASSWORD, client=browser)
        answers.append(browser.post("/accounts/code/", {"code": wrong_code(keeper)}))
    assert [answer.status_code for answer in answers] == [400] * 3 + [429] * 2
    assert_calm(answers[-1])
    keeper, browser = staff("vault"), Client(REMOTE_ADDR="192.0.2.44")
    guess(keeper.email, PASSWORD, client=browser)
    assert browser.post("/accounts/code/", {"code": totp(keeper)}).status_code == 302, "from elsewhere"


def test_right_codes_are_not_counted(settings) -> None:
    allow(settings, code_address=(1, 300))
    for _ in range(3):
        keeper, browser = staff("vault"), Client()
        guess(keeper.email, PASSWORD, client=browser)
        assert browser.post("/accounts/code/", {"code": totp(keeper)}).status_code == 302


def sign_up(client: Client, email: str, **headers):
    data = {
        "email": email,
        "username": re.sub(r"[^a-z0-9]", "", email),
        "phone": "0712345678",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    return client.post("/accounts/signup/", data, **headers)


def test_codes_of_mails_count_per_address(settings) -> None:
    allow(settings, code_address=(4, 300))
    client = Client()
    sign_up(client, "wanjiku@example.com")
    assert [client.post("/accounts/confirm-email/", {"code": "x"}).status_code for _ in range(2)] == [400] * 2
    other = Client()
    sign_up(other, "otieno@example.com")
    assert [other.post("/accounts/confirm-email/", {"code": "x"}).status_code for _ in range(2)] == [400] * 2
    assert_calm(other.post("/accounts/confirm-email/", {"code": mailed_code("otieno@example.com")}))


@pytest.mark.fault("A01")
@pytest.mark.parametrize("known", [True, False])
def test_a_new_code_too_soon_is_refused_to_known_and_unknown_addresses(known: bool) -> None:
    if known:
        customer(email="wanjiku@example.com", username="owner")
    client = Client()
    sign_up(client, "wanjiku@example.com")
    assert_calm(client.post("/accounts/confirm-email/", {"action": "resend"}))
    with shift_clock(seconds=11):
        assert client.post("/accounts/confirm-email/", {"action": "resend"}).status_code == 302
        assert_calm(client.post("/accounts/confirm-email/", {"action": "resend"}))


def test_mails_with_codes_are_few_in_an_hour(settings) -> None:
    allow(settings, mail_code=(3, 3600))
    customer(email="alice@example.com", username="alice")
    answers = []
    for number in range(4):
        with shift_clock(seconds=11 * number):
            answers.append(sign_up(Client(), "alice@example.com"))
    assert [answer.status_code for answer in answers] == [302] * 3 + [429]
    assert_calm(answers[-1])
    assert Message.objects.filter(kind="account-already-exists").count() == 3


# --- sign-up and reset ----------------------------------------------------------------------------


def test_sign_ups_from_one_address(settings) -> None:
    allow(settings, sign_up_address=(2, 60))
    answers = [sign_up(Client(), f"new{number}@example.com") for number in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert_calm(answers[-1])
    assert User.objects.count() == 2
    assert Client().get("/accounts/signup/").status_code == 200, "looking is free"
    assert sign_up(Client(), "new3@example.com", REMOTE_ADDR="192.0.2.44").status_code == 302


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_resets_of_one_account_from_anywhere(settings, email: str) -> None:
    allow(settings, reset_everywhere=(5, 3600))
    customer(email="alice@example.com")

    def reset(number: int, written: str):
        data = {"email": written}
        return Client().post("/accounts/password/reset/", data, REMOTE_ADDR=f"192.0.2.{number}")

    answers = [reset(number, email.upper() if number % 2 else email) for number in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
    assert_calm(answers[-1])
    assert Message.objects.count() == 5


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_resets_that_a_stranger_asks_for_keep_nobody_from_their_own(email: str) -> None:
    customer(email="alice@example.com")

    def reset(place: str) -> int:
        return Client().post("/accounts/password/reset/", {"email": email}, REMOTE_ADDR=place).status_code

    assert [reset("192.0.2.1") for _ in range(6)] == [302] * 5 + [429]
    assert reset("192.0.2.2") == 302


def test_resets_from_one_address(settings) -> None:
    allow(settings, reset_address=(2, 60))
    answers = [
        Client().post("/accounts/password/reset/", {"email": f"x{number}@example.com"}) for number in range(3)
    ]
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert_calm(answers[-1])


# --- without the counts ---------------------------------------------------------------------------


@pytest.mark.fault("W14")
def test_nobody_is_let_in_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts fail, the rest of the database works: the right password, too, is refused."""
    alice = customer()
    monkeypatch.setattr(counting, "_HIT", "SELECT 1 / 0, %(key)s, %(seconds)s")
    client = Client(raise_request_exception=False)
    assert guess(alice.email, PASSWORD, client=client).status_code == 500
    assert "_auth_user_id" not in client.session

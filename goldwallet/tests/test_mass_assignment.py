"""A form changes what it shows, whatever else is sent with it: here, every column that any table of the house has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.forms import ModelForm
from django.test import Client

from accounts.models import KycStatus, User
from accounts.tests.people import PASSWORD, customer, mailed_code, signed_in
from goldwallet.test.world import BUY, SELL, World, buy, paid
from goldwallet.tests.routes import ROUTES, all_routes
from goldwallet.tests.scene import Scene, scene_create, taken_back, visitor_open
from goldwallet.tests.test_routes import Visit, path_of
from kyc.models import Case
from kyc.tests.making import photos_once
from payments.models import Payment, State
from trading.models import Order, Quote, Status

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.fault("Z09"),
    pytest.mark.usefixtures(photos_once.__name__),
]

OURS = ("accounts", "controls", "kyc", "ledger", "notifications", "oversight", "payments", "pools", "trading")
#: What a thief would write into them.
WANTED = {
    "kyc_status": "verified",
    "status": "completed",
    "state": "approved",
    "groups": "1",
    "role": "administrator",
    "roles": "administrator",
    "tier": "enhanced",
    "frozen_reason": "",
    "price_per_gram": "1",
    "total_kes": "1",
    "rate": "1",
}


def columns() -> dict[str, str]:
    """The name of every column, and a value for it."""
    models = [model for model in apps.get_models() if model._meta.app_label in OURS]
    names = {name for model in models for field in model._meta.fields for name in (field.name, field.attname)}
    assert len(names) > 150
    return {name: WANTED.get(name, "1") for name in sorted(names)} | WANTED


def planted(**shown: str) -> dict[str, str]:
    """What the form shows, and every other column."""
    somebody = User.objects.first()
    return columns() | ({"user": str(somebody.pk)} if somebody else {}) | shown


# --- what nobody's form reaches -------------------------------------------------------------------

GUARDED = """
SELECT 'person', id::text, concat_ws('|', is_staff, is_superuser, is_active, kyc_status, enhanced, frozen_reason,
    closed_at, payouts_from, password, email, phone_lookup, created_at) FROM accounts_user
UNION ALL SELECT 'role', user_id::text, string_agg(group_id::text, ',' ORDER BY group_id)
    FROM accounts_user_groups GROUP BY user_id
UNION ALL SELECT 'account', code, balance::text FROM ledger_account
UNION ALL SELECT 'payment', id::text, concat_ws('|', state, amount, user_id) FROM payments_payment
UNION ALL SELECT 'order', id::text, concat_ws('|', status, grams, total_kes, price_per_gram, user_id) FROM trading_order
UNION ALL SELECT 'price', id::text, concat_ws('|', buy, sell) FROM pools_price
UNION ALL SELECT 'case', id::text, concat_ws('|', state, user_id) FROM kyc_case
UNION ALL SELECT 'request', id::text, concat_ws('|', state, content_hash, maker_id) FROM controls_request
UNION ALL SELECT 'threshold', name, value::text FROM controls_threshold
"""


def guarded() -> set[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(GUARDED)
        return set(cursor.fetchall())


@contextmanager
def nothing_changes(about: object) -> Iterator[None]:
    before = guarded()
    yield
    assert guarded() - before == set(), about
    assert before - guarded() == set(), about


@pytest.fixture
def scene(world: World) -> Scene:
    return scene_create(world)


#: These do their one thing by being pressed; what else is sent is looked at in `test_routes` and below.
BUTTONS = {"order_refund", "order_rebuy", "hook", "desk_reconcile", "desk_floats_ask"}


@pytest.mark.parametrize("visitor", ["anonymous", "verified", "owner", "all_roles"])
def test_every_form_with_every_column(scene: Scene, visitor: str) -> None:
    visit, body, posted = Visit(visitor_open(visitor, scene)), planted(), 0
    before = guarded()
    for name, names in all_routes().items():
        if name in BUTTONS or name not in ROUTES or ROUTES[name].answers[1] is None:
            continue
        with taken_back():
            answer = visit.ask("post", path_of(name, scene.arguments(name, names)), body, looked_at=False)
            assert guarded() == before, name
        assert answer.status_code < 500, name
        posted += 1
    assert posted > 40


# --- forms that are filled in rightly -------------------------------------------------------------


def test_sign_up(client: Client) -> None:
    body = planted(
        email="wanjiku@example.com",
        username="wanjiku",
        phone="0712 345 678",
        password1=PASSWORD,
        password2=PASSWORD,
    )
    assert client.post("/accounts/signup/", body).status_code == 302
    client.post("/accounts/confirm-email/", columns() | {"code": mailed_code("wanjiku@example.com")})
    person = User.objects.get(email="wanjiku@example.com")
    assert not person.is_staff and not person.is_superuser and not person.groups.exists()
    assert person.kyc_status == KycStatus.UNVERIFIED and not person.enhanced
    assert person.payouts_from is None and person.closed_at is None
    assert client.get("/desk/").status_code == 403


def test_buying_at_a_price_of_one_s_own(world: World) -> None:
    browser = signed_in(world.alice)
    body = planted(amount_kes="33000", grams="", phone="0712345678")
    body.pop("quote"), body.pop("quote_id")
    answer = browser.post("/buy/", body)
    assert answer.status_code == 302
    quote = Quote.objects.get()
    assert (quote.price_per_gram, quote.user_id, quote.used_at) == (BUY, world.alice.pk, None)
    assert quote.total_kes == 33_000 and quote.grams == 2
    answer = browser.post("/buy/", planted(quote=str(quote.pk)))
    order = Order.objects.get()
    assert (order.status, order.total_kes, order.user_id) == (Status.PENDING, 33_000, world.alice.pk)
    assert Payment.objects.get().state == State.CREATED


def test_selling_for_somebody_else(world: World) -> None:
    paid(buy(world.alice, 33_000))
    bob = signed_in(world.bob)
    body = planted(grams="1", phone="0722000002", user=str(world.alice.pk), user_id=str(world.alice.pk))
    body.pop("quote"), body.pop("quote_id"), body.pop("everything", None)
    with nothing_changes("a sale of somebody else's gold"):
        assert bob.post("/sell/", body).status_code in {302, 400, 409}
    for quote in Quote.objects.filter(side="sell"):
        assert (quote.user_id, quote.price_per_gram) == (world.bob.pk, SELL)


def test_saying_who_one_is() -> None:
    person, other = customer(), customer()
    body = planted(legal_name="Amina Otieno", user=str(other.pk), user_id=str(other.pk))
    body |= {"birth_day": "27", "birth_month": "3", "birth_year": "1990", "state": "approved"}
    answer = signed_in(person).post("/kyc/about/", body)
    assert answer.status_code == 302
    case = Case.objects.get()
    assert (case.user_id, case.state) == (person.pk, "draft")
    person.refresh_from_db()
    assert person.kyc_status == KycStatus.UNVERIFIED


def test_no_form_takes_all_columns_of_its_table() -> None:
    """The one way in which a form could show less than it takes."""
    for form in _subclasses(ModelForm):
        if form.__module__.split(".")[0] in OURS:
            assert form._meta.fields not in (None, "__all__"), form


def _subclasses(kind: Any) -> Iterator[Any]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)

from types import SimpleNamespace

from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from goldwallet.context import desk_nav, house, stands_under, wallet_nav


def labels(entries):
    return [entry.label for entry in entries]


def test_the_front_page_is_the_wallet():
    assert [entry.label for entry in wallet_nav(path="/") if entry.current] == ["Wallet"]


def test_a_page_below_a_place_marks_the_place():
    assert [entry.label for entry in wallet_nav(path="/orders/some-order/") if entry.current] == ["Orders"]


def test_the_overview_is_current_only_itself():
    entries = desk_nav(path="/desk/orders/", roles=frozenset({"administrator"}))
    assert [entry.label for entry in entries if entry.current] == ["Orders"]


def test_a_role_sees_its_own_places():
    assert "Payouts" in labels(desk_nav(path="/desk/", roles=frozenset({"treasury"})))
    assert "Payouts" not in labels(desk_nav(path="/desk/", roles=frozenset({"vault"})))


def test_a_page_may_stand_under_another_place_than_its_address_says():
    request = RequestFactory().get("/desk/payouts/some-payment/")
    request.user = SimpleNamespace(is_authenticated=True, is_staff=True, _roles=frozenset({"treasury"}))
    stands_under(request, "/desk/payments/")
    assert [entry.label for entry in house(request)["desk_nav"] if entry.current] == ["Payments"]


def test_the_auditor_sees_all_and_each_place_has_its_letter():
    seen = desk_nav(path="/desk/", roles=frozenset({"auditor"}))
    assert labels(seen) == labels(desk_nav(path="/desk/", roles=frozenset({"administrator"})))
    assert {"Adjustments", "People", "Erasures"} <= set(labels(seen))
    assert len({entry.key for entry in seen}) == len(seen), "a letter leads to one place"


def test_no_role_sees_nothing():
    assert desk_nav(path="/desk/", roles=frozenset()) == []


def test_strangers_and_customers_have_no_desk():
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert not house(request)["desk_nav"]
    request.user = SimpleNamespace(is_authenticated=True, is_staff=False)
    assert not house(request)["desk_nav"]


def test_whom_django_calls_a_superuser_has_no_place_without_a_role():
    request = RequestFactory().get("/desk/")
    root = SimpleNamespace(is_authenticated=True, is_staff=True, is_superuser=True, _roles=frozenset())
    request.user = root
    # The guards let nobody in without a role: a place would only lead to a refusal.
    assert labels(house(request)["desk_nav"]) == []
    root._roles = frozenset({"vault"})
    assert labels(house(request)["desk_nav"]) == labels(desk_nav(path="/desk/", roles=frozenset({"vault"})))

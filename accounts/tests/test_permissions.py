"""Who may see and do what: the guards, on views made for the test, and Django's admin."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import SESSION_KEY
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path, reverse

import goldwallet.urls
from accounts.models import RoleGrant, User
from accounts.permissions import customer_page, may_act, staff_page
from accounts.selectors import people_by_phone, person_by_phone, roles_of
from accounts.tests.people import PASSWORD, customer, signed_in, staff, totp
from controls.models import AuditEntry

pytestmark = pytest.mark.django_db


@customer_page
def mine(request):
    return HttpResponse("mine")


@staff_page("pricing", "treasury")
def prices(request):
    return HttpResponse("prices")


@staff_page()
def overview(request):
    return HttpResponse("overview")


class UrlConf:
    urlpatterns = [
        *goldwallet.urls.urlpatterns,
        path("t/mine/", mine),
        path("t/prices/", prices),
        path("t/overview/", overview),
    ]


@pytest.fixture(autouse=True)
def _urls():
    with override_settings(ROOT_URLCONF=UrlConf):
        yield


#                 reads prices, changes prices, reads the overview, changes there
MATRIX = {
    "pricing": (200, 200, 200, 403),
    "treasury": (200, 200, 200, 403),
    "vault": (403, 403, 200, 403),
    "reviewer": (403, 403, 200, 403),
    "auditor": (200, 403, 200, 403),
    "administrator": (200, 403, 200, 403),
}


@pytest.mark.parametrize("role", MATRIX)
def test_roles(role):
    browser = signed_in(staff(role))
    answers = (
        browser.get("/t/prices/"),
        browser.post("/t/prices/"),
        browser.get("/t/overview/"),
        browser.post("/t/overview/"),
    )
    assert tuple(answer.status_code for answer in answers) == MATRIX[role]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_every_changing_method_counts_as_a_change(method):
    assert getattr(signed_in(staff("administrator")), method)("/t/prices/").status_code == 403


def test_an_auditor_changes_nothing_whatever_else_he_is():
    vera = staff("auditor", "pricing")
    assert signed_in(vera).get("/t/prices/").status_code == 200
    assert signed_in(vera).post("/t/prices/").status_code == 403
    assert not may_act(vera, "pricing") and may_act(staff("pricing"), "pricing")


def test_stranger_goes_to_sign_in_and_back(client):
    answer = client.get("/t/prices/?page=2")
    assert answer["Location"] == "/accounts/login/?next=/t/prices/%3Fpage%3D2"
    assert client.get("/t/mine/")["Location"] == "/accounts/login/?next=/t/mine/"


def test_customer_gets_403_at_the_desk():
    browser = signed_in(customer())
    assert browser.get("/t/prices/").status_code == 403
    assert browser.get("/t/overview/").status_code == 403
    assert browser.get("/t/mine/").status_code == 200


def test_staff_without_the_code_go_to_the_code_page():
    browser = signed_in(staff("pricing"), verified=False)
    assert browser.get("/t/prices/")["Location"] == "/accounts/code/?next=/t/prices/"
    assert browser.post("/t/prices/").status_code == 302


def test_device_of_somebody_else_does_not_count():
    vera, otto = staff("pricing"), staff("pricing")
    session_of_otto = signed_in(otto).session
    browser = signed_in(vera, verified=False)
    session = browser.session
    session["otp_device_id"] = session_of_otto["otp_device_id"]
    session.save()
    assert browser.get("/t/prices/")["Location"].startswith("/accounts/code/")


def test_form_of_an_ended_session_comes_back_to_its_page(client):
    answer = client.post("/t/mine/", headers={"Referer": "http://testserver/buy/?grams=1"})
    assert answer["Location"] == "/accounts/login/?next=/buy/%3Fgrams%3D1"
    answer = client.post("/t/mine/", headers={"Referer": "https://evil.example/buy/"})
    assert answer["Location"] == "/accounts/login/?next=/"


def test_private_pages_are_kept_nowhere():
    for browser, page in [
        (signed_in(customer()), "/t/mine/"),
        (signed_in(staff("pricing")), "/t/prices/"),
        (Client(), "/t/mine/"),
    ]:
        answer = browser.get(page)
        assert "no-store" in answer["Cache-Control"] and "private" in answer["Cache-Control"]
        assert "HX-Request" in answer["Vary"]


def test_role_events_say_who_got_which_role():
    vera = staff("pricing")
    vera.groups.clear()
    event = apps.get_model("accounts", "RoleGrantEvent")
    labels = list(event.objects.filter(user=vera).order_by("pgh_id").values_list("pgh_label", flat=True))
    assert labels == ["role_granted", "role_withdrawn"]
    assert RoleGrant.objects.filter(user=vera).count() == 0


def test_changes_of_people_are_kept_without_their_secrets():
    alice = customer()
    alice.kyc_status = "verified"
    alice.save()
    event = apps.get_model("accounts", "UserEvent")
    assert list(event.objects.filter(pgh_obj=alice).values_list("kyc_status", flat=True)) == [
        "unverified",
        "verified",
    ]
    fields = {field.name for field in event._meta.get_fields()}
    assert not fields & {"password", "phone_sealed", "last_login"}
    count = event.objects.count()
    alice.set_password("something-else-99")
    alice.save()
    assert event.objects.count() == count


def test_people_are_found_by_phone():
    alice = customer(phone="0712 345 678")
    assert person_by_phone("+254712345678") == alice
    bob = customer(phone="254712345678")
    assert person_by_phone("0712345678") is None and people_by_phone("0712345678") == [alice, bob]
    assert roles_of(alice) == frozenset()


def test_addresses_differ_by_more_than_capitals():
    from django.db import IntegrityError, transaction

    customer(email="Alice@Example.com")
    assert User.objects.get().email == "alice@example.com"
    for values in [{"email": "ALICE@example.com", "username": "other"}]:
        with pytest.raises(IntegrityError), transaction.atomic():
            customer(**values)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(username="raw", email="ALICE@example.com")])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(username="ALICE", email="second@example.com")])


class TestDjangoAdmin:
    @pytest.mark.fault("A03")
    @pytest.mark.parametrize("role", ["administrator", "auditor"])
    def test_its_own_login_takes_no_password(self, role):
        """The right one neither, and no code: it leads to the one sign-in, with its limits and its second factor."""
        root = staff(role)
        User.objects.filter(pk=root.pk).update(is_superuser=True)
        browser = Client()
        form = {
            "username": root.username,
            "password": PASSWORD,
            "code": totp(root),
            "this_is_the_login_form": "1",
        }
        for door in ("/admin/login/", "/admin/login/?next=/admin/"):
            answer = browser.post(door, form | {"next": "/admin/"})
            assert answer.status_code == 302, door
            page = browser.get(answer["Location"], follow=True)
            assert page.request["PATH_INFO"] == "/accounts/login/", door
        for page in ("/admin/", "/admin/accounts/user/"):
            assert browser.post(page, form).status_code == 403, page
        assert SESSION_KEY not in browser.session
        half = browser.post("/accounts/login/?next=/admin/", form | {"login": root.email})
        assert half["Location"] == "/accounts/code/"
        assert browser.get("/admin/")["Location"].startswith("/admin/login/"), (
            "the password alone opens nothing"
        )
        browser.post("/accounts/code/", {"code": form["code"]})
        assert browser.get("/admin/").status_code == 200

    @pytest.mark.fault("A03")
    def test_no_page_of_it_opens_without_the_second_factor(self):
        """Nor do those that the site itself has beside the pages of its records."""
        half = signed_in(staff("administrator"), verified=False)
        listings = [
            f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry
        ]
        beside = ["", "accounts/", "autocomplete/", "jsi18n/", "r/1/1/", "password_change/done/", "nothing/"]
        for page in [*listings, *(f"/admin/{name}" for name in beside)]:
            found = half.get(page)
            assert found.status_code == 302, page
            assert found["Location"].startswith("/admin/login/?next="), page
        assert half.get("/admin/login/?next=/admin/")["Location"].startswith("/accounts/code/")

    def test_stranger_and_customer_and_staff_without_code_stay_out(self, client):
        assert client.get("/admin/login/")["Location"].startswith("/accounts/login/")
        assert client.post("/admin/login/", {"username": "a", "password": "b"})["Location"].startswith(
            "/accounts/login/"
        )
        assert client.get("/admin/", follow=True).request["PATH_INFO"] == "/accounts/login/"
        assert signed_in(customer()).get("/admin/", follow=True).status_code == 403
        browser = signed_in(staff("administrator"), verified=False)
        assert browser.get("/admin/login/")["Location"].startswith("/accounts/code/")
        assert signed_in(staff("pricing")).get("/admin/", follow=True).status_code == 403

    def test_a_superuser_is_no_exception(self):
        root = staff("administrator")
        User.objects.filter(pk=root.pk).update(is_superuser=True)
        assert signed_in(root, verified=False).get("/admin/login/")["Location"].startswith("/accounts/code/")
        assert signed_in(root).post("/admin/accounts/user/add/").status_code == 403

    @pytest.mark.parametrize("role", ["administrator", "auditor"])
    def test_everything_shows_and_nothing_changes(self, role):
        browser, alice = signed_in(staff(role)), customer()
        assert browser.get("/admin/").status_code == 200
        for model, model_admin in admin.site._registry.items():
            name = f"{model._meta.app_label}_{model._meta.model_name}"
            listing = reverse(f"admin:{name}_changelist")
            assert browser.get(listing).status_code == 200, listing
            assert (
                browser.post(listing, {"action": "delete_selected", "_selected_action": ["1"]}).status_code
                == 403
            )
            if hasattr(model_admin, "add_view"):
                assert browser.get(reverse(f"admin:{name}_add")).status_code == 403
        page = browser.get(f"/admin/accounts/user/{alice.pk}/change/")
        assert page.status_code == 200 and b'name="email"' not in page.content
        assert (
            browser.post(f"/admin/accounts/user/{alice.pk}/change/", {"email": "x@example.com"}).status_code
            == 403
        )
        assert browser.post(f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 403
        alice.refresh_from_db()
        assert alice.email != "x@example.com"

    def test_addresses_and_groups_are_not_edited_there(self):
        labels = {model._meta.label_lower for model in admin.site._registry}
        assert "auth.group" not in labels and "account.emailaddress" not in labels


def test_a_look_from_an_address_with_a_zone_is_noted_without_it() -> None:
    desk = signed_in(staff("treasury"))
    page = desk.get(reverse("desk_payments"), REMOTE_ADDR="fe80::1%eth0")
    assert page.status_code == 200
    assert AuditEntry.objects.get(action="read").address == "fe80::1"

"""Pools and bars at the desk: who may, what happens, and what a mistake changes (nothing)."""

import re
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.tests.people import customer, signed_in, staff
from controls.audit import entries_about
from controls.models import AuditEntry, Request
from goldwallet.test.two import approve
from ledger import chart
from ledger.models import Entry
from ledger.selectors import balance
from ledger.services import Transfer, post
from pools import services
from pools.models import Bar, Movement, Pool

pytestmark = pytest.mark.django_db

WHY = "Delivered by courier, note 7."


@pytest.fixture
def keeper():
    return staff("vault")


@pytest.fixture
def desk(keeper) -> Client:
    return signed_in(keeper)


@pytest.fixture
def pool(keeper) -> Pool:
    return services.pool_create(name="Nairobi", purity=Decimal("999.9"), by=keeper)


def text(response) -> str:
    """What a reader sees, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def bars(*rows: tuple[str, str, str], **more) -> dict[str, str]:
    data = {"bars-TOTAL_FORMS": str(len(rows)), "bars-INITIAL_FORMS": "0", "reason": WHY}
    for number, (serial, gross, fineness) in enumerate(rows):
        data |= {
            f"bars-{number}-serial": serial,
            f"bars-{number}-gross_grams": gross,
            f"bars-{number}-fineness": fineness,
            f"bars-{number}-refiner": "",
        }
    return data | more


class TestWhoMay:
    @pytest.fixture
    def places(self, pool) -> list[str]:
        return [
            reverse("desk_pools"),
            reverse("desk_pool_new"),
            reverse("desk_pool", args=[pool.pk]),
            reverse("desk_pool_edit", args=[pool.pk]),
            reverse("desk_bars_add", args=[pool.pk]),
        ]

    def test_strangers_sign_in_first(self, client, places):
        for url in places:
            response = client.get(url)
            assert response.status_code == 302 and response.url.startswith(reverse("account_login"))

    def test_customers_and_other_roles_are_kept_out(self, places):
        for person in (customer(), staff("pricing"), staff("reviewer")):
            browser = signed_in(person)
            assert {browser.get(url).status_code for url in places} == {403}

    def test_auditor_and_administrator_read_and_change_nothing(self, places, pool):
        for person in (staff("auditor"), staff("administrator")):
            browser = signed_in(person)
            for url in places:
                page = browser.get(url)
                assert page.status_code == 200
                assert "button-next" not in page.content.decode()
            assert browser.post(places[3], {"name": "Mine", "note": ""}).status_code == 403
            for act, data in (
                ("move", {"way": "up", "place": "1"}),
                ("turn", {"to": "closed", "reason": WHY}),
            ):
                assert browser.post(reverse(f"desk_pool_{act}", args=[pool.pk]), data).status_code == 403
            assert (
                browser.post(reverse("desk_bars_add", args=[pool.pk]), bars(("A1", "1", "1000"))).status_code
                == 403
            )
        pool.refresh_from_db()
        assert (pool.name, pool.status) == ("Nairobi", "open")
        assert not Bar.objects.exists()


class TestPools:
    def test_an_empty_desk_offers_the_first_step(self, desk):
        assert "Make the first pool" in text(desk.get(reverse("desk_pools")))

    def test_a_pool_is_made_and_changed_and_the_page_says_by_whom(self, desk, keeper):
        made = desk.post(
            reverse("desk_pool_new"), {"name": "Westlands", "purity": "999.9", "note": "Kilobars"}
        )
        pool = Pool.objects.get()
        assert made.url == reverse("desk_pool", args=[pool.pk])
        desk.post(reverse("desk_pool_edit", args=[pool.pk]), {"name": "Westgate", "note": ""})
        page = text(desk.get(made.url))
        assert "24 karat" in page and "The pool was made, with a purity of 999.9." in page
        assert "Name: Westlands → Westgate; Note: Kilobars → nothing" in page
        assert page.count(keeper.email) >= 2
        recorded = Pool.pgh_event_model.objects.order_by("pgh_id").last().pgh_context.metadata
        assert (recorded["user"], recorded["action"]) == (str(keeper.pk), "pool_update")
        lines = list(entries_about(f"pool:{pool.pk}").filter(action__startswith="pool_"))
        assert [line.action for line in lines] == ["pool_update", "pool_create"]
        assert (lines[0].before, lines[0].after) == (
            {"name": "Westlands"},
            {"name": "Westgate", "note": "changed"},
        )

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"name": ""}, "Give the pool a name."),
            ({"name": "NAIROBI"}, "has this name already"),
            ({"purity": "999,9"}, "digits only"),
            ({"purity": "1000.5"}, "up to 1000"),
            ({"purity": "999.9999"}, "3 digits"),
            ({"purity": ""}, "Write the purity"),
            ({"name": "\x00"}, "A sign in this cannot be read"),
        ],
    )
    def test_a_mistake_is_said_and_changes_nothing(self, desk, pool, change, sentence):
        typed = {"name": "New", "purity": "999.9", "note": "kept"}
        response = desk.post(reverse("desk_pool_new"), typed | change)
        assert response.status_code == 400
        assert sentence in text(response) and "kept" in text(response)
        assert Pool.objects.get() == pool

    def test_an_unknown_pool_is_not_found(self, desk):
        assert desk.get(reverse("desk_pool", args=[uuid4()])).status_code == 404

    def test_the_list_shows_where_every_gram_is(self, desk, keeper, pool):
        add = services.NewBar(serial="A1", gross_grams=Decimal(100), fineness=Decimal(1000))
        services.bar_add(pool_id=pool.pk, bars=[add], key="a", by=keeper)
        person, order_id = customer(), uuid4()
        share = services.Share(pool.pk, Decimal("12.345678"))
        services.allocations_create(user_id=person.pk, order_id=order_id, shares=[share])
        taken = Transfer(
            chart.pool_available(pool.pk), chart.user_gold_incoming(person.pk), Decimal("12.345678")
        )
        post(key="r", kind="test", transfers=[taken])
        page = text(desk.get(reverse("desk_pools")))
        assert "100.000 000 g 87.654 322 g 12.345 678 g 0.000 000 g none" in page
        services.allocations_release(order_id=order_id)  # without its entry in the book
        assert "+12.345 678 g" in text(desk.get(reverse("desk_pools")))


class TestBars:
    def test_several_bars_are_asked_for_at_once(self, desk, keeper, pool):
        url, home = reverse("desk_bars_add", args=[pool.pk]), reverse("desk_pool", args=[pool.pk])
        assert desk.get(url + "?rows=3").content.count(b"bars-2-serial") and desk.get(url + "?rows=x")
        data = bars(("ab 1", "1000", "999.9"), ("", "", ""), ("AB-2", "10.5", "1000"))
        paper = SimpleUploadedFile("assay.pdf", b"%PDF-1.7 assay")
        asked = desk.post(url, data | {"evidence": paper})
        request = Request.objects.get()
        assert asked.url == reverse("desk_approval", args=[request.pk])
        assert request.attachment.name == "assay.pdf"
        # Nothing is on sale before the second person, and the page says so.
        assert not Bar.objects.exists() and balance(chart.pool_available(pool.pk)) == 0
        page = desk.get(home)
        assert "waits for a second person. Nothing of it is on sale" in text(page)
        assert asked.url in page.content.decode() and "Add bars" not in text(page)
        # The same form once more: a double click, a resend.
        again = desk.post(url, data)
        assert again.status_code == 409 and "Bar AB1 stands in another request" in text(again)

        checker = staff("treasury")
        approve(request, checker)
        assert balance(chart.pool_available(pool.pk)) == Decimal("1010.4")
        page = text(desk.get(home))
        assert f"Bar AB1 came into the vault: 999.900000 g. {WHY} Asked by {keeper.email}." in page
        assert "Vault arrival" in page and "+1,010.400 000 g" in page and checker.email in page
        assert (Bar.objects.count(), Entry.objects.count()) == (2, 2)

    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            (("", "1", "1000"), "Write the serial number"),
            (("A1", "", "1000"), "Write the weight"),
            (("A1", "1,000", "1000"), "digits only"),
            (("A1", "1e3", "1000"), "digits only"),
            (("A1", "-5", "1000"), "digits only"),
            (("A1", "٥", "1000"), "digits only"),
            (("A1", "NaN", "1000"), "digits only"),
            (("A1", "0", "1000"), "above 0"),
            (("A1", "1000000", "999.9"), "up to 15,000"),
            (("A1", "1", "1000.1"), "parts per thousand"),
            (("A1", "1", "0.9999"), "3 digits"),
            (("A1", "1", "916.6"), "below this pool's purity of 999.9"),
            (("A 1!", "1", "1000"), "letters A to Z"),
        ],
    )
    def test_a_mistake_is_said_and_changes_nothing(self, desk, pool, row, sentence):
        response = desk.post(reverse("desk_bars_add", args=[pool.pk]), bars(row))
        assert response.status_code == 400
        assert sentence in text(response).replace("&#x27;", "'")
        assert not Bar.objects.exists() and not Movement.objects.exists() and not Entry.objects.exists()

    def test_nothing_filled_in_or_a_broken_form(self, desk, pool):
        url = reverse("desk_bars_add", args=[pool.pk])
        assert "Add 1 to 50 bars" in text(desk.post(url, bars(("", "", ""))))
        broken = desk.post(url, {"reason": WHY})
        assert broken.status_code == 400 and "Open the page again." in text(broken)
        short = desk.post(url, bars(("A1", "1", "1000"), reason="7"))
        assert short.status_code == 400 and "At least 10 letters" in text(short) and b"A1" in short.content
        assert not Bar.objects.exists() and not Request.objects.exists()

    def test_chosen_bars_leave_and_come_back_when_two_agree(self, desk, keeper, pool):
        new = [
            services.NewBar(serial=f"A{n}", gross_grams=Decimal(10), fineness=Decimal(1000)) for n in (1, 2)
        ]
        _, two = services.bar_add(pool_id=pool.pk, bars=new, key="a", by=keeper)
        url, home = reverse("desk_bars_withdraw", args=[pool.pk]), reverse("desk_pool", args=[pool.pk])
        assert "Leaves the vault 10.000 000 g" in text(desk.get(url, {"bar": [str(two.pk)]}))
        assert desk.post(url, {"bar": [str(two.pk)], "reason": "no"}).status_code == 400
        desk.post(url, {"bar": [str(two.pk)], "reason": "Melted into two new ones"})
        assert balance(chart.pool_available(pool.pk)) == 20
        approve(Request.objects.get(), staff("vault"))
        page = text(desk.get(home))
        assert "A2 left the vault" in page and "Melted into two" in page
        assert balance(chart.pool_available(pool.pk)) == 10

        back = reverse("desk_bar_restore", args=[pool.pk, two.pk])
        assert back not in desk.get(home).content.decode()
        assert back in desk.get(home, {"status": "withdrawn"}).content.decode()
        assert "Comes back 10.000 000 g" in text(desk.get(back))
        assert desk.post(back, {"reason": ""}).status_code == 400
        desk.post(back, {"reason": "The wrong one was withdrawn."})
        assert balance(chart.pool_available(pool.pk)) == 10
        approve(Request.objects.get(kind="bar_restore"), staff("vault"))
        assert balance(chart.pool_available(pool.pk)) == 20

    def test_grams_that_people_hold_stay(self, desk, keeper, pool):
        new = services.NewBar(serial="A1", gross_grams=Decimal(10), fineness=Decimal(1000))
        (bar,) = services.bar_add(pool_id=pool.pk, bars=[new], key="a", by=keeper)
        post(
            key="t",
            kind="test",
            transfers=[
                Transfer(chart.pool_available(pool.pk), chart.user_gold(customer().pk), Decimal("0.000001"))
            ],
        )
        response = desk.post(
            reverse("desk_bars_withdraw", args=[pool.pk]), {"bar": [str(bar.pk)], "reason": WHY}
        )
        assert response.status_code == 400 and "People own or have reserved" in text(response)
        bar.refresh_from_db()
        assert bar.status == "active" and Movement.objects.count() == 1 and not Request.objects.exists()

    def test_no_bar_or_a_strange_one_is_chosen(self, desk, keeper, pool):
        other = services.pool_create(name="Other", purity=Decimal("999.9"), by=keeper)
        new = services.NewBar(serial="A1", gross_grams=Decimal(10), fineness=Decimal(1000))
        (bar,) = services.bar_add(pool_id=other.pk, bars=[new], key="a", by=keeper)
        url = reverse("desk_bars_withdraw", args=[pool.pk])
        for chosen in ([], ["x"], [str(uuid4())], [str(bar.pk)]):
            data = {"bar": chosen, "reason": WHY}
            refused = desk.post(url, data)
            assert refused.status_code == 400 and "Choose the bars that leave the vault" in text(refused)
            assert desk.get(url, data).url == reverse("desk_pool", args=[pool.pk])
        # Nothing was asked, so the audit trail has no act.
        assert not Request.objects.exists()
        assert not AuditEntry.objects.filter(page="desk_bars_withdraw", action="act").exists()
        assert desk.post(reverse("desk_bar_restore", args=[pool.pk, bar.pk]), data).status_code == 404
        assert balance(chart.pool_available(other.pk)) == 10

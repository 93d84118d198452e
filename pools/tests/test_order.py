"""The order of sale, closing and opening: one change at a time, no gap, each with who, what before, what after, why."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.tests.people import customer, signed_in, staff
from controls.audit import entries_about
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.race import errors, together
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import balance
from pools import services
from pools.history import pool_history
from pools.models import Pool
from trading.models import Status

WHY = "Its bars are counted today."


def made(keeper, *names: str) -> dict[str, Pool]:
    return {name: services.pool_create(name=name, purity=Decimal("999.9"), by=keeper) for name in names}


def order() -> list[tuple[str, int]]:
    """Open pools and then closed ones, with their numbers."""
    return list(Pool.objects.order_by("priority").values_list("name", "priority"))


@pytest.mark.django_db
class TestOrder:
    def test_a_pool_moves_a_place_and_the_numbers_have_no_gap(self, keeper):
        pools = made(keeper, "A", "B", "C")
        assert order() == [("A", 1), ("B", 2), ("C", 3)]
        services.pool_move(pool_id=pools["C"].pk, way="up", place=3, by=keeper)
        services.pool_move(pool_id=pools["A"].pk, way="down", place=1, by=keeper)
        assert order() == [("C", 1), ("A", 2), ("B", 3)]
        line = entries_about(f"pool:{pools['C'].pk}").get(action="pool_order")
        assert line.before == {"place": 3, "order": ["A", "B", "C"]}
        assert line.after == {"place": 2, "order": ["A", "C", "B"]}

    def test_numbers_with_ties_and_gaps_are_mended(self, keeper):
        pools = made(keeper, "A", "B", "C")
        for name, place in (("A", 5), ("B", 5), ("C", 90)):
            Pool.objects.filter(name=name).update(priority=place)
        services.pool_move(pool_id=pools["B"].pk, way="down", place=2, by=keeper)
        assert order() == [("A", 1), ("C", 2), ("B", 3)]

    def test_the_first_goes_no_higher_and_the_last_no_lower(self, keeper):
        pools = made(keeper, "A", "B")
        with pytest.raises(Refused, match="A is the first already"):
            services.pool_move(pool_id=pools["A"].pk, way="up", place=1, by=keeper)
        with pytest.raises(Refused, match="B is the last already"):
            services.pool_move(pool_id=pools["B"].pk, way="down", place=2, by=keeper)
        assert order() == [("A", 1), ("B", 2)]

    def test_a_page_that_is_old_moves_nothing(self, keeper):
        pools = made(keeper, "A", "B", "C")
        services.pool_move(pool_id=pools["C"].pk, way="up", place=3, by=keeper)
        with pytest.raises(Conflict, match="order has changed"):
            services.pool_move(pool_id=pools["C"].pk, way="up", place=3, by=keeper)
        assert order() == [("A", 1), ("C", 2), ("B", 3)]

    def test_a_closed_pool_has_no_place(self, keeper):
        pools = made(keeper, "A", "B")
        services.pool_close(pool_id=pools["A"].pk, reason=WHY, by=keeper)
        assert order() == [("B", 1), ("A", 2)]
        for pool_id in (pools["A"].pk, uuid4()):
            with pytest.raises(Conflict, match="Only an open pool"):
                services.pool_move(pool_id=pool_id, way="up", place=2, by=keeper)
        made(keeper, "C")
        assert order() == [("B", 1), ("C", 2), ("A", 3)]
        services.pool_reopen(pool_id=pools["A"].pk, reason=WHY, by=keeper)
        assert order() == [("B", 1), ("C", 2), ("A", 3)]


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_people_who_press_the_same_arrow_move_it_once(self, keeper):
        pools = made(keeper, "A", "B", "C")

        done = together(2, lambda _: services.pool_move(pool_id=pools["C"].pk, way="up", place=3, by=keeper))
        assert sorted(type(found).__name__ for found in done) == ["Conflict", "Pool"]
        assert order() == [("A", 1), ("C", 2), ("B", 3)]
        assert entries_about(f"pool:{pools['C'].pk}").filter(action="pool_order").count() == 1

    def test_two_who_move_and_one_who_makes_leave_no_gap_and_no_tie(self, keeper):
        pools = made(keeper, "A", "B", "C")
        acts = (
            lambda: services.pool_move(pool_id=pools["A"].pk, way="down", place=1, by=keeper),
            lambda: services.pool_move(pool_id=pools["C"].pk, way="up", place=3, by=keeper),
            lambda: made(keeper, "D"),
        )
        assert all(
            isinstance(error, Conflict) for error in errors(together(3, lambda number: acts[number]()))
        )
        assert [place for _, place in order()] == [1, 2, 3, 4]

    def test_two_who_make_a_first_pool_get_a_place_each(self, keeper):
        assert errors(together(2, lambda number: made(keeper, "AB"[number]))) == []
        assert [place for _, place in order()] == [1, 2]


@pytest.mark.django_db
class TestClosing:
    def test_a_closed_pool_sells_nothing_and_takes_back(self, world: World):
        bought = paid(buy(world.alice, 33_000))
        services.pool_close(pool_id=world.pool.pk, reason=WHY, by=world.vault)
        with pytest.raises(Refused):
            buy(world.alice, 1650)
        free = balance(chart.pool_available(world.pool.pk))
        paid(sell(world.alice, Decimal(1)))
        assert balance(chart.pool_available(world.pool.pk)) == free + 1
        services.pool_reopen(pool_id=world.pool.pk, reason="All bars were there.", by=world.vault)
        assert paid(buy(world.alice, 1650)).status == bought.status == Status.COMPLETED
        assert_books()

    def test_it_says_why_and_what_it_was_before(self, keeper, make_pool):
        pool = make_pool()
        for reason in ("", "because", "\x00" * 20, "x" * 501):
            with pytest.raises(Refused):
                services.pool_close(pool_id=pool.pk, reason=reason, by=keeper)
        services.pool_close(pool_id=pool.pk, reason=WHY, by=keeper)
        with pytest.raises(Conflict, match="closed already"):
            services.pool_close(pool_id=pool.pk, reason=WHY, by=keeper)
        services.pool_reopen(pool_id=pool.pk, reason="All bars were there.", by=keeper)
        with pytest.raises(Conflict, match="open already"):
            services.pool_reopen(pool_id=pool.pk, reason=WHY, by=keeper)
        with pytest.raises(Refused, match="does not exist"):
            services.pool_close(pool_id=uuid4(), reason=WHY, by=keeper)
        opened, closed = entries_about(f"pool:{pool.pk}")[:2]
        assert (closed.action, closed.before["status"], closed.after["status"]) == (
            "pool_close",
            "open",
            "closed",
        )
        assert (opened.action, opened.before["status"], opened.after["status"]) == (
            "pool_reopen",
            "closed",
            "open",
        )
        assert (closed.reason, closed.actor_id) == (WHY, keeper.pk)
        said = [change.what for change in pool_history(pool).page.rows]
        assert said[:2] == [
            "State: Closed → Open. Why: All bars were there.",
            f"State: Open → Closed. Why: {WHY}",
        ]

    def test_closing_and_the_new_place_are_one_line_of_the_history(self, keeper):
        pools = made(keeper, "A", "B")
        services.pool_close(pool_id=pools["A"].pk, reason=WHY, by=keeper)
        assert pool_history(pools["A"]).page.rows[0].what == (
            f"State: Open → Closed; Order of sale: 1 → 2. Why: {WHY}"
        )


@pytest.mark.django_db
class TestDesk:
    @pytest.fixture
    def keeper(self):
        return staff("vault")

    @pytest.fixture
    def desk(self, keeper):
        return signed_in(keeper)

    def test_the_arrows_move_a_pool_without_script(self, desk, keeper):
        pools = made(keeper, "A", "B")
        page = desk.get(reverse("desk_pools")).content.decode()
        url = reverse("desk_pool_move", args=[pools["B"].pk])
        assert url in page and 'aria-label="Sell B sooner"' in page
        assert desk.post(url, {"way": "up", "place": "2"}).url == reverse("desk_pools")
        assert order() == [("B", 1), ("A", 2)]
        again = desk.post(url, {"way": "up", "place": "2"})
        assert again.status_code == 409 and b"The order has changed" in again.content
        for wrong in (
            {},
            {"way": "sideways", "place": "1"},
            {"way": "up", "place": "first"},
            {"way": "up", "place": "\x00"},
        ):
            assert desk.post(url, wrong).status_code == 400
        assert (
            desk.post(reverse("desk_pool_move", args=[uuid4()]), {"way": "up", "place": "1"}).status_code
            == 404
        )
        assert order() == [("B", 1), ("A", 2)]
        assert not entries_about("").filter(action="act").exists()

    def test_closing_asks_for_a_reason_and_a_double_click_closes_once(self, desk, keeper):
        pool = made(keeper, "A")["A"]
        url = reverse("desk_pool_turn", args=[pool.pk])
        assert b"Close the pool" in desk.get(url).content
        short = desk.post(url, {"to": "closed", "reason": "no"})
        assert short.status_code == 400 and b"At least 10 letters" in short.content
        assert desk.post(url, {"to": "closed", "reason": WHY}).url == reverse("desk_pool", args=[pool.pk])
        again = desk.post(url, {"to": "closed", "reason": WHY})
        assert again.status_code == 409 and b"This pool is closed already" in again.content
        page = desk.get(reverse("desk_pools")).content.decode()
        assert "1 closed pool<" in page and "No pool is open" in page
        assert b"Open the pool again" in desk.get(url).content
        assert desk.post(url, {"to": "open", "reason": "All bars were there."}).status_code == 302
        pool.refresh_from_db()
        assert pool.is_open

    def test_who_does_not_keep_the_vault_sees_no_arrows(self, keeper):
        made(keeper, "A", "B")
        for role in ("auditor", "administrator"):
            page = signed_in(staff(role)).get(reverse("desk_pools"))
            assert page.status_code == 200 and b"Sell B sooner" not in page.content
        for person in (staff("pricing"), staff("treasury"), staff("reviewer"), customer()):
            assert signed_in(person).get(reverse("desk_pools")).status_code == 403

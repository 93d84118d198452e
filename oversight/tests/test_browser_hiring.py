"""Charlie comes to work here, in a real browser: found by his address, asked for, decided, and let in with an app."""

import base64

import pytest
from django_otp.oath import totp
from playwright.sync_api import expect

from accounts.models import User
from accounts.roles import Role
from accounts.selectors import roles_of
from accounts.services import person_freeze
from goldwallet.test.browser import DESK, TABLET
from goldwallet.test.desk import agrees
from goldwallet.test.look import look
from goldwallet.test.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def test_a_new_colleague(world: World, house, visit) -> None:
    admin = visit(user=world.staff(Role.ADMINISTRATOR, email="admin@example.com"), size=DESK)
    second = visit(user=world.staff(Role.TREASURY, email="treasury@example.com"), size=TABLET)
    charlie = visit(user=world.charlie, size=DESK)
    charlie.go("/")

    admin.go("/desk/roles/")
    admin.page.get_by_text("A new colleague").click()
    form = admin.page.locator("form[action='/desk/roles/hire/']")
    form.get_by_label("E-mail address of their account").fill("charly@example.com")
    look(admin, "roles-hire", form.get_by_role("button", name="Choose roles"))
    form.get_by_role("button", name="Choose roles").click()
    expect(form).to_contain_text("Nobody has this e-mail address.")
    expect(form.get_by_label("E-mail address of their account")).to_have_value("charly@example.com")
    look(admin, "roles-hire-nobody", form.get_by_role("button", name="Choose roles"))

    form.get_by_label("E-mail address of their account").fill("bob@example.com")
    person_freeze(user_id=world.bob.pk, reason="Owes us money.")
    form.get_by_role("button", name="Choose roles").click()
    admin.sees("bob@example.com is on hold. Two people lift the hold first.")
    expect(admin.page.get_by_label("Vault")).to_be_disabled()
    look(admin, "person-roles-unfit")

    admin.go("/desk/roles/")
    admin.page.get_by_text("A new colleague").click()
    form.get_by_label("E-mail address of their account").fill("Charlie@example.com")
    form.get_by_role("button", name="Choose roles").click()
    admin.sees("charlie@example.com", "This is a customer.")
    admin.page.get_by_label("Vault").check()
    admin.fill(reason="He begins in the vault on Monday.")
    ask = admin.page.get_by_role("button", name="Ask a second person")
    look(admin, "person-roles-new", ask)
    ask.click()
    admin.sees("charlie@example.com comes to work here, with the roles vault.")

    second.go("/desk/approvals/")
    second.page.get_by_role("link", name="Roles of a person").click()
    second.sees("charlie@example.com works here", "set up at the next sign-in by who has the password")
    agrees(second, picture="decide-hire")
    second.sees("Approved and done.")
    assert roles_of(User.objects.get(pk=world.charlie.pk)) == {Role.VAULT}

    # He is signed out, and no page of the desk opens before his authenticator is set up.
    charlie.go("/desk/")
    charlie.sees("Your roles were changed. Please sign in again.")
    charlie.fill(login="charlie@example.com", password=PASSWORD)
    charlie.send()
    charlie.page.wait_for_url("**/accounts/code/enrol/**")
    key = base64.b32decode(charlie.attribute("data-authenticator-key"))
    charlie.fill(code=f"{totp(key):06d}")
    charlie.send()
    charlie.sees("Your recovery codes")
    charlie.go("/desk/pools/")
    charlie.sees("Pools")
    admin.go("/desk/roles/")
    expect(admin.page.get_by_role("row", name="charlie@example.com")).to_contain_text("Works here")

"""In a real browser: somebody downloads their data, and closes their account."""

import json
import re
import zipfile

import pytest

from accounts.models import StepUp, User
from goldwallet.test.books import assert_books
from goldwallet.test.race import patiently
from goldwallet.test.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


_CODE = re.compile(r"^([0-9]{6})$", re.MULTILINE)


def confirms(person, house, user: User) -> None:
    """Write the code of the question that is open, when its mail has come."""
    person.sees("Is it you?")
    asked = StepUp.objects.filter(user=user).count()
    codes: list[str] = []

    def came() -> bool:
        mails = [m["text"] for m in house.simulator.phone(user.phone)["messages"] if m["kind"] == "mail"]
        codes[:] = [code for text in mails for code in _CODE.findall(text)]
        return len(codes) == asked

    patiently(came, what="a mail with a code")
    person.fill(code=codes[-1])
    person.press("Confirm")


def test_a_person_takes_their_data_and_goes(visit, house, world: World, tmp_path) -> None:
    person = visit(user=world.bob)
    person.go("/accounts/security/")
    person.page.get_by_role("link", name="Your data", exact=True).click()
    person.press("Download my data")
    confirms(person, house, world.bob)
    with person.page.expect_download() as waiting:
        person.press("Download it now")
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read("data.json"))
    assert data["profile"]["email"] == "bob@example.com"
    assert "alice@example.com" not in json.dumps(data)

    person.page.get_by_role("link", name="Close my account").click()
    person.sees("What must stay for a while", "7 years")
    person.press("Close my account")
    confirms(person, house, world.bob)
    person.press("Close my account now")
    person.sees("Your account is closed")
    assert not User.objects.get(pk=world.bob.pk).is_active
    person.go("/accounts/login/")
    person.fill(login="bob@example.com", password=PASSWORD)
    person.send()
    person.sees("This account is closed")
    assert_books()

"""What staff do at the desk in a real browser, as tests of every app use it."""

import re
from decimal import Decimal

from django.utils.text import slugify
from django_otp.oath import totp

from accounts.models import Authenticator
from controls.models import Request
from controls.services import request_effect, threshold_set
from goldwallet.test.browser import Visitor
from goldwallet.test.look import look
from goldwallet.test.two import YES, typed_for
from goldwallet.test.world import TOTP_KEY, World


def agrees(staff: Visitor, *, picture: str = "") -> None:
    """The second person on a request's page: the evidence where there is some, what it would do now, the amounts where
    they are asked for, why, a code, and the button.

    The code is good although the last one may have been used within this half minute.
    """
    found = re.search(r"/desk/approvals/([0-9a-f-]{36})/", staff.page.url)
    assert found, staff.page.url
    evidence = staff.page.locator("a[download]").first
    if evidence.count():
        with staff.page.expect_download():
            evidence.click()
    staff.press("Decide")
    staff.sees("What it would do now")
    if picture:
        look(staff, picture, staff.page.get_by_role("button", name="Approve").first)
    for place, typed in enumerate(typed_for(request_effect(Request.objects.get(pk=found.group(1)))), start=1):
        staff.page.fill(f"#typed-{place}", typed)
    staff.page.fill("#words", YES)
    Authenticator.objects.update(last_step=0)
    staff.page.fill("#code-approve", f"{totp(TOTP_KEY):06d}")
    staff.press("Approve")


def decides(staff: Visitor, label: str, *sees: str) -> None:
    """The second person finds the request in the inbox, reads it and approves."""
    staff.go("/desk/approvals/")
    request = staff.page.get_by_role("region", name="For you to decide").get_by_role("link", name=label)
    look(staff, f"approvals-{slugify(label)}", request)
    request.click()
    staff.sees(*sees)
    look(staff, f"approval-{slugify(label)}", staff.page.get_by_role("button", name="Decide"))
    agrees(staff, picture=f"decide-{slugify(label)}")
    staff.sees("Approved and done.")


def figure(person: Visitor, label: str, *, within: str = "main") -> str:
    """What stands below a label: the figures of a page are read, not searched for."""
    below = person.page.locator(".figure-label", has_text=re.compile(f"^{label}$"))
    return person.page.locator(f"{within} .figure", has=below).locator(".figure-value").inner_text()


def sells_without_a_code(world: World) -> None:
    """What a code from the mail is for, and that it is asked for, stands in `trading.tests.test_browser_step_up`."""
    threshold_set(name="sell_stepup_kes", value=Decimal(250_000), by=world.vault)

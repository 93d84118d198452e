"""What staff do at the desk in a real browser, as tests of every app use it."""

import re

from django_otp.oath import totp

from accounts.models import Authenticator
from controls.models import Request
from controls.services import request_effect
from goldwallet.test.browser import Visitor
from goldwallet.test.two import YES, typed_for
from goldwallet.test.world import TOTP_KEY


def agrees(staff: Visitor) -> None:
    """The second person on a request's page: the evidence where there is some, the amounts where they are asked for,
    why, a code, and the button.

    The code is good although the last one may have been used within this half minute.
    """
    found = re.search(r"/desk/approvals/([0-9a-f-]{36})/", staff.page.url)
    assert found, staff.page.url
    evidence = staff.page.locator("a[download]").first
    if evidence.count():
        with staff.page.expect_download():
            evidence.click()
    for place, typed in enumerate(typed_for(request_effect(Request.objects.get(pk=found.group(1)))), start=1):
        staff.page.fill(f"#typed-{place}", typed)
    Authenticator.objects.update(last_step=0)
    staff.page.fill("#words", YES)
    staff.page.fill("#code-approve", f"{totp(TOTP_KEY):06d}")
    staff.press("Approve")

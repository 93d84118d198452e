"""A real Chromium, and a person who sits at it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from django_otp.oath import totp
from playwright.sync_api import Browser, Page, TimeoutError, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
TABLET = {"width": 820, "height": 1180}
#: Milliseconds. Only a failure waits that long; a machine with other work on it may be slow.
PATIENCE = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that `make test` found, or one on the PATH, or Playwright's own."""
    installed = os.environ.get("BROWSER_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """One person with one window. `complaints`: what the pages said in the console (script errors, refusals)."""

    def __init__(
        self, browser: Browser, url: str, *, size: dict[str, int] | None = None, javascript: bool = True
    ) -> None:
        self.context = browser.new_context(
            base_url=url,
            viewport=size or PHONE,  # type: ignore[arg-type]
            java_script_enabled=javascript,
        )
        self.context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.complaints: list[str] = []
        self.page: Page = self.tab()

    def tab(self) -> Page:
        """Another tab of the same window: the same session."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))
        return page

    def _hear(self, kind: str, text: str) -> None:
        # A page that refuses bad input answers 4xx, which the console reports as a failed load.
        if kind == "error" and "status of 4" not in text:
            self.complaints.append(text)

    def go(self, path: str) -> None:
        self.page.goto(path)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.fill(f"main [name={name}]:not([type=hidden])", value)

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label).first.click()

    def send(self) -> None:
        """Press the main form's first button."""
        self.page.locator("main form button[type=submit]").first.click()

    def sign_in(self, login: str, password: str, *, totp_key: bytes = b"") -> None:
        self.go("/accounts/login/")
        self.fill(login=login, password=password)
        self.send()
        if totp_key:
            self.page.wait_for_url("**/accounts/code/**")
            self.fill(code=f"{totp(totp_key):06d}")
            self.send()
        self.page.wait_for_url(lambda url: "/accounts/" not in url)

    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def sees(self, *sentences: str) -> None:
        for sentence in sentences:
            expect(self.page.locator("main")).to_contain_text(sentence)

    def attribute(self, name: str) -> str:
        return self.page.locator(f"[{name}]").first.get_attribute(name) or ""

    def waits_for_order(self, *statuses: str) -> str:
        """Stay on the order's page until it shows one of the statuses by itself."""
        any_of = ", ".join(f'[data-order-status="{status}"]' for status in statuses)
        try:
            self.page.wait_for_selector(any_of)
        except TimeoutError as error:
            said = " ".join(self.page.locator("body").inner_text().split())
            raise AssertionError(f"not {statuses} at {self.page.url}, which says: {said[:600]}") from error
        return self.attribute("data-order-status")

"""The phone in a real browser: it keeps itself fresh, and never loses what is being typed."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def browser(browser_program):
    return browser_program


def test_a_prompt_comes_by_itself_and_is_paid(provider, phone, browser):
    page = browser.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{provider.base}/phone/{phone}/")
    expect(page.locator("[data-prompt]")).to_have_count(0)
    checkout_id = provider.pushed(phone)
    expect(page.locator(f'[data-prompt="{checkout_id}"]')).to_be_visible()
    page.locator("input[name=pin]").press_sequentially("12")
    # Something else changes meanwhile; the PIN and the cursor stay.
    provider.control(f"phones/{phone}", {"message": {"kind": "sms", "text": "Hello"}})
    expect(page.locator("[data-message]")).to_have_count(1)
    expect(page.locator("input[name=pin]")).to_have_value("12")
    page.keyboard.type("34")
    page.locator("button[name=action][value=accept]").click()
    expect(page.locator("[data-balance]")).to_have_text("KES 299,000")
    expect(page.locator("[data-message]")).to_have_count(2)
    assert complaints == []
    page.close()


def test_it_is_usable_on_a_narrow_screen_and_without_script(provider, phone, browser):
    provider.pushed(phone)
    provider.control(
        f"phones/{phone}", {"message": {"kind": "mail", "text": "x" * 300, "subject": "y" * 120}}
    )
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{provider.base}/phone/{phone}/")
    page.locator("input[name=pin]").fill("1234")
    page.locator("button[name=action][value=accept]").click()
    expect(page.locator("[data-balance]")).to_have_text("KES 299,000")
    context.close()
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.goto(f"{provider.base}/phone/{phone}/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.close()

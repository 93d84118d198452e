"""What happens on a phone, and at M-Pesa itself: over the simulator's control interface. Demo mode only."""

import datetime as dt
from typing import Any

import httpx
from django.conf import settings

# The number that gets what belongs to nobody's phone: mail to strangers and to staff without a phone.
DEMO_PHONE = "254700000000"
_TIMEOUT = httpx.Timeout(3.0, connect=1.0)


class PhoneAway(OSError):
    """The simulator did not take it: it is down, or it said no."""


def hand_mail(phone: str, *, to: str, subject: str, text: str) -> None:
    """Raises PhoneAway."""
    _hand(phone, {"message": {"kind": "mail", "to": to, "subject": subject, "text": text}})


def hand_authenticator(phone: str, account: str, secret: str) -> None:
    """Let the phone show the codes of `account` for the base 32 `secret`. Raises PhoneAway."""
    _hand(phone, {"authenticator": {"account": account, "secret": secret, "digits": 6, "period": 30}})


def _hand(phone: str, body: dict[str, Any]) -> None:
    url = f"{settings.SIMULATOR_URL}/control/phones/{phone}"
    try:
        httpx.post(url, json=body, timeout=_TIMEOUT, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise PhoneAway(f"the demo phone did not take it: {type(error).__name__}") from error


# --- what people do at M-Pesa ---------------------------------------------------------------------


def _control() -> httpx.Client:
    return httpx.Client(base_url=f"{settings.SIMULATOR_URL}/control", timeout=5, trust_env=False)


def mails(phone: str) -> list[str]:
    """The texts of the mails that are read on this phone, the newest first."""
    with _control() as control:
        messages = control.get(f"/phones/{phone}").raise_for_status().json()["messages"]
    found = [message for message in messages if message["kind"] == "mail"]
    return [message["text"] for message in sorted(found, key=lambda message: message["at"], reverse=True)]


def answer(phone: str, *, reference: str, action: str) -> bool:
    """Answer the prompt for this reference; whether there was one."""
    with _control() as control:
        prompts = control.get("/prompts", params={"phone": phone}).raise_for_status().json()
        for prompt in prompts:
            if prompt["account_reference"] == reference:
                url = f"/prompts/{prompt['CheckoutRequestID']}"
                control.post(url, json={"action": action}).raise_for_status()
                return True
    return False


def pay_by_hand(phone: str, kes: int, *, reference: str) -> str:
    """Pay the Paybill from the phone's own menu; answers the receipt."""
    body = {"phone": phone, "amount": kes, "account_reference": reference}
    with _control() as control:
        receipt: str = control.post("/paybill", json=body).raise_for_status().json()["receipt"]
    return receipt


def pay_out_at_portal(phone: str, kes: int, *, at: dt.datetime) -> None:
    """Somebody pays out of our account at M-Pesa, and not through us."""
    body = {"phone": phone, "amount": kes, "at": at.isoformat()}
    with _control() as control:
        control.post("/foreign-payout", json=body).raise_for_status()


def statement(account: str, *, since: dt.date) -> bytes:
    """The organisation's statement of one account from a day until now, as the portal exports it."""
    asked = {"account": account, "from": since.isoformat()}
    with _control() as control:
        return control.get("/statement", params=asked).raise_for_status().content

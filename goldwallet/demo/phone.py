"""Handing things to a phone of the simulator, over its control interface. Demo mode only."""

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

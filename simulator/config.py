"""Settings of the simulator. All come from the environment; every one has a default that suits a demo."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(Exception):
    """A setting has a value that cannot be used. The text names the setting and what it wants."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Money is whole KES, times are seconds."""

    host: str = "127.0.0.1"
    port: int = 8001
    data: Path = Path("var/simulator")
    control_open: bool = False
    manual: bool = False

    prompt_seconds: float = 60
    ignore_seconds: float = 26
    callback_seconds: float = 1
    callback_timeout_seconds: float = 10
    b2c_seconds: float = 2
    token_seconds: int = 3599
    rule_limit_seconds: float = 120

    query_errors: float = 0.2
    legacy_query: bool = False
    numeric_expiry: bool = False
    one_token: bool = False
    strict_credential: bool = False
    c2b_one_registration: bool = False
    c2b_validation: bool = False
    validation_seconds: float = 8

    float_opening: int = 5_000_000
    phone_opening: int = 300_000
    wallet_limit: int = 500_000
    daily_limit: int = 500_000

    consumer_key: str = "demo-consumer-key"
    consumer_secret: str = "demo-consumer-secret"  # noqa: S105 - the demo's, known to all
    shortcode: str = "174379"
    passkey: str = "demo-passkey-7f3a"
    b2c_shortcode: str = "600991"
    initiator: str = "goldwallet"
    initiator_password: str = "demo-initiator-2026"  # noqa: S105
    organisation: str = "Gold Wallet"


# Longest a timer may be set to. A day is far beyond any use, and keeps "inf" and typing errors out.
_LONGEST_SECONDS = 86_400


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= _LONGEST_SECONDS:
        raise SettingsError(f"{name} must be a number of seconds from 0 to {_LONGEST_SECONDS}, not {text!r}.")
    return value


def _share(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise SettingsError(f"{name} must be a share from 0 to 1, not {text!r}.")
    return value


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise SettingsError(f"{name} must be a whole number, not {text!r}.")
    return int(text)


def _port(name: str, text: str) -> int:
    value = _whole(name, text)
    if not 1 <= value <= 65535:
        raise SettingsError(f"{name} must be a port from 1 to 65535, not {text!r}.")
    return value


def _switch(name: str, text: str) -> bool:
    if text not in {"0", "1"}:
        raise SettingsError(f"{name} must be 0 or 1, not {text!r}.")
    return text == "1"


def _text(name: str, text: str) -> str:
    return text


def _path(name: str, text: str) -> Path:
    return Path(text)


_READERS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "SIMULATOR_HOST": ("host", _text),
    "SIMULATOR_PORT": ("port", _port),
    "SIMULATOR_DATA": ("data", _path),
    "SIMULATOR_CONTROL": ("control_open", _switch),
    "SIMULATOR_MANUAL": ("manual", _switch),
    "SIMULATOR_PROMPT_SECONDS": ("prompt_seconds", _seconds),
    "SIMULATOR_IGNORE_SECONDS": ("ignore_seconds", _seconds),
    "SIMULATOR_CALLBACK_SECONDS": ("callback_seconds", _seconds),
    "SIMULATOR_CALLBACK_TIMEOUT_SECONDS": ("callback_timeout_seconds", _seconds),
    "SIMULATOR_B2C_SECONDS": ("b2c_seconds", _seconds),
    "SIMULATOR_TOKEN_SECONDS": ("token_seconds", _whole),
    "SIMULATOR_RULE_LIMIT_SECONDS": ("rule_limit_seconds", _seconds),
    "SIMULATOR_QUERY_ERRORS": ("query_errors", _share),
    "SIMULATOR_LEGACY_QUERY": ("legacy_query", _switch),
    "SIMULATOR_NUMERIC_EXPIRY": ("numeric_expiry", _switch),
    "SIMULATOR_ONE_TOKEN": ("one_token", _switch),
    "SIMULATOR_STRICT_CREDENTIAL": ("strict_credential", _switch),
    "SIMULATOR_C2B_ONE_REGISTRATION": ("c2b_one_registration", _switch),
    "SIMULATOR_C2B_VALIDATION": ("c2b_validation", _switch),
    "SIMULATOR_VALIDATION_SECONDS": ("validation_seconds", _seconds),
    "SIMULATOR_FLOAT": ("float_opening", _whole),
    "SIMULATOR_PHONE_BALANCE": ("phone_opening", _whole),
    "SIMULATOR_WALLET_LIMIT": ("wallet_limit", _whole),
    "SIMULATOR_DAILY_LIMIT": ("daily_limit", _whole),
    "SIMULATOR_CONSUMER_KEY": ("consumer_key", _text),
    "SIMULATOR_CONSUMER_SECRET": ("consumer_secret", _text),
    "SIMULATOR_SHORTCODE": ("shortcode", _text),
    "SIMULATOR_PASSKEY": ("passkey", _text),
    "SIMULATOR_B2C_SHORTCODE": ("b2c_shortcode", _text),
    "SIMULATOR_INITIATOR": ("initiator", _text),
    "SIMULATOR_INITIATOR_PASSWORD": ("initiator_password", _text),
    "SIMULATOR_ORGANISATION": ("organisation", _text),
}


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises SettingsError with a sentence that names the variable at fault.

    An empty variable counts as not set, because that is how compose files and shells leave one out.
    """
    found: dict[str, object] = {}
    for variable, (field, reader) in _READERS.items():
        text = environment.get(variable, "").strip()
        if text:
            found[field] = reader(variable, text)
    return Settings(**found)  # type: ignore[arg-type]

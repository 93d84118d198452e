"""The simulator as tests use it: a process of its own, spoken to by HTTP."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

#: As fast as it goes: the tests wait for events, not for a phone's owner. Only a prompt lives long: a busy machine may
#: come late to answer it, and an order must be able to expire before its prompt does.
FAST = {
    "SIMULATOR_PROMPT_SECONDS": "60",
    "SIMULATOR_IGNORE_SECONDS": "1",
    "SIMULATOR_CALLBACK_SECONDS": "0.05",
    "SIMULATOR_B2C_SECONDS": "0.1",
    "SIMULATOR_QUERY_ERRORS": "0",
    "SIMULATOR_RULE_LIMIT_SECONDS": "0",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Simulator:
    """A running simulator with its control interface (design section 9)."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            **FAST,
            "SIMULATOR_PORT": str(self.port),
            "SIMULATOR_DATA": str(folder),
            **environment,
        }
        self.http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                if self.http.get("/control/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError("the simulator did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def reset(self) -> None:
        self.http.post("/control/reset").raise_for_status()

    def prompts(self, phone: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/control/prompts", params={"phone": phone}).json()
        return found

    def answer(self, phone: str, action: str, *, patience: float = 30) -> dict[str, Any]:
        """Wait for the phone's oldest open prompt and answer it; returns the prompt."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if prompts := self.prompts(phone):
                url = f"/control/prompts/{prompts[0]['CheckoutRequestID']}"
                self.http.post(url, json={"action": action}).raise_for_status()
                return prompts[0]
            time.sleep(0.02)
        raise TimeoutError(f"no prompt on {phone}")

    def phone(self, phone: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/control/phones/{phone}").json()
        return found

    def set_phone(self, phone: str, **state: Any) -> None:
        self.http.post(f"/control/phones/{phone}", json=state).raise_for_status()

    def paybill(self, phone: str, kes: int, reference: str = "", *, shortcode: str = "174379") -> str:
        """Somebody pays by hand at the Paybill; answers the receipt."""
        body = {"phone": phone, "amount": kes, "account_reference": reference, "shortcode": shortcode}
        answer = self.http.post("/control/paybill", json=body).raise_for_status()
        receipt: str = answer.json()["receipt"]
        return receipt

    def pays_by_hand(self, phone: str, kes: int) -> str:
        """Staff pay out at M-Pesa's portal, without us; answers the receipt."""
        body = {"phone": phone, "amount": kes}
        answer = self.http.post("/control/foreign-payout", json=body).raise_for_status()
        receipt: str = answer.json()["receipt"]
        return receipt

    def takes_back(self, receipt: str) -> None:
        """M-Pesa gives a payment back on the payer's complaint, and tells nobody."""
        self.http.post("/control/reverse", json={"receipt": receipt}).raise_for_status()

    def faults(self, *rules: dict[str, Any], seed: int = 1) -> None:
        """What goes wrong from now on; no rules: nothing."""
        self.http.post("/control/faults", json={"seed": seed, "rules": list(rules)}).raise_for_status()

    def payouts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/control/payouts").json()
        return found

    def books(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/control/books").json()
        return found

    def account(self, *names: str) -> int:
        """KES on these accounts together."""
        accounts = self.books()["accounts"]
        return sum(int(accounts.get(name, 0)) for name in names)

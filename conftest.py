"""Fixtures for every app's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from controls.selectors import thresholds_forget
from goldwallet.test.provider import Simulator
from goldwallet.test.world import World, world_create


@pytest.fixture(autouse=True)
def _fresh_thresholds() -> Iterator[None]:
    thresholds_forget()
    yield
    thresholds_forget()


@pytest.fixture
def world(db: None) -> World:
    return world_create()


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(simulator_process: Simulator, live_server: LiveServer, settings) -> Simulator:
    """The simulator, emptied, with the house's callbacks reaching the live server of this test."""
    simulator_process.reset()
    point_at(simulator_process, live_server.url, settings)
    return simulator_process


def point_at(simulator: Simulator, base_url: str, settings) -> None:
    certificate: Path = simulator.folder / "certificate.pem"
    settings.SIMULATOR_URL = simulator.url
    settings.BASE_URL = base_url
    settings.DARAJA = {**settings.DARAJA, "base_url": simulator.url, "certificate": str(certificate)}

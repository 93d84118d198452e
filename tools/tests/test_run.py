import signal
import socket
from collections.abc import Callable

import pytest

from .conftest import Checkout, end, eventually


@pytest.fixture
def house(checkout: Checkout, free_ports: tuple[int, int]) -> Checkout:
    checkout.settings |= {"PORT": str(free_ports[0]), "SIMULATOR_PORT": str(free_ports[1])}
    return checkout


@pytest.fixture
def bare_house(fresh_checkout: Checkout, free_ports: tuple[int, int]) -> Checkout:
    """Quicker, for what ends before there is a database."""
    fresh_checkout.settings |= {"PORT": str(free_ports[0]), "SIMULATOR_PORT": str(free_ports[1])}
    return fresh_checkout


@pytest.fixture
def house_without_database(bare_house: Checkout) -> Checkout:
    """Quicker, for what has nothing to do with the database: one is named, so none is started."""
    bare_house.settings["DATABASE_URL"] = "postgresql://unused/goldwallet"
    return bare_house


def runs(house: Checkout) -> Callable[[], bool]:
    return lambda: "Stop with Ctrl-C" in house.output


def test_starts_everything_and_stops_it_and_again_on_the_same_database(house: Checkout) -> None:
    seen = []
    for number in (signal.SIGINT, signal.SIGTERM):
        running = house.begin("run.py")
        assert eventually(runs(house)), house.output
        for part in ("prepare", "worker", "demo_orders"):
            assert f"{part} sees postgresql://" in house.output
        assert f"http://127.0.0.1:{house.settings['PORT']}/" in house.output
        assert end(running, number) == 0
        assert house.output.rstrip().endswith("Stopped.")
        assert eventually(lambda: not house.processes()), house.processes()
        seen.append(next(line for line in house.output.splitlines() if "prepare sees" in line))
    assert seen[0] == seen[1]


def test_nothing_is_left_when_it_is_killed(house: Checkout) -> None:
    running = house.begin("run.py")
    assert eventually(runs(house)), house.output
    assert len(house.processes()) > 5
    end(running, signal.SIGKILL)
    assert eventually(lambda: not house.processes()), house.processes()


@pytest.mark.parametrize("name", ["PORT", "SIMULATOR_PORT"])
def test_a_taken_port_is_named(bare_house: Checkout, name: str) -> None:
    house = bare_house
    with socket.create_server(("127.0.0.1", int(house.settings[name]))):
        answer = house.tool("run.py")
    assert answer.returncode == 1
    assert f"Port {house.settings[name]} is taken" in answer.stderr
    assert f"make run {name}=" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not house.processes()


def test_a_port_that_is_no_port(bare_house: Checkout) -> None:
    for value in ("80a", "0", "65536", "-1", "٨٠٠٠"):
        bare_house.settings["PORT"] = value
        answer = bare_house.tool("run.py")
        assert answer.returncode == 1, value
        assert "write a number from 1 to 65535" in answer.stderr, value


def test_one_port_for_both(bare_house: Checkout) -> None:
    bare_house.settings["SIMULATOR_PORT"] = bare_house.settings["PORT"]
    assert "they must differ" in bare_house.tool("run.py").stderr


@pytest.mark.parametrize("command", ["prepare", "worker", "demo_orders"])
def test_a_part_that_fails_ends_the_run_and_is_named(house_without_database: Checkout, command: str) -> None:
    house = house_without_database
    house.settings["FAILS"] = command
    answer = house.tool("run.py")
    assert answer.returncode == 1
    assert "this command fails" in answer.stdout
    assert f"{command.partition('_')[0]} ended with exit code 1" in answer.stderr
    assert eventually(lambda: not house.processes()), house.processes()


def test_settings_come_from_the_file_too(house_without_database: Checkout) -> None:
    house = house_without_database
    port = house.settings.pop("PORT")
    house.write(".env", f'# ours\n\nPORT="{port}"\n')
    running = house.begin("run.py")
    assert eventually(runs(house)), house.output
    assert f"http://127.0.0.1:{port}/" in house.output
    end(running)

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
def house_without_database(house: Checkout) -> Checkout:
    """Quicker, for what has nothing to do with the database: one is named, so none is started."""
    house.settings["DATABASE_URL"] = "postgresql://unused/goldwallet"
    return house


def runs(house: Checkout) -> Callable[[], bool]:
    return lambda: "Stop with Ctrl-C" in house.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_starts_everything_and_stops_it(house: Checkout, number: signal.Signals) -> None:
    running = house.begin("run.py")
    assert eventually(runs(house)), house.output
    for line in ("prepare sees postgresql://", "worker sees postgresql://", "demo_orders sees postgresql://"):
        assert line in house.output
    assert f"http://127.0.0.1:{house.settings['PORT']}/" in house.output
    assert end(running, number) == 0
    assert house.output.rstrip().endswith("Stopped.")
    assert eventually(lambda: not house.processes()), house.processes()


def test_a_second_run_uses_the_same_database(house: Checkout) -> None:
    seen = []
    for _ in range(2):
        running = house.begin("run.py")
        assert eventually(runs(house)), house.output
        seen.append(next(line for line in house.output.splitlines() if "prepare sees" in line))
        end(running)
    assert seen[0] == seen[1]


def test_nothing_is_left_when_it_is_killed(house: Checkout) -> None:
    running = house.begin("run.py")
    assert eventually(runs(house)), house.output
    assert len(house.processes()) > 5
    end(running, signal.SIGKILL)
    assert eventually(lambda: not house.processes()), house.processes()


@pytest.mark.parametrize("name", ["PORT", "SIMULATOR_PORT"])
def test_a_taken_port_is_named(house: Checkout, name: str) -> None:
    with socket.create_server(("127.0.0.1", int(house.settings[name]))):
        answer = house.tool("run.py")
    assert answer.returncode == 1
    assert f"Port {house.settings[name]} is taken" in answer.stderr
    assert f"make run {name}=" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not house.processes()


@pytest.mark.parametrize("value", ["80a", "0", "65536", "-1", "٨٠٠٠"])
def test_a_port_that_is_no_port(house: Checkout, value: str) -> None:
    house.settings["PORT"] = value
    answer = house.tool("run.py")
    assert answer.returncode == 1
    assert "write a number from 1 to 65535" in answer.stderr


def test_one_port_for_both(house: Checkout) -> None:
    house.settings["SIMULATOR_PORT"] = house.settings["PORT"]
    assert "they must differ" in house.tool("run.py").stderr


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

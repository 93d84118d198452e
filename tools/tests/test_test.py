import fcntl
from pathlib import Path

import pytest

from .conftest import Checkout


@pytest.fixture
def house(fresh_checkout: Checkout) -> Checkout:
    fresh_checkout.settings["DATABASE_URL"] = "postgresql://unused/goldwallet"
    fresh_checkout.write("test_sums.py", "def test_right(): pass\ndef test_wrong(): assert not 1\n")
    return fresh_checkout


def test_arguments_run_pytest_alone_with_them(house: Checkout) -> None:
    done = house.tool("test.py", "-k", "right")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "ruff" not in done.stdout


def test_a_failing_test_fails_the_command(house: Checkout) -> None:
    done = house.tool("test.py", "-k", "wrong")
    assert done.returncode == 1
    assert "1 failed" in done.stdout


def test_a_failing_check_fails_the_command_and_is_shown(house: Checkout) -> None:
    house.write(".venv/bin/ruff", "#!/bin/sh\necho this line is too long\nexit 1\n")
    (house.folder / ".venv/bin/ruff").chmod(0o755)
    house.write("mypy.py", "")  # before the real one on the path, which would take seconds
    for name in ("djade", "lint-imports"):
        (house.folder / ".venv/bin" / name).symlink_to("/bin/true")
    done = house.tool("test.py", "--checks")
    assert done.returncode == 1
    assert "this line is too long" in done.stdout
    results = {line.split("  ")[1]: line.split()[-1] for line in done.stdout.splitlines() if " s " in line}
    assert results["ruff check"] == results["ruff format --check"] == "FAILED"
    assert results["lint-imports"] == results["check --deploy"] == "passed"


def test_two_runs_in_one_checkout_do_not_share_a_test_database(fresh_checkout: Checkout) -> None:
    checkout = fresh_checkout
    checkout.home.mkdir(parents=True)
    with (checkout.home / "testing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = checkout.tool("test.py", "-k", "right")
    assert done.returncode == 1
    assert "running in another terminal" in done.stderr


def test_an_interpreter_that_does_not_run_is_passed_over(fresh_checkout: Checkout, tmp_path: Path) -> None:
    for name, text in {
        "python3.13": "echo 'command not found: python3.13'; exit 127",
        "python3.12": "exit 1",
        "python3": f'exec {fresh_checkout.folder}/kept/bin/python "$@"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (fresh_checkout.folder / ".venv").rename(fresh_checkout.folder / "kept")
    found = fresh_checkout.shell("sh tools/python -c 'print(6 * 7)'", path=f"{tmp_path}:/usr/bin:/bin")
    assert found.stdout.strip() == "42", found.stderr


def test_a_machine_without_a_new_enough_python_is_told(fresh_checkout: Checkout, tmp_path: Path) -> None:
    (fresh_checkout.folder / ".venv").rename(fresh_checkout.folder / "kept")
    for name in ("python3.13", "python3.12", "python3.14", "python"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    old = '[ "$1" = --version ] && echo Python 3.9.2 && exit\nexit 1'
    (tmp_path / "python3").write_text(f"#!/bin/sh\n{old}\n")
    (tmp_path / "python3").chmod(0o755)
    refused = fresh_checkout.shell("make run", path=f"{tmp_path}:/usr/bin:/bin")
    assert refused.returncode != 0
    assert "Gold Wallet needs Python 3.12 or newer; found: Python 3.9.2." in refused.stderr

"""No container engine is needed to see whether the files for one fit together and fit the settings."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]

READERS = r"_secret|env\.(text|choice|flag|number|names)"


def dockerfile() -> list[list[str]]:
    """Its instructions, each as a list of words."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def example_names() -> set[str]:
    return set(re.findall(r"^([A-Z][A-Z0-9_]*)=", EXAMPLE, re.MULTILINE))


def settings_names() -> set[str]:
    """The environment variables that the settings read: first argument of each reader in
    goldwallet/settings.py."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "goldwallet/settings.py").read_text())):
        if isinstance(node, ast.Call) and re.fullmatch(READERS, ast.unparse(node.func)):
            names.add(node.args[0])
    return {str(name.value) for name in names if isinstance(name, ast.Constant)}


def test_the_parts_are_there_and_only_the_demo_has_a_simulator() -> None:
    assert {"db", "web", "worker", "simulator"} <= set(SERVICES)
    demo = {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]}
    assert demo == {"simulator", "orders"}
    assert SERVICES["db"]["image"] == "postgres:18"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_waits_for_services_that_start_with_it(name: str) -> None:
    service = SERVICES[name]
    for other, how in service.get("depends_on", {}).items():
        assert set(SERVICES[other].get("profiles", [])) <= set(service.get("profiles", []))
        if how["condition"] == "service_healthy" and other != "web":  # web's is in the image
            assert "test" in SERVICES[other]["healthcheck"]
        if how["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_port_is_open_to_the_network_and_no_secret_is_written_down(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    for key, value in service.get("environment", {}).items():
        assert not re.search("PASSWORD|SECRET|KEY", key) or value.startswith("${")


def test_volumes_are_declared_and_the_simulators_is_writable_to_it_alone() -> None:
    mounts = {name: service.get("volumes", []) for name, service in SERVICES.items()}
    assert {mount.split(":")[0] for each in mounts.values() for mount in each} == set(COMPOSE["volumes"])
    assert mounts["db"] == [
        "database:/var/lib/postgresql"
    ]  # since PostgreSQL 18 the image keeps versions below it
    writable = {name for name, each in mounts.items() for m in each if m == "simulator:/app/var/simulator"}
    assert writable == {"simulator"}


def test_commands_of_services_exist() -> None:
    commands = [service["command"] for service in SERVICES.values() if "command" in service]
    for command in commands:
        if command[:2] == ["python", "manage.py"]:
            assert command[2] in get_commands(), command
        else:
            assert command == ["python", "-m", "simulator"]


def test_variables_of_the_compose_file_are_explained() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert used <= example_names()


def test_the_example_names_every_setting_and_nothing_else() -> None:
    extra = {name for name in example_names() if name.startswith("SIMULATOR_")} | {"POSTGRES_PASSWORD"}
    assert settings_names() <= example_names()
    assert example_names() - settings_names() <= extra


def test_the_simulators_examples_are_read_by_it() -> None:
    ours = {name for name in example_names() if name.startswith("SIMULATOR_")} - {"SIMULATOR_URL"}
    source = (ROOT / "simulator/config.py").read_text()
    assert all(f'"{name}"' in source for name in ours)


def test_the_image_runs_as_a_user_and_copies_what_is_there() -> None:
    lines = dockerfile()
    assert [words[1] for words in lines if words[0] == "FROM"] == ["python:3.13-slim"] * 2
    last_stage = lines[max(n for n, words in enumerate(lines) if words[0] == "FROM") :]
    assert [words[1] for words in last_stage if words[0] == "USER"] == ["goldwallet"]
    for words in lines:
        if words[0] == "COPY" and not words[1].startswith("--from"):
            assert all((ROOT / source).exists() for source in words[1:-1]), words
        if words[0] == "ENV":
            assert not re.search("SECRET|PASSWORD|KEY", " ".join(words))


def test_the_image_serves_as_make_run_does() -> None:
    command = next(" ".join(words[1:]) for words in dockerfile() if words[0] == "CMD")
    source = (ROOT / "tools/run.py").read_text()
    workers, threads = re.search(r"WEB_WORKERS, WEB_THREADS = (\d+), (\d+)", source).groups()
    served = ast.literal_eval(command)
    assert served[served.index("--workers") + 1] == workers
    assert served[served.index("--blocking-threads") + 1] == threads


def test_nothing_private_reaches_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert {".git", ".env", "var", ".venv"} <= set(ignored)


def test_pre_commit_uses_the_tools_of_the_project() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    required = (ROOT / "requirements-dev.in").read_text()
    packages = {"ruff": "ruff", "djade": "djade", "lint-imports": "import-linter"}
    for hook in config["repos"][0]["hooks"]:
        program = shlex.split(hook["entry"])[0]
        if program != "make":
            assert program.startswith(".venv/bin/")
            assert re.search(rf"^{packages[program.removeprefix('.venv/bin/')]}$", required, re.MULTILINE)


def test_locks_hold_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "tools/uv.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"https?://|--index|--find-links|file:", text), name
        for line in re.findall(r"^[a-z0-9][^\n]*", text, re.MULTILINE | re.IGNORECASE):
            assert line.endswith("\\"), f"{name}: {line} has no hash"


def test_the_lock_of_the_tools_holds_all_of_the_lock_to_run() -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[a-z0-9][^\s;]*==[^\s;]+", (ROOT / name).read_text(), re.MULTILINE | re.IGNORECASE)
        )

    assert pins("requirements.txt") <= pins("requirements-dev.txt")

"""Every service keeps the conventions: options, the ready line, health, signals, exit statuses."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.constellation import ADDRESSES, CONSTELLATION, Service
from tests.processes import ROOT, Running, run_service, running_service

# One service of each package: the ledgers are the same program.
PROGRAMS = list({service.package: service for service in reversed(CONSTELLATION)}.values())[::-1]
SERVERS = [service for service in PROGRAMS if service.port is not None]


def by_package(services: list[Service]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", services, ids=[s.package for s in services])


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of a kvdb and a pubsub that run; nothing is at the others."""
    logs = tmp_path_factory.mktemp("store")
    kvdb_settings = {"KVDB_PORT": "0", "KVDB_DATA_DIR": str(logs / "kvdb")}
    with (
        running_service("kvdb", kvdb_settings, logs / "kvdb.log") as kvdb,
        running_service("pubsub", {"PUBSUB_PORT": "0"}, logs / "pubsub.log") as pubsub,
    ):
        yield {
            "KVDB_URL": f"redis://{kvdb.endpoint}/0",
            "PUBSUB_URL": f"redis://{pubsub.endpoint}",
        }


def settings_of(service: Service, urls: dict[str, str], directory: Path) -> dict[str, str]:
    """A free port, a directory of its own, and addresses: nobody listens where none is given."""
    nowhere = {address.variable: address.url.format("127.0.0.1:1") for address in ADDRESSES}
    settings = {name: value for name, value in (nowhere | urls).items() if name in service.reads}
    if service.port is not None:
        settings[service.option_variable("port")] = "0"
    if service.keeps_data:
        settings[service.option_variable("data-dir")] = str(directory / "data")
    if service.has_name:
        settings[service.option_variable("name")] = f"{service.package}-under-test"
    return settings


def asked_for_health(service: Service, running: Running) -> int:
    settings = dict(running.settings)
    if service.port is not None:
        settings[service.option_variable("port")] = running.endpoint.rpartition(":")[2]
    return run_service(service.package, "--health", settings=settings).returncode


@by_package(PROGRAMS)
def test_help_names_every_option_with_its_variable(service: Service) -> None:
    shown = run_service(service.package, "--help")
    options = {"grace", "log-level"}
    options |= {"host", "port"} if service.port is not None else set()
    options |= {"data-dir"} if service.keeps_data else set()
    options |= {"name"} if service.has_name else set()
    variables = {service.option_variable(option) for option in options} | set(service.reads)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert {o for o in options | {"health"} if f"--{o}" not in shown.stdout} == set()
    assert {v for v in variables if f"[{v}" not in shown.stdout.replace("\n", " ")} == set()


@by_package(PROGRAMS)
@pytest.mark.parametrize(
    ("option", "value"),
    [("--no-such-option", "1"), ("--grace", "soon"), ("--log-level", "loud"), ("surplus", "1")],
)
def test_a_bad_option_is_one_line_and_status_2(service: Service, option: str, value: str) -> None:
    ended = run_service(service.package, option, value)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert option.lstrip("-") in ended.stderr


@by_package(PROGRAMS)
def test_a_bad_setting_of_the_environment_is_one_line_and_status_2(service: Service) -> None:
    variable = service.option_variable("grace")
    ended = run_service(service.package, settings={variable: "soon"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert variable in ended.stderr


@by_package(SERVERS)
def test_a_port_in_use_is_one_line_and_status_1(
    service: Service, urls: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = settings_of(service, urls, tmp_path)
        settings[service.option_variable("port")] = port
        ended = run_service(service.package, settings=settings)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert port in ended.stderr


@by_package(PROGRAMS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_its_life(
    service: Service, number: signal.Signals, urls: dict[str, str], tmp_path: Path
) -> None:
    """It says one line, answers for its health, ends with 0 when asked, and answers no more."""
    settings = settings_of(service, urls, tmp_path)
    with running_service(service.package, settings, tmp_path / "log") as running:
        assert running.ready_line.split()[:2] == [service.package, "ready"]
        assert asked_for_health(service, running) == 0
        assert running.stop(number) == (0, b"")
        assert "Traceback" not in running.log.read_text()
        assert asked_for_health(service, running) == 1


# kvdb has its engine imported by then.
@by_package([service for service in PROGRAMS if service.package != "kvdb"])
def test_what_asks_for_health_has_not_imported_the_server(service: Service) -> None:
    """A container starts that process every few seconds, and importing is most of its cost."""
    program = f"import sys, services.{service.package}.__main__; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert shown.returncode == 0
    assert b"services.common.options" in shown.stdout.split()
    assert b"services.common.event_loop" not in shown.stdout.split()


@by_package([service for service in PROGRAMS if service.reads])
def test_it_lives_while_the_others_are_down(service: Service, tmp_path: Path) -> None:
    """It is ready, says so once, and stops as it should, though nobody is at any address."""
    settings = settings_of(service, {}, tmp_path)
    with running_service(service.package, settings, tmp_path / "log") as running:
        assert running.stop() == (0, b"")
        assert "Traceback" not in running.log.read_text()

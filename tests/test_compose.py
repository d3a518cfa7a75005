"""compose.yaml and services/constellation.py say the same; and what a container may not do."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.constellation import (
    CONSTELLATION,
    Service,
    addresses,
    chosen_settings,
    more_ports,
    own_settings,
)
from services.supervisor import STOP_TIMEOUT_S

ROOT = Path(__file__).resolve().parent.parent
CONTAINER_DATA_DIR = Path("/data")

Entry = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Entry:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(params=CONSTELLATION, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Service:
    return request.param


@pytest.fixture
def entry(compose: Entry, service: Service) -> Entry:
    return compose["services"][service.name]


def expected_environment(service: Service) -> dict[str, str]:
    """What a process is told, with a container's host, directory and host names."""
    own = own_settings(service, service.name, "0.0.0.0", service.port, CONTAINER_DATA_DIR)
    own |= more_ports(service, environ={})
    if service.keeps_data:
        own[service.option_variable("data-dir")] = str(CONTAINER_DATA_DIR)
    if service.replicas > 1:
        # Replicas are equal in Compose, and name themselves after their host.
        own.pop(service.option_variable("name"))
    endpoints = {other.name: f"{other.name}:{other.port}" for other in CONSTELLATION}
    overridable = chosen_settings(service, environ={}) | addresses(service.reads, endpoints, {})
    return own | {name: f"${{{name}:-{value}}}" for name, value in overridable.items()}


def test_both_name_the_same_services(compose: Entry) -> None:
    assert list(compose["services"]) == [service.name for service in CONSTELLATION]


def test_the_same_program_runs_and_is_asked_for_its_health(service: Service, entry: Entry) -> None:
    program = ["python3", "-m", f"services.{service.package}"]
    assert entry["command"].split() == program
    assert entry["healthcheck"]["test"] == ["CMD", *program, "--health"]


def test_the_same_settings(service: Service, entry: Entry) -> None:
    environment = {name: str(value) for name, value in entry["environment"].items()}
    assert environment == expected_environment(service)


def test_the_same_ports_published_on_this_machine_alone(service: Service, entry: Entry) -> None:
    ports = [service.port, *(port for _, port in service.more_ports)] if service.port else []
    assert entry.get("ports", []) == [
        f"127.0.0.1:${{{variable}:-{port}}}:{port}"
        for variable, port in zip(service.port_variables, ports, strict=True)
    ]


def test_the_same_order(service: Service, entry: Entry) -> None:
    needs = {name: {"condition": "service_healthy"} for name in service.needs}
    assert entry.get("depends_on", {}) == needs


def test_the_same_replicas(service: Service, entry: Entry) -> None:
    assert entry.get("deploy", {}).get("replicas", 1) == service.replicas


def test_data_is_kept_in_a_volume_of_its_own(
    service: Service, entry: Entry, compose: Entry
) -> None:
    mounts = [f"{service.name}:{CONTAINER_DATA_DIR}"] if service.keeps_data else []
    assert entry.get("volumes", []) == mounts
    assert (service.name in compose["volumes"]) == service.keeps_data


def test_a_container_can_do_little(entry: Entry) -> None:
    assert entry["read_only"] is True
    assert entry["tmpfs"] == "/tmp"
    assert entry["cap_drop"] == ["ALL"]
    assert entry["security_opt"] == ["no-new-privileges:true"]
    assert entry["init"] is True
    assert entry["mem_limit"]
    assert entry["pids_limit"]
    assert "privileged" not in entry
    assert "cap_add" not in entry


def test_a_container_is_looked_after(entry: Entry) -> None:
    assert entry["restart"] == "unless-stopped"
    assert float(entry["stop_grace_period"].removesuffix("s")) == STOP_TIMEOUT_S
    assert set(entry["logging"]["options"]) == {"max-size", "max-file"}


def test_the_inner_network_is_closed(compose: Entry, service: Service, entry: Entry) -> None:
    assert compose["networks"]["inside"]["internal"] is True
    assert entry["networks"] == (["inside", "outside"] if service.port else ["inside"])


def test_the_image_is_built_once(compose: Entry) -> None:
    assert {entry["image"] for entry in compose["services"].values()} == {"glassbox"}
    assert [name for name, entry in compose["services"].items() if "build" in entry] == ["kvdb"]

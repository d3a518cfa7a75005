"""The table of the constellation: it is consistent, and its variables mean what they say."""

from pathlib import Path

import pytest

from services.constellation import (
    ADDRESSES,
    CONSTELLATION,
    addresses,
    chosen_settings,
    own_settings,
    process_names,
    published_port,
)

BY_NAME = {service.name: service for service in CONSTELLATION}
ENDPOINTS = {service.name: f"127.0.0.1:{service.port}" for service in CONSTELLATION}


def test_names_and_ports_are_used_once() -> None:
    ports = [service.port for service in CONSTELLATION if service.port]
    ports += [port for service in CONSTELLATION for _, port in service.more_ports]
    names = [name for service in CONSTELLATION for name in process_names(service)]
    assert len(ports) == len(set(ports))
    assert len(names) == len(set(names))


def test_a_service_stands_below_all_that_it_needs() -> None:
    seen: set[str] = set()
    for service in CONSTELLATION:
        assert set(service.needs) <= seen
        seen.add(service.name)


def test_a_service_needs_everything_whose_address_it_reads() -> None:
    for address in ADDRESSES:
        readers = [s for s in CONSTELLATION if address.variable in s.reads]
        assert readers
        for reader in readers:
            assert set(address.services) <= set(reader.needs)


def test_a_process_is_told_its_own_options() -> None:
    settings = own_settings(BY_NAME["ledger-2"], "ledger-2", "127.0.0.1", 4252, Path("/d"))
    assert settings == {
        "LEDGER_HOST": "127.0.0.1",
        "LEDGER_PORT": "4252",
        "LEDGER_NAME": "ledger-2",
        "LEDGER_DATA_DIR": "/d/ledger-2",
    }


def test_a_replica_is_told_its_name_and_no_port() -> None:
    worker = BY_NAME["worker"]
    assert process_names(worker) == ["worker-1", "worker-2"]
    assert own_settings(worker, "worker-2", "127.0.0.1", None, Path("/d")) == {
        "WORKER_NAME": "worker-2"
    }


def test_addresses_are_urls_of_the_real_endpoints() -> None:
    assert addresses(["KVDB_URL", "LEDGER_URLS"], ENDPOINTS, environ={}) == {
        "KVDB_URL": "redis://127.0.0.1:4242/0",
        "LEDGER_URLS": "http://127.0.0.1:4251,http://127.0.0.1:4252,http://127.0.0.1:4253",
    }


def test_an_address_of_the_environment_stands() -> None:
    real_redis = {"KVDB_URL": "redis://elsewhere:6379/1"}
    assert addresses(["KVDB_URL", "PUBSUB_URL"], ENDPOINTS, real_redis) == {
        "KVDB_URL": "redis://elsewhere:6379/1",
        "PUBSUB_URL": "redis://127.0.0.1:4243",
    }


def test_a_chosen_setting_gives_way_to_the_environment() -> None:
    chosen = chosen_settings(BY_NAME["kvdb"], {"KVDB_MAXMEMORY_MB": "9"})
    assert chosen["KVDB_MAXMEMORY_MB"] == "9"
    assert chosen["KVDB_SNAPSHOT_INTERVAL_S"] == "10"


def test_a_port_comes_from_the_environment_under_the_services_name() -> None:
    ledger = BY_NAME["ledger-3"]
    assert published_port(ledger, {}) == 4253
    assert published_port(ledger, {"LEDGER_3_PORT": ""}) == 4253
    assert published_port(ledger, {"LEDGER_3_PORT": "0", "LEDGER_PORT": "9"}) == 0
    assert published_port(BY_NAME["worker"], {"WORKER_PORT": "9"}) is None


@pytest.mark.parametrize("text", ["abc", "-1", "65536", "4242 ", "१"])
def test_what_is_no_port_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="KVDB_PORT"):
        published_port(BY_NAME["kvdb"], {"KVDB_PORT": text})

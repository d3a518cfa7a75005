"""Where a program's queue is: as it says, as its environment says, or at the usual place."""

import os
from collections.abc import Iterator

import pytest

from services.broker import connections
from services.broker.http_client import BrokerClient
from services.broker.store_client import StoreClient
from services.broker.tests.support import Store


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("BROKER_URL", "KVDB_URL", "PUBSUB_URL"):
        monkeypatch.delenv(name, raising=False)
    connections._process.forget()
    yield
    connections._process.forget()


def test_without_a_word_it_is_the_broker_of_this_machine():
    with connections.open_connection() as connection:
        assert isinstance(connection, BrokerClient)
        assert connection.url == "http://127.0.0.1:4246"


@pytest.mark.parametrize(
    ("environment", "kind", "url"),
    [
        ({"BROKER_URL": "http://broker:4246"}, BrokerClient, "http://broker:4246"),
        ({"BROKER_URL": "redis://kvdb"}, StoreClient, "redis://kvdb:4242"),
        # A worker tells its tasks where kvdb is.
        ({"KVDB_URL": "redis://kvdb:1/3"}, StoreClient, "redis://kvdb:1"),
        ({"BROKER_URL": "http://b:1", "KVDB_URL": "redis://kvdb"}, BrokerClient, "http://b:1"),
    ],
)
def test_the_environment_says_where_it_is(monkeypatch, environment: dict, kind: type, url: str):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with connections.open_connection() as connection:
        assert (type(connection), connection.url) == (kind, url)


@pytest.mark.parametrize("url", ["broker:4246", "https://broker", "ftp://x", "redis:///0"])
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(ValueError, match=r"not an http|is not of the form"):
        connections.open_connection(url)


def test_the_process_has_one_connection_until_it_is_told_of_another():
    first = connections.current()
    assert connections.current() is first
    second = connections.connect("http://127.0.0.1:4247")
    assert connections.current() is second


def test_a_process_that_was_forked_has_one_of_its_own(store: Store):
    connections.connect(store.kvdb_url, pubsub_url=store.pubsub_url)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        is_own = connections._process._connection is None
        os.write(writing, b"own" if is_own else b"that of its parent")
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"own"
    os.close(reading)
    connections.current().close()

"""Three nodes as processes, with kvdb and pubsub: they agree, whatever happens to one of them.

KVDB_URL and PUBSUB_URL put real servers in the place of ours, except where a test has to stop
them. The list `hiponet` must be empty there: nobody's ledger is deleted for a test.
"""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.common.redis_url import parse_redis_url
from services.common.resp import encode_request
from services.common.resp_client import RespConnection
from services.kvdb.client import KVClient
from services.ledger.client import LedgerClient
from services.ledger.hiponet import LIST
from services.ledger.ledger import Ledger
from services.ledger.tests.messages import issue, message, transfer
from services.web.client import HTTPClientError
from tests.processes import Running, running_service

NAMES = ("ledger-1", "ledger-2", "ledger-3")
PATIENCE_S = 30.0


class Network:
    """The nodes that run, and the list they follow."""

    def __init__(self, kvdb_url: str, pubsub_url: str, directory: Path):
        self.urls = {"KVDB_URL": kvdb_url, "PUBSUB_URL": pubsub_url}
        self.directory = directory
        self.kv = KVClient(parse_redis_url(kvdb_url, 4242))
        self.processes: dict[str, Running] = {}
        self.clients: dict[str, LedgerClient] = {}
        self._stack = contextlib.ExitStack()

    def start(self, name: str, *, stop_at_round: int | None = None) -> LedgerClient:
        """Start a node, with the data it had; its client when it is ready."""
        settings = {
            "LEDGER_NAME": name,
            "LEDGER_PORT": "0",
            "LEDGER_DATA_DIR": str(self.directory / name),
            **self.urls,
        }
        if stop_at_round is not None:
            settings["LEDGER_STOP_AT_ROUND"] = str(stop_at_round)
        log = self.directory / f"{name}.log"
        process = self._stack.enter_context(running_service("ledger", settings, log))
        self.processes[name] = process
        self.clients[name] = LedgerClient(f"http://{process.endpoint}", timeout_s=PATIENCE_S)
        return self.clients[name]

    def append(self, *messages: bytes) -> None:
        """As any Redis client would: announced by nobody."""
        self.kv.execute("RPUSH", LIST, *messages)

    def messages(self) -> list[bytes]:
        return self.kv.execute("LRANGE", LIST, 0, -1)

    def agreed(self) -> dict:
        """The balances of all nodes, once each has applied the whole list and knows the others.

        They are those that a ledger of our own comes to.
        """
        expected = Ledger()
        expected.replay(self.messages())

        def is_there(status: dict) -> bool:
            return status["index"] == expected.index and all(
                peer["relation"] == "agrees" for peer in status["peers"]
            )

        for name, client in self.clients.items():
            others = sorted(set(self.clients) - {name})
            status = wait_until(
                client.status,
                lambda status, others=others: (
                    is_there(status) and [peer["name"] for peer in status["peers"]] == others
                ),
            )
            assert status["state_root"] == expected.state_root()
            assert status["round"] == expected.round and status["agrees"] is True
            assert client.balances()["balances"] == expected.balances
        return expected.balances

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        self._stack.close()
        self.kv.close()


def wait_until(ask: Callable[[], dict], condition: Callable[[dict], bool]) -> dict:
    """Ask until the answer is as wished; an answer that cannot be had is not."""
    deadline_s = time.monotonic() + PATIENCE_S
    answer: object = None
    while time.monotonic() < deadline_s:
        try:
            answer = ask()
            if condition(answer):
                return answer
        except HTTPClientError as error:
            answer = error
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE_S} s; the last answer was {answer}")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of kvdb and pubsub: the environment's, else of our own."""
    directory = tmp_path_factory.mktemp("servers")
    with contextlib.ExitStack() as stack:

        def url(service: str) -> str:
            given = os.environ.get(f"{service}_URL".upper())
            if given:
                return given
            settings = {f"{service}_PORT".upper(): "0"}
            log = directory / f"{service}.log"
            running = stack.enter_context(running_service(service, settings, log))
            return f"redis://{running.endpoint}"

        urls = url("kvdb"), url("pubsub")
        kv = KVClient(parse_redis_url(urls[0], 4242))
        if kv.execute("LLEN", LIST):
            pytest.fail(f"there is a ledger at {urls[0]}: the list {LIST} is not empty")
        yield urls
        kv.execute("DEL", LIST)
        kv.close()


@pytest.fixture
def network(servers: tuple[str, str], tmp_path: Path) -> Iterator[Network]:
    network = Network(*servers, tmp_path)
    network.kv.execute("DEL", LIST)
    yield network
    network.close()


@pytest.fixture
def three(network: Network) -> Network:
    for name in NAMES:
        network.start(name)
    return network


def test_three_nodes_agree(three: Network):
    first, second, third = three.clients.values()
    answer = first.submit([transfer("HIPO", "ada", 100)])
    assert answer == {"index": 0, "applied": True, "accepted": True, "round": 1}
    assert second.submit([transfer("ada", "bob", 30)])["round"] == 2
    assert third.submit([transfer("bob", "cem", 31)])["reason"] == "overspending"
    # Appended by a plain client, which announces nothing; also what is no group at all.
    three.append(b"\xff", b"[" * 9000, message(transfer("ada", "cem", 5)))
    assert three.agreed() == {"HIPO": -100, "ada": 65, "bob": 30, "cem": 5}
    assert second.balances(1)["balances"] == {"HIPO": -100, "ada": 100}
    assert third.group(2)["reason"] == "overspending"
    with pytest.raises(HTTPClientError) as error:
        first.submit([])
    assert error.value.status == 422


def test_a_killed_node_catches_up(three: Network):
    first = three.clients["ledger-1"]
    first.submit([transfer("HIPO", "ada", 100)])
    three.agreed()
    three.processes["ledger-3"].stop(signal.SIGKILL)
    three.append(*[message(transfer("ada", "bob", 1))] * 20)
    three.start("ledger-3")
    assert three.agreed()["bob"] == 20


def test_a_node_goes_on_from_its_snapshot(three: Network):
    first = three.clients["ledger-1"]
    first.submit([transfer("HIPO", "ada", 100)])
    three.append(*[message(transfer("ada", "bob", 1))] * 20)
    three.agreed()
    status, rest = three.processes["ledger-3"].stop()
    assert (status, rest) == (0, b"")
    three.append(message(transfer("bob", "cem", 7)))
    client = three.start("ledger-3")
    assert three.agreed() == {"HIPO": -100, "ada": 80, "bob": 13, "cem": 7}
    assert client.balances(2)["balances"] == {"HIPO": -100, "ada": 99, "bob": 1}
    log = three.processes["ledger-3"].log.read_text()
    assert "snapshot loaded round=21 index=21" in log


def test_a_damaged_snapshot_is_said_and_the_list_read(network: Network):
    network.append(issue(ada=100), message(transfer("ada", "bob", 1)))
    network.start("ledger-1")
    network.agreed()
    network.processes["ledger-1"].stop()
    path = network.directory / "ledger-1" / "ledger.snapshot"
    path.write_bytes(path.read_bytes().replace(b"ada", b"eda"))
    network.start("ledger-1")
    assert network.agreed() == {"HIPO": -100, "ada": 99, "bob": 1}
    assert "the checksum is wrong" in network.processes["ledger-1"].log.read_text()


def test_a_snapshot_of_another_list_is_noticed(network: Network):
    network.append(issue(ada=100), message(transfer("ada", "bob", 1)))
    network.start("ledger-1")
    network.agreed()
    network.processes["ledger-1"].stop()
    network.kv.execute("DEL", LIST)
    network.append(issue(ada=50), message(transfer("ada", "bob", 1)), b"more")
    network.start("ledger-1")
    assert network.agreed() == {"HIPO": -50, "ada": 49, "bob": 1}
    assert "building the ledger anew" in network.processes["ledger-1"].log.read_text()


@pytest.mark.parametrize("left", [0, 3])
def test_a_list_that_lost_its_end_is_noticed(three: Network, left: int):
    three.append(issue(ada=100), *[message(transfer("ada", "bob", 1))] * 9)
    three.agreed()
    if left:
        three.kv.execute("LTRIM", LIST, 0, left - 1)
    else:
        three.kv.execute("DEL", LIST)
    three.agreed()
    three.append(message(transfer("ada", "bob", 1, note="after")))
    assert three.agreed().get("bob", 0) == max(0, left)


def test_nodes_that_differ_look_again(network: Network):
    """The list is changed where nobody looks again, until a node that joins sees another one."""
    network.append(issue(ada=100), *[message(transfer("ada", "bob", 1))] * 9)
    first = network.start("ledger-1")
    network.agreed()
    root = first.status()["state_root"]
    network.kv.execute("LSET", LIST, 1, message(transfer("ada", "cem", 1)))
    network.start("ledger-2")
    assert network.agreed()["cem"] == 1
    assert first.status()["state_root"] != root
    assert "a peer differs" in network.processes["ledger-1"].log.read_text()


def test_a_node_that_stops_at_a_round(network: Network):
    network.append(issue(ada=100), *[message(transfer("ada", "bob", 1))] * 60)
    client = network.start("ledger-1", stop_at_round=42)
    status = wait_until(client.status, lambda status: status["state"] == "stopped")
    assert status["round"] == 42
    assert client.balances() == {"round": 42, "balances": {"HIPO": -100, "ada": 59, "bob": 41}}
    other = network.start("ledger-2")
    wait_until(other.status, lambda status: status["round"] == 61)
    assert other.balances(42) == client.balances()


def test_servers_that_come_and_go(tmp_path: Path):
    """Nodes start before their servers, lose both, and need nobody's help."""
    ports = {"kvdb": free_port(), "pubsub": free_port()}
    with contextlib.ExitStack() as stack:

        def serve(service: str) -> Running:
            settings = {f"{service}_PORT".upper(): str(ports[service])}
            log = tmp_path / f"{service}.log"
            return stack.enter_context(running_service(service, settings, log))

        urls = [f"redis://127.0.0.1:{port}" for port in ports.values()]
        network = Network(*urls, tmp_path)
        stack.callback(network.close)
        first, second = network.start("ledger-1"), network.start("ledger-2")
        assert refusal(first) == 503
        assert first.balances() == {"round": 0, "balances": {}}

        kvdb, pubsub = serve("kvdb"), serve("pubsub")
        wait_until(first.status, lambda status: status["state"] == "following")
        first.submit([transfer("HIPO", "ada", 100)])
        network.agreed()

        pubsub.stop(signal.SIGKILL)
        first.submit([transfer("ada", "bob", 1)])
        wait_until(second.status, lambda status: status["index"] == 2)

        kvdb.stop(signal.SIGKILL)
        assert refusal(first) == 503
        assert second.balances()["balances"]["bob"] == 1

        serve("pubsub")
        serve("kvdb")  # Empty: it kept nothing.
        wait_until(first.status, lambda status: status["index"] == 0)
        assert first.submit([transfer("HIPO", "cem", 7)])["accepted"] is True
        assert network.agreed() == {"HIPO": -7, "cem": 7}
        log = network.processes["ledger-1"].log.read_text()
        assert log.count("cannot read the list") == 2
        assert log.count("building the ledger anew") == 1


def refusal(client: LedgerClient) -> int | None:
    """The status with which a node refuses a group."""
    with pytest.raises(HTTPClientError) as error:
        client.submit([transfer("ada", "bob", 1)])
    return error.value.status


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_what_nodes_say_on_the_channel(network: Network, servers: tuple[str, str]):
    """Any Redis client can listen in; the words are those of the README."""
    client = network.start("ledger-1")
    listener = RespConnection(parse_redis_url(servers[1], 4243))
    listener.send(encode_request(["SUBSCRIBE", "hiponet"]))
    assert listener.read_reply()[0] == b"subscribe"
    client.submit([transfer("HIPO", "ada", 1)])
    heard = {}
    while not {"group", "status"} <= heard.keys() or heard["status"]["index"] < 1:
        announcement = json.loads(listener.read_reply()[2])
        heard[announcement["kind"]] = announcement
    listener.close()
    assert heard["group"] == {"kind": "group", "node": "ledger-1", "index": 0}
    assert heard["status"]["state_root"] == client.status()["state_root"]

"""CONFIG: every parameter that is shown can be read; what is set counts, or nothing does."""

import socket

import pytest

from services.common.resp import OK, ReplyError
from services.kvdb.parameters import PARAMETERS, WITHOUT_EFFECT
from services.kvdb.settings import OutputLimit
from services.kvdb.tests.serving import Running, serving
from services.kvdb.tests.support import Console


@pytest.fixture
def console() -> Console:
    return Console()


def get(console: Console, name: str) -> str:
    return console("CONFIG", "GET", name)[name.encode()].decode()


def test_each_parameter_takes_the_value_that_it_shows(console: Console) -> None:
    before = console("CONFIG", "GET", "*")
    for name, value in before.items():
        assert console("CONFIG", "SET", name, value) == OK, name
    assert console("CONFIG", "GET", "*") == before


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("maxmemory", "1gb", "1073741824"),
        ("maxmemory", "1k", "1000"),
        ("maxmemory-clients", "5%", "5%"),
        ("maxmemory-clients", "1mb", "1048576"),
        ("timeout", "10", "10"),
        ("auto-aof-rewrite-min-size", "1mb", "1048576"),
        ("latency-tracking-info-percentiles", "50 99.9", "50 99.9"),
        ("repl-backlog-size", "1mb", "1048576"),
        ("slave-priority", "7", "7"),
        ("appendonly", "no", "no"),
        (
            "client-output-buffer-limit",
            "pubsub 32mb 8mb 60 replica 1k 0 0",
            "normal 0 0 0 slave 1000 0 0 pubsub 33554432 8388608 60",
        ),
    ],
)
def test_a_value_is_set_and_shown(console: Console, name: str, value: str, shown: str) -> None:
    assert console("CONFIG", "SET", name, value) == OK
    assert get(console, name) == shown


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("maxmemory", "-1", "argument must be a memory value"),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "x%", "argument must be a memory or percent value"),
        ("maxclients", "0", "argument must be between 1 and 2147483647 inclusive"),
        ("slowlog-max-len", "+1", "argument couldn't be parsed into an integer"),
        ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
        ("replica-read-only", "maybe", "argument must be 'yes' or 'no'"),
        ("repl-timeout", "soon", "argument must be a memory value"),
        ("save", "10", "Invalid save parameters"),
        ("save", "0 1", "Invalid save parameters"),
        ("proto-max-bulk-len", "5", "argument must be between 1048576 and"),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "nobody 1 2 3",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal x 2 3",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        ("latency-tracking-info-percentiles", "101", "Invalid latency-tracking-info-percentiles"),
        ("databases", "17", "can't set immutable config"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(
    console: Console, name: str, value: str, reason: str
) -> None:
    before = console("CONFIG", "GET", "*")
    reply = console("CONFIG", "SET", "hash-max-listpack-entries", "7", name, value)
    assert f"(possibly related to argument '{name}') - {reason}" in reply
    assert console("CONFIG", "GET", "*") == before


def test_former_names_are_the_same_parameters(console: Console) -> None:
    console("CONFIG", "SET", "list-max-ziplist-size", "5")
    assert get(console, "list-max-listpack-size") == "5"
    console("CONFIG", "SET", "replica-priority", "5")
    assert get(console, "slave-priority") == "5"


def test_what_is_hidden_is_shown_by_name_alone(console: Console) -> None:
    assert b"key-load-delay" not in console("CONFIG", "GET", "*")
    assert console("CONFIG", "GET", "key-load-delay") == {b"key-load-delay": b"0"}


def test_what_has_no_effect_is_told_apart() -> None:
    """A parameter is in one of the lists alone."""
    working = {name for name, it in PARAMETERS.items() if name not in WITHOUT_EFFECT}
    assert "maxmemory" in working
    assert not working & set(WITHOUT_EFFECT)


def test_without_replicas_nothing_is_written_that_needs_some(console: Console) -> None:
    console("SET", "a", 1)
    console("MULTI")
    console("SET", "a", 2)
    other = Console(console.engine)
    other("CONFIG", "SET", "min-replicas-to-write", 1)
    assert console("EXEC").startswith("EXECABORT Transaction discarded because of: NOREPLICAS")
    assert other("SET", "a", 3) == "NOREPLICAS Not enough good replicas to write."
    assert other("GET", "a") == b"1"
    other("CONFIG", "SET", "min-replicas-to-write", 0)
    assert console("SET", "a", 4) == OK


def test_a_transaction_that_the_disk_refuses_is_refused_whole(console: Console) -> None:
    console("MULTI")
    console("PING")
    console("SET", "a", 1)
    console.engine.journal.is_refusing = True
    assert console("EXEC").startswith("EXECABORT Transaction discarded because of: MISCONF")
    assert console("EXEC") == "ERR EXEC without MULTI"
    console("MULTI")
    console("PING")
    assert console("EXEC") == ["PONG"]


# What concerns sockets.


@pytest.fixture
def server() -> Running:
    with serving() as running:
        yield running


def set_parameter(server: Running, *words: str) -> None:
    assert server.client().execute("CONFIG", "SET", *words) == "OK"


def test_the_server_moves_to_another_port(server: Running) -> None:
    staying = server.client()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    set_parameter(server, "port", str(port))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(b"PING\r\n")
        assert sock.recv(100) == b"+PONG\r\n"
    assert staying.execute("CONFIG", "GET", "port") == [b"port", b"%d" % port]
    with pytest.raises(ConnectionError):
        server.connect()


def test_a_port_that_is_taken_is_refused_and_all_stays_as_it_was(server: Running) -> None:
    client = server.client()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ReplyError, match=r"'port'.*Unable to listen on this port"):
            client.execute("CONFIG", "SET", "maxmemory", "77", "port", str(port))
    assert client.execute("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"0"]
    assert server.client().execute("PING") == "PONG"


def test_the_number_of_clients_and_their_patience_can_be_set(server: Running) -> None:
    client = server.client()
    assert client.execute("CONFIG", "SET", "maxclients", "1") == "OK"
    with server.connect() as refused:
        assert refused.recv(100) == b"-ERR max number of clients reached\r\n"
    assert client.execute("CONFIG", "SET", "maxclients", "10", "timeout", "1") == "OK"
    with server.connect() as silent:
        assert silent.recv(100) == b""


def test_what_the_system_does_not_give_is_refused(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.kvdb.server.fit_connections", lambda wanted, log: 11_000)
    client = server.client()
    assert client.execute("CONFIG", "SET", "maxclients", "11000") == "OK"
    with pytest.raises(ReplyError, match="specified number of clients, try with 11000"):
        client.execute("CONFIG", "SET", "maxclients", "12000")
    with pytest.raises(ReplyError, match="always listens"):
        client.execute("CONFIG", "SET", "port", "0")
    assert client.execute("CONFIG", "GET", "maxclients") == [b"maxclients", b"11000"]


def test_limits_of_output_by_class() -> None:
    console = Console(max_output_bytes=1000)
    limits = console.engine.settings.output_limits
    assert limits == {
        "normal": OutputLimit(0),
        "slave": OutputLimit(0),
        "pubsub": OutputLimit(1000),
    }

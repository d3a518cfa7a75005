"""CLIENT TRACKING: who is told that which keys are stale."""

import pytest

from services.common.resp import OK
from services.kvdb.pubsub import Message
from services.kvdb.tests.support import Console


@pytest.fixture
def reader() -> Console:
    console = Console()
    console("HELLO", 3)
    return console


@pytest.fixture
def writer(reader: Console) -> Console:
    return Console(reader.engine)


def told(console: Console) -> list[tuple[int, list]]:
    """The messages on their way: the ID of the receiver, and what it gets."""
    deliveries = console.engine.dispatcher.deliveries
    messages = [(client.id, list(it.push)) for client, it in deliveries if type(it) is Message]
    deliveries.clear()
    return messages


def invalidate(console: Console, *keys: str) -> tuple[int, list]:
    return console.client.id, [b"invalidate", [key.encode() for key in keys]]


def test_a_reader_is_told_once(reader: Console, writer: Console) -> None:
    assert reader("CLIENT", "TRACKING", "ON") is OK
    reader("MGET", "a", "b")
    writer("SET", "a", 1)
    writer("SET", "a", 2)
    writer("SET", "never read", 1)
    assert told(reader) == [invalidate(reader, "a")]


def test_own_changes_are_told_too_unless_noloop(reader: Console) -> None:
    reader("CLIENT", "TRACKING", "ON")
    reader("GET", "a")
    reader("SET", "a", 1)
    assert told(reader) == [invalidate(reader, "a")]
    reader("CLIENT", "TRACKING", "OFF")
    reader("CLIENT", "TRACKING", "ON", "NOLOOP")
    reader("GET", "a")
    reader("SET", "a", 1)
    assert told(reader) == []


def test_expiry_is_a_change_by_nobody(reader: Console) -> None:
    reader("CLIENT", "TRACKING", "ON", "NOLOOP")
    reader("SET", "a", 1, "PX", 1)
    reader("GET", "a")
    reader.clock.advance(1)
    reader.engine.tick()
    assert told(reader) == [invalidate(reader, "a")]


def test_broadcast_by_prefix(reader: Console, writer: Console) -> None:
    reader("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "user:", "PREFIX", "item:")
    writer("MSET", "user:1", 1, "user:2", 2, "item:1", 3, "other", 4)
    assert told(reader) == [
        invalidate(reader, "user:1", "user:2"),
        invalidate(reader, "item:1"),
    ]


def test_redirection_to_a_subscriber(reader: Console, writer: Console) -> None:
    receiver = Console(reader.engine)
    receiver("SUBSCRIBE", "__redis__:invalidate")
    reader("HELLO", 2)
    reader("CLIENT", "TRACKING", "ON", "REDIRECT", receiver.client.id)
    reader("GET", "a")
    writer("SET", "a", 1)
    message = [b"message", b"__redis__:invalidate", [b"a"]]
    assert told(reader) == [(receiver.client.id, message)]
    assert reader("CLIENT", "GETREDIR") == receiver.client.id


def test_a_redirection_that_has_gone(reader: Console, writer: Console) -> None:
    receiver = Console(reader.engine)
    reader("CLIENT", "TRACKING", "ON", "REDIRECT", receiver.client.id)
    reader("GET", "a")
    reader.engine.clients.disconnect(receiver.client)
    writer("SET", "a", 1)
    broken = [b"tracking-redir-broken", receiver.client.id]
    assert told(reader) == [(reader.client.id, broken)]
    assert reader("CLIENT", "TRACKINGINFO")[b"flags"] == [b"on", b"broken_redirect"]


def test_opt_in_and_opt_out(reader: Console, writer: Console) -> None:
    reader("CLIENT", "TRACKING", "ON", "OPTIN")
    reader("GET", "a")
    reader("CLIENT", "CACHING", "YES")
    reader("GET", "b")
    reader("GET", "c")
    writer("MSET", "a", 1, "b", 1, "c", 1)
    assert told(reader) == [invalidate(reader, "b")]
    reader("CLIENT", "TRACKING", "OFF")
    reader("CLIENT", "TRACKING", "ON", "OPTOUT")
    reader("GET", "a")
    reader("CLIENT", "CACHING", "NO")
    reader("GET", "b")
    writer("MSET", "a", 1, "b", 1)
    assert told(reader) == [invalidate(reader, "a")]


def test_caching_holds_for_a_whole_transaction(reader: Console, writer: Console) -> None:
    reader("CLIENT", "TRACKING", "ON", "OPTIN")
    for line in ("CLIENT CACHING YES", "MULTI", "GET a", "GET b", "EXEC", "GET c"):
        reader(*line.split())
    writer("MSET", "a", 1, "b", 1, "c", 1)
    assert told(reader) == [invalidate(reader, "a"), invalidate(reader, "b")]


def test_a_flush_is_told_once(reader: Console, writer: Console) -> None:
    reader("CLIENT", "TRACKING", "ON")
    reader("GET", "a")
    writer("FLUSHALL")
    assert told(reader) == [(reader.client.id, [b"invalidate", None])]
    assert reader.engine.tracking.keys == {}


def test_the_table_has_a_limit(reader: Console) -> None:
    reader("CLIENT", "TRACKING", "ON")
    reader("MGET", "a", "b", "c")
    reader("CONFIG", "SET", "tracking-table-max-keys", 1)
    assert told(reader) == [invalidate(reader, "a"), invalidate(reader, "b")]


@pytest.mark.parametrize("end", ["OFF", "RESET", "disconnect"])
def test_nothing_is_left_when_nobody_tracks(reader: Console, end: str) -> None:
    reader("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a")
    match end:
        case "OFF":
            reader("CLIENT", "TRACKING", "OFF")
        case "RESET":
            reader("RESET")
        case "disconnect":
            reader.engine.clients.disconnect(reader.client)
    tracking = reader.engine.tracking
    assert not (tracking.clients or tracking.prefixes or tracking.keys)
    assert not reader.engine.dispatcher.is_observed


@pytest.mark.parametrize(
    "options, error",
    [
        ("ON PREFIX a", "ERR PREFIX option requires BCAST mode to be enabled"),
        ("ON BCAST OPTIN", "ERR OPTIN and OPTOUT are not compatible with BCAST"),
        ("ON OPTIN OPTOUT", "ERR You can't specify both OPTIN mode and OPTOUT mode"),
        ("ON REDIRECT 99", "ERR The client ID you want redirect to does not exist"),
        ("MAYBE", "ERR syntax error"),
        (
            "ON BCAST PREFIX ab PREFIX a",
            "ERR Prefix 'ab' overlaps with another provided prefix 'a'. "
            "Prefixes for a single client must not overlap.",
        ),
    ],
)
def test_options_that_do_not_go_together(reader: Console, options: str, error: str) -> None:
    assert reader("CLIENT", "TRACKING", *options.split()) == error

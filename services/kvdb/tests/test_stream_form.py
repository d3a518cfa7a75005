"""Streams in a snapshot: what was saved is loaded, and what is damaged is refused."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kvdb.snapshot import (
    Entry,
    SnapshotError,
    decode_generation,
    decode_snapshot,
    encode_snapshot,
)
from services.kvdb.tests.stream_grammar import PREAMBLE, waiting_commands
from services.kvdb.tests.support import Console, new_engine

HEADER_BYTES = 28


def saved(console: Console) -> bytes:
    return b"".join(encode_snapshot(console.engine.keyspace.databases, 0, 0))


def entries(data: bytes) -> list[Entry]:
    file = io.BytesIO(data)
    decode_generation(file)
    return list(decode_snapshot(file))


def loaded(data: bytes) -> Console:
    console = Console(new_engine())
    for entry in entries(data):
        console.engine.keyspace.databases[entry.database].set(entry.key, entry.value)
    return console


def everything(console: Console) -> list[object]:
    """All that can be asked of the streams, by key."""
    return [
        (key, console("XINFO", "STREAM", key, "FULL", "COUNT", 0))
        for key in sorted(console("KEYS", "*"))
        if console("TYPE", key) == "stream"
    ]


def prepared() -> Console:
    console = Console()
    for request in PREAMBLE:
        console(*request)
    return console


@settings(max_examples=60, deadline=None)
@given(st.lists(waiting_commands, max_size=30))
def test_a_stream_comes_back_as_it_was(requests: list[list[bytes]]):
    console = prepared()
    for request in requests:
        if not console.client.blocked:
            console(*request)
    if console.client.is_in_transaction:
        console("DISCARD")
    again = loaded(saved(console))
    again.engine.settings.stream_node_max_entries = 2
    assert everything(again) == everything(console)
    for one in (console, again):  # The nodes are the same: `~` removes the same entries.
        one("SELECT", 0)
        one("XTRIM", "s1", "MAXLEN", "~", 1)
    assert everything(again) == everything(console)


def test_groups_and_counters_come_back():
    console = prepared()
    console("XSETID", "s2", "9-9", "ENTRIESADDED", 2**63 - 1, "MAXDELETEDID", "8-8")
    console("XGROUP", "SETID", "s2", "g1", "1-0", "ENTRIESREAD", 2**63 - 1)
    console("XREADGROUP", "GROUP", "g1", "bob", "STREAMS", "s2", ">")
    console("XCLAIM", "s2", "g1", "bob", 0, "5-0", "RETRYCOUNT", 2**63 - 1)
    assert everything(loaded(saved(console))) == everything(console)


def test_an_empty_stream_comes_back():
    console = Console()
    console("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    assert everything(loaded(saved(console))) == everything(console)


def test_a_file_that_is_cut_anywhere_is_refused():
    data = saved(prepared())
    for length in range(len(data)):
        with pytest.raises(SnapshotError):
            entries(data[:length])


def test_a_changed_byte_is_refused():
    data = saved(prepared())
    for place in range(HEADER_BYTES, len(data)):
        damaged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(SnapshotError):
            entries(damaged)

"""The snapshot file: what is saved comes back, and no damage goes unseen."""

import io
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kvdb.keyspace import Keyspace
from services.kvdb.snapshot import (
    MAGIC,
    Entry,
    SnapshotError,
    decode_generation,
    decode_snapshot,
    encode_snapshot,
)
from services.kvdb.tests.grammar import commands
from services.kvdb.tests.support import Console

SAVED_AT_MS = 1_700_000_000_000


def saved(keyspace: Keyspace, generation: int = 0) -> bytes:
    return b"".join(encode_snapshot(keyspace.databases, SAVED_AT_MS, generation))


def loaded(data: bytes) -> list[Entry]:
    file = io.BytesIO(data)
    decode_generation(file)
    return list(decode_snapshot(file))


def example() -> Keyspace:
    """Some keys of every type, in several databases."""
    console = Console()
    for command in (
        "SET text hello EX 100",
        "APPEND text !",
        "SET empty ",
        "RPUSH list a b c",
        "HSET hash f v g w",
        "SADD set x y",
        "ZADD zset 1.5 a -inf b",
        "XADD stream 1-1 f v",
        "SELECT 15",
        "SET other 1",
    ):
        console(*command.split(" "))
    for number in range(3000):
        console("SET", f"key:{number}", "x" * 50)
    return console.engine.keyspace


def content(keyspace: Keyspace) -> list[Entry]:
    return [
        Entry(database.index, key, value, database.expires.get(key))
        for database in keyspace.databases
        for key, value in database.table.items()
    ]


def comparable(entry: Entry) -> tuple:
    """Types and contents; a value that is changed in place equals one that is not."""
    value = entry.value
    if isinstance(value, bytes | bytearray):
        value = bytes(value)
    elif hasattr(value, "scores"):
        value = value.pairs(0, len(value))
    elif isinstance(value, dict):
        value = (type(value), list(value.items()))
    else:
        value = list(value) if hasattr(value, "__iter__") else type(value)
    return entry.database, entry.key, entry.expires_at_ms, value


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(commands, max_size=40))
def test_what_is_saved_comes_back(script: list[list[bytes]]) -> None:
    console = Console()
    for request in script:
        console(*request)
    keyspace = console.engine.keyspace
    entries = loaded(saved(keyspace))
    assert list(map(comparable, entries)) == list(map(comparable, content(keyspace)))


def test_every_type_in_many_blocks_comes_back_and_is_saved_the_same_again() -> None:
    keyspace = example()
    data = saved(keyspace, generation=7)
    assert decode_generation(io.BytesIO(data)) == 7
    entries = loaded(data)
    assert list(map(comparable, entries)) == list(map(comparable, content(keyspace)))
    again = Keyspace(keyspace.clock)
    for entry in entries:
        again.databases[entry.database].set(entry.key, entry.value)
        if entry.expires_at_ms:
            again.databases[entry.database].expire_at(entry.key, entry.expires_at_ms)
    assert saved(again, generation=7) == data


def test_an_empty_keyspace_is_a_file_too() -> None:
    assert loaded(saved(Console().engine.keyspace)) == []


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    data = saved(example())
    cuts = [*range(200), *range(200, len(data), 997), *range(len(data) - 200, len(data))]
    for cut in cuts:
        with pytest.raises(SnapshotError):
            loaded(data[:cut])


def test_a_bit_that_has_flipped_anywhere_is_seen_and_said_where() -> None:
    data = saved(example())
    first_block = struct.calcsize(">8sIqQ")
    # The time of saving and the generation are not data, and have no checksum of their own.
    places = [*range(12), *range(first_block, len(data), 611), len(data) - 1]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        with pytest.raises(SnapshotError) as error:
            loaded(bytes(damaged))
        assert error.value.offset <= place
        assert f"offset {error.value.offset}" in str(error.value)


def test_bytes_behind_the_end_are_refused() -> None:
    with pytest.raises(SnapshotError, match="end mark"):
        loaded(saved(example()) + b"x")


@pytest.mark.parametrize("data", [b"", b"x", b"REDIS0010" + b"x" * 100])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError, match="not a snapshot"):
        loaded(data)


def test_another_version_is_refused_by_name() -> None:
    data = saved(example())
    unknown = MAGIC + struct.pack(">I", 99) + data[len(MAGIC) + 4 :]
    with pytest.raises(SnapshotError, match="version 99 is not known"):
        loaded(unknown)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_rubbish_is_refused_and_nothing_else_happens(rubbish: bytes) -> None:
    head = saved(Console().engine.keyspace)[: struct.calcsize(">8sIqQ")]
    for data in (rubbish, head + rubbish):
        with pytest.raises(SnapshotError):
            loaded(data)

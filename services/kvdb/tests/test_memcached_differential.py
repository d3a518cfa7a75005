"""Random requests to this server and to a real memcached: the replies must be the same.

Compared as they come, but for three things: numbers of items (each server counts its own), the
spaces that memcached leaves behind a number that became shorter, and what is newer than 1.6.18.
"""

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kvdb.tests.memcached_support import IS_INSTALLED, real_memcached
from services.kvdb.tests.memcached_wire import MemcachedConnection, serving_memcached

pytestmark = pytest.mark.skipif(
    not IS_INSTALLED, reason="no memcached is installed to compare with"
)

Pair = tuple[MemcachedConnection, MemcachedConnection]

TEXT_KEYS = st.sampled_from(["a", "b", "c"])
NUMBER_KEYS = st.sampled_from(["n", "m"])
KEYS = TEXT_KEYS | NUMBER_KEYS
TEXTS = st.sampled_from(["", "x", "hello", "a b\r\nc", "0"])
NUMBERS = st.sampled_from(["0", "9", "100", "18446744073709551615"])
DELTAS = st.sampled_from(["0", "1", "5", "99", "18446744073709551615", "-1", "x", ""])
TIMES = st.sampled_from(["0", "100", "2592000", "-1"])
FLAGS = st.sampled_from(["0", "7", "4294967295"])
NOREPLY = st.sampled_from(["", "", "", " noreply"])


def _store(command: str, key: str, flags: str, time: str, data: str, noreply: str) -> str:
    return f"{command} {key} {flags} {time} {len(data)}{noreply}\r\n{data}"


def _meta(command: str, key: str, flags: list[str], data: str | None = None) -> str:
    words = " ".join([command, key, *([] if data is None else [str(len(data))]), *flags])
    return words if data is None else f"{words}\r\n{data}"


def _flags(*words: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), max_size=5)


STORES = st.sampled_from(["set", "add", "replace", "append", "prepend"])
REQUESTS = st.one_of(
    st.builds(_store, STORES, TEXT_KEYS, FLAGS, TIMES, TEXTS, NOREPLY),
    st.builds(_store, st.sampled_from(["set", "add"]), NUMBER_KEYS, FLAGS, TIMES, NUMBERS, NOREPLY),
    st.builds("cas {} 0 {} 1 1\r\nx".format, KEYS, TIMES),
    st.builds("{} {} {}{}".format, st.sampled_from(["incr", "decr"]), KEYS, DELTAS, NOREPLY),
    st.builds("get {} {}".format, KEYS, KEYS),
    st.builds("gets {}".format, KEYS),
    st.builds("{} {} {}".format, st.sampled_from(["gat", "gats"]), TIMES, KEYS),
    st.builds("delete {}{}".format, KEYS, st.sampled_from(["", " 0", " 5", " noreply", " x y"])),
    st.builds("touch {} {}{}".format, KEYS, TIMES, NOREPLY),
    # N and T overwrite each other there, in their order; nobody asks for both.
    st.builds(_meta, st.just("mg"), KEYS, _flags("v", "t", "f", "s", "k", "O1", "q", "N0", "h")),
    st.builds(_meta, st.just("mg"), KEYS, _flags("v", "t", "f", "s", "k", "O1", "q", "T9", "h")),
    st.builds(
        _meta,
        st.just("ms"),
        TEXT_KEYS,
        _flags(
            "F3", "T100", "ME", "MA", "MP", "MR", "MX", "M", "k", "O12", "q", "I", "Fx", "Tx", "Z"
        ),
        TEXTS,
    ),
    st.builds(_meta, st.just("md"), KEYS, _flags("I", "T50", "q", "k", "O3", "z", "Tx")),
    st.builds(
        _meta,
        st.just("ma"),
        KEYS,
        _flags("v", "t", "N0", "J7", "D5", "MD", "MI", "M+", "MX", "k", "O1", "Dx"),
    ),
    st.sampled_from(
        ["flush_all", "version", "verbosity 1", "verbosity", "", "get", "nonsense", "gat x a"]
    ),
    st.sampled_from(["set a x 0 1\r\nx", "set a 0 0 2\r\nxyz", "touch a x", "ms a x"]),
)

_VALUE = re.compile(r"(VALUE \S+ \d+) \d+( \d+)?\r\n(\d+) *\r\n")
_WRONG_FLAG = re.compile(
    r"CLIENT_ERROR (bad token in command line format|bad command line format(?!\.)|"
    r"incorrect length for M token|invalid mode for m. M token|"
    r"invalid flag|duplicate flag|invalid or duplicate flag)"
)
_META_VALUE = re.compile(r"VA \d+(.*)\r\n(\d+) *\r\n")


def comparable(reply: str) -> str:
    # Where several flags are wrong, memcached tells of the first, in an order of its own.
    reply = _WRONG_FLAG.sub("CLIENT_ERROR flag", reply)
    reply = _VALUE.sub(r"\1 size\r\n\3\r\n", reply)
    reply = re.sub(r"(VALUE \S+ \d+ \d+) \d+\r", r"\1 number\r", reply)
    reply = re.sub(r" s\d+", " size", reply)
    return _META_VALUE.sub(r"VA size\1\r\n\2\r\n", reply)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with (
        serving_memcached() as running,
        real_memcached() as port,
        running.memcached() as ours,
        MemcachedConnection(port) as real,
    ):
        yield ours, real


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(REQUESTS, min_size=1, max_size=12))
def test_the_replies_are_the_same(pair: Pair, requests: list[str]) -> None:
    for connection in pair:
        connection.ask("flush_all")
    for request in requests:
        ours, real = (comparable(connection.ask(request)) for connection in pair)
        assert ours == real, request

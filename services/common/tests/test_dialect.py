"""The first bytes tell the dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.dialect import Dialect, detect

COMMANDS = {b"PING", b"GET"}


def dialect_of(data: bytes) -> Dialect | None:
    return detect(data, COMMANDS.__contains__)


@pytest.mark.parametrize(
    ("data", "dialect"),
    [
        (b"", None),
        (b"\r\n", None),
        (b"  \n", None),
        (b"{", Dialect.JSON),
        (b'\n {"command"', Dialect.JSON),
        (b"[", Dialect.JSON),
        (b'"', Dialect.JSON),
        (b"1", Dialect.JSON),
        (b"\x00", None),
        (b"\x00\r\n", Dialect.JSON),
        (b"\x00" + b"x" * 70_000, Dialect.RESP),
        (b"$\x00", Dialect.RESP),
        (b"\t{", Dialect.JSON),
        (b"\xff\xfe", Dialect.JSON),
        (b"*", Dialect.RESP),
        (b"\r\n*1\r\n", Dialect.RESP),
        (b"P", None),
        (b"PING", None),
        (b"PING\n", Dialect.RESP),
        (b"ping\n", Dialect.RESP),
        (b"get a\n", Dialect.RESP),
        (b"foo\r\n", Dialect.RESP),
        (b"GET / HTTP/1.1\r\n", Dialect.RESP),
        (b"foo\n", Dialect.JSON),
        (b"garbage in a line\n", Dialect.JSON),
        (b"x" * 70_000, Dialect.RESP),
    ],
)
def test_dialects(data: bytes, dialect: Dialect | None) -> None:
    assert dialect_of(data) is dialect


@given(st.binary(min_size=1, max_size=30))
def test_once_told_it_does_not_change_with_more_bytes(data: bytes) -> None:
    told = [dialect_of(data[:end]) for end in range(len(data) + 1)]
    first = next((dialect for dialect in told if dialect), None)
    assert set(told[told.index(first) :] if first else told) == {first}

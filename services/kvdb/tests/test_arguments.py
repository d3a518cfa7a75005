"""Numbers as strict as Redis takes them."""

import pytest

from services.common.resp import ReplyError
from services.kvdb import arguments


@pytest.mark.parametrize(
    "text", [b"0", b"-1", b"7", b"9223372036854775807", b"-9223372036854775808"]
)
def test_integers(text: bytes) -> None:
    assert arguments.to_integer(text) == int(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-",
        b"+1",
        b" 1",
        b"1 ",
        b"01",
        b"-0",
        b"1.0",
        b"1e3",
        b"1_0",
        b"x",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"9" * 5000,
        "１".encode(),
    ],
)
def test_no_integers(text: bytes) -> None:
    assert arguments.to_integer(text) is None
    with pytest.raises(ReplyError, match="not an integer or out of range"):
        arguments.integer(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1", 1.0),
        (b"-1.5", -1.5),
        (b"+2", 2.0),
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"1e3", 1000.0),
        (b"1E-2", 0.01),
        (b"inf", float("inf")),
        (b"-Infinity", float("-inf")),
        (b"007", 7.0),
        (b"0x10", 16.0),
        (b"-0x1.8p1", -3.0),
    ],
)
def test_numbers(text: bytes, value: float) -> None:
    assert arguments.number(text) == value


@pytest.mark.parametrize(
    "text",
    [b"", b"nan", b"-nan", b" 1", b"1 ", b"1_0", b"x", b"1e400", b"-1e400", b"1e", b".", b"0x"],
)
def test_no_numbers(text: bytes) -> None:
    with pytest.raises(ReplyError, match="not a valid float"):
        arguments.number(text)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, -1, (0, 5)),
        (1, 2, (1, 3)),
        (-2, -1, (3, 5)),
        (-100, 100, (0, 5)),
        (3, 1, (0, 0)),
        (5, 9, (0, 0)),
        (0, -6, (0, 0)),
    ],
)
def test_clamp_range(start: int, stop: int, expected: tuple[int, int]) -> None:
    assert arguments.clamp_range(start, stop, 5) == expected


def test_a_range_of_nothing_is_empty() -> None:
    assert arguments.clamp_range(0, -1, 0) == (0, 0)


def test_a_count_of_keys_must_be_right() -> None:
    assert arguments.key_list([b"X", b"2", b"a", b"b", b"c"], 1) == ([b"a", b"b"], 4)
    for count in (b"0", b"-1", b"x", b"4"):
        with pytest.raises(ReplyError):
            arguments.key_list([b"X", count, b"a", b"b", b"c"], 1)

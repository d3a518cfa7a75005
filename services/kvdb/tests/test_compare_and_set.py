"""SET with IFEQ and IFNE, and DELEX: change a value only if it is what the client thinks."""

import pytest

from services.common.resp import OK
from services.kvdb.tests.support import Console


@pytest.fixture
def console() -> Console:
    console = Console()
    console("SET", "a", "old")
    return console


def test_set_if_equal(console: Console) -> None:
    assert console("SET", "a", "new", "IFEQ", "other") is None
    assert console("GET", "a") == b"old"
    assert console("SET", "a", "new", "IFEQ", "old") is OK
    assert console("GET", "a") == b"new"
    assert console("SET", "missing", "new", "IFEQ", "") is None
    assert console("EXISTS", "missing") == 0


def test_set_if_not_equal(console: Console) -> None:
    assert console("SET", "a", "new", "IFNE", "old") is None
    assert console("SET", "a", "new", "IFNE", "other") is OK
    assert console("SET", "missing", "new", "IFNE", "x") is OK


def test_with_the_other_options(console: Console) -> None:
    assert console("SET", "a", "new", "IFEQ", "old", "EX", 10, "GET") == b"old"
    assert console("TTL", "a") == 10
    assert console("SET", "a", "x", "IFEQ", "no", "GET") == b"new"
    assert console("SET", "a", "x", "IFEQ", "new", "NX") == "ERR syntax error"
    assert console("SET", "a", "x", "IFEQ") == "ERR syntax error"


def test_numbers_and_appended_strings_compare_by_their_text(console: Console) -> None:
    console("INCR", "n")
    assert console("SET", "n", 5, "IFEQ", 1) is OK
    console("APPEND", "a", "er")
    assert console("DELEX", "a", "IFEQ", "older") == 1


def test_delex(console: Console) -> None:
    assert console("DELEX", "a", "IFEQ", "other") == 0
    assert console("DELEX", "a", "IFNE", "old") == 0
    assert console("DELEX", "missing", "IFNE", "x") == 0
    assert console("DELEX", "a", "ifeq", "old") == 1
    assert console("DELEX", "a") == 0
    assert console("DELEX", "a", "IFEQ") == "ERR syntax error"


def test_other_types_have_no_value_to_compare(console: Console) -> None:
    console("RPUSH", "l", "x")
    assert console("SET", "l", "x", "IFEQ", "x").startswith("WRONGTYPE")
    assert console("DELEX", "l", "IFEQ", "x").startswith("WRONGTYPE")
    assert console("DELEX", "l") == 1

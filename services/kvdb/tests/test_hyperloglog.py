"""Counts: the bytes of Redis, the quality of the estimate, damaged strings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.resp import ReplyError
from services.kvdb import hyperloglog_registers as registers
from services.kvdb.strings import RawString
from services.kvdb.tests.support import Console

# What Redis 7.0.15 stores for PFADD h a b c.
THREE = bytes.fromhex("48594c4c01000000000000000000008060f38050b1844bfb80425a")


def dense_of(values: bytes) -> RawString:
    raw = RawString(registers.EMPTY)
    registers.store_dense(raw, values)
    return raw


def test_the_bytes_are_those_of_redis():
    console = Console()
    console("PFADD", "h", "a", "b", "c")
    assert console("GET", "h") == THREE


@given(st.binary(max_size=40))
def test_every_element_has_a_place(element: bytes):
    index, run = registers.place_of(element)
    assert 0 <= index < registers.REGISTERS
    assert 1 <= run <= 51


random_registers = st.integers(0, 2**32).map(
    lambda seed: bytes((seed >> position % 27 ^ position) & 63 for position in range(16384))
)


@settings(max_examples=10, deadline=None)
@given(random_registers, random_registers)
def test_dense_form_and_union(one: bytes, other: bytes):
    assert registers.registers_of(dense_of(one)) == one
    assert registers.union(one, other) == bytes(map(max, one, other))


places = st.lists(st.tuples(st.integers(0, 16383), st.integers(1, 32)), max_size=200)


@settings(max_examples=30, deadline=None)
@given(places, st.integers(20, 200))
def test_both_forms_hold_the_same(chosen: list[tuple[int, int]], sparse_max_bytes: int):
    sparse, dense = RawString(registers.EMPTY), dense_of(bytes(registers.REGISTERS))
    for place in chosen:
        grew = registers.raise_registers(sparse, [place], sparse_max_bytes)
        assert grew == registers.raise_registers(dense, [place], sparse_max_bytes)
        assert registers.is_dense(sparse) or len(sparse) <= max(sparse_max_bytes, 18)
    assert registers.registers_of(sparse) == registers.registers_of(dense)
    together = RawString(registers.EMPTY)
    registers.raise_registers(together, chosen, sparse_max_bytes)
    assert registers.registers_of(together) == registers.registers_of(sparse)


@pytest.mark.parametrize("count", [0, 1, 10, 100, 1_000, 30_000])
def test_the_estimate_is_near(count: int):
    raw = RawString(registers.EMPTY)
    elements = (b"element %d" % number for number in range(count))
    registers.raise_registers(raw, map(registers.place_of, elements), 3000)
    found = registers.estimate(registers.registers_of(raw))
    assert abs(found - count) <= max(0.03 * count, 1)


def test_union_counts_once_what_is_in_both():
    console = Console()
    console("PFADD", "a", *range(500))
    console("PFADD", "b", *range(250, 750))
    assert console("PFMERGE", "c", "a", "b") == "OK"
    assert abs(console("PFCOUNT", "c") - 750) < 25
    assert console("PFCOUNT", "a", "b") == console("PFCOUNT", "c")
    assert console("PFDEBUG", "ENCODING", "c") == "sparse"
    assert console("PFSELFTEST") == "OK"


def test_the_estimate_is_kept_in_the_string():
    console = Console()
    console("PFADD", "a", "x", "y")
    assert console("GET", "a")[15] & 0x80
    assert console("PFCOUNT", "a") == 2
    assert console("GET", "a")[8:16] == (2).to_bytes(8, "little")
    assert console("PFADD", "a", "x") == 0
    assert console("GET", "a")[8:16] == (2).to_bytes(8, "little")


@pytest.mark.parametrize("size", range(16, 26))
def test_a_sparse_form_that_was_cut_off_is_refused(size: int):
    console = Console()
    console("PFADD", "a", "x", "y", "z")
    whole = console("GET", "a")
    assert len(whole) > size
    console("SET", "a", whole[:size])
    error = "INVALIDOBJ Corrupted HLL object detected"
    assert console("PFADD", "a", "w") == error
    assert console("PFCOUNT", "a") == error
    assert console("PFMERGE", "b", "a") == error


def test_runs_that_never_end_are_refused_before_they_fill_the_memory():
    with pytest.raises(ReplyError):
        registers.registers_of(registers.EMPTY[:16] + b"\x7f\xff" * 10_000_000)


def test_what_is_no_count_is_refused():
    console = Console()
    error = "WRONGTYPE Key is not a valid HyperLogLog string value."
    for content in (b"", b"123", b"HYLL", b"HYLL\x02" + bytes(11), b"HYLL\x00" + bytes(11)):
        console("SET", "a", content)
        assert console("PFADD", "a", "x") == error
        assert console("PFCOUNT", "a") == error

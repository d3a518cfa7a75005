"""The arithmetic of INCRBYFLOAT: what the hardware of x86 gives, to the last digit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kvdb.long_doubles import OutOfRange, add, read, written


def total(augend: str, addend: str) -> str:
    return written(add(read(augend.encode()), read(addend.encode()))).decode()


# As a redis-server 7.0.15 answered.
SUMS = [
    ("0.1", "0.2", "0.3"),
    ("1000.1", "0", "1000.09999999999999998"),
    ("1e20", "0.1", "100000000000000000000"),
    ("3.0e3", "5", "3005"),
    ("5", "-5", "0"),
    ("-0", "0", "0"),
    ("-1e-20", "0", "0"),
    ("1e-17", "0", "0.00000000000000001"),
    ("5e-18", "0", "0"),
    ("1e-4950", "0", "0"),
    (".5", "1.", "1.5"),
    ("0x10", "0x1p-2", "16.25"),
]


@pytest.mark.parametrize(("augend", "addend", "expected"), SUMS)
def test_sums(augend: str, addend: str, expected: str) -> None:
    assert total(augend, addend) == expected


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1_0", ".", "e5", "1e", "0x", "x", "--1", "nan"])
def test_no_numbers(text: str) -> None:
    assert read(text.encode()) is None


@pytest.mark.parametrize("text", ["1e4933", "-1e5000", "1e99999999999", "1e-5000", "0x1p-99999"])
def test_too_large_or_too_small(text: str) -> None:
    with pytest.raises(OutOfRange):
        read(text.encode())


def test_a_sum_that_is_too_large() -> None:
    with pytest.raises(OutOfRange):
        total("1e4932", "1e4932")


def test_the_longest_number_is_read_back() -> None:
    text = total("1e4932", "0")
    assert len(text) == 4933
    assert total(text, "0") == text


@given(st.integers(-(10**40), 10**40), st.integers(0, 40))
def test_reading_is_off_by_half_of_the_last_bit_at_most(digits: int, places: int) -> None:
    exact = Fraction(digits, 10**places)
    mantissa, exponent = read(f"{digits}e-{places}".encode())
    assert abs(mantissa).bit_length() <= 64
    assert abs(Fraction(mantissa) * Fraction(2) ** exponent - exact) * 2**64 <= abs(exact)


@given(st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))
def test_integers_are_exact(first: int, second: int) -> None:
    if abs(first + second) < 2**64:
        assert total(str(first), str(second)) == str(first + second)

"""The checksum of dumped values, folded or not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kvdb.crc_64 import crc_64


def bit_by_bit(data: bytes) -> int:
    """The definition."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def test_the_checksum_is_that_of_redis() -> None:
    assert crc_64(b"123456789") == 0xE9C6D914C4B8D9CA


@given(st.binary(max_size=2000))
def test_what_is_folded_has_the_same_checksum(data: bytes) -> None:
    assert crc_64(data) == bit_by_bit(data)


@pytest.mark.parametrize("size", [511, 512, 639, 640, 16383, 16384, 16392, 20480, 25000])
def test_every_size_of_the_rest(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert crc_64(data) == crc_64(bytearray(data)) == bit_by_bit(data)

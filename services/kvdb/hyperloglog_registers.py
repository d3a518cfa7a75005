"""The algorithm of HyperLogLog: counting different elements in 12 KiB, about 0.8 % off.

Hash each element. Of random hashes, half begin with a 1, a quarter with 01, one in 2ⁿ with n−1
zeros and a 1. So the longest run of zeros that was ever seen tells about how many different
hashes there were; the same element again changes nothing. One run alone is a bad guess, hence
16,384 *registers*: 14 bits of the hash choose one, and it keeps the longest run of the others.

    hash    … 0 1 0 0 0 │ 10 1101 0011 0001       64 bits
              run: 4     register 11569            4 = three zeros and the 1
    union   of two counts: register by register, the larger one

A string holds the registers, in one of two forms, behind a header of 16 bytes:

    "HYLL"   form u8   3 zeros   the last estimate u64 (little-endian)     bit 63: is out of date

    dense    6 bits for each register, the lowest bits of a byte first: 12,288 bytes
    sparse   runs of equal registers, while that is shorter (`hll-sparse-max-bytes`):
               00nnnnnn            n + 1 registers are 0                   "ZERO"
               01nnnnnn nnnnnnnn   n + 1 registers are 0, up to 16,384     "XZERO"
               1vvvvvnn            n + 1 registers are v + 1, up to 32     "VAL"

The forms are those of Redis to the byte, so that a count can be moved between the two with GET
and SET. That includes how a run is split and merged when a register in it changes.
# Real: hyperloglog.c in Redis.

The estimate is Otmar Ertl's (arXiv:1702.01284): it needs only how many registers have each
value, and is good from none to billions of elements without a table of corrections.
"""

import bisect
import itertools
import math
import re
import struct
from collections.abc import Callable, Iterable

from services.common.resp import ReplyError
from services.kvdb.strings import RawString

REGISTERS = 1 << 14
_RUN_BITS = 64 - 14
_HEADER_BYTES = 16
_MAGIC = b"HYLL"
DENSE, SPARSE = 0, 1
_DENSE_BYTES = _HEADER_BYTES + REGISTERS * 6 // 8
_MAX_SPARSE_VALUE = 32
_MAX_ZERO_RUN = 64
_MAX_VALUE_RUN = 4
EMPTY = _MAGIC + bytes([SPARSE]) + bytes(11) + b"\x7f\xff"
"""The sparse form of a count of nothing: one run of zeros."""


def corrupted() -> ReplyError:
    return ReplyError("INVALIDOBJ Corrupted HLL object detected")


def check(value: bytes | RawString) -> None:
    """That a string looks like a count. What its registers are is found out on reading them."""
    is_count = len(value) >= _HEADER_BYTES and value.startswith(_MAGIC) and value[4] <= SPARSE
    if not is_count or (value[4] == DENSE and len(value) != _DENSE_BYTES):
        raise ReplyError("WRONGTYPE Key is not a valid HyperLogLog string value.")


def is_dense(value: bytes | RawString) -> bool:
    return value[4] == DENSE


# The header.


def cached_count(value: bytes | RawString) -> int | None:
    """The last estimate; None where the registers have changed since."""
    return None if value[15] & 0x80 else int.from_bytes(value[8:16], "little")


def cache_count(raw: RawString, count: int) -> None:
    raw[8:16] = count.to_bytes(8, "little")


def forget_count(raw: RawString) -> None:
    raw[15] |= 0x80


# Hashing.

_SEED = 0xADC83B19
_FACTOR = 0xC6A4A7935BD1E995
_64_BITS = (1 << 64) - 1


def hash_64(data: bytes) -> int:
    """MurmurHash64A, which Austin Appleby gave to the public; the seed is that of Redis."""
    state = _SEED ^ (len(data) * _FACTOR & _64_BITS)
    whole_bytes = len(data) & ~7
    for (word,) in struct.iter_unpack("<Q", data[:whole_bytes]):
        word = word * _FACTOR & _64_BITS
        word = (word ^ word >> 47) * _FACTOR & _64_BITS
        state = (state ^ word) * _FACTOR & _64_BITS
    if whole_bytes < len(data):
        state = (state ^ int.from_bytes(data[whole_bytes:], "little")) * _FACTOR & _64_BITS
    state = (state ^ state >> 47) * _FACTOR & _64_BITS
    return state ^ state >> 47


def place_of(element: bytes) -> tuple[int, int]:
    """The register of an element, and the run that it has to show there."""
    bits = hash_64(element)
    rest = bits >> 14 | 1 << _RUN_BITS  # So that there is a 1 at the latest behind the last bit.
    return bits & REGISTERS - 1, (rest & -rest).bit_length()


def raise_registers(
    raw: RawString, places: Iterable[tuple[int, int]], sparse_max_bytes: int
) -> bool:
    """Raise each register to at least the value beside it; true where any was lower.

    Where the runs of a sparse form cannot say that, or get too long, the form becomes dense.
    """
    runs = None if is_dense(raw) else _Runs(raw)
    has_changed = False
    for index, value in places:
        if runs is not None and not runs.has_room_for(index, value, sparse_max_bytes):
            runs.store(raw)
            store_dense(raw, registers_of(raw))
            runs = None
        set_one = _set_dense if runs is None else _Runs.set_register
        has_changed |= set_one(raw if runs is None else runs, index, value)
    if runs is not None:
        runs.store(raw)
    return has_changed


# The dense form.
#
# Three bytes hold four registers:   111111 00  2222 1111  333333 22   (00: the low bits of 0)
# Taking every third byte, and shifting each with a table, unpacks all registers at C speed.


def _table(operation: Callable[[int], int]) -> bytes:
    return bytes(operation(byte) & 0xFF for byte in range(256))


_LOW_6 = _table(lambda it: it & 63)
_RIGHT_6, _RIGHT_4, _RIGHT_2 = (_table(lambda it, by=by: it >> by) for by in (6, 4, 2))
_LEFT_6, _LEFT_4, _LEFT_2 = (_table(lambda it, by=by: it << by) for by in (6, 4, 2))
_LOW_4_LEFT_2 = _table(lambda it: (it & 15) << 2)
_LOW_2_LEFT_4 = _table(lambda it: (it & 3) << 4)


def _either(first: bytes, second: bytes) -> bytes:
    """Byte by byte, the bits of both."""
    return (int.from_bytes(first) | int.from_bytes(second)).to_bytes(len(first))


def _unpack(packed: bytes) -> bytes:
    first, second, third = packed[0::3], packed[1::3], packed[2::3]
    registers = bytearray(REGISTERS)
    registers[0::4] = first.translate(_LOW_6)
    registers[1::4] = _either(first.translate(_RIGHT_6), second.translate(_LOW_4_LEFT_2))
    registers[2::4] = _either(second.translate(_RIGHT_4), third.translate(_LOW_2_LEFT_4))
    registers[3::4] = third.translate(_RIGHT_2)
    return bytes(registers)


def _pack(registers: bytes) -> bytearray:
    """All registers in the dense form, without the header."""
    one, two, three, four = (registers[at::4] for at in range(4))
    packed = bytearray(_DENSE_BYTES - _HEADER_BYTES)
    packed[0::3] = _either(one, two.translate(_LEFT_6))
    packed[1::3] = _either(two.translate(_RIGHT_2), three.translate(_LEFT_4))
    packed[2::3] = _either(three.translate(_RIGHT_4), four.translate(_LEFT_2))
    return packed


def _set_dense(raw: RawString, index: int, value: int) -> bool:
    at, shift = divmod(index * 6, 8)
    two = slice(_HEADER_BYTES + at, _HEADER_BYTES + at + 2)
    bits = int.from_bytes(raw[two], "little")
    if bits >> shift & 63 >= value:
        return False
    bits = bits & ~(63 << shift) | value << shift
    raw[two] = bits.to_bytes(len(raw[two]), "little")
    return True


def store_dense(raw: RawString, registers: bytes) -> None:
    """Make these all the registers of a count, in the dense form."""
    raw[_HEADER_BYTES:] = _pack(registers)
    raw[4] = DENSE


# The sparse form.


def _one_byte_run(code: int) -> bytes | None:
    if code & 0x80:
        return bytes([(code >> 2 & 31) + 1]) * ((code & 3) + 1)
    return None if code & 0x40 else bytes(code + 1)


_ONE_BYTE_RUNS = tuple(map(_one_byte_run, range(256)))
"""The registers that each code stands for; None for an XZERO, whose length goes on."""

_LENGTHS = bytes(len(run or b"") for run in _ONE_BYTE_RUNS)


def registers_of(value: bytes | RawString) -> bytes:
    """All registers, a byte for each."""
    if is_dense(value):
        return _unpack(bytes(value[_HEADER_BYTES:]))
    registers = b"".join(_expanded(value))
    if len(registers) != REGISTERS:
        raise corrupted()
    return registers


def _expanded(value: bytes | RawString) -> list[bytes]:
    """The registers of each run of a sparse form."""
    parts: list[bytes] = []
    long_runs = 0
    codes = iter(memoryview(value)[_HEADER_BYTES:])
    for code in codes:
        part = _ONE_BYTE_RUNS[code]
        if part is None:
            length = ((code & 0x3F) << 8 | next(codes, 0)) + 1
            part = bytes(length)
            long_runs += length
            if long_runs > REGISTERS:
                raise corrupted()
        parts.append(part)
    return parts


def _zeros(length: int) -> bytes:
    """A run of zeros, perhaps of none."""
    if length > _MAX_ZERO_RUN:
        return bytes([0x40 | (length - 1) >> 8, (length - 1) & 0xFF])
    return bytes([length - 1]) if length else b""


def _values(value: int, length: int) -> bytes:
    """A run of one value, perhaps of none."""
    return bytes([0x80 | (value - 1) << 2 | (length - 1)]) if length else b""


_CODE = re.compile(rb"[\x40-\x7f].?|[^\x40-\x7f]", re.DOTALL)


class _Runs:
    """A sparse form that is being changed: its runs, and the first register of each.

    Taking it apart and putting it together costs a tenth of a millisecond for a full one; in
    between, a register is found by bisection.
    """

    __slots__ = ("_codes", "_firsts", "_size_bytes")

    def __init__(self, raw: RawString):
        self._codes = _CODE.findall(raw, _HEADER_BYTES)
        self._firsts = list(itertools.accumulate(map(_length, self._codes), initial=0))
        self._size_bytes = len(raw)
        if self._firsts.pop() != REGISTERS:
            raise corrupted()

    def store(self, raw: RawString) -> None:
        raw[_HEADER_BYTES:] = b"".join(self._codes)

    def has_room_for(self, index: int, value: int, max_bytes: int) -> bool:
        """Whether the form can stay sparse when this register is raised."""
        if value > _MAX_SPARSE_VALUE:
            return False
        if self._size_bytes + 3 <= max_bytes:  # More it never grows by.
            return True
        at = self._find(index)
        growth = sum(map(len, self._split(at, index, value))) - len(self._codes[at])
        is_change = _value(self._codes[at]) < value
        return not is_change or growth <= 0 or self._size_bytes + growth <= max_bytes

    def set_register(self, index: int, value: int) -> bool:
        """Raise a register; true where it was lower."""
        at = self._find(index)
        if _value(self._codes[at]) >= value:
            return False
        parts = self._split(at, index, value)
        self._size_bytes += sum(map(len, parts)) - len(self._codes[at])
        first = self._firsts[at]
        starts = (first, index, index + 1)
        self._firsts[at : at + 1] = [it for it, part in zip(starts, parts, strict=True) if part]
        self._codes[at : at + 1] = filter(None, parts)
        self._merge(max(at - 1, 0))
        return True

    def _find(self, index: int) -> int:
        return bisect.bisect_right(self._firsts, index) - 1

    def _split(self, at: int, index: int, value: int) -> tuple[bytes, bytes, bytes]:
        """The run with one register of another value: before, itself, behind; perhaps empty."""
        code, first = self._codes[at], self._firsts[at]
        old = _value(code)
        before, behind = index - first, first + _length(code) - 1 - index
        if old:
            return _values(old, before), _values(value, 1), _values(old, behind)
        return _zeros(before), _values(value, 1), _zeros(behind)

    def _merge(self, at: int) -> None:
        """Join neighbours of the same value, as far as a change of one run can have made some.

        Five steps, of which a join is one: Redis looks no farther, and so it has the same bytes.
        """
        codes = self._codes
        for _ in range(5):
            if at + 1 >= len(codes):
                return
            value = _value(codes[at])
            length = _length(codes[at]) + _length(codes[at + 1])
            if value and value == _value(codes[at + 1]) and length <= _MAX_VALUE_RUN:
                codes[at : at + 2] = [_values(value, length)]
                del self._firsts[at + 1]
                self._size_bytes -= 1
            else:
                at += 1


def _length(code: bytes) -> int:
    """How many registers a run has."""
    length = _LENGTHS[code[0]]
    if length:
        return length
    if len(code) == 1:
        raise corrupted()
    return ((code[0] & 0x3F) << 8 | code[1]) + 1


def _value(code: bytes) -> int:
    """What the registers of a run are."""
    return (code[0] >> 2 & 31) + 1 if code[0] & 0x80 else 0


def runs_of(value: bytes | RawString) -> list[tuple[bytes, int, int]]:
    """The runs of a sparse form, with the number of registers, and what each of them is."""
    codes = _CODE.findall(value, _HEADER_BYTES)
    return [(code, _length(code), _value(code)) for code in codes]


# Union, and estimating.

_HIGH_BITS = int.from_bytes(b"\x80" * REGISTERS)


def union(first: bytes, second: bytes) -> bytes:
    """The larger of each two registers, all at once, as two integers of 16 KiB.

    With its highest bit set, a byte can have another one taken away without borrowing from its
    neighbour; the bit is still there where the first byte was not smaller.
    """
    one, other = int.from_bytes(first), int.from_bytes(second)
    not_smaller = ((one | _HIGH_BITS) - other) & _HIGH_BITS
    chosen = not_smaller - (not_smaller >> 7)
    return (other ^ (one ^ other) & chosen).to_bytes(REGISTERS)


def _histogram(registers: bytes) -> list[int]:
    """How many registers have each value; each is struck out when it has been counted."""
    counts = []
    for value in range(_RUN_BITS + 2):
        rest = registers.translate(None, bytes([value]))
        counts.append(len(registers) - len(rest))
        registers = rest
    return counts


def estimate(registers: bytes) -> int:
    """How many different elements there were, from all registers."""
    counts = _histogram(registers)
    weight = REGISTERS * _tau((REGISTERS - counts[_RUN_BITS + 1]) / REGISTERS)
    for value in range(_RUN_BITS, 0, -1):
        weight = (weight + counts[value]) * 0.5
    weight += REGISTERS * _sigma(counts[0] / REGISTERS)
    exact = 0.5 / math.log(2) * REGISTERS * REGISTERS / weight
    whole = int(exact)
    return whole + (exact - whole >= 0.5)


def _sigma(x: float) -> float:
    """The correction for registers that are still 0."""
    if x == 1.0:
        return math.inf
    factor, total, before = 1.0, x, -1.0
    while total != before:
        x *= x
        before = total
        total += x * factor
        factor += factor
    return total


def _tau(x: float) -> float:
    """The correction for registers that cannot grow any more."""
    if x in (0.0, 1.0):
        return 0.0
    factor, total, before = 1.0, 1.0 - x, -1.0
    while total != before:
        x = math.sqrt(x)
        before = total
        factor *= 0.5
        total -= math.pow(1.0 - x, 2) * factor
    return total / 3

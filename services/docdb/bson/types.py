"""The BSON types that Python has no type of its own for.

Small values that can be compared for equality and hashed; how they are ordered is said in
`services.docdb.query.comparison`. ObjectId and Date are written out because there are so many
of them: a frozen dataclass takes three times as long to make.

Left out: DBRef is no type but a convention, a document with `$ref` and `$id`.
"""

import itertools
import os
from dataclasses import dataclass
from enum import Enum


class Int64(int):
    """A 64-bit integer; a plain `int` is 32 bits wide where it fits."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Int64({int(self)})"


class Date:
    """A moment, in milliseconds since 1970 UTC; far more years than `datetime` knows."""

    __slots__ = ("ms",)

    def __init__(self, ms: int):
        self.ms = ms

    def __eq__(self, other: object) -> bool:
        return type(other) is Date and other.ms == self.ms

    def __hash__(self) -> int:
        return hash(("date", self.ms))

    def __repr__(self) -> str:
        return f"Date({self.ms})"


class ObjectId:
    """Twelve bytes: seconds, five random bytes of the process, a counter."""

    __slots__ = ("binary",)

    def __init__(self, binary: bytes):
        self.binary = binary

    @property
    def created_at_s(self) -> int:
        return int.from_bytes(self.binary[:4], "big")

    def __eq__(self, other: object) -> bool:
        return type(other) is ObjectId and other.binary == self.binary

    def __hash__(self) -> int:
        return hash(self.binary)

    def __str__(self) -> str:
        return self.binary.hex()

    def __repr__(self) -> str:
        return f"ObjectId({self.binary.hex()!r})"


class ObjectIdSource:
    """Makes the `_id` of documents that come without one."""

    def __init__(self, process_bytes: bytes | None = None):
        self._process_bytes = process_bytes or os.urandom(5)
        self._counter = itertools.count(int.from_bytes(os.urandom(3), "big"))

    def next_id(self, now_s: float) -> ObjectId:
        counter = next(self._counter) & 0xFFFFFF
        seconds = int(now_s) & 0xFFFFFFFF
        return ObjectId(
            seconds.to_bytes(4, "big") + self._process_bytes + counter.to_bytes(3, "big")
        )


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """MongoDB's own clock: seconds, and a counter within the second."""

    time: int
    increment: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes of a subtype: 0 for any, 4 for a UUID, 128 and above for the user."""

    data: bytes
    subtype: int = 0


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression as a value; options in the order of the alphabet."""

    pattern: str
    options: str = ""


class Code:
    """JavaScript, with the variables that it sees or None. It is kept, and never run."""

    __slots__ = ("scope", "text")

    def __init__(self, text: str, scope: dict[str, object] | None = None):
        self.text = text
        self.scope = scope

    def __eq__(self, other: object) -> bool:
        return type(other) is Code and (other.text, other.scope) == (self.text, self.scope)

    def __hash__(self) -> int:
        return hash(("code", self.text))

    def __repr__(self) -> str:
        return f"Code({self.text!r}, {self.scope!r})"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A string of a deprecated type; it compares like a string."""

    text: str


@dataclass(frozen=True, slots=True)
class DBPointer:
    """A reference of a deprecated type."""

    namespace: str
    id: ObjectId


class Special(Enum):
    """Values of types that have a single value."""

    UNDEFINED = "undefined"
    MIN_KEY = "MinKey"
    MAX_KEY = "MaxKey"


UNDEFINED = Special.UNDEFINED
MIN_KEY = Special.MIN_KEY
MAX_KEY = Special.MAX_KEY

Document = dict[str, object]

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1

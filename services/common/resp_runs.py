"""Runs of RESP requests: a pipeline is mostly the same command again and again.

    *2 $3 GET $1 a                     name      GET
    *2 $3 GET $1 b      ─▶  a run:     columns   [(a, b, c)]
    *2 $3 GET $1 c                     data      the bytes, as they came

Requests of one name with the same number of words are looked at one column at a time instead of
one word at a time: what is asked of a hundred words is asked with one call into C. That goes for
reading them here, and for serving them, too (`services.kvdb.dispatch`).

There are two ways to find a run. `run_of` takes requests that have been cut at their line ends,
where the words of a column may be of any lengths. Often all requests are exactly as long as the
first one: with names, padded numbers, hashes, small values. And some of their words are the same in
all of them: the list that is filled, the fields of a hash. Then a `Shape` cuts the next run like it
with `struct`, at the same places each, in half of the time and less.
"""

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass

MIN_RUN = 5
"""Fewer requests are taken faster one by one."""

_MAX_CONSTANT_BYTES = 64
"""What a shape keeps of its requests is small."""

SIZES = {b"$%d" % size: size for size in range(1024)}
"""The bytes that a line announces, for those that are small."""


@dataclass(slots=True)
class Run:
    """Requests of one name, with the same number of words each."""

    name: bytes
    columns: list[Sequence[bytes]]
    """The first words behind the name, the second ones, and so on."""
    data: bytes
    """The requests as they came."""
    count: int
    """How many there are."""

    def requests(self) -> list[list[bytes]]:
        """The same, one by one."""
        if not self.columns:
            return [[self.name] for _ in range(self.count)]
        return [[self.name, *words] for words in zip(*self.columns, strict=True)]

    def shape(self, before: "Shape | None") -> "Shape | None":
        """What all its requests look like, if that is one shape; `before`: what the last ones did.

        A word that is the same in all of them is taken for one that always is, until it changes.
        """
        if not self.columns or len(self.data) % self.count:
            return None
        lengths = [len(column[0]) for column in self.columns]
        words: list[bytes | int] = [
            column[0]
            if size <= _MAX_CONSTANT_BYTES and column.count(column[0]) == self.count
            else size
            for column, size in zip(self.columns, lengths, strict=True)
        ]
        if before and before.name == self.name and before.lengths == lengths:
            words = [
                word if word == old else size
                for word, old, size in zip(words, before.words, lengths, strict=True)
            ]
        shape = _shape_of(self.name, tuple(words))
        return shape if shape.size_bytes * self.count == len(self.data) else None


def run_of(lines: list[bytes], width: int, data: bytes) -> Run | None:
    """The run that stands at the beginning of some lines, `width` lines a request, if there is one.

    The last of the lines is what follows the others in `data`.
    """
    count = (len(lines) - 1) // width
    end = count * width
    names = lines[2:end:width]
    if lines[0:end:width].count(lines[0]) != count or names.count(names[0]) != count:
        return None
    columns: list[Sequence[bytes]] = []
    for at in range(2, width, 2):
        heads, words = lines[at - 1 : end : width], lines[at:end:width]
        if heads.count(heads[0]) == count:
            # All of the same length, as names are, and keys often: a fifth less time.
            if list(map(len, words)).count(SIZES.get(heads[0], -1)) != count:
                return None
        elif list(map(SIZES.get, heads)) != list(map(len, words)):
            return None
        columns.append(words)
    size = len(data) - sum(map(len, lines[end:])) - 2 * (len(lines) - 1 - end)
    return Run(names[0], columns[1:], data[:size], count)


class Shape:
    """The requests of an even run: of one name, with words of the same lengths, or the same words.

        *3\\r\\n$5\\r\\nLPUSH\\r\\n$4\\r\\nlist\\r\\n$2\\r\\n aa \\r\\n*3\\r\\n … $2\\r\\n bb \\r\\n
        ──────────────── head ─────────────── word ─── between ──── word ────

    What varies, and what is between that, lies at the same places in each. And where what is
    between is always the same, it was cut right: it holds the name, all lengths, and the words that
    do not vary.
    """

    __slots__ = ("_betweens", "_cut", "_head", "lengths", "name", "size_bytes", "words")

    def __init__(self, name: bytes, words: tuple[bytes | int, ...]):
        """`words` are those behind the name, where they vary their lengths."""
        self.name = name
        self.words = words
        self.lengths = [len(word) if isinstance(word, bytes) else word for word in words]
        fixed = [b"*%d\r\n$%d\r\n%b\r\n" % (1 + len(words), len(name), name)]
        for word, length in zip(words, self.lengths, strict=True):
            fixed[-1] += b"$%d\r\n" % length
            if isinstance(word, bytes):
                fixed[-1] += word + b"\r\n"
            else:
                fixed.append(b"\r\n")
        self._head = fixed[0]
        # Behind the last word that varies comes the head of the next request.
        self._betweens = [*fixed[1:-1], fixed[-1] + fixed[0]] if len(fixed) > 1 else [fixed[0]]
        varying = [word for word in words if not isinstance(word, bytes)] or [0]
        places = zip(varying, map(len, self._betweens), strict=True)
        self._cut = struct.Struct("".join(f"{word}s{between}s" for word, between in places))
        self.size_bytes = self._cut.size
        """Of one request."""

    def cut(self, data: bytes) -> Run | None:
        """The run at the beginning, if there is one of this shape."""
        size, head = self.size_bytes, self._head
        count = len(data) // size
        end = count * size
        # A look at the last one tells mostly where it will not do.
        if count < MIN_RUN or not data.startswith(head, end - size) or not data.startswith(head):
            return None
        cut = list(zip(*self._cut.iter_unpack(data[len(head) : end] + head), strict=True))
        for between, column in zip(self._betweens, cut[1::2], strict=True):
            if column.count(between) != count:
                return None
        varying = iter(cut[::2])
        columns = [[it] * count if isinstance(it, bytes) else next(varying) for it in self.words]
        return Run(self.name, columns, data[:end], count)


_shape_of = functools.lru_cache(maxsize=128)(Shape)

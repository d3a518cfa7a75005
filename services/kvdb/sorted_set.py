"""The value of a sorted set: who has which score, and who stands where.

Two structures hold the same members, as in Redis:

    scores   member ─▶ score        a dict: ZSCORE, and whether a member is there
    ranking  rank keys in order, in chunks of at most 1,024 of them

        chunks   [1·a 1·b 2·c]   [2·d 5·e]   [7·f 9·g 9·h]
        lasts            2·c         5·e             9·h

To find a place, bisect `lasts` for the chunk, then the chunk itself. To insert, shift at most
1,024 pointers, which is one memmove; a chunk that has become too long is cut in two, one that
has become empty is dropped.
# Real: a skip list, whose links also count how many members they jump over.

**A rank key** is the score and the member in one byte string, made so that comparing the bytes
compares as Redis orders members, by score and then by the bytes of the member:

    score    1 byte: 0 below zero, else 1; then the double as IEEE 754 has it, highest byte first,
             each bit turned over where it is below zero (its lower numbers are its larger bytes)
    member   as it is

    -2.0 · "b"   00 3fffffffffffffff 62
     1.0 · "a"   01 3ff0000000000000 61

One comparison is one memcmp, where a pair of a float and a byte string takes three steps through
the interpreter's general way: ZADD that moves a member among 100,000 takes a third less time.
The price is a second copy of the member's bytes, instead of a pair that refers to it (72 bytes).

What it costs, with n members:

    find, insert, remove, a range's start   O(log n), plus moving a part of one chunk
    rank of a member, member of a rank      O(n / 1,024): the lengths of the chunks are added up

The last line is not logarithmic; at a million members it is some ten microseconds. A skip
list, or a tree over the chunks' lengths, would make it so, and each step of it would be Python
instead of one call into C.
"""

import itertools
import math
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter

from services.kvdb import memory
from services.kvdb.scan_table import ScanTable

CHUNK_LENGTH = 1024

_SCORE = struct.Struct(">Bd")
_SCORE_BYTES = _SCORE.size
_member_of = itemgetter(slice(_SCORE_BYTES, None))
_TURNED_OVER = bytes(255 - byte for byte in range(256))


def rank_key(score: float, member: bytes) -> bytes:
    """What stands in the order for a member with a score."""
    if score >= 0:
        return _SCORE.pack(1, score + 0.0) + member  # -0.0 becomes 0.0, which it equals.
    # With the first byte 255 it is turned over to 0.
    return _SCORE.pack(255, score).translate(_TURNED_OVER) + member


class Ranking:
    """Rank keys in ascending order; none is in it twice."""

    __slots__ = ("_chunks", "_lasts", "_length")

    def __init__(self, keys: Iterable[bytes] = ()):
        ordered = sorted(keys)
        half = CHUNK_LENGTH // 2
        self._chunks = [ordered[at : at + half] for at in range(0, len(ordered), half)]
        self._lasts = [chunk[-1] for chunk in self._chunks]
        self._length = len(ordered)

    def __len__(self) -> int:
        return self._length

    def add(self, key: bytes) -> None:
        self._length += 1
        chunks, lasts = self._chunks, self._lasts
        if not chunks:
            chunks.append([key])
            lasts.append(key)
            return
        at = bisect_left(lasts, key)
        if at == len(chunks):
            at -= 1
            chunk = chunks[at]
            chunk.append(key)
            lasts[at] = key
        else:
            chunk = chunks[at]
            chunk.insert(bisect_left(chunk, key), key)
        if len(chunk) > CHUNK_LENGTH:
            self._split(at)

    def _split(self, at: int) -> None:
        chunk = self._chunks[at]
        half = len(chunk) // 2
        self._chunks[at : at + 1] = [chunk[:half], chunk[half:]]
        self._lasts.insert(at, chunk[half - 1])

    def remove(self, key: bytes) -> None:
        """Take out a key that is there."""
        at = bisect_left(self._lasts, key)
        chunk = self._chunks[at]
        del chunk[bisect_left(chunk, key)]
        self._length -= 1
        if not chunk:
            del self._chunks[at], self._lasts[at]
        else:
            self._lasts[at] = chunk[-1]

    def rank_of(self, key: bytes) -> int:
        """How many keys stand before one that is there (or would be)."""
        at = bisect_left(self._lasts, key)
        if at == len(self._chunks):
            return self._length
        return self._before(at, bisect_left(self._chunks[at], key))

    def _before(self, chunk_at: int, place: int) -> int:
        """The rank of a place in a chunk."""
        return sum(map(len, itertools.islice(self._chunks, chunk_at))) + place

    def first_with_score(self, score: float, *, is_exclusive: bool) -> int:
        """The rank of the first key whose score is at least, or is above, `score`."""
        if is_exclusive:
            if score == math.inf:
                return self._length
            score = math.nextafter(score, math.inf)
        return self.rank_of(rank_key(score, b""))

    def first_with_member(self, member: bytes, *, is_exclusive: bool) -> int:
        """The rank of the first member that is at least, or is above, `member`.

        It means something only where all scores are equal, or rise as the members do.
        """
        bisect = bisect_right if is_exclusive else bisect_left
        at = bisect(self._lasts, member, key=_member_of)
        if at == len(self._chunks):
            return self._length
        return self._before(at, bisect(self._chunks[at], member, key=_member_of))

    def members(self, first: int, behind: int) -> Iterator[bytes]:
        """The members of these ranks."""
        at, place = self._locate(first)
        wanted = behind - first
        for chunk in itertools.islice(self._chunks, at, None):
            if wanted <= 0:
                return
            part = chunk[place : place + wanted]
            yield from map(_member_of, part)
            wanted -= len(part)
            place = 0

    def _locate(self, rank: int) -> tuple[int, int]:
        """The chunk of a rank, and the place in it."""
        if rank > self._length // 2:  # From the end: the last ranks are asked for as often.
            rest = self._length - rank
            for at in range(len(self._chunks) - 1, -1, -1):
                if rest <= len(self._chunks[at]):
                    return at, len(self._chunks[at]) - rest
                rest -= len(self._chunks[at])
        for at, chunk in enumerate(self._chunks):
            if rank < len(chunk):
                return at, rank
            rank -= len(chunk)
        return len(self._chunks), 0


class SortedSetValue:
    """One sorted set. Only its own methods change it."""

    __slots__ = ("accounted_bytes", "payload_bytes", "ranking", "scores")
    is_container = True

    def __init__(self, scores: dict[bytes, float] | None = None):
        self.scores: ScanTable[float] = ScanTable()
        self.scores.update(scores or {})
        self.ranking = Ranking(rank_key(score, member) for member, score in self.scores.items())
        self.accounted_bytes = 0
        self.payload_bytes = 2 * sum(map(len, self.scores))
        """Of the members, in both structures."""

    @property
    def size_bytes(self) -> int:
        return memory.SORTED_SET_BYTES + len(self) * memory.SCORE_BYTES + self.payload_bytes

    def copy(self) -> "SortedSetValue":
        return SortedSetValue(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __contains__(self, member: bytes) -> bool:
        return member in self.scores

    def put(self, member: bytes, score: float) -> float | None:
        """Add a member, or give it another score; the one that it had, None where it is new."""
        score += 0.0  # -0.0 becomes 0.0, as in a listpack of Redis.
        scores = self.scores
        old = scores.get(member)
        if old is None:
            scores.insert(member, score)
            self.payload_bytes += 2 * len(member)
        elif old == score:
            return old
        else:
            self.ranking.remove(rank_key(old, member))
            scores[member] = score
        self.ranking.add(rank_key(score, member))
        return old

    def discard(self, member: bytes) -> bool:
        """True where the member was there."""
        if member not in self.scores:
            return False
        self.ranking.remove(rank_key(self.scores.remove(member), member))
        self.payload_bytes -= 2 * len(member)
        return True

    def rank(self, member: bytes) -> int:
        """How many members stand before one that is there."""
        return self.ranking.rank_of(rank_key(self.scores[member], member))

    def pairs(self, first: int, behind: int) -> list[tuple[bytes, float]]:
        """Members with their scores, by rank, ascending."""
        scores = self.scores
        return [(member, scores[member]) for member in self.ranking.members(first, behind)]

    def pop_range(self, first: int, behind: int) -> list[tuple[bytes, float]]:
        """Remove these ranks; what has been removed, ascending."""
        removed = self.pairs(first, behind)
        for member, _ in removed:
            self.discard(member)
        return removed

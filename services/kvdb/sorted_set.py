"""The value of a sorted set: who has which score, and who stands where.

Two structures hold the same members, as in Redis:

    scores   member ─▶ score          a dict: ZSCORE, and whether a member is there
    ranking  (score, member) in order, in chunks of at most 1,024 pairs

        chunks   [(1, a) (1, b) (2, c)]   [(2, d) (5, e)]   [(7, f) (9, g) (9, h)]
        lasts            (2, c)                (5, e)                (9, h)

To find a place, bisect `lasts` for the chunk, then the chunk itself. To insert, shift at most
1,024 pointers, which is one memmove; a chunk that has become too long is cut in two, one that
has become empty is dropped.
# Real: a skip list, whose links also count how many members they jump over.

What it costs, with n members:

    find, insert, remove, a range's start   O(log n), plus moving a part of one chunk
    rank of a member, member of a rank      O(n / 1,024): the lengths of the chunks are added up

The last line is not logarithmic; at a million members it is some ten microseconds. A skip
list, or a tree over the chunks' lengths, would make it so, and each step of it would be Python
instead of one call into C.

Pairs compare as Redis orders members: by score, then by the bytes of the member.
"""

import itertools
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from operator import itemgetter

from services.kvdb import memory
from services.kvdb.scan_table import ScanTable

Pair = tuple[float, bytes]

CHUNK_LENGTH = 1024

_member_of = itemgetter(1)


class Ranking:
    """Pairs in ascending order; no pair is in it twice."""

    __slots__ = ("_chunks", "_lasts", "_length")

    def __init__(self, pairs: Iterable[Pair] = ()):
        ordered = sorted(pairs)
        half = CHUNK_LENGTH // 2
        self._chunks = [ordered[at : at + half] for at in range(0, len(ordered), half)]
        self._lasts = [chunk[-1] for chunk in self._chunks]
        self._length = len(ordered)

    def __len__(self) -> int:
        return self._length

    def add(self, pair: Pair) -> None:
        self._length += 1
        chunks, lasts = self._chunks, self._lasts
        if not chunks:
            chunks.append([pair])
            lasts.append(pair)
            return
        at = bisect_left(lasts, pair)
        if at == len(chunks):
            at -= 1
            chunks[at].append(pair)
            lasts[at] = pair
        else:
            chunk = chunks[at]
            insort(chunk, pair)
            if len(chunk) <= CHUNK_LENGTH:
                return
        if len(chunks[at]) > CHUNK_LENGTH:
            self._split(at)

    def _split(self, at: int) -> None:
        chunk = self._chunks[at]
        half = len(chunk) // 2
        self._chunks[at : at + 1] = [chunk[:half], chunk[half:]]
        self._lasts.insert(at, chunk[half - 1])

    def remove(self, pair: Pair) -> None:
        """Take out a pair that is there."""
        at = bisect_left(self._lasts, pair)
        chunk = self._chunks[at]
        del chunk[bisect_left(chunk, pair)]
        self._length -= 1
        if not chunk:
            del self._chunks[at], self._lasts[at]
        else:
            self._lasts[at] = chunk[-1]

    def rank_of(self, pair: Pair) -> int:
        """How many pairs stand before one that is there (or would be)."""
        at = bisect_left(self._lasts, pair)
        return (
            self._before(at, bisect_left(self._chunks[at], pair))
            if at < len(self._chunks)
            else self._length
        )

    def _before(self, chunk_at: int, place: int) -> int:
        """The rank of a place in a chunk."""
        return sum(map(len, itertools.islice(self._chunks, chunk_at))) + place

    def first_with_score(self, score: float, *, is_exclusive: bool) -> int:
        """The rank of the first pair whose score is at least, or is above, `score`."""
        if is_exclusive:
            if score == math.inf:
                return self._length
            score = math.nextafter(score, math.inf)
        return self.rank_of((score, b""))

    def first_with_member(self, member: bytes, *, is_exclusive: bool) -> int:
        """The rank of the first member that is at least, or is above, `member`.

        It means something only where all scores are equal.
        """
        bisect = bisect_right if is_exclusive else bisect_left
        at = bisect(self._lasts, member, key=_member_of)
        if at == len(self._chunks):
            return self._length
        return self._before(at, bisect(self._chunks[at], member, key=_member_of))

    def slice(self, first: int, behind: int) -> Iterator[Pair]:
        """The pairs of these ranks."""
        at, place = self._locate(first)
        wanted = behind - first
        for chunk in itertools.islice(self._chunks, at, None):
            if wanted <= 0:
                return
            part = chunk[place : place + wanted]
            yield from part
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
        self.ranking = Ranking((score, member) for member, score in self.scores.items())
        self.accounted_bytes = 0
        self.payload_bytes = sum(map(len, self.scores))

    @property
    def size_bytes(self) -> int:
        return memory.SORTED_SET_BYTES + len(self) * memory.SCORE_BYTES + self.payload_bytes

    def copy(self) -> "SortedSetValue":
        return SortedSetValue(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __contains__(self, member: bytes) -> bool:
        return member in self.scores

    def put(self, member: bytes, score: float) -> None:
        """Add a member, or give it another score."""
        score += 0.0  # -0.0 becomes 0.0, as in a listpack of Redis.
        old = self.scores.get(member)
        if old is None:
            self.insert(member, score)
        else:
            self.move(member, old, score)

    def insert(self, member: bytes, score: float) -> None:
        """Add a member that is not there."""
        self.scores.insert(member, score)
        self.payload_bytes += len(member)
        self.ranking.add((score, member))

    def move(self, member: bytes, old: float, score: float) -> None:
        """Give a member that is there another score."""
        self.ranking.remove((old, member))
        self.scores[member] = score
        self.ranking.add((score, member))

    def discard(self, member: bytes) -> bool:
        """True where the member was there."""
        if member not in self.scores:
            return False
        self.ranking.remove((self.scores.remove(member), member))
        self.payload_bytes -= len(member)
        return True

    def rank(self, member: bytes) -> int:
        """How many members stand before one that is there."""
        return self.ranking.rank_of((self.scores[member], member))

    def pairs(self, first: int, behind: int) -> list[tuple[bytes, float]]:
        """Members with their scores, by rank, ascending."""
        return [(member, score) for score, member in self.ranking.slice(first, behind)]

    def pop_range(self, first: int, behind: int) -> list[tuple[bytes, float]]:
        """Remove these ranks; what has been removed, ascending."""
        removed = self.pairs(first, behind)
        for member, _ in removed:
            self.discard(member)
        return removed

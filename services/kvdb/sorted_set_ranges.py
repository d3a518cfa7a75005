"""Ranges of sorted sets: by rank, by score, by member; forwards and backwards.

ZRANGE alone can do all of it since Redis 6.2; the older commands are its special cases, and so
they are here. Every range first becomes a pair of ranks, and everything else works on ranks:

    ZRANGE s 0 -1                          ranks as given
    ZRANGE s (1.5 +inf BYSCORE             the rank of the first score above 1.5, and the end
    ZRANGE s [a (c BYLEX                   the rank of the first member ≥ a, of the first ≥ c
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.common.resp import Pairs, ReplyError
from services.kvdb import arguments, errors
from services.kvdb.arguments import following, integer, words
from services.kvdb.clients import Client
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.sorted_sets import find

Bounds = Callable[[SortedSetValue], tuple[int, int]]
"""The first rank of a range and the one behind its last, in a given sorted set."""

_NOT_A_SCORE = "ERR min or max is not a float"
_NOT_A_MEMBER = "ERR min or max not valid string range item"


def rank_bounds(start_text: bytes, stop_text: bytes, *, is_reversed: bool = False) -> Bounds:
    start, stop = integer(start_text), integer(stop_text)

    def bounds(value: SortedSetValue) -> tuple[int, int]:
        first, behind = arguments.clamp_range(start, stop, len(value))
        return (len(value) - behind, len(value) - first) if is_reversed else (first, behind)

    return bounds


def score_bounds(low: bytes, high: bytes) -> Bounds:
    """`5`, `(5` for "above 5", `-inf`, `+inf`."""
    low_score, low_is_open = _score_limit(low)
    high_score, high_is_open = _score_limit(high)

    def bounds(value: SortedSetValue) -> tuple[int, int]:
        ranking = value.ranking
        first = ranking.first_with_score(low_score, is_exclusive=low_is_open)
        return first, ranking.first_with_score(high_score, is_exclusive=not high_is_open)

    return bounds


def _score_limit(text: bytes) -> tuple[float, bool]:
    is_open = text[:1] == b"("
    return arguments.limit(text[is_open:], _NOT_A_SCORE), is_open


def member_bounds(low: bytes, high: bytes) -> Bounds:
    """`[a` from a on, `(a` behind a, `-` and `+` for the ends."""
    low_limit, high_limit = _member_limit(low), _member_limit(high)

    def bounds(value: SortedSetValue) -> tuple[int, int]:
        return _member_rank(value, low_limit, 0), _member_rank(value, high_limit, 1)

    return bounds


def _member_limit(text: bytes) -> tuple[bytes, bytes]:
    mark, member = text[:1], text[1:]
    if mark in (b"[", b"(") or text in (b"-", b"+"):
        return mark, member
    raise ReplyError(_NOT_A_MEMBER)


def _member_rank(value: SortedSetValue, limit: tuple[bytes, bytes], is_upper: int) -> int:
    match limit:
        case (b"-", _):
            return 0
        case (b"+", _):
            return len(value)
        case (mark, member):
            is_exclusive = (mark == b"[") if is_upper else (mark == b"(")
            return value.ranking.first_with_member(member, is_exclusive=is_exclusive)


@dataclass(frozen=True, slots=True)
class Range:
    """A range that a client asked for."""

    bounds: Bounds
    is_reversed: bool = False
    offset: int = 0
    count: int = -1
    """At most so many, all if negative."""

    def of(self, value: SortedSetValue | None) -> list[tuple[bytes, float]]:
        """Members with scores, in the order that was asked for."""
        if value is None or self.offset < 0:
            return []
        first, behind = self.bounds(value)
        size = behind - first - self.offset
        if self.count >= 0:
            size = min(size, self.count)
        if size <= 0:
            return []
        if self.is_reversed:
            end = behind - self.offset
            return value.pairs(end - size, end)[::-1]
        return value.pairs(first + self.offset, first + self.offset + size)


def _reply(pairs: list[tuple[bytes, float]], with_scores: bool) -> list:
    return Pairs(pairs) if with_scores else [member for member, _ in pairs]


# ZRANGE and ZRANGESTORE.


def zrange(client: Client, request: list[bytes]) -> list:
    wanted, with_scores = _parse(request[2:], takes_scores=True)
    return _reply(wanted.of(find(client, request[1])), with_scores)


def zrangestore(client: Client, request: list[bytes]) -> int:
    _, destination, source, *rest = request
    wanted, _ = _parse(rest, takes_scores=False)
    pairs = wanted.of(find(client, source))
    return client.database.store(destination, SortedSetValue(dict(pairs)))


def _parse(rest: list[bytes], *, takes_scores: bool) -> tuple[Range, bool]:
    """`start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`."""
    start, stop, *options = rest
    by, limit = b"", None
    is_reversed = with_scores = False
    for word, values in words(options):
        match word:
            case b"BYSCORE" | b"BYLEX" if not by:
                by = word
            case b"REV" if not is_reversed:
                is_reversed = True
            case b"LIMIT":
                limit = integer(following(values)), integer(following(values))
            case b"WITHSCORES" if takes_scores:
                with_scores = True
            case _:
                raise errors.syntax_error()
    offset, count = limit or (0, -1)
    if count != -1 and not by:
        raise ReplyError(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
        )
    if not by:
        offset = 0  # Redis takes a LIMIT without an end here, and does nothing with it.
    if with_scores and by == b"BYLEX":
        raise ReplyError("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
    low, high = (stop, start) if is_reversed and by else (start, stop)
    match by:
        case b"BYSCORE":
            bounds = score_bounds(low, high)
        case b"BYLEX":
            bounds = member_bounds(low, high)
        case _:
            bounds = rank_bounds(start, stop, is_reversed=is_reversed)
    return Range(bounds, is_reversed, offset, count), with_scores


# The older commands.


def zrevrange(client: Client, request: list[bytes]) -> list:
    _, key, start, stop, *rest = request
    with_scores = _only_with_scores(rest)
    bounds = rank_bounds(start, stop, is_reversed=True)
    return _reply(Range(bounds, True).of(find(client, key)), with_scores)


def _only_with_scores(rest: list[bytes]) -> bool:
    if not rest:
        return False
    if len(rest) > 1 or rest[0].upper() != b"WITHSCORES":
        raise errors.syntax_error()
    return True


def zrangebyscore(client: Client, request: list[bytes]) -> list:
    return _by_score(client, request, is_reversed=False)


def zrevrangebyscore(client: Client, request: list[bytes]) -> list:
    return _by_score(client, request, is_reversed=True)


def _by_score(client: Client, request: list[bytes], *, is_reversed: bool) -> list:
    _, key, low, high, *rest = request
    with_scores, limit = False, (0, -1)
    for word, values in words(rest):
        match word:
            case b"WITHSCORES":
                with_scores = True
            case b"LIMIT":
                limit = integer(following(values)), integer(following(values))
            case _:
                raise errors.syntax_error()
    bounds = score_bounds(high, low) if is_reversed else score_bounds(low, high)
    return _reply(Range(bounds, is_reversed, *limit).of(find(client, key)), with_scores)


def zrangebylex(client: Client, request: list[bytes]) -> list:
    return _by_member(client, request, is_reversed=False)


def zrevrangebylex(client: Client, request: list[bytes]) -> list:
    return _by_member(client, request, is_reversed=True)


def _by_member(client: Client, request: list[bytes], *, is_reversed: bool) -> list:
    _, key, low, high, *rest = request
    limit = (0, -1)
    for word, values in words(rest):
        if word != b"LIMIT":
            raise errors.syntax_error()
        limit = integer(following(values)), integer(following(values))
    bounds = member_bounds(high, low) if is_reversed else member_bounds(low, high)
    return _reply(Range(bounds, is_reversed, *limit).of(find(client, key)), False)


# Counting and removing.


def zcount(client: Client, request: list[bytes]) -> int:
    return _count(client, request[1], score_bounds(request[2], request[3]))


def zlexcount(client: Client, request: list[bytes]) -> int:
    return _count(client, request[1], member_bounds(request[2], request[3]))


def _count(client: Client, key: bytes, bounds: Bounds) -> int:
    value = find(client, key)
    if value is None:
        return 0
    first, behind = bounds(value)
    return max(behind - first, 0)


def zremrangebyrank(client: Client, request: list[bytes]) -> int:
    return _remove(client, request[1], rank_bounds(request[2], request[3]))


def zremrangebyscore(client: Client, request: list[bytes]) -> int:
    return _remove(client, request[1], score_bounds(request[2], request[3]))


def zremrangebylex(client: Client, request: list[bytes]) -> int:
    return _remove(client, request[1], member_bounds(request[2], request[3]))


def _remove(client: Client, key: bytes, bounds: Bounds) -> int:
    value = client.database.modify_as(SortedSetValue, key)
    if value is None:
        return 0
    removed = value.pop_range(*bounds(value))
    if removed:
        client.database.changed(key)
    return len(removed)

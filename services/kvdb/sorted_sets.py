"""Sorted sets: members in the order of a score. Priority queues, schedules, leader boards.

The commands that add, remove, and ask for one member; `sorted_set` is the value itself,
`sorted_set_ranges` has the ranges, `sorted_set_algebra` the unions and intersections. The
commands that wait for a member (BZPOPMIN and its family) are in `blocking`.
"""

import math
from dataclasses import dataclass

from services.common.resp import NIL_ARRAY, Pairs, ReplyError, format_double
from services.kvdb import arguments, errors, memory, scanning
from services.kvdb.arguments import number
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.encoding import encoding_of
from services.kvdb.hashes import random_arguments, random_members
from services.kvdb.lists import mpop_arguments
from services.kvdb.sorted_set import SortedSetValue

LOWEST, HIGHEST = b"MIN", b"MAX"


def find(client: Client, key: bytes) -> SortedSetValue | None:
    return client.database.read_as(SortedSetValue, key)


# Adding.


@dataclass(slots=True)
class _AddOptions:
    only_new: bool = False
    only_existing: bool = False
    only_greater: bool = False
    only_less: bool = False
    counts_changed: bool = False
    increments: bool = False


_ADD_WORDS = {
    b"NX": "only_new",
    b"XX": "only_existing",
    b"GT": "only_greater",
    b"LT": "only_less",
    b"CH": "counts_changed",
    b"INCR": "increments",
}


def zadd(client: Client, request: list[bytes]) -> object:
    if len(request) == 4 and request[2] < b":":  # Options begin with a letter.
        return _add_one(client.database, request[1], number(request[2]), request[3])
    options, position = _add_options(request)
    pairs = request[position:]
    if not pairs or len(pairs) % 2:
        raise errors.syntax_error()
    if options.only_new and options.only_existing:
        raise ReplyError("ERR XX and NX options at the same time are not compatible")
    if options.only_greater + options.only_less + options.only_new > 1:
        raise ReplyError("ERR GT, LT, and/or NX options at the same time are not compatible")
    if options.increments and len(pairs) > 2:
        raise ReplyError("ERR INCR option supports a single increment-element pair")
    scores = [number(text) for text in pairs[::2]]
    return _add(client.database, request[1], scores, pairs[1::2], options)


def _add_one(database: Database, key: bytes, score: float, member: bytes) -> int:
    """ZADD as most use it, one member and no options: a third of the time. Whether it is new."""
    value = database.create_as(SortedSetValue, key)
    old = value.put(member, score)
    if old is None:
        database.grown(key, value, memory.SCORE_BYTES + 2 * len(member))
        return 1
    if old != score:
        database.grown(key, value, 0)
    return 0


def zincrby(client: Client, request: list[bytes]) -> float:
    _, key, amount, member = request
    options = _AddOptions(increments=True)
    return _add(client.database, key, [number(amount)], [member], options)


def _add_options(request: list[bytes]) -> tuple[_AddOptions, int]:
    """The options, and the position of the first score."""
    options, position = _AddOptions(), 2
    while position < len(request):
        name = _ADD_WORDS.get(request[position].upper())
        if name is None:
            break
        setattr(options, name, True)
        position += 1
    return options, position


def _add(
    database: Database,
    key: bytes,
    scores: list[float],
    members: list[bytes],
    options: _AddOptions,
) -> object:
    """What ZADD answers: a count, or with INCR the new score, or None where it did nothing."""
    value = database.modify_as(SortedSetValue, key)
    if value is None:
        if options.only_existing:
            return None if options.increments else 0
        value = database.create_as(SortedSetValue, key)
    added = updated = 0
    score: float | None = None
    try:
        for score, member in zip(scores, members, strict=True):
            old = value.scores.get(member)
            score = _new_score(old, score, options)
            if score is None or score == old:
                continue
            value.put(member, score)
            added += old is None
            updated += old is not None
    finally:  # An increment to NaN must not leave an empty set behind.
        if added or updated or not value:
            database.changed(key)
    if options.increments:
        return score
    return added + updated if options.counts_changed else added


def _new_score(old: float | None, score: float, options: _AddOptions) -> float | None:
    """The score to store, or None where the options forbid it."""
    if old is None:
        return None if options.only_existing else score
    if options.only_new:
        return None
    if options.increments:
        score = old + score
        if math.isnan(score):
            raise ReplyError("ERR resulting score is not a number (NaN)")
    if (options.only_greater and score <= old) or (options.only_less and score >= old):
        return None
    return score


# Removing.


def zrem(client: Client, request: list[bytes]) -> int:
    _, key, *members = request
    value = client.database.modify_as(SortedSetValue, key)
    return client.database.discard(key, value, members)


def zpopmin(client: Client, request: list[bytes]) -> list:
    return _pop(client, request, LOWEST)


def zpopmax(client: Client, request: list[bytes]) -> list:
    return _pop(client, request, HIGHEST)


def _pop(client: Client, request: list[bytes], end: bytes) -> list:
    count = arguments.pop_count(request)
    pairs = pop(client.database, request[1], end, 1 if count is None else count)
    # Redis nests the pairs for RESP3, but only where a count was asked for.
    return [part for pair in pairs for part in pair] if count is None else Pairs(pairs)


def pop(database: Database, key: bytes, end: bytes, count: int) -> list[tuple[bytes, float]]:
    """Up to `count` members with their scores from one end, the outermost first."""
    value = database.modify_as(SortedSetValue, key)
    if value is None:
        return []
    count = min(count, len(value))
    if end == LOWEST:
        pairs = value.pop_range(0, count)
    else:
        pairs = value.pop_range(len(value) - count, len(value))[::-1]
    if pairs:
        database.changed(key)
    return pairs


def zmpop(client: Client, request: list[bytes]) -> object:
    keys, end, count = mpop_arguments(request, 1, (LOWEST, HIGHEST))
    for key in keys:
        pairs = pop(client.database, key, end, count)
        if pairs:
            return [key, [list(pair) for pair in pairs]]
    return NIL_ARRAY


# Asking.


def zcard(client: Client, request: list[bytes]) -> int:
    return len(find(client, request[1]) or ())


def zscore(client: Client, request: list[bytes]) -> float | None:
    value = find(client, request[1])
    return value.scores.get(request[2]) if value is not None else None


def zmscore(client: Client, request: list[bytes]) -> list[float | None]:
    value = find(client, request[1])
    scores = value.scores if value is not None else {}
    return [scores.get(member) for member in request[2:]]


def zrank(client: Client, request: list[bytes]) -> int | None:
    value = find(client, request[1])
    if value is None or request[2] not in value:
        return None
    return value.rank(request[2])


def zrevrank(client: Client, request: list[bytes]) -> int | None:
    value = find(client, request[1])
    if value is None or request[2] not in value:
        return None
    return len(value) - 1 - value.rank(request[2])


def zrandmember(client: Client, request: list[bytes]) -> object:
    _, key, *rest = request
    if not rest:
        value = find(client, key)
        return value.scores.random_key() if value else None
    count, with_scores = random_arguments(rest, b"WITHSCORES")
    value = find(client, key)
    if value is None:
        return []
    members = random_members(value.scores, count)
    return Pairs((member, value.scores[member]) for member in members) if with_scores else members


def zscan(client: Client, request: list[bytes]) -> object:
    cursor = scanning.cursor(request[2])
    value = find(client, request[1])
    if value is None:
        return scanning.NOTHING
    options = scanning.options(request[3:])
    is_packed = encoding_of(value, client.engine.settings) == "listpack"
    following, members = options.step(value.scores, cursor, is_small=is_packed)
    pairs = [(member, _scanned(value.scores[member], is_packed)) for member in members]
    return [b"%d" % following, [part for pair in pairs for part in pair]]


def _scanned(score: float, is_packed: bool) -> bytes:
    """The score as a string, also for RESP3; a listpack of Redis holds integers as such."""
    is_integer = is_packed and abs(score) <= 2**62 and score.is_integer()
    return b"%d" % score if is_integer else format_double(score)

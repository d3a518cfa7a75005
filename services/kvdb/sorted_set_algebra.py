"""Unions, intersections and differences of sorted sets, shown or stored.

    ZUNIONSTORE out 2 a b WEIGHTS 2 3 AGGREGATE MAX

Each source may also be a plain set, whose members then have the score 1. Scores are multiplied
by the weight of their source, and those of the same member are put together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from services.common.resp import Pairs, ReplyError
from services.kvdb import arguments, errors
from services.kvdb.arguments import following, integer, words
from services.kvdb.clients import Client
from services.kvdb.sets import SetValue, cardinality_limit
from services.kvdb.sorted_set import SortedSetValue

Scores = dict[bytes, float]

_NOT_A_WEIGHT = "ERR weight value is not a float"


def _sum(first: float, second: float) -> float:
    total = first + second
    return 0.0 if math.isnan(total) else total  # Infinity less infinity, as Redis takes it.


_AGGREGATES: dict[bytes, Callable[[float, float], float]] = {b"SUM": _sum, b"MIN": min, b"MAX": max}


@dataclass(frozen=True, slots=True)
class _Operands:
    """What a client asked to combine."""

    sources: list[Scores]
    weights: list[float]
    aggregate: Callable[[float, float], float]
    with_scores: bool
    limit: int

    def weighted(self, index: int, member: bytes) -> float:
        score = self.sources[index][member] * self.weights[index]
        return 0.0 if math.isnan(score) else score


def _scores(client: Client, key: bytes) -> Scores:
    value = client.database.read(key)
    match value:
        case None:
            return {}
        case SortedSetValue():
            return value.scores
        case SetValue():
            return dict.fromkeys(value, 1.0)
    raise errors.wrong_type()


def _parse(
    client: Client,
    request: list[bytes],
    position: int,
    *,
    weighs: bool = True,
    shows: bool = True,
    limits: bool = False,
) -> _Operands:
    """`numkeys key … [WEIGHTS weight …] [AGGREGATE how] [WITHSCORES] [LIMIT limit]`."""
    name = request[0].decode().lower()
    count = integer(request[position])
    if count < 1:
        raise ReplyError(f"ERR at least 1 input key is needed for '{name}' command")
    keys, rest = request[position + 1 : position + 1 + count], request[position + 1 + count :]
    if len(keys) < count:
        raise errors.syntax_error()
    sources = [_scores(client, key) for key in keys]
    weights, aggregate, with_scores, limit = [1.0] * count, _sum, False, 0
    for word, values in words(rest):
        match word:
            case b"WEIGHTS" if weighs:
                texts = [following(values) for _ in keys]
                weights = [arguments.number(text, _NOT_A_WEIGHT) for text in texts]
            case b"AGGREGATE" if weighs:
                aggregate = _AGGREGATES.get(following(values).upper())
                if aggregate is None:
                    raise errors.syntax_error()
            case b"WITHSCORES" if shows:
                with_scores = True
            case b"LIMIT" if limits:
                limit = cardinality_limit(following(values))
            case _:
                raise errors.syntax_error()
    return _Operands(sources, weights, aggregate, with_scores, limit)


def _union(operands: _Operands) -> Scores:
    result: Scores = {}
    for index, source in enumerate(operands.sources):
        for member in source:
            score = operands.weighted(index, member)
            if member in result:
                score = operands.aggregate(result[member], score)
            result[member] = score
    return result


def _intersection(operands: _Operands) -> Scores:
    sources = operands.sources
    # From the smallest source on; scores are put together in the same order, as in Redis.
    first, *others = sorted(range(len(sources)), key=lambda index: len(sources[index]))
    result: Scores = {}
    for member in sources[first]:
        if all(member in sources[index] for index in others):
            score = operands.weighted(first, member)
            for index in others:
                score = operands.aggregate(score, operands.weighted(index, member))
            result[member] = score
    return result


def _difference(operands: _Operands) -> Scores:
    first, *others = operands.sources
    return {
        member: score
        for member, score in first.items()
        if not any(member in other for other in others)
    }


def _show(scores: Scores, operands: _Operands) -> list:
    pairs = sorted(scores.items(), key=lambda pair: (pair[1], pair[0]))
    return Pairs(pairs) if operands.with_scores else [member for member, _ in pairs]


def _store(client: Client, key: bytes, scores: Scores) -> int:
    return client.database.store(key, SortedSetValue(scores))


def zunion(client: Client, request: list[bytes]) -> list:
    operands = _parse(client, request, 1)
    return _show(_union(operands), operands)


def zinter(client: Client, request: list[bytes]) -> list:
    operands = _parse(client, request, 1)
    return _show(_intersection(operands), operands)


def zdiff(client: Client, request: list[bytes]) -> list:
    operands = _parse(client, request, 1, weighs=False)
    return _show(_difference(operands), operands)


def zunionstore(client: Client, request: list[bytes]) -> int:
    return _store(client, request[1], _union(_parse(client, request, 2, shows=False)))


def zinterstore(client: Client, request: list[bytes]) -> int:
    return _store(client, request[1], _intersection(_parse(client, request, 2, shows=False)))


def zdiffstore(client: Client, request: list[bytes]) -> int:
    operands = _parse(client, request, 2, weighs=False, shows=False)
    return _store(client, request[1], _difference(operands))


def zintercard(client: Client, request: list[bytes]) -> int:
    operands = _parse(client, request, 1, weighs=False, shows=False, limits=True)
    first, *others = sorted(operands.sources, key=len)
    common = sum(all(member in other for other in others) for member in first)
    return min(common, operands.limit) if operands.limit else common

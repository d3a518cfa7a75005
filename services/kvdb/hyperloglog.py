"""HyperLogLog: how many different elements were there? PFADD, PFCOUNT, PFMERGE.

    PFADD visitors ann bob ann    ─▶ 1          a register grew: most likely somebody new
    PFCOUNT visitors              ─▶ 2          about; kept in the string until the next change
    PFMERGE week monday tuesday   ─▶ OK         who came on both days is counted once

A count is a string: TYPE says so, GET returns its bytes, and any string may turn out to be none.
`hyperloglog_registers` has the algorithm and the two forms of such a string. The commands begin
with PF for Philippe Flajolet, whose algorithm this is.
# Real: the commands of hyperloglog.c in Redis.
"""

import itertools
from collections.abc import Iterable

from services.common.resp import OK, ReplyError, Simple
from services.kvdb import errors, hyperloglog_registers, strings
from services.kvdb.bitmaps import content
from services.kvdb.clients import Client
from services.kvdb.hyperloglog_registers import EMPTY, REGISTERS, registers_of
from services.kvdb.strings import RawString


def _check(value: object) -> bytes | RawString:
    """What was looked up, as the count that it must be."""
    count = content(value)
    hyperloglog_registers.check(count)
    return count


def pfadd(client: Client, request: list[bytes]) -> int:
    _, key, *elements = request
    database = client.database
    found = database.modify(key)
    if found is not None:
        _check(found)
    raw = strings.raw_string(database, key)
    if found is None:
        raw[:] = EMPTY
    places = map(hyperloglog_registers.place_of, elements)
    grew = hyperloglog_registers.raise_registers(raw, places, _sparse_max_bytes(client))
    if not grew and found is not None:
        return 0
    hyperloglog_registers.forget_count(raw)
    database.changed(key)
    return 1


def _sparse_max_bytes(client: Client) -> int:
    return client.engine.settings.hll_sparse_max_bytes


def pfcount(client: Client, request: list[bytes]) -> int:
    if len(request) > 2:
        return hyperloglog_registers.estimate(_union(client, request[1:]))
    key, database = request[1], client.database
    found = database.read(key)
    if found is None:
        return 0
    count = _check(found)
    cached = hyperloglog_registers.cached_count(count)
    if cached is not None:
        return cached
    estimate = hyperloglog_registers.estimate(registers_of(count))
    # The estimate is kept in the string, so this command that reads also changes it.
    hyperloglog_registers.cache_count(strings.raw_string(database, key), estimate)
    database.changed(key)
    return estimate


def _union(client: Client, keys: Iterable[bytes]) -> bytes:
    """The registers of all these counts together; what is missing is empty."""
    union = bytes(REGISTERS)
    for key in keys:
        found = client.database.read(key)
        if found is not None:
            union = hyperloglog_registers.union(union, registers_of(_check(found)))
    return union


def pfmerge(client: Client, request: list[bytes]) -> object:
    """The union of the destination itself and the sources; dense where one of them is."""
    keys, database = request[1:], client.database
    union = _union(client, keys)
    values = (database.modify(key) for key in keys)
    is_dense = any(it is not None and hyperloglog_registers.is_dense(it) for it in values)
    raw = strings.raw_string(database, keys[0])
    if not raw:
        raw[:] = EMPTY
    if is_dense:
        hyperloglog_registers.store_dense(raw, union)
    else:
        # One by one, as Redis does: the form of the runs depends on the order.
        places = ((index, value) for index, value in enumerate(union) if value)
        hyperloglog_registers.raise_registers(raw, places, _sparse_max_bytes(client))
    hyperloglog_registers.forget_count(raw)
    database.changed(keys[0])
    return OK


# Looking inside.


def pfdebug(client: Client, request: list[bytes]) -> object:
    _, subcommand, key, *rest = request
    found = client.database.modify(key)
    if found is None:
        raise ReplyError("ERR The specified key does not exist")
    count = _check(found)
    inspect = _INSPECTIONS.get(subcommand.upper())
    shown = errors.shown(subcommand)
    if inspect is None:
        raise ReplyError(f"ERR Unknown PFDEBUG subcommand '{shown}'")
    if rest:
        raise ReplyError(f"ERR Wrong number of arguments for the '{shown}' subcommand")
    return inspect(client, key, count)


def _getreg(client: Client, key: bytes, count: bytes | RawString) -> list[int]:
    _todense(client, key, count)
    return list(registers_of(content(client.database.peek(key))))


def _decode(client: Client, key: bytes, count: bytes | RawString) -> bytes:
    if hyperloglog_registers.is_dense(count):
        raise ReplyError("ERR HLL encoding is not sparse")
    return " ".join(itertools.starmap(_shown_run, hyperloglog_registers.runs_of(count))).encode()


def _shown_run(code: bytes, length: int, value: int) -> str:
    if value:
        return f"v:{value},{length}"
    return f"Z:{length}" if len(code) == 2 else f"z:{length}"


def _encoding(client: Client, key: bytes, count: bytes | RawString) -> Simple:
    return Simple("dense" if hyperloglog_registers.is_dense(count) else "sparse")


def _todense(client: Client, key: bytes, count: bytes | RawString) -> int:
    if hyperloglog_registers.is_dense(count):
        return 0
    raw = strings.raw_string(client.database, key)
    hyperloglog_registers.store_dense(raw, registers_of(raw))
    client.database.changed(key)
    return 1


_INSPECTIONS = {
    b"GETREG": _getreg,
    b"DECODE": _decode,
    b"ENCODING": _encoding,
    b"TODENSE": _todense,
}


_TEST_ELEMENTS = 10_000


def pfselftest(client: Client, request: list[bytes]) -> object:
    """Whether both forms agree, and estimate well. (Redis tries ten million elements.)"""
    sparse, dense = RawString(EMPTY), RawString(EMPTY)
    hyperloglog_registers.store_dense(dense, bytes(REGISTERS))
    checkpoint = 1
    for number in range(1, _TEST_ELEMENTS + 1):
        place = hyperloglog_registers.place_of(b"%d" % number)
        for raw in (sparse, dense):
            hyperloglog_registers.raise_registers(raw, [place], _sparse_max_bytes(client))
        if number < checkpoint:
            continue
        checkpoint *= 10
        if registers_of(sparse) != registers_of(dense):
            raise ReplyError("ERR TESTFAILED dense/sparse disagree")
        error = abs(number - hyperloglog_registers.estimate(registers_of(dense)))
        if error > max(1, 6 * 0.0082 * number):
            raise ReplyError(f"ERR TESTFAILED Too big error. card:{number} abserr:{error}")
    return OK

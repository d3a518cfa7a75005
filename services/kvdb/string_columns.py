"""Runs of SET, GET and INCR: the doors of `database` for many keys at once.

A hundred GETs in a row ask a hundred times for the same: is there a key that expires, does
somebody look on, which table? For a run that is asked once, and what is left is a column of keys,
and one of values:

    GET a      keys   [a, b, c]  ─▶ one call into C for all of them ─▶ [1, 2, None]
    GET b      SET's  [a, b, c]
    GET c      values [1, 2, 3]  ─▶ one loop, without a call for each

Where a key is due to expire, is watched or observed, where a value is no plain string, or a number
is no number, the handlers in `strings` do what has to be done, one request at a time: each joint
handler here answers the requests up to there, or none.
A pipeline of INCRs takes a third less, one of GETs half as long as one by one.
"""

from collections.abc import Sequence

from services.common.resp import OK, ReplyError
from services.common.resp_runs import Run
from services.kvdb.arguments import MAX_INTEGER, MIN_INTEGER, integer
from services.kvdb.clients import Client
from services.kvdb.command import LARGE_REPLY_BYTES
from services.kvdb.database import Database
from services.kvdb.shared_integers import text_of

_STRINGS, _STRINGS_OR_NOTHING = {bytes}, {bytes, type(None)}


def set_strings(database: Database, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
    """`Database.set` for several: MSET of ten takes a third less."""
    if not database.is_quiet(keys):
        for key, value in zip(keys, values, strict=True):
            database.set(key, value)
        return
    table, used = database.table, database.used
    grown_bytes = changes = 0
    for key, value in zip(keys, values, strict=True):
        old = table.get(key)
        if type(old) is bytes:
            table[key] = value
            used.append(key)
            grown_bytes += len(value) - len(old)
            changes += 1
        else:
            database.replace(key, value)
    database.keyspace.used_bytes += grown_bytes
    database.keyspace.dirty += changes


def set_jointly(client: Client, run: Run) -> list[object] | None:
    if len(run.columns) != 2:
        return None
    set_strings(client.database, *run.columns)
    return [OK] * run.count


def get_jointly(client: Client, run: Run) -> list[bytes | None] | None:
    database, (keys,) = client.database, run.columns
    if not database.is_quiet(keys):
        return None
    values = list(map(database.table.get, keys))
    kinds = set(map(type, values))
    if not kinds <= _STRINGS_OR_NOTHING:
        return None
    if sum(map(len, filter(None, values))) > len(values) * LARGE_REPLY_BYTES:
        return None
    if kinds != _STRINGS:
        keys = [key for key, value in zip(keys, values, strict=True) if value is not None]
    database.used.extend(keys)
    database.hits += len(keys)
    database.misses += len(values) - len(keys)
    return values


def incr_jointly(client: Client, run: Run) -> list[int] | None:
    return _count(client.database, run.columns[0], 1)


def decr_jointly(client: Client, run: Run) -> list[int] | None:
    return _count(client.database, run.columns[0], -1)


def _count(database: Database, keys: Sequence[bytes], amount: int) -> list[int] | None:
    """Add to each number; the totals up to a value that is none, or that would grow too large."""
    if not database.is_quiet(keys):
        return None
    table, used = database.table, database.used
    totals: list[int] = []
    grown_bytes = changes = 0
    try:
        for key in keys:
            old = table.get(key)
            total = (integer(old) if type(old) is bytes else 0) + amount
            text = text_of(total)
            if type(old) is bytes and MIN_INTEGER <= total <= MAX_INTEGER:
                table[key] = text
                used.append(key)
                grown_bytes += len(text) - len(old)
                changes += 1
            elif old is None:
                database.replace(key, text)
            else:
                break
            totals.append(total)
    except ReplyError:
        pass  # It is the reply to this request, when it is served by itself.
    database.keyspace.used_bytes += grown_bytes
    database.keyspace.dirty += changes
    return totals

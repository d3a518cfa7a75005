"""XCLAIM and XAUTOCLAIM: taking over what is pending at a consumer who does not come back.

Both make entries pending at the consumer who asks, as if they had been delivered there now:
XCLAIM those that are named, XAUTOCLAIM whatever has been pending too long. What has meanwhile
been removed from the stream is no longer pending then.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from services.common.resp import ReplyError
from services.kvdb import arguments, errors, stream_id
from services.kvdb.arguments import MAX_INTEGER, integer, words
from services.kvdb.change import Change
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.stream import Fields
from services.kvdb.stream_group import Group, Pending
from services.kvdb.stream_groups import find_with_group, no_group
from services.kvdb.stream_id import LOWEST, format_id, parse_id
from services.kvdb.streams import entry_reply, group_changed

# XCLAIM.


@dataclass(slots=True)
class _Claim:
    """The options of XCLAIM and XAUTOCLAIM, and who claims."""

    consumer: bytes
    min_idle_ms: int
    now_ms: int
    delivered_ms: int
    deliveries: int | None = None
    """None adds one."""
    creates: bool = False
    only_ids: bool = False
    last_id: int = LOWEST


def xclaim(client: Client, request: list[bytes]) -> list:
    """`XCLAIM key group consumer min-idle-ms id … [options]`: make these pending here."""
    _, key, name, consumer, min_idle, *rest = request
    found = find_with_group(client, key, name)
    if found is None:
        raise no_group(key, name)
    value, group = found
    entry_ids, options = _split_ids(rest)
    claim = _parse_claim(client, consumer, min_idle, options)
    reply, is_changed = [], claim.last_id > group.last_id
    consumers = len(group.consumers)
    group.last_id = max(group.last_id, claim.last_id)
    for entry_id in entry_ids:
        fields = value.entries.get(entry_id)
        if fields is None:  # XDEL or XTRIM have removed it.
            is_changed |= group.acknowledge(entry_id)
        elif _take_over(group, entry_id, claim):
            reply.append(_claimed(entry_id, fields, claim))
    _tell_of_consumer(client.database, key, group, consumers)
    if reply or is_changed:
        group_changed(client.database, key, value, group)
    return reply


def _tell_of_consumer(database: Database, key: bytes, group: Group, consumers: int) -> None:
    """Have the observer told where a claim has brought its consumer into being."""
    if len(group.consumers) > consumers:
        database.tell(key, Change.CONSUMER_CREATED)


def _take_over(group: Group, entry_id: int, claim: _Claim) -> bool:
    """Make an entry pending at the consumer who claims it; false where that is not possible."""
    pending = group.pending.get(entry_id)
    if pending is None:
        if not claim.creates:
            return False
        pending = Pending(group.consumer(claim.consumer, claim.now_ms), claim.now_ms, 1)
        group.restore(entry_id, pending)
    elif claim.now_ms - pending.delivered_ms < claim.min_idle_ms:
        return False
    group.hand_over(entry_id, pending, group.consumer(claim.consumer, claim.now_ms))
    pending.delivered_ms = claim.delivered_ms
    if claim.deliveries is not None:
        pending.deliveries = claim.deliveries
    elif not claim.only_ids:
        pending.deliveries += 1
    return True


def _claimed(entry_id: int, fields: Fields, claim: _Claim) -> object:
    return format_id(entry_id) if claim.only_ids else entry_reply(entry_id, fields)


def _split_ids(rest: list[bytes]) -> tuple[list[int], list[bytes]]:
    """The IDs, up to the first word that is none, and the rest."""
    entry_ids = list(itertools.takewhile(_is_id, map(stream_id.to_id, rest)))
    return entry_ids, rest[len(entry_ids) :]


def _is_id(entry_id: int | None) -> bool:
    return entry_id is not None


def _parse_claim(client: Client, consumer: bytes, min_idle: bytes, options: list[bytes]) -> _Claim:
    now_ms = client.engine.clock.now_ms
    min_idle_ms = integer(min_idle, "ERR Invalid min-idle-time argument for XCLAIM")
    claim = _Claim(consumer, max(min_idle_ms, 0), now_ms, now_ms)
    values = iter(options)
    for option in values:
        match option.upper():
            case b"FORCE":
                claim.creates = True
            case b"JUSTID":
                claim.only_ids = True
            case b"IDLE":
                claim.delivered_ms = now_ms - _claim_number(option, values)
            case b"TIME":
                claim.delivered_ms = _claim_number(option, values)
            case b"RETRYCOUNT":
                deliveries = _claim_number(option, values)
                claim.deliveries = deliveries if deliveries >= 0 else None
            case b"LASTID":
                claim.last_id = parse_id(_claim_value(option, values))
            case _:
                raise _unknown_option(option)
    if not 0 <= claim.delivered_ms <= now_ms:
        # The client reckons by a clock that is ahead of ours; that is no reason to fail.
        claim.delivered_ms = now_ms
    return claim


def _claim_value(option: bytes, values: Iterator[bytes]) -> bytes:
    value = next(values, None)
    if value is None:
        raise _unknown_option(option)
    return value


def _claim_number(option: bytes, values: Iterator[bytes]) -> int:
    name = option.decode().upper()
    return integer(_claim_value(option, values), f"ERR Invalid {name} option argument for XCLAIM")


def _unknown_option(option: bytes) -> ReplyError:
    return ReplyError(f"ERR Unrecognized XCLAIM option '{errors.shown(option)}'")


# XAUTOCLAIM.

LOOKS_PER_CLAIM = 10
"""For each entry that may be claimed, so many pending ones are looked at before it is enough."""

MAX_AUTOCLAIM_COUNT = MAX_INTEGER // 16


def xautoclaim(client: Client, request: list[bytes]) -> list:
    """`XAUTOCLAIM key group consumer min-idle-ms start [COUNT n] [JUSTID]`

    Take over what has been pending too long, from an ID on: where to go on the next time, what
    was taken over, and the IDs of what is no longer in the stream, which is pending no longer.
    """
    _, key, name, consumer, min_idle, start, *options = request
    min_idle_ms = integer(min_idle, "ERR Invalid min-idle-time argument for XAUTOCLAIM")
    first_id = stream_id.parse_start(start)
    now_ms = client.engine.clock.now_ms
    claim = _Claim(consumer, max(min_idle_ms, 0), now_ms, now_ms)
    count = _parse_autoclaim_options(claim, options)
    found = find_with_group(client, key, name)
    if found is None:
        raise no_group(key, name)
    value, group = found
    claimed, deleted_ids = [], []
    cursor, consumers = LOWEST, len(group.consumers)
    # Removing is left for the end: the index must not change while it is walked over.
    for looks, (entry_id, _) in enumerate(group.pending.ascending(first_id)):
        if len(claimed) + len(deleted_ids) == count or looks == count * LOOKS_PER_CLAIM:
            cursor = entry_id
            break
        fields = value.entries.get(entry_id)
        if fields is None:
            deleted_ids.append(entry_id)
        elif _take_over(group, entry_id, claim):
            claimed.append(_claimed(entry_id, fields, claim))
    for entry_id in deleted_ids:
        group.acknowledge(entry_id)
    _tell_of_consumer(client.database, key, group, consumers)
    if claimed or deleted_ids:
        group_changed(client.database, key, value, group)
    return [format_id(cursor), claimed, list(map(format_id, deleted_ids))]


def _parse_autoclaim_options(claim: _Claim, options: list[bytes]) -> int:
    """The count; JUSTID goes into `claim`."""
    count = 100
    for word, values in words(options):
        match word:
            case b"COUNT":
                text, error = arguments.following(values), "ERR COUNT must be > 0"
                count = integer(text, error)
                if not 1 <= count <= MAX_AUTOCLAIM_COUNT:
                    raise ReplyError(error)
            case b"JUSTID":
                claim.only_ids = True
            case _:
                raise errors.syntax_error()
    return count

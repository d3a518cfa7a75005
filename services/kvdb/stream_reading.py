"""XREAD and XREADGROUP: what lies behind an ID, in one stream or several; or wait for it.

    XREAD BLOCK 0 STREAMS orders 5-0              what comes behind 5-0
    XREAD BLOCK 0 STREAMS orders $                what comes from now on
    XREADGROUP GROUP mail ann … STREAMS orders >  what nobody in the group has been given yet
    XREADGROUP GROUP mail ann … STREAMS orders 0  what ann has been given and not acknowledged

Both take what there is, from all streams together. Where there is nothing and the client may
wait, it is served by the first of its streams that gets an entry (`blocking`). Several who wait
for the same group are served in the order in which they came, each with what the one before has
left; of XREAD everybody gets everything. What ann asks for of her own past is answered at once.

A client that waits for a group is told when the group, or the stream with it, goes away: it
would wait in vain.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.common.resp import NIL_ARRAY, PairMap, ReplyError
from services.kvdb import arguments, errors, stream_id
from services.kvdb.arguments import integer, words
from services.kvdb.blocking import Wait
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.stream import StreamValue
from services.kvdb.stream_id import format_id
from services.kvdb.streams import consumer_of, entries_reply, group_changed, limited

NEW = stream_id.HIGHEST
"""What `>` stands for; nothing can lie behind the highest ID."""

COUNT_AFTER_WAITING = 1000
"""Where no COUNT is given, so that a low ID does not bring up a whole long stream."""

GROUP_IS_GONE = "NOGROUP the consumer group this client was blocked on no longer exists"
STREAM_IS_GONE = "UNBLOCKED the stream key no longer exists"


@dataclass(slots=True)
class _Read:
    """What XREAD or XREADGROUP asks for."""

    keys: list[bytes]
    id_texts: list[bytes]
    count: int
    """0 is no limit."""
    block_ms: int | None
    group: bytes | None
    consumer: bytes
    is_done_at_once: bool
    """NOACK: what is delivered does not become pending."""


# XREAD.


def xread(client: Client, request: list[bytes]) -> object:
    asked = _parse(request)
    database = client.database
    positions = [
        _position(database, key, text) for key, text in zip(asked.keys, asked.id_texts, strict=True)
    ]
    found = PairMap()
    for key, last_seen_id in zip(asked.keys, positions, strict=True):
        entries = _entries_after(database, key, last_seen_id, asked.count)
        if entries:
            found.append((key, entries))
    # Where a key is named twice, waiting goes by the first of its IDs.
    last_seen_ids = dict(zip(reversed(asked.keys), reversed(positions), strict=True))

    def take(key: bytes) -> PairMap | None:
        count = asked.count or COUNT_AFTER_WAITING
        entries = _entries_after(database, key, last_seen_ids[key], count)
        return PairMap([(key, entries)]) if entries else None

    return found or _wait(client, asked, take)


def _position(database: Database, key: bytes, text: bytes) -> int:
    """The ID behind which the client wants to read; `$` is the last one that there is."""
    value = database.read_as(StreamValue, key)
    match text:
        case b"$":
            return stream_id.LOWEST if value is None else value.last_id
        case b">":
            raise ReplyError(
                "ERR The > ID can be specified only when calling XREADGROUP using the "
                "GROUP <group> <consumer> option."
            )
    return stream_id.parse_id(text)


def _entries_after(database: Database, key: bytes, last_seen_id: int, count: int) -> list | None:
    value = database.read_as(StreamValue, key)
    if value is None:
        return None
    return entries_reply(value.ascending(last_seen_id + 1), count) or None


# XREADGROUP.


def xreadgroup(client: Client, request: list[bytes]) -> object:
    asked = _parse(request)
    if asked.group is None:
        raise ReplyError("ERR Missing GROUP option for XREADGROUP")
    database = client.database
    positions = [
        _group_position(database, key, asked.group, text)
        for key, text in zip(asked.keys, asked.id_texts, strict=True)
    ]
    found = PairMap()
    for key, last_seen_id in zip(asked.keys, positions, strict=True):
        if last_seen_id == NEW:
            entries = _deliver(client, key, asked, asked.count)
        else:
            entries = _history(client, key, asked, last_seen_id)
        if entries is not None:
            found.append((key, entries))

    def take(key: bytes) -> PairMap | None:
        entries = _deliver(client, key, asked, asked.count or COUNT_AFTER_WAITING)
        return PairMap([(key, entries)]) if entries else None

    def as_request(key: bytes) -> list[bytes]:
        count = b"%d" % (asked.count or COUNT_AFTER_WAITING)
        no_ack = [b"NOACK"] if asked.is_done_at_once else []
        group = [b"GROUP", asked.group, asked.consumer]
        return [b"XREADGROUP", *group, b"COUNT", count, *no_ack, b"STREAMS", key, b">"]

    gone = ReplyError(STREAM_IS_GONE)
    return found or _wait(client, asked, take, as_request=as_request, gone=gone)


def _group_position(database: Database, key: bytes, group: bytes, text: bytes) -> int:
    value = database.read_as(StreamValue, key)
    if value is None or group not in value.groups:
        raise ReplyError(
            f"NOGROUP No such key '{errors.shown(key)}' or consumer group "
            f"'{errors.shown(group)}' in XREADGROUP with GROUP option"
        )
    match text:
        case b">":
            return NEW
        case b"$":
            raise ReplyError(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
                "history of this consumer by specifying a proper ID, or use the > ID to get new "
                "messages. The $ ID would just return an empty result set."
            )
    return stream_id.parse_id(text)


def _deliver(client: Client, key: bytes, asked: _Read, count: int) -> list | None:
    """The next entries for the group, given to this consumer; None where there are none."""
    value = client.database.modify_as(StreamValue, key)
    group = value.groups.get(asked.group)
    if group is None:
        raise ReplyError(GROUP_IS_GONE)
    entries = list(limited(value.ascending(group.last_id + 1), count))
    if not entries:
        return None
    now_ms = client.engine.clock.now_ms
    consumer = consumer_of(client.database, key, group, asked.consumer, now_ms)
    value.advance(group, [entry_id for entry_id, _ in entries])
    if not asked.is_done_at_once:
        for entry_id, _ in entries:
            group.deliver(entry_id, consumer, now_ms)
    group_changed(client.database, key, value, group)
    return entries_reply(entries)


def _history(client: Client, key: bytes, asked: _Read, last_seen_id: int) -> list:
    """What is pending at this consumer; that counts as another delivery."""
    value = client.database.modify_as(StreamValue, key)
    group, now_ms = value.groups[asked.group], client.engine.clock.now_ms
    is_new = asked.consumer not in group.consumers
    consumer = consumer_of(client.database, key, group, asked.consumer, now_ms)
    reply = []
    for entry_id, pending in limited(consumer.pending.ascending(last_seen_id + 1), asked.count):
        fields = value.entries.get(entry_id)
        if fields is None:  # XDEL or XTRIM have removed it.
            reply.append([format_id(entry_id), NIL_ARRAY])
        else:
            pending.delivered_ms = now_ms
            pending.deliveries += 1
            reply.append([format_id(entry_id), fields])
    if reply or is_new:
        group_changed(client.database, key, value, group)
    return reply


# Both.


def _wait(client: Client, asked: _Read, take: Callable, **more: object) -> object:
    """Wait where the client may; `more` are further fields of `Wait`."""
    if asked.block_ms is None:
        return NIL_ARRAY
    limit_s = asked.block_ms / 1000
    database, nothing = client.database, NIL_ARRAY
    wait = Wait(client, database, asked.keys, StreamValue, take, nothing, limit_s, **more)
    return client.engine.blocking.wait(wait)


def _parse(request: list[bytes]) -> _Read:
    """`[GROUP name consumer] [COUNT n] [BLOCK ms] [NOACK] STREAMS key … id …`"""
    asked = _Read([], [], 0, None, None, b"", False)
    for word, values in words(request[1:]):
        match word:
            case b"COUNT":
                asked.count = max(integer(arguments.following(values)), 0)
            case b"BLOCK":
                asked.block_ms = _block_ms(arguments.following(values))
            case b"GROUP":
                asked.group, asked.consumer = (
                    arguments.following(values),
                    arguments.following(values),
                )
                _check_is_for_groups(request, "GROUP")
            case b"NOACK":
                asked.is_done_at_once = True
                _check_is_for_groups(request, "NOACK")
            case b"STREAMS":
                asked.keys, asked.id_texts = _streams(list(values))
            case _:
                raise errors.syntax_error()
    if not asked.keys:
        raise errors.syntax_error()
    return asked


def _streams(arguments_left: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    half, odd = divmod(len(arguments_left), 2)
    if odd:
        raise ReplyError(
            "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "
            "specified."
        )
    return arguments_left[:half], arguments_left[half:]


def _check_is_for_groups(request: list[bytes], option: str) -> None:
    if request[0].upper() != b"XREADGROUP":
        raise ReplyError(
            f"ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
        )


def _block_ms(text: bytes) -> int:
    block_ms = integer(text, "ERR timeout is not an integer or out of range")
    if block_ms < 0:
        raise ReplyError("ERR timeout is negative")
    return block_ms

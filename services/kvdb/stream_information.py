"""XINFO: a stream, its groups and their consumers, for people who look at it and for programs."""

from services.common.resp import ReplyError
from services.kvdb import errors
from services.kvdb.arguments import integer
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply
from services.kvdb.stream import StreamValue
from services.kvdb.stream_group import Consumer, Group
from services.kvdb.stream_groups import find_group
from services.kvdb.stream_id import format_id
from services.kvdb.streams import entries_reply, find, limited

Reply = dict[bytes, object]

FULL_COUNT = 10
"""So many entries, and pending ones of each, FULL shows unless told otherwise."""


def _stream(client: Client, key: bytes) -> StreamValue:
    value = find(client, key)
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    return value


def xinfo_stream(client: Client, request: list[bytes]) -> Reply:
    """`XINFO STREAM key [FULL [COUNT n]]`"""
    value = _stream(client, request[2])
    match [request[3:], [word.upper() for word in request[3:5]]]:
        case [[], _]:
            return _outline(value) | _ends(value)
        case [[_], [b"FULL"]]:
            return _outline(value) | _everything(value, FULL_COUNT)
        case [[_, _, text], [b"FULL", b"COUNT"]]:
            count = integer(text)
            return _outline(value) | _everything(value, count if count >= 0 else FULL_COUNT)
    raise errors.unusable_subcommand(request)


def _outline(value: StreamValue) -> Reply:
    nodes = len(value.entries.blocks)
    return {
        b"length": len(value),
        b"radix-tree-keys": nodes,
        b"radix-tree-nodes": nodes + 1,  # Our tree is a root with its leaves.
        b"last-generated-id": format_id(value.last_id),
        b"max-deleted-entry-id": format_id(value.max_deleted_id),
        b"entries-added": value.entries_added,
        b"recorded-first-entry-id": format_id(value.first_id),
    }


def _ends(value: StreamValue) -> Reply:
    first, last = entries_reply(value.ascending(), 1), entries_reply(value.descending(), 1)
    return {
        b"groups": len(value.groups),
        b"first-entry": first[0] if first else None,
        b"last-entry": last[0] if last else None,
    }


def _everything(value: StreamValue, count: int) -> Reply:
    return {
        b"entries": entries_reply(value.ascending(), count),
        b"groups": [_full_group(value, group, count) for _, group in sorted(value.groups.items())],
    }


def _full_group(value: StreamValue, group: Group, count: int) -> Reply:
    return {
        b"name": group.name,
        b"last-delivered-id": format_id(group.last_id),
        b"entries-read": group.entries_read,
        b"lag": value.lag(group),
        b"pel-count": len(group.pending),
        b"pending": [
            [format_id(entry_id), it.consumer.name, it.delivered_ms, it.deliveries]
            for entry_id, it in limited(group.pending.ascending(), count)
        ],
        b"consumers": [
            _full_consumer(consumer, count) for _, consumer in sorted(group.consumers.items())
        ],
    }


def _full_consumer(consumer: Consumer, count: int) -> Reply:
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen_ms,
        b"pel-count": len(consumer.pending),
        b"pending": [
            [format_id(entry_id), it.delivered_ms, it.deliveries]
            for entry_id, it in limited(consumer.pending.ascending(), count)
        ],
    }


def xinfo_groups(client: Client, request: list[bytes]) -> list[Reply]:
    value = _stream(client, request[2])
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.pending),
            b"last-delivered-id": format_id(group.last_id),
            b"entries-read": group.entries_read,
            b"lag": value.lag(group),
        }
        for name, group in sorted(value.groups.items())
    ]


def xinfo_consumers(client: Client, request: list[bytes]) -> list[Reply]:
    _, _, key, name = request
    group = find_group(_stream(client, key), key, name)
    now_ms = client.engine.clock.now_ms
    return [
        {
            b"name": name,
            b"pending": len(consumer.pending),
            b"idle": max(now_ms - consumer.seen_ms, 0),
        }
        for name, consumer in sorted(group.consumers.items())
    ]


def xinfo_help(client: Client, request: list[bytes]) -> list:
    return help_reply(
        "XINFO",
        "STREAM <key> [FULL [COUNT <count>]]",
        "    Tell about a stream; with FULL also its entries, groups and consumers.",
        "GROUPS <key>",
        "    Tell about the groups of a stream.",
        "CONSUMERS <key> <group>",
        "    Tell about the consumers of a group.",
    )

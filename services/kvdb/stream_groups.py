"""Consumer groups: making them, acknowledging, looking at what is pending.

`stream_group` is the group itself, and says what all this is for. `stream_reading` has
XREADGROUP, which gives entries out, and `stream_claims` has what takes them away from one
consumer for another.
"""

from dataclasses import dataclass

from services.common.resp import NIL_ARRAY, OK, ReplyError
from services.kvdb import errors, stream_id
from services.kvdb.arguments import integer, words
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply
from services.kvdb.stream import StreamValue
from services.kvdb.stream_group import Group
from services.kvdb.stream_id import LOWEST, format_id, parse_id
from services.kvdb.streams import group_changed, limited

# XGROUP.


def xgroup_create(client: Client, request: list[bytes]) -> object:
    """`XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD n]`"""
    _, _, key, name, id_text, *_ = request
    creates, entries_read = _group_options(request)
    value = _stream(client, key, is_needed=not creates)
    last_id = _last_id(id_text, value)
    database = client.database
    if value is None:
        value = database.create_as(StreamValue, key)
        database.changed(key)
    if name in value.groups:
        raise ReplyError("BUSYGROUP Consumer Group name already exists")
    group = Group(name, last_id, entries_read)
    value.add_group(group)
    group_changed(database, key, value, group)
    return OK


def _group_options(request: list[bytes]) -> tuple[bool, int | None]:
    """Whether to make the stream, and how many entries the group is said to have read."""
    can_create = request[1].upper() == b"CREATE"
    creates, entries_read = False, None
    for word, values in words(request[5:]):
        match word:
            case b"MKSTREAM" if can_create:
                creates = True
            case b"ENTRIESREAD" if (text := next(values, None)) is not None:
                entries_read = integer(text)
                if entries_read < -1:
                    raise ReplyError("ERR value for ENTRIESREAD must be positive or -1")
            case _:
                raise errors.unusable_subcommand(request)
    return creates, None if entries_read == -1 else entries_read


def _last_id(text: bytes, value: StreamValue | None) -> int:
    if text != b"$":
        return parse_id(text)
    return value.last_id if value is not None else LOWEST


def _stream(client: Client, key: bytes, *, is_needed: bool = True) -> StreamValue | None:
    value = client.database.modify_as(StreamValue, key)
    if value is None and is_needed:
        raise ReplyError(
            "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may "
            "want to use the MKSTREAM option to create an empty stream automatically."
        )
    return value


def _existing(client: Client, request: list[bytes]) -> tuple[StreamValue, Group]:
    """The stream and the group that a subcommand of XGROUP names; both must be there."""
    key, name = request[2:4]
    value = _stream(client, key)
    return value, find_group(value, key, name)


def find_group(value: StreamValue, key: bytes, name: bytes) -> Group:
    group = value.groups.get(name)
    if group is None:
        raise ReplyError(
            f"NOGROUP No such consumer group '{errors.shown(name)}' for key name "
            f"'{errors.shown(key)}'"
        )
    return group


def xgroup_setid(client: Client, request: list[bytes]) -> object:
    """`XGROUP SETID key group id | $ [ENTRIESREAD n]`"""
    _, entries_read = _group_options(request)
    value, group = _existing(client, request)
    text = request[4]
    group.last_id = value.last_id if text == b"$" else stream_id.parse_any_id(text)
    group.entries_read = entries_read
    group_changed(client.database, request[2], value, group)
    return OK


def xgroup_destroy(client: Client, request: list[bytes]) -> int:
    _, _, key, name = request
    value = _stream(client, key)
    if not value.destroy_group(name):
        return 0
    client.database.changed_unseen(key)
    client.database.signal(key)  # Whoever waits for the group is told that it is gone.
    return 1


def xgroup_createconsumer(client: Client, request: list[bytes]) -> int:
    value, group = _existing(client, request)
    is_new = group.create_consumer(request[4], client.engine.clock.now_ms)
    if is_new:
        group_changed(client.database, request[2], value, group)
    return int(is_new)


def xgroup_delconsumer(client: Client, request: list[bytes]) -> int:
    """How many entries were pending at the consumer; they no longer are, at anybody."""
    value, group = _existing(client, request)
    name = request[4]
    if name not in group.consumers:
        return 0
    had_pending = group.delete_consumer(name)
    group_changed(client.database, request[2], value, group)
    return had_pending


def xgroup_help(client: Client, request: list[bytes]) -> list:
    return help_reply(
        "XGROUP",
        "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
        "    Make a group that reads from behind an ID on; $ is the last entry.",
        "    With MKSTREAM the stream is made as well where it is missing.",
        "SETID <key> <group> <id|$> [ENTRIESREAD <n>]",
        "    Have a group go on from behind another ID.",
        "DESTROY <key> <group>",
        "    Remove a group, with all that is pending in it.",
        "CREATECONSUMER <key> <group> <consumer>",
        "    Add a consumer to a group.",
        "DELCONSUMER <key> <group> <consumer>",
        "    Remove a consumer, with all that is pending at it.",
    )


# XACK and XPENDING.


def find_with_group(client: Client, key: bytes, name: bytes) -> tuple[StreamValue, Group] | None:
    """A stream and its group; None where either is missing."""
    value = client.database.modify_as(StreamValue, key)
    group = value.groups.get(name) if value is not None else None
    return None if group is None else (value, group)


def no_group(key: bytes, name: bytes) -> ReplyError:
    return ReplyError(
        f"NOGROUP No such key '{errors.shown(key)}' or consumer group '{errors.shown(name)}'"
    )


def xack(client: Client, request: list[bytes]) -> int:
    _, key, name, *id_texts = request
    found = find_with_group(client, key, name)
    if found is None:
        return 0
    value, group = found
    # All IDs are read before the first is acknowledged: an error must not hide that.
    acknowledged = sum(map(group.acknowledge, [parse_id(text) for text in id_texts]))
    if acknowledged:
        group_changed(client.database, key, value, group)
    return acknowledged


def xpending(client: Client, request: list[bytes]) -> list:
    """`XPENDING key group [[IDLE ms] start end count [consumer]]`"""
    _, key, name, *rest = request
    query = _parse_pending_query(rest) if rest else None
    value = client.database.read_as(StreamValue, key)
    group = value.groups.get(name) if value is not None else None
    if group is None:
        raise no_group(key, name)
    return _pending_summary(group) if query is None else _pending_entries(client, group, query)


@dataclass(frozen=True, slots=True)
class _PendingQuery:
    """Which pending entries XPENDING is to show."""

    min_idle_ms: int
    start: int
    end: int
    count: int
    consumer: bytes | None


def _parse_pending_query(rest: list[bytes]) -> _PendingQuery:
    if not 3 <= len(rest) <= 6:
        raise errors.syntax_error()
    min_idle_ms = 0
    if rest[0].upper() == b"IDLE":
        min_idle_ms = integer(rest[1])
        rest = rest[2:]
        if len(rest) < 3:
            raise errors.syntax_error()
    count = max(integer(rest[2]), 0)
    start, end = stream_id.parse_start(rest[0]), stream_id.parse_end(rest[1])
    return _PendingQuery(min_idle_ms, start, end, count, rest[3] if len(rest) > 3 else None)


def _pending_summary(group: Group) -> list:
    """How many, the lowest and the highest ID, and how many each consumer has."""
    if not group.pending:
        return [0, None, None, NIL_ARRAY]
    first_id, last_id = group.pending.first_id, group.pending.last_id
    consumers = [
        [name, b"%d" % len(consumer.pending)]
        for name, consumer in sorted(group.consumers.items())
        if consumer.pending
    ]
    return [len(group.pending), format_id(first_id), format_id(last_id), consumers]


def _pending_entries(client: Client, group: Group, query: _PendingQuery) -> list:
    """ID, consumer, milliseconds since the delivery, and deliveries, of each."""
    pendings = group.pending
    if query.consumer is not None:
        consumer = group.consumers.get(query.consumer)
        if consumer is None:
            return []
        pendings = consumer.pending
    now_ms = client.engine.clock.now_ms
    chosen = (
        (entry_id, it)
        for entry_id, it in pendings.ascending(query.start, query.end)
        if now_ms - it.delivered_ms >= query.min_idle_ms or not query.min_idle_ms
    )
    return [
        [format_id(entry_id), it.consumer.name, max(now_ms - it.delivered_ms, 0), it.deliveries]
        for entry_id, it in limited(chosen, query.count)
        if query.count
    ]

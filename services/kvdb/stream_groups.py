"""Consumer groups: making them, acknowledging, looking at what is pending, taking it over.

`stream_group` is the group itself, and says what all this is for; `stream_reading` has
XREADGROUP, which gives entries out.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from services.common.resp import NIL_ARRAY, OK, ReplyError
from services.kvdb import arguments, errors, stream_id
from services.kvdb.arguments import MAX_INTEGER, integer, words
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply
from services.kvdb.keyspace import Change, Database
from services.kvdb.stream import Fields, StreamValue
from services.kvdb.stream_group import Group, Pending
from services.kvdb.stream_id import LOWEST, format_id, parse_id
from services.kvdb.streams import entry_reply, group_changed, limited

# --- XGROUP ----------------------------------------------------------------------------


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


# --- XACK and XPENDING -----------------------------------------------------------------


def _find(client: Client, key: bytes, name: bytes) -> tuple[StreamValue, Group] | None:
    value = client.database.modify_as(StreamValue, key)
    group = value.groups.get(name) if value is not None else None
    return None if group is None else (value, group)


def _no_group(key: bytes, name: bytes) -> ReplyError:
    return ReplyError(
        f"NOGROUP No such key '{errors.shown(key)}' or consumer group '{errors.shown(name)}'"
    )


def xack(client: Client, request: list[bytes]) -> int:
    _, key, name, *id_texts = request
    found = _find(client, key, name)
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
        raise _no_group(key, name)
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


# --- XCLAIM ----------------------------------------------------------------------------


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
    found = _find(client, key, name)
    if found is None:
        raise _no_group(key, name)
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


# --- XAUTOCLAIM ------------------------------------------------------------------------

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
    found = _find(client, key, name)
    if found is None:
        raise _no_group(key, name)
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

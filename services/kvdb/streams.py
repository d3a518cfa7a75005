"""Streams: logs to which entries are added, and which any number of readers read for themselves.

The commands that write and read entries; `stream` is the value. Waiting for entries (XREAD,
XREADGROUP) is in `stream_reading`, sharing them among consumers in `stream_groups` and
`stream_claims`, asking about all of it (XINFO) in `stream_information`.
"""

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from services.common.resp import NIL_ARRAY, OK, ReplyError
from services.common.resp_runs import Run
from services.kvdb import arguments, errors, stream_id
from services.kvdb.arguments import integer, words
from services.kvdb.change import Change
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.settings import Settings
from services.kvdb.stream import Fields, StreamValue, Trim
from services.kvdb.stream_group import Consumer, Group
from services.kvdb.stream_id import HIGHEST, format_id, parse_id

NODES_AT_ONCE = 100
"""XADD and XTRIM with `~` remove at most so many nodes, where no LIMIT is given."""


def find(client: Client, key: bytes) -> StreamValue | None:
    return client.database.read_as(StreamValue, key)


def entry_reply(entry_id: int, fields: Fields) -> list:
    return [format_id(entry_id), fields]


def entries_reply(entries: Iterable[tuple[int, Fields]], count: int = 0) -> list[list]:
    """The first `count` entries, or with 0 all of them."""
    return [[format_id(entry_id), fields] for entry_id, fields in limited(entries, count)]


def limited(items: Iterable, count: int) -> Iterator:
    """The first `count` of them; 0 is no limit, as in every COUNT and LIMIT of streams."""
    return itertools.islice(items, count or None)


def group_changed(database: Database, key: bytes, value: StreamValue, group: Group) -> None:
    """The door of every change to a group of a stream."""
    value.weigh_group(group)
    database.changed_unseen(key)


def consumer_of(database: Database, key: bytes, group: Group, name: bytes, now_ms: int) -> Consumer:
    """The consumer who asks for something; the observer learns when it comes into being."""
    if name not in group.consumers:
        database.tell(key, Change.CONSUMER_CREATED)
    return group.consumer(name, now_ms)


# Adding.


@dataclass(slots=True)
class _Addition:
    """What XADD asks for, up to the fields."""

    entry_id: int | None = None
    """None for `*`."""
    has_sequence: bool = True
    creates: bool = True
    trim: Trim | None = None


def xadd(client: Client, request: list[bytes]) -> bytes | None:
    if request[2] != b"*":
        return _add_as_asked(client, request)
    # As most use it, and in two thirds of the time: an ID behind the last one, and no options.
    fields = request[3:]
    if len(fields) % 2:
        raise errors.wrong_arity("xadd")
    key, database = request[1], client.database
    value = database.create_as(StreamValue, key)
    entry_id = _next_id(client, value.last_id)
    settings = client.engine.settings
    grown_bytes = value.append(
        entry_id, fields, settings.stream_node_max_entries, settings.stream_node_max_bytes
    )
    database.grown(key, value, grown_bytes)
    if database.waiting:
        database.signal(key)
    return format_id(entry_id)


def xadd_jointly(client: Client, run: Run) -> list[bytes] | None:
    """A run of XADDs to one stream with the same names, `*` and no options: half of the time."""
    key, count = arguments.common_key(run), run.count
    _, ids, *columns = run.columns
    names = [column[0] for column in columns[::2]]
    if key is None or ids.count(b"*") != count or len(columns) % 2:
        return None
    if any(column.count(column[0]) != count for column in columns[::2]):
        return None
    database, settings = client.database, client.engine.settings
    value = database.create_as(StreamValue, key)
    # The last of the IDs is the first to be too high, and then none has been given.
    entry_id = _next_id(client, value.last_id)
    if entry_id + count > HIGHEST:
        return None
    max_entries, max_bytes = settings.stream_node_max_entries, settings.stream_node_max_bytes
    grown_bytes = value.append_alike(entry_id, names, columns[1::2], max_entries, max_bytes)
    database.grown_jointly(key, value, grown_bytes, count)
    return stream_id.format_ids(entry_id, count)


def _add_as_asked(client: Client, request: list[bytes]) -> bytes | None:
    """XADD with options, or with an ID."""
    asked, fields = _parse_addition(client, request)
    if not fields or len(fields) % 2:
        raise errors.wrong_arity("xadd")
    if asked.entry_id == 0 and asked.has_sequence:
        raise ReplyError("ERR The ID specified in XADD must be greater than 0-0")
    key, database = request[1], client.database
    value = database.modify_as(StreamValue, key)
    if value is None and not asked.creates:
        return None
    entry_id = _choose_id(asked, value.last_id if value is not None else 0, client)
    if value is None:
        value = database.create_as(StreamValue, key)
    settings = client.engine.settings
    grown_bytes = value.append(
        entry_id, fields, settings.stream_node_max_entries, settings.stream_node_max_bytes
    )
    shown_id = format_id(entry_id)
    if asked.trim:
        _trim_after_adding(client, key, value, asked.trim, [shown_id, *fields])
    else:
        database.grown(key, value, grown_bytes)
    database.signal(key)
    return shown_id


def _trim_after_adding(
    client: Client, key: bytes, value: StreamValue, trim: Trim, id_and_fields: list[bytes]
) -> None:
    removed = value.trim(trim)
    journal = client.engine.journal
    if trim.only_whole_nodes and journal.is_open:
        journal.note_instead([b"XADD", key, *_trimmed_to(value, trim), *id_and_fields])
    client.database.changed(key)
    if removed:
        client.database.tell(key, Change.TRIMMED)


def _next_id(client: Client, last_id: int) -> int:
    """The ID for `*`."""
    if last_id == HIGHEST:
        raise ReplyError(
            "ERR The stream has exhausted the last possible ID, unable to add more items"
        )
    return stream_id.next_id(last_id, client.engine.clock.now_ms)


def _choose_id(asked: _Addition, last_id: int, client: Client) -> int:
    """The ID of the new entry; it must be above the last one."""
    entry_id = asked.entry_id
    if entry_id is None or last_id == HIGHEST:
        return _next_id(client, last_id)
    if not asked.has_sequence and last_id >= entry_id:
        following_id = last_id + 1
        if stream_id.milliseconds_of(following_id) == stream_id.milliseconds_of(entry_id):
            return following_id
    if entry_id <= last_id:
        raise ReplyError(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item"
        )
    return entry_id


def _parse_addition(client: Client, request: list[bytes]) -> tuple[_Addition, list[bytes]]:
    """`XADD key [NOMKSTREAM] [MAXLEN | MINID …] * | id field value …`; the fields apart."""
    asked, trim, fields = _Addition(), _TrimOptions(), []
    for word, values in words(request[2:]):
        match word:
            case b"*":
                fields = list(values)
            case b"NOMKSTREAM":
                asked.creates = False
            case _ if not trim.take(word, values):
                asked.entry_id, asked.has_sequence = stream_id.parse_new_id(word)
                fields = list(values)
    asked.trim = trim.checked(client.engine.settings)
    return asked, fields


# Trimming.


@dataclass(slots=True)
class _TrimOptions:
    """`MAXLEN | MINID [= | ~] threshold [LIMIT count]`, as far as it has been read."""

    strategy: bytes = b""
    max_length: int | None = None
    min_id: int = 0
    is_approximate: bool = False
    limit: int | None = None

    def take(self, word: bytes, values: Iterator[bytes]) -> bool:
        """Take one option with its values; false where it is none of these."""
        match word:
            case b"MAXLEN" | b"MINID":
                if self.strategy:
                    raise ReplyError(
                        "ERR syntax error, MAXLEN and MINID options at the same time are not "
                        "compatible"
                    )
                self.strategy = word
                self._take_threshold(arguments.following(values), values)
            case b"LIMIT":
                text = arguments.following(values)
                self.limit = _natural(text, "ERR The LIMIT argument must be >= 0.")
            case _:
                return False
        return True

    def _take_threshold(self, text: bytes, values: Iterator[bytes]) -> None:
        if text in (b"~", b"="):
            self.is_approximate = text == b"~"
            text = next(values, text)
        if self.strategy == b"MAXLEN":
            self.max_length = _natural(text, "ERR The MAXLEN argument must be >= 0.")
        else:
            self.min_id = parse_id(text)

    def checked(self, settings: Settings) -> Trim | None:
        """What to trim; None where nothing was asked for."""
        if self.limit and not self.strategy:
            raise ReplyError(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
            )
        if self.limit is not None and not self.is_approximate:
            raise ReplyError("ERR syntax error, LIMIT cannot be used without the special ~ option")
        if not self.strategy:
            return None
        limit = self.limit
        if limit is None:
            limit = _default_limit(settings) if self.is_approximate else 0
        return Trim(self.max_length, self.min_id, self.is_approximate, limit)


def _natural(text: bytes, error: str) -> int:
    number = integer(text)
    if number < 0:
        raise ReplyError(error)
    return number


def _default_limit(settings: Settings) -> int:
    """So many entries go at once; a stream that is far too long shrinks over several XADDs."""
    return min(NODES_AT_ONCE * settings.stream_node_max_entries, 1_000_000) or 10_000


def xtrim(client: Client, request: list[bytes]) -> int:
    options = _TrimOptions()
    for word, values in words(request[2:]):
        if not options.take(word, values):
            raise errors.syntax_error()
    if not options.strategy and not options.limit:
        raise ReplyError("ERR syntax error, XTRIM must be called with a trimming strategy")
    trim = options.checked(client.engine.settings)
    key = request[1]
    value = client.database.modify_as(StreamValue, key)
    removed = value.trim(trim) if value is not None else 0
    if removed:
        if trim.only_whole_nodes:
            client.engine.journal.note_instead([b"XTRIM", key, *_trimmed_to(value, trim)])
        client.database.changed(key)
    return removed


def _trimmed_to(value: StreamValue, trim: Trim) -> list[bytes]:
    """The options that trim a stream exactly to what is left of this one.

    The append-only file needs them: what `~` removes depends on how the nodes were filled, and
    on settings that may have changed since.
    """
    if trim.max_length is None:
        return [b"MINID", b"=", format_id(value.first_id or HIGHEST)]
    return [b"MAXLEN", b"=", b"%d" % len(value)]


# Reading.


def xrange(client: Client, request: list[bytes]) -> object:
    _, key, start, end, *options = request
    return _range(client, key, start, end, options, StreamValue.ascending)


def xrevrange(client: Client, request: list[bytes]) -> object:
    _, key, end, start, *options = request
    return _range(client, key, start, end, options, StreamValue.descending)


def _range(
    client: Client,
    key: bytes,
    start: bytes,
    end: bytes,
    options: list[bytes],
    walk: Callable[[StreamValue, int, int], Iterator[tuple[int, Fields]]],
) -> object:
    first_id, last_id = stream_id.parse_start(start), stream_id.parse_end(end)
    count = _range_count(options)
    value = find(client, key)
    if value is None:
        return []
    return NIL_ARRAY if count == 0 else entries_reply(walk(value, first_id, last_id), count)


def _range_count(options: list[bytes]) -> int:
    """`COUNT n`; where it is not given, more than any stream holds."""
    count = sys.maxsize
    for word, values in words(options):
        if word != b"COUNT":
            raise errors.syntax_error()
        count = max(integer(arguments.following(values)), 0)
    return count


def xlen(client: Client, request: list[bytes]) -> int:
    value = find(client, request[1])
    return len(value) if value is not None else 0


# Removing, and setting the counters.


def xdel(client: Client, request: list[bytes]) -> int:
    key = request[1]
    value = client.database.modify_as(StreamValue, key)
    if value is None:
        return 0
    # All IDs are read before the first entry goes: an error must not leave half of it done.
    entry_ids = [parse_id(text) for text in request[2:]]
    removed = sum(map(value.delete, entry_ids))
    if removed:
        client.database.changed(key)
    return removed


def xsetid(client: Client, request: list[bytes]) -> object:
    """`XSETID key id [ENTRIESADDED n] [MAXDELETEDID id]`: for those who copy a stream by hand."""
    key, last_id = request[1], parse_id(request[2])
    entries_added: int | None = None
    max_deleted_id = 0
    for word, values in words(request[3:]):
        text = arguments.following(values)
        match word:
            case b"ENTRIESADDED":
                entries_added = _natural(text, "ERR entries_added must be positive")
            case b"MAXDELETEDID":
                max_deleted_id = parse_id(text)
                if last_id < max_deleted_id:
                    raise ReplyError(
                        "ERR The ID specified in XSETID is smaller than the provided "
                        "max_deleted_entry_id"
                    )
            case _:
                raise errors.syntax_error()
    value = client.database.modify_as(StreamValue, key)
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    _check_counters(value, last_id, entries_added)
    value.last_id = last_id
    value.entries_added = value.entries_added if entries_added is None else entries_added
    value.max_deleted_id = max_deleted_id or value.max_deleted_id
    client.database.changed_unseen(key)
    return OK


def _check_counters(value: StreamValue, last_id: int, entries_added: int | None) -> None:
    if len(value) == 0:
        return
    if last_id < value.entries.last_id:
        raise ReplyError(
            "ERR The ID specified in XSETID is smaller than the target stream top item"
        )
    if entries_added is not None and entries_added < len(value):
        raise ReplyError(
            "ERR The entries_added specified in XSETID is smaller than the target stream length"
        )

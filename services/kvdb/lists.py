"""Lists: queues and stacks. A list is a deque, so both ends cost the same whatever its length.

    LPUSH ──▶ [ a  b  c  d  e ] ◀── RPUSH          index  0 1 2 …   or  … -2 -1
    LPOP  ◀──                    ──▶ RPOP

The middle is reached by walking from the nearer end: LINDEX, LSET and LRANGE cost the distance
to their place (in C, 64 elements a step), LINSERT and LREM the length.
# Real: quicklist in Redis, a linked list of packed blocks; the same costs.

A list that has become empty does not exist: `Database.changed` removes it. The commands that
wait for an element (BLPOP and its family) are in `blocking` and use `pop` and `move` from here.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Sequence

from services.common.resp import NIL_ARRAY, OK, ReplyError
from services.common.resp_runs import Run
from services.kvdb import arguments, errors, memory
from services.kvdb.arguments import integer, words
from services.kvdb.clients import Client
from services.kvdb.database import Database

LEFT, RIGHT = b"LEFT", b"RIGHT"


class ListValue(deque[bytes]):
    """The elements of one list. Only its own methods change it: they keep `payload_bytes`."""

    __slots__ = ("accounted_bytes", "payload_bytes")
    is_container = True

    def __init__(self, elements: Iterable[bytes] = ()):
        super().__init__(elements)
        self.accounted_bytes = 0
        self.payload_bytes = sum(map(len, self))

    @property
    def size_bytes(self) -> int:
        per_element = len(self) * memory.LIST_ELEMENT_BYTES
        return memory.LIST_BYTES + per_element + self.payload_bytes

    def copy(self) -> "ListValue":
        return ListValue(self)

    def push(self, side: bytes, elements: Sequence[bytes]) -> int:
        """One after the other, so that the last one is at the end; the memory that they take."""
        (self.extendleft if side == LEFT else self.extend)(elements)
        size_bytes = 0
        for element in elements:  # There is mostly one: `sum` and `map` take as long again.
            size_bytes += len(element)
        self.payload_bytes += size_bytes
        return size_bytes + len(elements) * memory.LIST_ELEMENT_BYTES

    def pop_from(self, side: bytes) -> bytes:
        element = self.popleft() if side == LEFT else self.pop()
        self.payload_bytes -= len(element)
        return element

    def replace(self, index: int, element: bytes) -> None:
        self.payload_bytes += len(element) - len(self[index])
        self[index] = element

    def insert_at(self, index: int, element: bytes) -> None:
        self.insert(index, element)
        self.payload_bytes += len(element)

    def keep(self, first: int, behind: int) -> None:
        """Only the elements of this range."""
        for _ in range(len(self) - behind):
            self.pop_from(RIGHT)
        for _ in range(first):
            self.pop_from(LEFT)

    def discard(self, element: bytes, count: int) -> int:
        """Remove the first `count` equal elements, from the end if negative, all if 0."""
        limit = abs(count) or len(self)
        kept: list[bytes] = []
        removed = 0
        for other in reversed(self) if count < 0 else self:
            if removed < limit and other == element:
                removed += 1
            else:
                kept.append(other)
        if removed:
            self.clear()
            self.extend(reversed(kept) if count < 0 else kept)
            self.payload_bytes -= removed * len(element)
        return removed

    def range(self, first: int, behind: int) -> list[bytes]:
        """The elements from `first` up to, not including, `behind`."""
        if first > len(self) - behind:  # Nearer to the end: walk from there.
            back = itertools.islice(reversed(self), len(self) - behind, len(self) - first)
            return list(back)[::-1]
        return list(itertools.islice(self, first, behind))


def _list(client: Client, key: bytes) -> ListValue | None:
    return client.database.read_as(ListValue, key)


def _list_to_modify(client: Client, key: bytes) -> ListValue | None:
    return client.database.modify_as(ListValue, key)


# Pushing and popping.


def lpush(client: Client, request: list[bytes]) -> int:
    return _push(client, request, LEFT)


def rpush(client: Client, request: list[bytes]) -> int:
    return _push(client, request, RIGHT)


def _push(client: Client, request: list[bytes], side: bytes) -> int:
    key, database = request[1], client.database
    value = database.create_as(ListValue, key)
    database.grown(key, value, value.push(side, request[2:]))
    return len(value)


def lpush_jointly(client: Client, run: Run) -> list[int] | None:
    return _push_jointly(client, run, LEFT)


def rpush_jointly(client: Client, run: Run) -> list[int] | None:
    return _push_jointly(client, run, RIGHT)


def _push_jointly(client: Client, run: Run, side: bytes) -> list[int] | None:
    """A run of pushes to one list is one push of all the elements; a third of the time."""
    key = arguments.common_key(run)
    if key is None or len(run.columns) > 2:
        return None
    database = client.database
    value = database.create_as(ListValue, key)
    length = len(value)
    size_bytes = value.push(side, run.columns[1])
    database.grown_jointly(key, value, size_bytes, run.count)
    return list(range(length + 1, length + 1 + run.count))


def lpushx(client: Client, request: list[bytes]) -> int:
    return _push(client, request, LEFT) if _list_to_modify(client, request[1]) else 0


def rpushx(client: Client, request: list[bytes]) -> int:
    return _push(client, request, RIGHT) if _list_to_modify(client, request[1]) else 0


def lpop(client: Client, request: list[bytes]) -> object:
    return _pop(client, request, LEFT)


def rpop(client: Client, request: list[bytes]) -> object:
    return _pop(client, request, RIGHT)


def _pop(client: Client, request: list[bytes], side: bytes) -> object:
    count = arguments.pop_count(request)
    elements = pop(client.database, request[1], side, 1 if count is None else count)
    if count is not None:
        return NIL_ARRAY if elements is None else elements
    return elements[0] if elements else None


def pop(database: Database, key: bytes, side: bytes, count: int) -> list[bytes] | None:
    """Up to `count` elements from one side; None where there is no list."""
    value = database.modify_as(ListValue, key)
    if value is None:
        return None
    elements = [value.pop_from(side) for _ in range(min(count, len(value)))]
    if elements:
        database.changed(key)
    return elements


def lmpop(client: Client, request: list[bytes]) -> object:
    keys, side, count = mpop_arguments(request, 1)
    for key in keys:
        elements = pop(client.database, key, side, count)
        if elements:
            return [key, elements]
    return NIL_ARRAY


def mpop_arguments(
    request: list[bytes], position: int, sides: tuple[bytes, bytes] = (LEFT, RIGHT)
) -> tuple[list[bytes], bytes, int]:
    """Keys, side and count of LMPOP, ZMPOP and their blocking forms."""
    keys, behind = arguments.key_list(request, position)
    side = request[behind].upper() if behind < len(request) else b""
    if side not in sides:
        raise errors.syntax_error()
    match [request[behind + 1 :], [word.upper() for word in request[behind + 1 :]]]:
        case [[], _]:
            return keys, side, 1
        case [[_, text], [b"COUNT", _]]:
            count = integer(text, "ERR count should be greater than 0")
            if count <= 0:
                raise ReplyError("ERR count should be greater than 0")
            return keys, side, count
    raise errors.syntax_error()


def lmove(client: Client, request: list[bytes]) -> bytes | None:
    _, source, destination, source_side, destination_side = request
    sides = parse_side(source_side), parse_side(destination_side)
    return move(client.database, source, destination, *sides)


def parse_side(word: bytes) -> bytes:
    side = word.upper()
    if side not in (LEFT, RIGHT):
        raise errors.syntax_error()
    return side


def rpoplpush(client: Client, request: list[bytes]) -> bytes | None:
    _, source, destination = request
    return move(client.database, source, destination, RIGHT, LEFT)


def move(
    database: Database, source: bytes, destination: bytes, source_side: bytes, side: bytes
) -> bytes | None:
    """Take an element off one list and push it to another; None where there is none."""
    if not database.modify_as(ListValue, source):
        return None
    database.modify_as(ListValue, destination)  # A wrong type must be seen before the pop.
    (element,) = pop(database, source, source_side, 1)
    database.create_as(ListValue, destination).push(side, [element])
    database.changed(destination)
    return element


# Reading.


def llen(client: Client, request: list[bytes]) -> int:
    return len(_list(client, request[1]) or ())


def lindex(client: Client, request: list[bytes]) -> bytes | None:
    value = _list(client, request[1])
    if value is None:
        return None
    index = integer(request[2])
    if not -len(value) <= index < len(value):
        return None
    return value[index]


def lrange(client: Client, request: list[bytes]) -> list[bytes]:
    start, stop = integer(request[2]), integer(request[3])
    value = _list(client, request[1])
    if value is None:
        return []
    return value.range(*arguments.clamp_range(start, stop, len(value)))


def lpos(client: Client, request: list[bytes]) -> object:
    _, key, element, *rest = request
    rank, count, max_length = 1, None, 0
    for word, values in words(rest):
        text = arguments.following(values)
        match word:
            case b"RANK":
                rank = _rank(text)
            case b"COUNT":
                count = arguments.natural(text, "ERR COUNT can't be negative")
            case b"MAXLEN":
                max_length = arguments.natural(text, "ERR MAXLEN can't be negative")
            case _:
                raise errors.syntax_error()
    found = _positions(_list(client, key) or (), element, rank, count, max_length)
    if count is not None:
        return found
    return found[0] if found else None


def _rank(text: bytes) -> int:
    rank = integer(text)
    if rank == 0:
        raise ReplyError(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
            "or use negative to start from the end of the list"
        )
    return rank


def _positions(
    value: ListValue | tuple, element: bytes, rank: int, count: int | None, max_length: int
) -> list[int]:
    """Where `element` stands, from the `rank`-th match on; negative ranks walk backwards."""
    length = len(value)
    places = (
        enumerate(value)
        if rank > 0
        else zip(range(length - 1, -1, -1), reversed(value), strict=True)
    )
    matches = (
        index for index, other in itertools.islice(places, max_length or length) if other == element
    )
    wanted = 1 if count is None else count or length
    first = abs(rank) - 1
    # More than the list holds cannot match: islice takes no number beyond the machine's.
    return list(itertools.islice(matches, min(first, length), min(first + wanted, 2 * length)))


# Changing.


def lset(client: Client, request: list[bytes]) -> object:
    _, key, index_text, element = request
    value = _list_to_modify(client, key)
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    index = integer(index_text)
    if not -len(value) <= index < len(value):
        raise ReplyError(errors.INDEX_OUT_OF_RANGE)
    value.replace(index, element)
    client.database.changed(key)
    return OK


def linsert(client: Client, request: list[bytes]) -> int:
    _, key, where, pivot, element = request
    where = where.upper()
    if where not in (b"BEFORE", b"AFTER"):
        raise errors.syntax_error()
    value = _list_to_modify(client, key)
    if value is None:
        return 0
    try:
        index = value.index(pivot)
    except ValueError:
        return -1
    value.insert_at(index + (where == b"AFTER"), element)
    client.database.changed(key)
    return len(value)


def lrem(client: Client, request: list[bytes]) -> int:
    _, key, count_text, element = request
    count = integer(count_text)
    value = _list_to_modify(client, key)
    if value is None:
        return 0
    removed = value.discard(element, count)
    if removed:
        client.database.changed(key)
    return removed


def ltrim(client: Client, request: list[bytes]) -> object:
    _, key, start, stop = request
    start, stop = integer(start), integer(stop)
    value = _list_to_modify(client, key)
    if value is not None:
        value.keep(*arguments.clamp_range(start, stop, len(value)))
        client.database.changed(key)
    return OK

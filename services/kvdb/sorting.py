"""SORT: the elements of a list, set or sorted set in an order, with values from other keys.

    SORT people BY age_* GET name_* GET #        people is a set of IDs: 1 2 3

    1. weigh   each element, by `age_1`, `age_2` …        numbers, or bytes with ALPHA
    2. order   by weight, or not at all where BY names no element ("BY nosort")
    3. cut     LIMIT offset count
    4. show    for each element `name_1` …, and "#", the element itself
    5. STORE   the outcome as a list, or answer it

A pattern names a key, its first `*` stands for the element, and what follows `->` is a field of
the hash under that key. It is the join of Redis, at one lookup for each element and pattern.
# Real: sort.c in Redis.
"""

from dataclasses import dataclass, field

from services.common.resp import ReplyError
from services.kvdb import arguments, errors
from services.kvdb.arguments import following, integer, words
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.hashes import HashValue
from services.kvdb.lists import ListValue
from services.kvdb.memcached_item import Item
from services.kvdb.sets import SetValue
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.strings import RawString, as_bytes

_NOT_NUMBERS = "ERR One or more scores can't be converted into double"


@dataclass(slots=True)
class _Options:
    by: bytes | None = None
    shown: list[bytes] = field(default_factory=list)
    """The patterns behind GET."""
    offset: int = 0
    count: int = -1
    """Negative is all."""
    is_descending: bool = False
    is_alphabetic: bool = False
    destination: bytes | None = None

    @property
    def is_ordered(self) -> bool:
        """A pattern that is the same for each element asks for no order."""
        return self.by is None or b"*" in self.by


def sort(client: Client, request: list[bytes]) -> object:
    return _sort(client, request, may_store=True)


def sort_ro(client: Client, request: list[bytes]) -> object:
    return _sort(client, request, may_store=False)


def _sort(client: Client, request: list[bytes], *, may_store: bool) -> object:
    options = _options(request[2:], may_store=may_store)
    _check_access(client, request, options)
    database = client.database
    elements = _ordered(database, database.read(request[1]), options)
    first = min(max(options.offset, 0), len(elements))
    behind = len(elements) if options.count < 0 else first + options.count
    values = _shown(database, elements[first:behind], options.shown)
    if options.destination is None:
        return values
    return database.store(options.destination, ListValue(value or b"" for value in values))


def _check_access(client: Client, request: list[bytes], options: _Options) -> None:
    """Which keys the patterns name is not known before, so it takes permission to read them all."""
    follows_patterns = options.shown or (options.by is not None and options.is_ordered)
    if follows_patterns and not client.engine.access.may_read_all_keys(client, request):
        option = "BY" if options.by is not None and options.is_ordered else "GET"
        raise ReplyError(f"ERR {option} option of SORT denied due to insufficient ACL permissions.")


def _options(rest: list[bytes], *, may_store: bool) -> _Options:
    options = _Options()
    for word, values in words(rest):
        match word:
            case b"ASC" | b"DESC":
                options.is_descending = word == b"DESC"
            case b"ALPHA":
                options.is_alphabetic = True
            case b"LIMIT":
                offset, count = following(values), following(values)
                options.offset, options.count = integer(offset), integer(count)
            case b"STORE" if may_store:
                options.destination = following(values)
            case b"BY":
                options.by = following(values)
            case b"GET":
                options.shown.append(following(values))
            case _:
                raise errors.syntax_error()
    return options


# The order.


def _ordered(database: Database, value: object, options: _Options) -> list[bytes]:
    """All elements, in the order that was asked for."""
    match value:
        case None:
            return []
        case ListValue() | SetValue():
            elements = list(value)
        case SortedSetValue():
            elements = [member for member, _ in value.pairs(0, len(value))]
        case _:
            raise errors.wrong_type()
    if options.is_ordered:
        _arrange(database, elements, options)
    elif isinstance(value, SetValue):
        if options.destination is not None:
            # The order of a set means nothing; what is stored should not depend on it.
            elements.sort(reverse=options.is_descending)
    elif options.is_descending:
        elements.reverse()
    return elements


def _arrange(database: Database, elements: list[bytes], options: _Options) -> None:
    """Sort the elements by their weights."""
    is_descending = options.is_descending
    if options.is_alphabetic:
        if options.by is None:
            elements.sort(reverse=is_descending)
            return
        texts = {it: look_up(database, options.by, it) for it in elements}
        # Those without a weight come first.
        elements.sort(
            key=lambda it: (texts[it] is not None, texts[it] or b""), reverse=is_descending
        )
        return
    weights = {it: _weight(database, options.by, it) for it in elements}
    elements.sort(key=lambda it: (weights[it], it), reverse=is_descending)


def _weight(database: Database, by: bytes | None, element: bytes) -> float:
    """The number to sort an element by; 0 where there is none."""
    text = element if by is None else look_up(database, by, element)
    return arguments.number(text.lstrip(), _NOT_NUMBERS) if text else 0.0


# Values from other keys.


def look_up(database: Database, pattern: bytes, element: bytes) -> bytes | None:
    """What a pattern means for an element; None where there is nothing."""
    if pattern == b"#":
        return element
    before, star, behind = pattern.partition(b"*")
    if not star:
        return None
    name_end, _, field_name = behind.partition(b"->")
    if not field_name:
        name_end = behind
    key = before + element + name_end
    value = database.read(key)
    if field_name:
        if isinstance(value, HashValue) and value.times is not None:
            value = database.live_fields(key, value)
        return value.get(field_name) if isinstance(value, HashValue) else None
    return as_bytes(value) if isinstance(value, bytes | RawString | Item) else None


def _shown(database: Database, elements: list[bytes], patterns: list[bytes]) -> list[bytes | None]:
    if not patterns:
        return list(elements)
    return [look_up(database, pattern, element) for element in elements for pattern in patterns]

"""The encodings that OBJECT ENCODING tells: which form Redis would give to such a value.

Redis packs small values tightly and turns them into hash tables or skip lists as they grow, at
sizes that can be configured. Our values have one form each, whatever their size; but programs
and tests ask, so the answer is worked out from the value by the same limits. (Redis does not go
back when a value shrinks again; this answer does.)
"""

import itertools

from services.kvdb.arguments import to_integer
from services.kvdb.hashes import HashValue
from services.kvdb.lists import ListValue
from services.kvdb.memcached_item import Item
from services.kvdb.sets import SetValue
from services.kvdb.settings import Settings
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.stream import StreamValue
from services.kvdb.strings import RawString

TYPE_NAMES: dict[type, str] = {
    bytes: "string",
    RawString: "string",
    Item: "string",
    ListValue: "list",
    HashValue: "hash",
    SetValue: "set",
    SortedSetValue: "zset",
    StreamValue: "stream",
}

EMBEDDED_STRING_BYTES = 44
"""Real: OBJ_ENCODING_EMBSTR_SIZE_LIMIT."""


def type_name(value: object | None) -> str:
    """What TYPE answers."""
    return "none" if value is None else TYPE_NAMES[type(value)]


def encoding_of(value: object, settings: Settings) -> str:
    match value:
        case bytes():
            if to_integer(value) is not None:
                return "int"
            return "embstr" if len(value) <= EMBEDDED_STRING_BYTES else "raw"
        case RawString():
            return "raw"
        case Item():
            return encoding_of(value.content, settings)
        case ListValue():
            return "quicklist"
        case HashValue():
            parts = itertools.chain(value, value.values())
            limits = settings.hash_max_listpack_entries, settings.hash_max_listpack_value
            packed = "listpack" if value.times is None else "listpackex"
            return packed if _is_small(len(value), parts, *limits) else "hashtable"
        case SetValue():
            is_small = not value.has_held_words and len(value) <= settings.set_max_intset_entries
            is_intset = is_small and all(to_integer(member) is not None for member in value)
            return "intset" if is_intset else "hashtable"
        case SortedSetValue():
            limits = settings.zset_max_listpack_entries, settings.zset_max_listpack_value
            return "listpack" if _is_small(len(value), value.scores, *limits) else "skiplist"
        case StreamValue():
            return "stream"
    raise TypeError(type(value).__name__)


def _is_small(length: int, parts: object, max_entries: int, max_part_bytes: int) -> bool:
    return length <= max_entries and max(map(len, parts), default=0) <= max_part_bytes

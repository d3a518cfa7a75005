"""Reading one key of any type, as the page shows it: in part where it is large, and as text.

A value is bytes and need not be text. What is UTF-8 is shown as it is; any other byte is shown as
`\\xff`, and the page says that this is what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.kvdb.client import KVClient

MAX_TEXT_BYTES = 64 * 1024
MAX_ELEMENT_BYTES = 2000
MAX_ELEMENTS = 200


def text_of(value: bytes, size: int | None = None) -> dict[str, object]:
    """The beginning of a value as text. `size` is that of the whole, where `value` is a part."""
    shown = value[:MAX_ELEMENT_BYTES] if size is None else value
    is_cut = len(shown) < (len(value) if size is None else size)
    try:
        # A cut may go through a character; its first bytes are no sign of binary data.
        text = shown.decode("utf-8", "ignore" if is_cut else "strict")
        is_binary = is_cut and len(text.encode()) < len(shown) - 3
    except UnicodeDecodeError:
        is_binary = True
    if is_binary:
        text = name_of(shown)
    return {"text": text, "is_binary": is_binary, "is_cut": is_cut}


def name_of(key: bytes) -> str:
    """A key as a person reads it; what is no text, or cannot be seen, as `\\xff` and `\\x00`."""
    text = key.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def read_value(kv: KVClient, key: bytes, kind: str) -> dict[str, object]:
    """The size of the value at `key`, and as much of it as is shown."""
    reader = _READERS.get(kind)
    return reader(kv, key) if reader else {"size": None, "is_shown": False}


def _string(kv: KVClient, key: bytes) -> dict[str, object]:
    size = kv.execute("STRLEN", key)
    beginning = kv.execute("GETRANGE", key, 0, MAX_TEXT_BYTES - 1)
    return {"size": size, "string": text_of(beginning, size)}


def _list(kv: KVClient, key: bytes) -> dict[str, object]:
    size = kv.execute("LLEN", key)
    items = kv.execute("LRANGE", key, 0, MAX_ELEMENTS - 1)
    return _elements(size, ["index", "value"], [[str(i), text_of(v)] for i, v in enumerate(items)])


def _hash(kv: KVClient, key: bytes) -> dict[str, object]:
    size = kv.execute("HLEN", key)
    _, flat = kv.execute("HSCAN", key, 0, "COUNT", MAX_ELEMENTS)
    pairs = sorted(zip(flat[::2], flat[1::2], strict=True))[:MAX_ELEMENTS]
    return _elements(size, ["field", "value"], [[text_of(f), text_of(v)] for f, v in pairs])


def _set(kv: KVClient, key: bytes) -> dict[str, object]:
    size = kv.execute("SCARD", key)
    _, members = kv.execute("SSCAN", key, 0, "COUNT", MAX_ELEMENTS)
    return _elements(size, ["member"], [[text_of(m)] for m in sorted(members)[:MAX_ELEMENTS]])


def _sorted_set(kv: KVClient, key: bytes) -> dict[str, object]:
    size = kv.execute("ZCARD", key)
    flat = kv.execute("ZRANGE", key, 0, MAX_ELEMENTS - 1, "WITHSCORES")
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return _elements(size, ["member", "score"], [[text_of(m), name_of(s)] for m, s in pairs])


def _elements(size: object, columns: list[str], rows: list[list[object]]) -> dict[str, object]:
    return {"size": size, "columns": columns, "rows": rows}


_READERS: Mapping[str, Callable[[KVClient, bytes], dict[str, object]]] = MappingProxyType(
    {"string": _string, "list": _list, "hash": _hash, "set": _set, "zset": _sorted_set}
)

"""Reading one key of any type, as the page shows it: a part at a time, and as text.

A value is bytes and need not be text. What is UTF-8 is shown as it is; any other byte is shown as
`\\xff`, and the page says that this is what it shows. So that an element can be changed whatever it
is made of, each row comes with its `id`: the field or member itself, in base64.

Of a large value a page of elements is read, and `next` says where the next one begins: an index, a
cursor of SCAN, or the ID of an entry, which only the reader of that type looks into.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.common.resp import ReplyError
from services.kvdb.client import KVClient
from services.web.errors import HTTPError

MAX_TEXT_BYTES = 64 * 1024
MAX_ELEMENT_BYTES = 2000
MAX_ELEMENTS = 200
MAX_CONSUMERS = 50
HYPERLOGLOG_MAGIC = b"HYLL"

Shown = dict[str, object]


def text_of(value: bytes, size: int | None = None) -> Shown:
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


def id_of(element: bytes) -> str:
    return base64.b64encode(element).decode()


def read_value(kv: KVClient, key: bytes, kind: str, start: str | None = None) -> Shown:
    """The size of the value at `key`, and a page of its elements, from `start` on."""
    reader = _READERS.get(kind)
    return reader(kv, key, start) if reader else {"size": None, "is_shown": False}


def _string(kv: KVClient, key: bytes, start: str | None) -> Shown:
    size = kv.execute("STRLEN", key)
    beginning = kv.execute("GETRANGE", key, 0, MAX_TEXT_BYTES - 1)
    shown: Shown = {"size": size, "string": text_of(beginning, size)}
    if beginning.startswith(HYPERLOGLOG_MAGIC):
        try:
            shown["distinct"] = kv.execute("PFCOUNT", key)
        except ReplyError:
            pass  # It only begins like one.
    return shown


def _list(kv: KVClient, key: bytes, start: str | None) -> Shown:
    first = _offset(start)
    size = kv.execute("LLEN", key)
    items = kv.execute("LRANGE", key, first, first + MAX_ELEMENTS - 1)
    rows = [_row(b"%d" % at, str(at), text_of(value)) for at, value in enumerate(items, first)]
    return _elements(size, ["index", "value"], rows, _next_offset(first, len(rows), size))


def _hash(kv: KVClient, key: bytes, start: str | None) -> Shown:
    size = kv.execute("HLEN", key)
    cursor, flat = kv.execute("HSCAN", key, _offset(start), "COUNT", MAX_ELEMENTS)
    pairs = sorted(zip(flat[::2], flat[1::2], strict=True))
    ttls = _field_ttls(kv, key, [field for field, _ in pairs])
    rows = [_row(field, text_of(field), text_of(value)) for field, value in pairs]
    if ttls is not None:
        for row, ttl_ms in zip(rows, ttls, strict=True):
            row["ttl_ms"] = ttl_ms
    following = str(int(cursor)) if int(cursor) else None
    return {
        **_elements(size, ["field", "value"], rows, following),
        "has_field_ttl": ttls is not None,
    }


def _field_ttls(kv: KVClient, key: bytes, fields: list[bytes]) -> list[int | None] | None:
    """The time that each field has left; None where the server has no such thing."""
    if not fields:
        fields = [b""]  # To learn whether it has.
    try:
        replies = kv.execute("HPTTL", key, "FIELDS", len(fields), *fields)
    except ReplyError:
        return None  # Redis before 7.4 does not know the command.
    return [reply if isinstance(reply, int) and reply >= 0 else None for reply in replies]


def _set(kv: KVClient, key: bytes, start: str | None) -> Shown:
    size = kv.execute("SCARD", key)
    cursor, members = kv.execute("SSCAN", key, _offset(start), "COUNT", MAX_ELEMENTS)
    rows = [_row(member, text_of(member)) for member in sorted(members)]
    return _elements(size, ["member"], rows, str(int(cursor)) if int(cursor) else None)


def _sorted_set(kv: KVClient, key: bytes, start: str | None) -> Shown:
    first = _offset(start)
    size = kv.execute("ZCARD", key)
    flat = kv.execute("ZRANGE", key, first, first + MAX_ELEMENTS - 1, "WITHSCORES")
    pairs = zip(flat[::2], flat[1::2], strict=True)
    rows = [_row(member, text_of(member), name_of(score)) for member, score in pairs]
    return _elements(size, ["member", "score"], rows, _next_offset(first, len(rows), size))


def _stream(kv: KVClient, key: bytes, start: str | None) -> Shown:
    """The newest entries first, and the groups that read them."""
    size = kv.execute("XLEN", key)
    end = f"({start}" if start else "+"
    entries = kv.execute("XREVRANGE", key, end, "-", "COUNT", MAX_ELEMENTS)
    rows = [
        {
            "id": entry_id.decode(),
            "cells": [entry_id.decode()],
            "fields": [
                [text_of(name), text_of(value)]
                for name, value in zip(flat[::2], flat[1::2], strict=True)
            ],
        }
        for entry_id, flat in entries
    ]
    following = rows[-1]["id"] if len(rows) == MAX_ELEMENTS else None
    return {**_elements(size, ["ID", "entry"], rows, following), "groups": _groups(kv, key)}


def _groups(kv: KVClient, key: bytes) -> list[Shown]:
    groups = []
    for reply in kv.execute("XINFO", "GROUPS", key):
        group = _fields(reply)
        name = group["name"]
        consumers = [_fields(one) for one in kv.execute("XINFO", "CONSUMERS", key, name)]
        groups.append(
            {
                "id": id_of(name),
                "name": name_of(name),
                "pending": group["pending"],
                "last_delivered": group["last-delivered-id"].decode(),
                "lag": group.get("lag"),
                "consumers": [
                    {
                        "name": name_of(consumer["name"]),
                        "pending": consumer["pending"],
                        "idle_ms": consumer["idle"],
                    }
                    for consumer in consumers[:MAX_CONSUMERS]
                ],
            }
        )
    return groups


def _fields(flat: list[object]) -> dict[str, object]:
    """What XINFO tells of one thing: names and values in turn."""
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _row(element: bytes, *cells: object) -> Shown:
    return {"id": id_of(element), "cells": list(cells)}


def _elements(size: object, columns: list[str], rows: list[Shown], following: str | None) -> Shown:
    return {"size": size, "columns": columns, "rows": rows, "next": following}


def _offset(start: str | None) -> int:
    if start is None:
        return 0
    if not (start.isascii() and start.isdigit() and len(start) <= 20):
        raise HTTPError(400, "start must be the next of an earlier answer")
    return int(start)


def _next_offset(first: int, shown: int, size: int) -> str | None:
    return str(first + shown) if shown and first + shown < size else None


_READERS: Mapping[str, Callable[[KVClient, bytes, str | None], Shown]] = MappingProxyType(
    {
        "string": _string,
        "list": _list,
        "hash": _hash,
        "set": _set,
        "zset": _sorted_set,
        "stream": _stream,
    }
)

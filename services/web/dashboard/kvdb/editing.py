"""Changing a part of a value: an action of the page becomes one command, or a small transaction.

    {"action": "hash-set", "element": "Zm9v", "value": "bar"}     ─▶ HSET key foo bar
    {"action": "list-remove", "element": "MA==", "expected": "x"} ─▶ WATCH, LSET, LREM

An element that is there is named by its `id` (`values`), a new one by text. A change never makes
a key that is gone come back: it expects the key, which somebody else may have deleted meanwhile.
Making a key of any type is `create`, which expects that there is none.
"""

from __future__ import annotations

import base64
import binascii
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from services.common.resp import ReplyError
from services.common.resp_client import Argument
from services.web.dashboard.fields import Body, seconds_field, text_field, utf8
from services.web.dashboard.kvdb.keyspace import Keyspace, milliseconds, missing, taken
from services.web.errors import HTTPError

MAX_FIELD_TTL_S = 10 * 365 * 86400
MAX_NEW_ELEMENTS = 10_000

Command = tuple[Argument, ...]


def change(keyspace: Keyspace, key: bytes, body: Body) -> None:
    """Carry out one action on a key that is there. Raises HTTPError or ReplyError."""
    make = _ACTIONS.get(text_field(body, "action"))
    if make is None:
        raise HTTPError(400, f"there is no action {text_field(body, 'action')[:100]!r}")
    commands = make(key, body)
    with keyspace.kv.watch(key) as watch:
        if not watch.execute("EXISTS", key):
            raise missing(key)
        if "expected" in body and make is _list_remove:
            _check_unmoved(watch.execute("LINDEX", key, _index(body)), body)
        replies = watch.commit(*commands)
    if replies is None:
        raise HTTPError(409, "somebody else has changed the key meanwhile: look at it again")
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise reply


def _check_unmoved(element: bytes | None, body: Body) -> None:
    """An index means another element as soon as somebody pushes or pops on the left."""
    if element is None or not element.startswith(utf8(text_field(body, "expected"))[:1000]):
        raise HTTPError(409, "another element is at this index by now: look at the list again")


def _string_set(key: bytes, body: Body) -> list[Command]:
    return [("SET", key, _text(body, "value"), "KEEPTTL")]


def _list_set(key: bytes, body: Body) -> list[Command]:
    return [("LSET", key, _index(body), _text(body, "value"))]


def _list_push(key: bytes, body: Body) -> list[Command]:
    return [("LPUSH" if body.get("side") == "left" else "RPUSH", key, _text(body, "value"))]


def _list_remove(key: bytes, body: Body) -> list[Command]:
    """Redis removes by value alone: what is to go gets one that nothing else has."""
    tombstone = secrets.token_bytes(16)
    return [("LSET", key, _index(body), tombstone), ("LREM", key, 1, tombstone)]


def _hash_set(key: bytes, body: Body) -> list[Command]:
    return [("HSET", key, _element(body), _text(body, "value"))]


def _hash_remove(key: bytes, body: Body) -> list[Command]:
    return [("HDEL", key, _element(body))]


def _hash_expire(key: bytes, body: Body) -> list[Command]:
    ttl_s = seconds_field(body, "ttl_s", maximum_s=MAX_FIELD_TTL_S)
    if ttl_s is None:
        return [("HPERSIST", key, "FIELDS", 1, _element(body))]
    return [("HPEXPIRE", key, milliseconds(ttl_s), "FIELDS", 1, _element(body))]


def _set_add(key: bytes, body: Body) -> list[Command]:
    return [("SADD", key, _text(body, "value"))]


def _set_replace(key: bytes, body: Body) -> list[Command]:
    # Added first: a set whose only member is removed is gone, and its time to live with it.
    old, new = _element(body), _text(body, "value")
    return [] if old == new else [("SADD", key, new), ("SREM", key, old)]


def _set_remove(key: bytes, body: Body) -> list[Command]:
    return [("SREM", key, _element(body))]


def _zset_set(key: bytes, body: Body) -> list[Command]:
    return [("ZADD", key, _score(body.get("score")), _element(body))]


def _zset_remove(key: bytes, body: Body) -> list[Command]:
    return [("ZREM", key, _element(body))]


def _stream_add(key: bytes, body: Body) -> list[Command]:
    return [("XADD", key, "*", *_flat(_pairs(body, "pairs")))]


def _stream_remove(key: bytes, body: Body) -> list[Command]:
    return [("XDEL", key, text_field(body, "element"))]


def _group_create(key: bytes, body: Body) -> list[Command]:
    start = body.get("start", "$")
    if start not in ("$", "0"):
        raise HTTPError(400, "start must be $ (only what is new) or 0 (everything)")
    return [("XGROUP", "CREATE", key, _text(body, "value"), start)]


def _group_remove(key: bytes, body: Body) -> list[Command]:
    return [("XGROUP", "DESTROY", key, _element(body))]


_ACTIONS: Mapping[str, Callable[[bytes, Body], list[Command]]] = MappingProxyType(
    {
        "string-set": _string_set,
        "list-set": _list_set,
        "list-push": _list_push,
        "list-remove": _list_remove,
        "hash-set": _hash_set,
        "hash-remove": _hash_remove,
        "hash-expire": _hash_expire,
        "set-add": _set_add,
        "set-replace": _set_replace,
        "set-remove": _set_remove,
        "zset-set": _zset_set,
        "zset-remove": _zset_remove,
        "stream-add": _stream_add,
        "stream-remove": _stream_remove,
        "group-create": _group_create,
        "group-remove": _group_remove,
    }
)


def create(keyspace: Keyspace, key: bytes, body: Body, ttl_s: float | None) -> None:
    """Make a key of the type that `type` says, of `elements`. Raises HTTPError or ReplyError."""
    kind = text_field(body, "type")
    make = _CREATIONS.get(kind)
    if make is None:
        raise HTTPError(400, f"type must be string or one of {', '.join(_CREATIONS)}")
    commands = [make(key, body)]
    if ttl_s is not None:
        commands.append(("PEXPIRE", key, milliseconds(ttl_s)))
    with keyspace.kv.watch(key) as watch:
        if watch.execute("EXISTS", key):
            raise taken(key)
        replies = watch.commit(*commands)
    if replies is None:
        raise taken(key)
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise reply


def _new_zset(key: bytes, body: Body) -> Command:
    pairs = _pairs(body, "elements")
    return ("ZADD", key, *(part for member, score in pairs for part in (_score(score), member)))


_CREATIONS: Mapping[str, Callable[[bytes, Body], Command]] = MappingProxyType(
    {
        "list": lambda key, body: ("RPUSH", key, *_texts(body, "elements")),
        "set": lambda key, body: ("SADD", key, *_texts(body, "elements")),
        "hash": lambda key, body: ("HSET", key, *_flat(_pairs(body, "elements"))),
        "zset": _new_zset,
        "stream": lambda key, body: ("XADD", key, "*", *_flat(_pairs(body, "elements"))),
    }
)


def _text(body: Body, name: str) -> bytes:
    return utf8(text_field(body, name))


def _element(body: Body) -> bytes:
    """What a row's `id` names; or, of one that may be new, what `name` says as text."""
    if "name" in body:
        return _text(body, "name")
    try:
        return base64.b64decode(text_field(body, "element"), validate=True)
    except (binascii.Error, ValueError):
        raise HTTPError(400, "element must be the id of a row") from None


def _index(body: Body) -> int:
    try:
        return int(_element(body))
    except ValueError:
        raise HTTPError(400, "element must be the id of a row of a list") from None


def _score(value: object) -> str:
    """A score as Redis reads it: a number, or inf."""
    if isinstance(value, bytes):
        value = value.decode()
    try:
        if isinstance(value, bool) or math.isnan(float(value)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise HTTPError(400, f"the score {str(value)[:50]!r} must be a number") from None
    return str(value).strip()


def _sequence(body: Body, name: str) -> Sequence[object]:
    value = body.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= MAX_NEW_ELEMENTS:
        raise HTTPError(400, f"{name} must be a list of 1 to {MAX_NEW_ELEMENTS} elements")
    return value


def _texts(body: Body, name: str) -> list[bytes]:
    values = _sequence(body, name)
    if not all(isinstance(value, str) for value in values):
        raise HTTPError(400, f"{name} must be strings")
    return [utf8(value) for value in values]


def _pairs(body: Body, name: str) -> list[tuple[bytes, bytes]]:
    pairs = []
    for value in _sequence(body, name):
        is_pair = isinstance(value, list) and len(value) == 2
        if not is_pair or not all(isinstance(part, str) for part in value):
            raise HTTPError(400, f"{name} must be pairs of strings")
        pairs.append((utf8(value[0]), utf8(value[1])))
    return pairs


def _flat(pairs: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [part for pair in pairs for part in pair]

"""Into JSON: -> ->> #> @> ?, jsonb_each, json_array_elements …

Both types have the same functions. A json text is scanned anew for each call, keeping the text of
its parts as it stands (spaces, repeated keys and the writing of numbers included), which is why the
manual advises jsonb. # Real: jsonfuncs.c
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definitions import Definitions
from services.sqldb.interruption import paced_stream
from services.sqldb.types.json_values import json_text, pretty_text, quoted
from services.sqldb.values import Array, Jsonb

define = Definitions()

_BLANKS = " \t\n\r"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(r'[^\s,\]}:"]+')


class JsonText:
    """A part of a json text: knows its kind, and its members as parts again."""

    __slots__ = ("text",)

    def __init__(self, text: str):
        self.text = text.strip(_BLANKS)

    @property
    def kind(self) -> str:
        first = self.text[0]
        return {
            "{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"
        }.get(first, "number")  # fmt: skip

    def items(self) -> Iterator[tuple[str, JsonText]]:
        """The pairs of an object, in order and with repetitions."""
        at = 1
        while True:
            at = self._skip(at)
            if self.text[at] == "}":
                return
            if self.text[at] == ",":
                at = self._skip(at + 1)
            match = _STRING.match(self.text, at)
            at = self._skip(match.end()) + 1
            end = self._end_of_value(at)
            yield json.loads(match[0], strict=False), JsonText(self.text[at:end])
            at = end

    def elements(self) -> Iterator[JsonText]:
        at = 1
        while True:
            at = self._skip(at)
            if self.text[at] == "]":
                return
            if self.text[at] == ",":
                at = self._skip(at + 1)
            end = self._end_of_value(at)
            yield JsonText(self.text[at:end])
            at = end

    def _skip(self, at: int) -> int:
        while self.text[at] in _BLANKS:
            at += 1
        return at

    def _end_of_value(self, at: int) -> int:
        text, at, depth = self.text, self._skip(at), 0
        while True:
            character = text[at]
            if character == '"':
                at = _STRING.match(text, at).end()
            elif character in "{[":
                depth, at = depth + 1, at + 1
            elif character in "}]":
                depth, at = depth - 1, at + 1
            elif depth == 0:
                return _SCALAR.match(text, at).end()
            else:
                at += 1
            if depth == 0:
                return at

    def as_text(self) -> str | None:
        """What ->> gives: strings without quotes, null as NULL."""
        if self.kind == "null":
            return None
        return json.loads(self.text, strict=False) if self.kind == "string" else self.text


def _json_member(text: str, key: str) -> JsonText | None:
    part, found = JsonText(text), None
    if part.kind == "object":
        for name, value in part.items():
            if name == key:
                found = value  # The last one counts.
    return found


def _json_element(text: str, index: int) -> JsonText | None:
    part = JsonText(text)
    if part.kind != "array":
        return None
    elements = list(part.elements())
    return elements[index] if -len(elements) <= index < len(elements) else None


def _json_path(text: str, path: Array) -> JsonText | None:
    part: JsonText | None = JsonText(text)
    for step in path.elements:
        if part is None or step is None:
            return None
        if part.kind == "object":
            part = _json_member(part.text, step)
        elif part.kind == "array" and is_integer(step):
            part = _json_element(part.text, int(step))
        else:
            return None
    return part


def cannot(what: str) -> SqlError:
    return SqlError(errors.INVALID_PARAMETER_VALUE, what)


def is_integer(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[0-9]{1,10}", text) is not None


def _raw(part: JsonText | None) -> str | None:
    return None if part is None else part.text


def _unquoted(part: JsonText | None) -> str | None:
    return None if part is None else part.as_text()


define.operator("json -> text -> json", lambda t, key: _raw(_json_member(t, key)))
define.operator("json -> int4 -> json", lambda t, index: _raw(_json_element(t, index)))
define.operator("json ->> text -> text", lambda t, key: _unquoted(_json_member(t, key)))
define.operator("json ->> int4 -> text", lambda t, index: _unquoted(_json_element(t, index)))
define.operator("json #> text[] -> json", lambda t, path: _raw(_json_path(t, path)))
define.operator("json #>> text[] -> text", lambda t, path: _unquoted(_json_path(t, path)))
define.function("json_extract_path(json, variadic text[]) -> json")(
    lambda t, path: _raw(_json_path(t, path))
)
define.function("json_extract_path_text(json, variadic text[]) -> text")(
    lambda t, path: _unquoted(_json_path(t, path))
)

_MISSING = object()


def _member(value: Any, key: str) -> Any:
    return value.get(key, _MISSING) if isinstance(value, dict) else _MISSING


def _element(value: Any, index: int) -> Any:
    if isinstance(value, tuple) and -len(value) <= index < len(value):
        return value[index]
    return _MISSING


def _root_element(j: Jsonb, index: int) -> Any:
    """A scalar is stored as an array of one, and can be subscripted like it."""
    if isinstance(j.value, dict | tuple):
        return _element(j.value, index)
    return j.value if index in (0, -1) else _MISSING


def _at_path(value: Any, path: Array) -> Any:
    for step in path.elements:
        if step is None:
            return _MISSING
        if isinstance(value, tuple) and is_integer(step):
            value = _element(value, int(step))
        else:
            value = _member(value, step)
        if value is _MISSING:
            return _MISSING
    return value


def _wrapped(value: Any) -> Jsonb | None:
    return None if value is _MISSING else Jsonb(value)


def text_of(value: Any) -> str | None:
    """What ->> gives of a jsonb value."""
    if value is _MISSING or value is None:
        return None
    return value if isinstance(value, str) else json_text(value)


define.operator("jsonb -> text -> jsonb", lambda j, key: _wrapped(_member(j.value, key)))
define.operator("jsonb -> int4 -> jsonb", lambda j, index: _wrapped(_root_element(j, index)))
define.operator("jsonb ->> text -> text", lambda j, key: text_of(_member(j.value, key)))
define.operator("jsonb ->> int4 -> text", lambda j, index: text_of(_root_element(j, index)))
define.operator("jsonb #> text[] -> jsonb", lambda j, path: _wrapped(_at_path(j.value, path)))
define.operator("jsonb #>> text[] -> text", lambda j, path: text_of(_at_path(j.value, path)))
define.function("jsonb_extract_path(jsonb, variadic text[]) -> jsonb")(
    lambda j, path: _wrapped(_at_path(j.value, path))
)
define.function("jsonb_extract_path_text(jsonb, variadic text[]) -> text")(
    lambda j, path: text_of(_at_path(j.value, path))
)


def contains(outer: Any, inner: Any) -> bool:
    """Whether all of `inner` is found in `outer`, level by level. # Real: JsonbDeepContains()"""
    if isinstance(outer, dict) and isinstance(inner, dict):
        return all(
            key in outer and contains_value(outer[key], value) for key, value in inner.items()
        )
    if isinstance(outer, tuple) and isinstance(inner, tuple):
        return all(any(contains_value(item, wanted) for item in outer) for wanted in inner)
    return False


def contains_value(outer: Any, inner: Any) -> bool:
    if isinstance(inner, dict | tuple):
        return contains(outer, inner)
    return type(outer) is type(inner) and outer == inner


def jsonb_contains(outer: Jsonb, inner: Jsonb) -> bool:
    if isinstance(outer.value, tuple) and not isinstance(inner.value, dict | tuple):
        # An array contains a bare scalar as well.
        return any(contains_value(item, inner.value) for item in outer.value)
    if isinstance(outer.value, dict | tuple):
        return contains(outer.value, inner.value)
    return contains_value(outer.value, inner.value)


define.operator("jsonb @> jsonb", jsonb_contains, function="jsonb_contains")
define.operator(
    "jsonb <@ jsonb",
    lambda inner, outer: jsonb_contains(outer, inner),
    function="jsonb_contained",
)


def has_key(j: Jsonb, key: str) -> bool:
    value = j.value
    if isinstance(value, dict):
        return key in value
    if isinstance(value, tuple):
        return any(isinstance(item, str) and item == key for item in value)
    return isinstance(value, str) and value == key


define.operator("jsonb ? text", has_key, function="jsonb_exists")
define.operator(
    "jsonb ?| text[]",
    lambda j, keys: any(has_key(j, k) for k in keys.elements if k is not None),
    function="jsonb_exists_any",
)
define.operator(
    "jsonb ?& text[]",
    lambda j, keys: all(has_key(j, k) for k in keys.elements if k is not None),
    function="jsonb_exists_all",
)


@define.function("jsonb_pretty(jsonb) -> text")
def jsonb_pretty(j: Jsonb) -> str:
    return pretty_text(j.value)


def kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case Decimal():
            return "number"
        case dict():
            return "object"
    return "array"


define.function("jsonb_typeof(jsonb) -> text")(lambda j: kind_of(j.value))
define.function("json_typeof(json) -> text")(lambda text: JsonText(text).kind)


@define.function("jsonb_array_length(jsonb) -> int4")
def jsonb_array_length(j: Jsonb) -> int:
    if not isinstance(j.value, tuple):
        kind = "a non-array" if isinstance(j.value, dict) else "a scalar"
        raise cannot(f"cannot get array length of {kind}")
    return len(j.value)


@define.function("json_array_length(json) -> int4")
def json_array_length(text: str) -> int:
    part = JsonText(text)
    if part.kind != "array":
        kind = "a non-array" if part.kind == "object" else "a scalar"
        raise cannot(f"cannot get array length of {kind}")
    return sum(1 for _ in paced_stream(part.elements()))


def strip_nulls(value: Any) -> Any:
    """Without members of objects that are null; elements of arrays stay."""
    if isinstance(value, dict):
        return {key: strip_nulls(item) for key, item in value.items() if item is not None}
    return tuple(strip_nulls(item) for item in value) if isinstance(value, tuple) else value


define.function("jsonb_strip_nulls(jsonb) -> jsonb")(lambda j: Jsonb(strip_nulls(j.value)))


@define.function("json_strip_nulls(json) -> json")
def json_strip_nulls(text: str) -> str:
    part = JsonText(text)
    if part.kind == "object":
        kept = [
            f"{quoted(name)}:{json_strip_nulls(value.text)}"
            for name, value in part.items()
            if value.kind != "null"
        ]
        return "{" + ",".join(kept) + "}"
    if part.kind == "array":
        return "[" + ",".join(json_strip_nulls(item.text) for item in part.elements()) + "]"
    return quoted(part.as_text()) if part.kind == "string" else part.text


def _need_object(value: Any, function: str) -> dict:
    if isinstance(value, dict):
        return value
    raise cannot(f"cannot call {function} on a non-object")


def _need_array(value: Any, function: str) -> tuple:
    if isinstance(value, tuple):
        return value
    what = "an object" if isinstance(value, dict) else "a scalar"
    if function.startswith("jsonb"):
        raise cannot(f"cannot extract elements from {what}")
    raise cannot(f"cannot call {function} on {'a non-array' if isinstance(value, dict) else what}")


@define.function("jsonb_each(jsonb) -> table(key text, value jsonb)")
def jsonb_each(j: Jsonb) -> Iterator[tuple]:
    return ((key, Jsonb(value)) for key, value in _need_object(j.value, "jsonb_each").items())


@define.function("jsonb_each_text(jsonb) -> table(key text, value text)")
def jsonb_each_text(j: Jsonb) -> Iterator[tuple]:
    return ((k, text_of(value)) for k, value in _need_object(j.value, "jsonb_each_text").items())


@define.function("jsonb_object_keys(jsonb) -> setof text")
def jsonb_object_keys(j: Jsonb) -> Iterator[str]:
    if not isinstance(j.value, dict):
        what = "an array" if isinstance(j.value, tuple) else "a scalar"
        raise cannot(f"cannot call jsonb_object_keys on {what}")
    return iter(j.value)


@define.function("jsonb_array_elements(value jsonb) -> setof jsonb")
def jsonb_array_elements(j: Jsonb) -> Iterator[Jsonb]:
    return (Jsonb(item) for item in _need_array(j.value, "jsonb_array_elements"))


@define.function("jsonb_array_elements_text(value jsonb) -> setof text")
def jsonb_array_elements_text(j: Jsonb) -> Iterator[str | None]:
    return (text_of(item) for item in _need_array(j.value, "jsonb_array_elements_text"))


def _json_items(text: str, function: str) -> Iterator[tuple[str, JsonText]]:
    part = JsonText(text)
    if part.kind != "object":
        what = "an array" if part.kind == "array" else "a scalar"
        if function == "json_object_keys":
            raise cannot(f"cannot call {function} on {what}")
        raise cannot(
            "cannot deconstruct an array as an object"
            if part.kind == "array"
            else "cannot deconstruct a scalar"
        )
    return part.items()


def _json_elements(text: str, function: str) -> Iterator[JsonText]:
    part = JsonText(text)
    if part.kind != "array":
        what = "a non-array" if part.kind == "object" else "a scalar"
        raise cannot(f"cannot call {function} on {what}")
    return part.elements()


@define.function("json_each(json) -> table(key text, value json)")
def json_each(text: str) -> Iterator[tuple]:
    return ((key, value.text) for key, value in _json_items(text, "json_each"))


@define.function("json_each_text(json) -> table(key text, value text)")
def json_each_text(text: str) -> Iterator[tuple]:
    return ((key, value.as_text()) for key, value in _json_items(text, "json_each_text"))


@define.function("json_object_keys(json) -> setof text")
def json_object_keys(text: str) -> Iterator[str]:
    return (key for key, _ in _json_items(text, "json_object_keys"))


@define.function("json_array_elements(json) -> setof json")
def json_array_elements(text: str) -> Iterator[str]:
    return (item.text for item in _json_elements(text, "json_array_elements"))


@define.function("json_array_elements_text(json) -> setof text")
def json_array_elements_text(text: str) -> Iterator[str | None]:
    return (item.as_text() for item in _json_elements(text, "json_array_elements_text"))

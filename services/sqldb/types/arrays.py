"""Arrays of any type: {1,2,NULL}, {{a,b},{c,d}}, [0:1]={x,y}.

An array value has its elements as nested tuples, one level for each dimension, and the subscript
at which each dimension begins (usually 1). All sub-arrays of a dimension have the same length. An
array without elements has no dimensions either.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.interruption import check_for_interrupts, paced
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import cut_off, invalid_binary
from services.sqldb.types.sql_type import SqlType, TypeModifier
from services.sqldb.values import Array

MAX_DIMENSIONS = 6
MAX_ELEMENTS = 1 << 27
EMPTY = Array((), ())

_BOUNDS = re.compile(r"\s*((?:\[[+-]?[0-9]+(?::[+-]?[0-9]+)?\])+)\s*=\s*")
_BOUND = re.compile(r"\[([+-]?[0-9]+)(?::([+-]?[0-9]+))?\]")
_NEEDS_QUOTES = re.compile(r'[{}"\\ \t\n\r\v\f]|\A\Z|\A[nN][uU][lL][lL]\Z')
_BLANKS = " \t\n\r\v\f"


def array_of_elements(elements: Iterable[Any]) -> Array:
    """An array of one dimension that begins with 1."""
    elements = tuple(elements)
    return Array(elements, (1,)) if elements else EMPTY


def dimensions(array: Array) -> tuple[int, ...]:
    """The length of each dimension; () for an empty array."""
    lengths, level = [], array.elements
    for _ in array.lower_bounds:
        lengths.append(len(level))
        level = level[0] if level else ()
    return tuple(lengths)


def flat(array: Array) -> Iterator[Any]:
    """All elements in storage order."""
    return flatten(array.elements, len(array.lower_bounds))


def flatten(elements: tuple, depth: int) -> Iterator[Any]:
    if depth <= 1:
        return iter(elements)
    return (item for part in elements for item in flatten(part, depth - 1))


def shaped(elements: list[Any], lengths: tuple[int, ...], lower_bounds: tuple[int, ...]) -> Array:
    """The array of flat elements in the given dimensions."""
    if not elements:
        return EMPTY
    for length in reversed(lengths[1:]):
        elements = [tuple(elements[at : at + length]) for at in range(0, len(elements), length)]
    return Array(tuple(elements), lower_bounds)


def map_array(array: Array, change: Callable[[Any], Any]) -> Array:
    """The array of changed elements; NULLs stay."""
    return Array(_map(array.elements, len(array.lower_bounds), change), array.lower_bounds)


def _map(elements: tuple, depth: int, change: Callable[[Any], Any]) -> tuple:
    if depth > 1:
        return tuple([_map(part, depth - 1, change) for part in elements])
    return tuple([None if item is None else change(item) for item in paced(elements)])


def array_key(element_key: Callable[[Any], Hashable] | None) -> Callable[[Array], Hashable]:
    """Elements first (NULL after all others), then how many, then the shape. # Real: array_cmp()"""

    def key(array: Array) -> Hashable:
        items = tuple([
            (1,) if item is None else (0, element_key(item) if element_key else item)
            for item in flat(array)
        ])  # fmt: skip
        return items, len(array.lower_bounds), dimensions(array), array.lower_bounds

    return key


def malformed(text: str, detail: str) -> SqlError:
    return SqlError(
        errors.INVALID_TEXT_REPRESENTATION, f'malformed array literal: "{text}"', detail=detail
    )


class _Reader:
    """Reads the braces of an array literal; the elements come out as text or None."""

    def __init__(self, text: str, delimiter: str):
        self.text = text
        self.delimiter = delimiter
        self.at = 0

    def error(self, detail: str) -> SqlError:
        return malformed(self.text, detail)

    def skip_blanks(self) -> str:
        """The next character that is no blank, '' at the end."""
        text = self.text
        while self.at < len(text) and text[self.at] in _BLANKS:
            self.at += 1
        return text[self.at : self.at + 1]

    def braces(self, depth: int) -> list:
        """What stands between { and }: a list of elements, or of lists."""
        if depth > MAX_DIMENSIONS:
            raise SqlError(
                errors.PROGRAM_LIMIT_EXCEEDED,
                f"number of array dimensions ({depth}) exceeds the maximum allowed "
                f"({MAX_DIMENSIONS})",
            )
        self.at += 1
        items: list = []
        if self.skip_blanks() == "}":
            self.at += 1
            return items
        while True:
            following = self.skip_blanks()
            items.append(self.braces(depth + 1) if following == "{" else self.element())
            if not len(items) & 1023:
                check_for_interrupts()
            following = self.skip_blanks()
            self.at += 1
            if following == "}":
                return items
            if following != self.delimiter:
                if not following:
                    raise self.error("Unexpected end of input.")
                raise self.error("Unexpected array element.")

    def element(self) -> str | None:
        if self.text[self.at : self.at + 1] == '"':
            return self.quoted_element()
        parts: list[str] = []
        has_escape = False
        while True:
            character = self.text[self.at : self.at + 1]
            if not character:
                raise self.error("Unexpected end of input.")
            if character in '{"':
                raise self.error("Unexpected array element.")
            if character == "}" or character == self.delimiter:
                break
            if character == "\\":
                has_escape = True
                self.at += 1
                character = self.text[self.at : self.at + 1]
                if not character:
                    raise self.error("Unexpected end of input.")
            parts.append(character)
            self.at += 1
        text = "".join(parts).rstrip(_BLANKS)
        if not text and not has_escape:
            raise self.error(f'Unexpected "{character}" character.')
        return None if text.upper() == "NULL" and not has_escape else text

    def quoted_element(self) -> str:
        parts: list[str] = []
        self.at += 1
        while True:
            character = self.text[self.at : self.at + 1]
            self.at += 1
            if character == '"':
                return "".join(parts)
            if character == "\\":
                character = self.text[self.at : self.at + 1]
                self.at += 1
            if not character:
                raise self.error("Unexpected end of input.")
            parts.append(character)


def _lengths_of(items: list, reader: _Reader) -> tuple[int, ...]:
    """The lengths of all dimensions, if the nested lists form a block."""
    if not items or not isinstance(items[0], list):
        if list in set(map(type, items)):
            raise _mismatch(reader)
        return (len(items),)
    if not all(isinstance(item, list) for item in items):
        raise _mismatch(reader)
    inner = {_lengths_of(item, reader) for item in items}
    if len(inner) != 1:
        raise _mismatch(reader)
    return (len(items), *inner.pop())


def _mismatch(reader: _Reader) -> SqlError:
    return reader.error("Multidimensional arrays must have sub-arrays with matching dimensions.")


def parse_array(
    element: SqlType, text: str, typmod: int, context: SessionContext, delimiter: str = ","
) -> Array:
    reader = _Reader(text, delimiter)
    bounds = _BOUNDS.match(text)
    if bounds is not None:
        reader.at = bounds.end()
    if reader.skip_blanks() != "{":
        if bounds is None and reader.skip_blanks() == "[":
            raise reader.error('Missing "]" after array dimensions.')
        raise reader.error('Array value must start with "{" or dimension information.')
    items = reader.braces(1)
    if reader.skip_blanks():
        raise reader.error("Junk after closing right brace.")
    lengths = _lengths_of(items, reader)
    lower_bounds = (1,) * len(lengths)
    if bounds is not None:
        lower_bounds = _read_bounds(bounds[1], lengths, reader)
    if not all(lengths):
        if len(lengths) > 1:
            raise reader.error('Unexpected "}" character.')
        return EMPTY
    parse = element.parse

    def convert(level: list) -> tuple:
        if level and isinstance(level[0], list):
            return tuple([convert(part) for part in level])
        return tuple(
            [None if item is None else parse(item, typmod, context) for item in paced(level)]
        )

    return Array(convert(items), lower_bounds)


def _read_bounds(text: str, lengths: tuple[int, ...], reader: _Reader) -> tuple[int, ...]:
    lower_bounds, declared = [], []
    for first, second in _BOUND.findall(text):
        low, high = (int(first), int(second)) if second else (1, int(first))
        if high < low:
            raise SqlError(
                errors.ARRAY_SUBSCRIPT_ERROR, "upper bound cannot be less than lower bound"
            )
        lower_bounds.append(low)
        declared.append(high - low + 1)
    if tuple(declared) != lengths:
        raise reader.error("Specified array dimensions do not match array contents.")
    return tuple(lower_bounds)


def format_array(array: Array, format_element: Callable[[Any], str], delimiter: str = ",") -> str:
    if not array.lower_bounds:
        return "{}"
    text = _format_level(array.elements, len(array.lower_bounds), format_element, delimiter)
    if any(bound != 1 for bound in array.lower_bounds):
        sizes = zip(array.lower_bounds, dimensions(array), strict=True)
        text = "".join(f"[{low}:{low + size - 1}]" for low, size in sizes) + "=" + text
    return text


def _format_level(
    elements: tuple, depth: int, format_element: Callable[[Any], str], delimiter: str
) -> str:
    if depth > 1:
        parts = [_format_level(part, depth - 1, format_element, delimiter) for part in elements]
    else:
        parts = [
            "NULL" if item is None else _quote(format_element(item), delimiter)
            for item in paced(elements)
        ]
    return "{" + delimiter.join(parts) + "}"


def _quote(text: str, delimiter: str) -> str:
    if _NEEDS_QUOTES.search(text) or delimiter in text:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def receive_array(element: SqlType, data: bytes) -> Array:
    """Dimensions, a flag for NULLs, the elements' type, then length and bound of each dimension."""
    try:
        count, _, element_oid = struct.unpack_from("!iiI", data)
        if not 0 <= count <= MAX_DIMENSIONS:
            if count < 0:
                raise invalid_binary(f"invalid number of dimensions: {count}")
            message = f"number of array dimensions ({count}) exceeds the maximum allowed"
            raise SqlError(errors.PROGRAM_LIMIT_EXCEEDED, f"{message} ({MAX_DIMENSIONS})")
        if element_oid != element.oid:
            raise SqlError(errors.DATATYPE_MISMATCH, "wrong element type")
        sizes = [struct.unpack_from("!ii", data, 12 + 8 * index) for index in range(count)]
        lengths, lower_bounds = tuple(s[0] for s in sizes), tuple(s[1] for s in sizes)
        total, at = 1 if count else 0, 12 + 8 * count
        for length in lengths:
            total *= length
        if total >= MAX_ELEMENTS or min(lengths, default=0) < 0:
            message = f"array size exceeds the maximum allowed ({MAX_ELEMENTS - 1})"
            raise SqlError(errors.PROGRAM_LIMIT_EXCEEDED, message)
        if total > len(data):
            raise cut_off()
        items: list[Any] = []
        for _ in paced(range(total)):
            (length,) = struct.unpack_from("!i", data, at)
            at += 4
            if length > len(data) - at:
                raise cut_off()
            items.append(None if length < 0 else element.receive(data[at : at + length]))
            at += max(length, 0)
    except struct.error:
        raise cut_off() from None
    if at != len(data):
        raise invalid_binary()
    return shaped(items, lengths, lower_bounds)


def send_array(element: SqlType, array: Array) -> bytes:
    items = list(flat(array))
    parts = [
        struct.pack("!iiI", len(array.lower_bounds), int(None in items), element.oid),
        *(
            struct.pack("!ii", *pair)
            for pair in zip(dimensions(array), array.lower_bounds, strict=True)
        ),
    ]
    for item in paced(items):
        if item is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            data = element.send(item)
            parts.append(len(data).to_bytes(4, "big") + data)
    return b"".join(parts)


def make_array_type(element: SqlType, oid: int = 0, name: str = "") -> SqlType:
    """The type of arrays of `element`: in pg_type it is called _int4, in SQL integer[]."""
    delimiter = element.delimiter

    def parse(text: str, typmod: int, context: SessionContext) -> Array:
        return parse_array(element, text, typmod, context, delimiter)

    def format_(array: Array, context: SessionContext) -> str:
        return format_array(array, element.formatter(context), delimiter)

    plain = element.plain_format
    return SqlType(
        oid=oid or element.array_oid,
        name=name or f"_{element.name}"[:63],
        category="A",
        parse=parse,
        format=format_,
        receive=lambda data: receive_array(element, data),
        send=lambda array: send_array(element, array),
        sql_name=f"{element}[]",
        alignment="d" if element.alignment == "d" else "i",
        element=element,
        is_comparable=element.is_comparable,
        sort_key=array_key(element.sort_key),
        plain_format=None if plain is None else lambda array: format_array(array, plain, delimiter),
        modifier=_array_modifier(element),
        is_collatable=element.is_collatable,
        schema=element.schema,
    )


def _array_modifier(element: SqlType) -> TypeModifier | None:
    """varchar(3)[] limits each element."""
    modifier = element.modifier
    if modifier is None:
        return None

    def coerce(array: Array, typmod: int, is_explicit: bool) -> Array:
        return map_array(array, lambda item: modifier.coerce(item, typmod, is_explicit))

    return TypeModifier(modifier.from_numbers, modifier.to_text, coerce)


def make_vector_type(element: SqlType, oid: int, array_oid: int, name: str) -> SqlType:
    """oidvector and int2vector of the catalogs: "1 2 3", one dimension that begins with 0."""

    def parse(text: str, typmod: int, context: SessionContext) -> Array:
        items = tuple(element.parse(part, -1, context) for part in text.split())
        return Array(items, (0,))

    def format_(array: Array) -> str:
        return " ".join(str(item) for item in flat(array))

    return SqlType(
        oid=oid,
        name=name,
        category="A",
        parse=parse,
        format=lambda array, context: format_(array),
        receive=lambda data: receive_array(element, data),
        send=lambda array: send_array(element, array),
        array_oid=array_oid,
        element=element,
        sort_key=array_key(None),
        plain_format=format_,
    )

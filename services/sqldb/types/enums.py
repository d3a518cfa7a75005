"""CREATE TYPE … AS ENUM: labels in an order of their own.

A value carries its place in that order, so values compare as they are. ALTER TYPE … ADD VALUE
BEFORE gives a label a fraction between its neighbours, and stored values stay right.
"""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.context import SessionContext
from services.sqldb.types.sql_type import SqlType
from services.sqldb.types.text import receive_text
from services.sqldb.values import EnumValue


def make_enum_type(
    oid: int,
    name: str,
    labels: list[tuple[float, str]],
    *,
    array_oid: int = 0,
    schema: str = "public",
) -> SqlType:
    """The type of an enum; `labels` are pairs of (place in the order, label)."""
    values = {label: EnumValue(order, label) for order, label in sorted(labels)}
    names = {float(order): label for order, label in labels}

    def value_of(label: str) -> EnumValue:
        try:
            return values[label]
        except KeyError:
            raise SqlError(
                errors.INVALID_TEXT_REPRESENTATION,
                f'invalid input value for enum {name}: "{label}"',
            ) from None

    def parse(text: str, typmod: int, context: SessionContext) -> EnumValue:
        return value_of(text)

    def label_of(value: EnumValue) -> str:
        # A label that a transaction has added and undone may still be in a value of its own.
        return names.get(value, value.label)

    return SqlType(
        oid=oid,
        name=name,
        category="E",
        parse=parse,
        format=lambda value, context: label_of(value),
        receive=lambda data: value_of(receive_text(data)),
        send=lambda value: label_of(value).encode("utf-8"),
        length=4,
        kind="e",
        array_oid=array_oid,
        labels=tuple(values),
        plain_format=label_of,
        schema=schema,
    )


def enum_values(type_: SqlType) -> list[EnumValue]:
    """All values of an enum in their order."""
    return [type_.parse(label, -1, None) for label in type_.labels]

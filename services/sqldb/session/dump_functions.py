"""Functions that pg_dump asks for."""

from __future__ import annotations

from collections.abc import Iterator

from services.sqldb.functions import Definitions
from services.sqldb.values import Array, Row

define = Definitions()


@define.function("pg_options_to_table(text[]) -> table(option_name text, option_value text)")
def pg_options_to_table(options: Array) -> Iterator[Row]:
    """{fillfactor=70} as rows."""
    for option in options.elements:
        name, equals, value = option.partition("=")
        yield Row((name, value if equals else None))

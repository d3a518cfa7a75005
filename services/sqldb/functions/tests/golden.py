"""Expressions and what PostgreSQL 15 makes of them, one to a line: expression, type, result.

The files in `golden/` hold expressions by topic. Their results were recorded from a real server:

    python3 -m services.sqldb.functions.tests.golden        writes type and result behind each one

    set generate_series(1, 3)                    the rows of a function that returns a set
    agg sum | int4 | {1,2,NULL}                  an aggregate over the elements of arrays
    agg percentile_cont(0.5) | float8 | {1,2}    and one with WITHIN GROUP (ORDER BY)

An error stands as its SQLSTATE behind an exclamation mark, NULL as \\N. Lines that begin with # are
comments, and "# zone: Europe/Berlin" sets TimeZone for what follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.sqldb.errors import SqlError
from services.sqldb.functions.tests.evaluation import Evaluation, context_in, evaluate_text
from services.sqldb.syntax import parse_expression
from services.sqldb.types import PlainContext, array_of, type_by_name
from services.sqldb.types.arrays import flat

DIRECTORY = Path(__file__).parent / "golden"
_NULL = "\\N"


@dataclass(frozen=True, slots=True)
class Case:
    expression: str
    zone: str
    outcome: tuple[str, ...]  # (type, result), or ("!22012",)


def topics() -> list[Path]:
    return sorted(DIRECTORY.glob("*.txt"))


def cases(path: Path) -> Iterator[Case]:
    zone = "UTC"
    for line in path.read_text().splitlines():
        if line.startswith("# zone: "):
            zone = line.removeprefix("# zone: ")
        elif line and not line.startswith("#"):
            expression, *outcome = line.split("\t")
            yield Case(expression, zone, tuple(outcome))


def _escaped(text: str | None) -> str:
    if text is None:
        return _NULL
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def ours(case: Case) -> tuple[str, ...]:
    context = context_in(case.zone)
    try:
        if case.expression.startswith("agg "):
            type_name, text = _our_aggregate(case.expression.removeprefix("agg "), context)
        else:
            type_name, text = evaluate_text(case.expression.removeprefix("set "), context)
    except SqlError as error:
        return (f"!{error.sqlstate}",)
    return type_name, _escaped(text)


def _our_aggregate(text: str, context: PlainContext) -> tuple[str, str | None]:
    call, names, *arrays = (part.strip() for part in text.split(" | "))
    name, _, direct = call.partition("(")
    evaluation = Evaluation(context)
    types = [type_by_name(type_name) for type_name in names.split(",")]
    columns = [
        flat(array_of(type_).parse(array, -1, context))
        for type_, array in zip(types, arrays, strict=True)
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    given = []
    if direct:
        given.append(evaluation.value_of(parse_expression(direct[:-1])))
        rows = sorted((row for row in rows if None not in row), key=lambda r: types[0].key_of(r[0]))
    type_, value = evaluation.aggregate(name, types, rows, given)
    return str(type_), None if value is None else type_.format(value, context)


def _sql(expression: str) -> str:
    """The expression for PostgreSQL."""
    if expression.startswith("set "):
        return f"(SELECT array_agg(x::text) FROM {expression.removeprefix('set ')} AS x)"
    if not expression.startswith("agg "):
        return f"({expression})"
    call, names, *arrays = (part.strip() for part in expression.removeprefix("agg ").split(" | "))
    type_names = names.split(",")
    columns = [f"c{index}" for index in range(len(arrays))]
    sources = ", ".join(f"'{a}'::{t}[]" for a, t in zip(arrays, type_names, strict=True))
    rows = f"FROM unnest({sources}) AS rows({', '.join(columns)})"
    if "(" in call:
        return f"(SELECT {call} WITHIN GROUP (ORDER BY c0) {rows})"
    return f"(SELECT {call}({', '.join(columns)}) {rows})"


def postgres_outcome(connection: Any, expression: str) -> tuple[str, ...]:
    import psycopg

    try:
        cursor = connection.execute(
            f"SELECT pg_typeof(v)::text, v FROM (SELECT {_sql(expression)} AS v) q"
        )
    except psycopg.Error as error:
        return (f"!{error.sqlstate}",)
    # The text as it came over the wire, not what the driver makes of it.
    type_name, text = (cursor.pgresult.get_value(0, column) for column in range(2))
    return type_name.decode(), _escaped(None if text is None else text.decode())


def record(connection: Any) -> int:
    """Write the outcome behind each expression of all topics; how many there are."""
    count = 0
    for path in topics():
        lines = []
        for line in path.read_text().splitlines():
            if line.startswith("# zone: "):
                connection.execute(f"SET TimeZone = '{line.removeprefix('# zone: ')}'")
            if line and not line.startswith("#"):
                expression = line.split("\t")[0]
                line = "\t".join((expression, *postgres_outcome(connection, expression)))
                count += 1
            lines.append(line)
        connection.execute("SET TimeZone = 'UTC'")
        path.write_text("\n".join(lines) + "\n")
    return count


if __name__ == "__main__":
    from services.sqldb.tests.postgres import run_postgres

    with run_postgres() as server, server.connect() as session:
        print(record(session), "expressions recorded")

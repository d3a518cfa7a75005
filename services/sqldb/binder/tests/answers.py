"""What a statement means, in one line: how the golden file and the tests say it.

name integer, pay numeric(10,2) | $1 text           columns, and parameters behind the bar
42703 at 8: column "nam" does not exist HINT: …      an error and its place
"""

from __future__ import annotations

from pathlib import Path

from services.sqldb.binder.tests.world import World
from services.sqldb.errors import SqlError
from services.sqldb.types import format_type

GOLDEN = Path(__file__).with_name("corpus.sql")


def answer(world: World, sql: str) -> str:
    """What the binder says of a statement."""
    try:
        bound = world.bind(sql, [])
    except SqlError as error:
        return error_line(error.sqlstate, error.position, error.message, error.detail, error.hint)
    columns = [
        (one.name, format_type(one.expression.type, getattr(one.expression, "typmod", -1)))
        for one in bound.output or ()
    ]
    return meaning_line(columns, [format_type(type_) for type_ in bound.parameter_types])


def error_line(sqlstate: str, position: int, message: str, detail: str, hint: str) -> str:
    line = f"{sqlstate} at {position}: {message}"
    if detail:
        line += f" DETAIL: {detail}"
    if hint:
        line += f" HINT: {hint}"
    return " ".join(line.split())


def meaning_line(columns: list[tuple[str, str]], parameters: list[str]) -> str:
    line = ", ".join(f"{name} {type_}" for name, type_ in columns)
    if parameters:
        numbered = (f"${number} {type_}" for number, type_ in enumerate(parameters, 1))
        line += " | " + ", ".join(numbered)
    return line.strip()


def golden() -> list[tuple[str, str]]:
    """The statements of the golden file with their answers, which stand in the line behind."""
    lines = GOLDEN.read_text().splitlines()
    return [
        (statement, answered.removeprefix("--").strip())
        for statement, answered in zip(lines[::2], lines[1::2], strict=True)
    ]

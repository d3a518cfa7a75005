"""Each operator and each stage has its place in a golden script."""

from pathlib import Path

import pytest

from services.docdb.expressions.accumulators import is_accumulator
from services.docdb.expressions.compiler import operator_table
from services.docdb.pipeline.stage import stage_table
from services.docdb.pipeline.windows import WINDOW_FUNCTIONS
from services.docdb.query.field_filters import FIELD_OPERATORS
from services.docdb.query.filters import TOP_LEVEL
from services.docdb.query.geo_conditions import OPERATORS as GEO_OPERATORS
from services.docdb.query.update_operators import OPERATORS as UPDATE_OPERATORS

GOLDEN = Path(__file__).parent / "golden"
LINES = [
    line
    for path in sorted(GOLDEN.glob("*.txt"))
    for line in path.read_text(encoding="utf-8").splitlines()
    if line[1:3] in ("> ", "~ ") or line.startswith(("> ", "= ")) or line[2:4] == "> "
]
ACCUMULATORS = {
    "$addToSet", "$avg", "$bottom", "$bottomN", "$count", "$first", "$firstN", "$last", "$lastN",
    "$max", "$maxN", "$median", "$mergeObjects", "$min", "$minN", "$percentile", "$push",
    "$stdDevPop", "$stdDevSamp", "$sum", "$top", "$topN",
}  # fmt: skip
OF_PUSH = {"$each", "$position", "$slice", "$sort"}


@pytest.mark.parametrize(
    ("names", "commands"),
    [
        (set(operator_table()), ("",)),
        (set(stage_table()), ('"pipeline"',)),
        (ACCUMULATORS, ('"$group"', '"$bucket')),
        (ACCUMULATORS | WINDOW_FUNCTIONS, ('"$setWindowFields"',)),
        ({*FIELD_OPERATORS, *TOP_LEVEL, *GEO_OPERATORS}, ('"filter"', '"$match"', '"query"')),
        ({*UPDATE_OPERATORS, *OF_PUSH, "$rename"}, ('"update"', '"findAndModify"')),
        ({"$elemMatch", "$meta", "$slice", "n.$"}, ('"projection"',)),
    ],
    ids=["expressions", "stages", "groups", "windows", "filters", "updates", "projections"],
)
def test_all_of_them_are_in_a_script(names: set[str], commands: tuple[str, ...]) -> None:
    text = "\n".join(line for line in LINES if any(command in line for command in commands))
    assert {name for name in names if f'"{name}"' not in text} == set()


def test_the_accumulators_are_these() -> None:
    assert all(map(is_accumulator, ACCUMULATORS))

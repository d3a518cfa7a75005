"""A statement looks at its interrupts every thousand steps or so, whatever it is doing."""

import pytest

from services.sqldb.errors import QUERY_CANCELED, SqlError
from services.sqldb.executor.compiler import compile_plan
from services.sqldb.executor.tests.support import World, aggregate, column, constant, operator, scan
from services.sqldb.functions import resolve_function
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.types import FLOAT8, INT4

ROWS = 30_000
Kind = n.JoinKind
NEVER = constant(-1)


@pytest.fixture(scope="module")
def world():
    world = World()
    world.many = world.table("many", {"a": INT4, "b": FLOAT8}, required=("a",))
    world.fill(world.many, [(at * 7919 % ROWS, at / 3) for at in range(ROWS)])
    world.some = world.table("some", {"a": INT4}, required=("a",))
    world.fill(world.some, [(at,) for at in range(100)])
    return world


def series(relation: int, end: int) -> n.FunctionScan:
    call = resolve_function("generate_series", [INT4, INT4]).function
    return n.FunctionScan(
        relation, (ex.SetReturningCall(INT4, call, (constant(1), constant(end))),), (1,), ("n",)
    )


def moving_sum(world) -> n.Window:
    """A float: each frame of 30 rows is added up again."""
    frame = ex.Frame(
        ex.FrameMode.ROWS, ex.FrameBound.PRECEDING, ex.FrameBound.CURRENT_ROW, constant(29)
    )
    function = resolve_function("sum", [FLOAT8]).function
    call = ex.WindowCall(FLOAT8, function, (column(1, 1, FLOAT8),), frame=frame)
    return n.Window(scan(world.many, 1), 2, (), (ex.SortKey(column(1, 0)),), (call,))


def loops(world, *relations: int) -> n.Plan:
    """Every row with every row, of which none fits."""
    plan = scan(world.some, relations[0])
    total = column(relations[0], 0)
    for relation in relations[1:]:
        total = operator("+", total, column(relation, 0))
        is_last = relation == relations[-1]
        condition = operator("<", total, NEVER) if is_last else None
        plan = n.NestedLoop(Kind.INNER, plan, scan(world.some, relation), condition)
    return plan


CASES = {
    "scan": (lambda w: n.Filter(scan(w.many, 1), operator("<", column(1, 0), NEVER)), ROWS),
    "series": (lambda w: n.Filter(series(1, ROWS), operator("<", column(1, 0), NEVER)), ROWS),
    "loops": (lambda w: loops(w, 1, 2, 3), 100**3 // 100),
    "hash": (
        lambda w: n.HashJoin(
            Kind.INNER, scan(w.some, 1), series(2, ROWS), (column(1, 0),), (column(2, 0),)
        ),
        ROWS,
    ),
    "groups": (lambda w: n.HashAggregate(scan(w.many, 1), 2, (column(1, 0),), ()), 2 * ROWS),
    "count": (lambda w: n.Aggregate(series(1, ROWS), 2, (), (aggregate("count"),)), ROWS),
    "sort": (lambda w: n.Sort(scan(w.many, 1), (ex.SortKey(column(1, 1, FLOAT8)),)), ROWS),
    "window": (moving_sum, 30 * ROWS),
}


@pytest.mark.parametrize("work_mem_bytes", [64 << 10, 1 << 30])
@pytest.mark.parametrize("case", CASES)
def test_looks_often(world, case, work_mem_bytes):
    make, steps = CASES[case]
    looks = 0

    def check():
        nonlocal looks
        looks += 1

    compiled = compile_plan(make(world), ())
    run = world.execution(world.begin(), check=check, work_mem_bytes=work_mem_bytes)
    for _ in compiled.rows(run):
        pass
    assert looks >= steps // 1100


@pytest.mark.parametrize("case", CASES)
def test_ends_at_once(world, case):
    def check():
        raise SqlError(QUERY_CANCELED, "canceling statement due to user request")

    compiled = compile_plan(CASES[case][0](world), ())
    run = world.execution(world.begin(), check=check, work_mem_bytes=64 << 10)
    with pytest.raises(SqlError):
        list(compiled.rows(run))


def test_many_rows_are_sorted_in_pieces(world):
    """And equal ones stay in their order, in both directions."""
    for is_descending in (False, True):
        order = (ex.SortKey(operator("/", column(1, 0), constant(100)), is_descending),)
        output = [column(1, 0), column(1, 1, FLOAT8)]
        found = world.run(n.Sort(scan(world.many, 1), order), output, work_mem_bytes=1 << 30)
        rows = [(at * 7919 % ROWS, at / 3) for at in range(ROWS)]
        assert found == sorted(rows, key=lambda row: row[0] // 100, reverse=is_descending)

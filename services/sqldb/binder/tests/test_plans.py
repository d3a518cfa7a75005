"""The plans that statements become: operators, addresses of columns, locks."""

from __future__ import annotations

import pytest

from services.sqldb.binder import bind_scalar, normal_form
from services.sqldb.binder.pending import PendingAggregate, PendingGrouping, PendingWindow
from services.sqldb.binder.statement import UnknownLiteral
from services.sqldb.binder.tests.answers import golden
from services.sqldb.binder.tests.world import PlainSession, World
from services.sqldb.binder.trees import find
from services.sqldb.errors import SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import parse
from services.sqldb.syntax.deparse import deparse_query
from services.sqldb.syntax.parser import parse_expression
from services.sqldb.types import INT4, INT8


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def operators(made: plan.Plan) -> list[str]:
    """The names of the operators from the top, along the first input."""
    names = []
    while made is not None:
        names.append(type(made).__name__)
        made = next(iter(made.inputs()), None)
    return names


def bind(world: World, sql: str) -> plan.BoundStatement:
    return world.bind(sql, [])


def test_clauses_become_operators_in_the_order_of_computing(world):
    bound = bind(
        world,
        "SELECT dept, sum(pay) FROM staff WHERE id > 1 GROUP BY dept HAVING count(*) > 2 "
        "ORDER BY dept LIMIT 3",
    )
    assert operators(bound.plan) == [
        "Project", "Limit", "Sort", "Filter", "Aggregate", "Filter", "Scan",
    ]  # fmt: skip


def test_an_order_by_a_computed_target_comes_behind_the_projection(world):
    bound = bind(world, "SELECT id + 1 AS x FROM staff ORDER BY x")
    assert operators(bound.plan) == ["Sort", "Project", "Scan"]


def test_a_key_that_is_no_target_is_a_column_more(world):
    bound = bind(world, "SELECT DISTINCT ON (dept) id FROM staff ORDER BY dept, pay DESC")
    project = bound.plan.input.input
    assert operators(bound.plan) == ["Distinct", "Sort", "Project", "Scan"]
    assert len(project.expressions) == 3
    assert [column.name for column in bound.output] == ["id"]


def test_for_update_locks_below_limit(world):
    bound = bind(world, "SELECT id FROM staff ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
    assert operators(bound.plan) == ["Project", "Limit", "LockRows", "Sort", "Scan"]
    assert not bound.is_read_only
    assert bound.table_locks[0][1] == "RowShareLock"


def test_a_correlated_subquery_names_its_outer_columns(world):
    bound = bind(world, "SELECT (SELECT max(d.id) FROM dept d WHERE d.id = s.dept) FROM staff s")
    [subquery] = find(bound.plan.expressions, ex.Subquery)
    scan = bound.plan.input
    assert [(one.relation, one.index) for one in subquery.outer] == [(scan.relation, 3)]


def test_an_aggregate_belongs_to_the_query_whose_columns_it_uses(world):
    bound = bind(world, "SELECT (SELECT sum(s.id) FROM dept d LIMIT 1) FROM staff s")
    assert operators(bound.plan) == ["Project", "Aggregate", "Scan"]
    [subquery] = find(bound.plan.expressions, ex.Subquery)
    assert subquery.outer == (ex.Column(INT8, bound.plan.input.relation, 0),)


def test_a_column_that_depends_on_a_grouped_key_is_grouped_too(world):
    bound = bind(world, "SELECT name, count(*) FROM staff GROUP BY id")
    aggregate = bound.plan.input
    assert [group.index for group in aggregate.groups] == [0, 1]
    assert [one.index for one in bound.plan.expressions] == [1, 2]


def test_equal_aggregates_are_computed_once(world):
    bound = bind(world, "SELECT sum(pay), sum(pay) + 1 FROM staff HAVING sum(pay) > 1")
    assert len(bound.plan.input.input.calls) == 1


def test_grouping_sets_are_multiplied_out(world):
    bound = bind(world, "SELECT 1 FROM staff GROUP BY dept, ROLLUP (born, boss), CUBE (name)")
    assert bound.plan.input.grouping_sets == (
        (0, 1, 2, 3), (0, 1, 2), (0, 1, 3), (0, 1), (0, 3), (0,),
    )  # fmt: skip


def test_windows_of_the_same_kind_share_an_operator(world):
    bound = bind(
        world,
        "SELECT rank() OVER (ORDER BY id), sum(pay) OVER (ORDER BY id), count(*) OVER () "
        "FROM staff",
    )
    assert operators(bound.plan) == ["Project", "Window", "Window", "Scan"]
    assert [len(bound.plan.input.calls), len(bound.plan.input.input.calls)] == [1, 2]


def test_sets_inside_of_expressions_are_computed_first(world):
    bound = bind(world, "SELECT id, generate_series(1, 3) + id FROM staff")
    assert operators(bound.plan) == ["Project", "ProjectSet", "Scan"]
    assert operators(bind(world, "SELECT generate_series(1, 3)").plan) == ["ProjectSet", "OneRow"]


def test_lateral_joins_say_so(world):
    plain = bind(world, "SELECT 1 FROM staff s, dept d").plan.input
    lateral = bind(world, "SELECT 1 FROM staff s, unnest(s.tags) t").plan.input
    assert (plain.is_lateral, lateral.is_lateral) == (False, True)


def test_an_insert_has_a_value_for_each_column(world):
    bound = bind(world, "INSERT INTO dept (name) VALUES ('a'), ('b')")
    assert operators(bound.plan) == ["Insert", "Project", "Values"]
    assert [one.index for one in bound.plan.source] == [0, 1, 2]
    assert isinstance(bound.plan.input.expressions[0], ex.Constant)
    assert bound.table_locks[0][1] == "RowExclusiveLock"


def test_generated_columns_checks_and_numbers(world):
    bound = bind(world, "INSERT INTO auto (a) VALUES (1)").plan
    assert [index for index, _ in bound.generated] == [3]
    values = bound.input.expressions
    assert sum(1 for _ in find(values, ex.NextValue)) == 2
    update = bind(world, "UPDATE staff SET pay = 1 WHERE id = 1").plan
    assert [name for name, _ in update.checks] == ["staff_check"]
    assert {column.relation for column in find(update.checks, ex.Column)} == {update.new_relation}


def test_conflict_names_the_row_that_is_there_and_the_new_one(world):
    conflict = bind(
        world,
        "INSERT INTO dept VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.name "
        "WHERE dept.name <> excluded.name",
    ).plan.conflict
    [(index, value)] = conflict.assignments
    assert index == 1
    assert value.relation == conflict.excluded_relation
    assert {column.relation for column in find(conflict.condition, ex.Column)} == {
        conflict.target_relation,
        conflict.excluded_relation,
    }


def test_with_queries_are_counted(world):
    bound = bind(world, "WITH a AS (SELECT 1 AS x) SELECT * FROM a, a b")
    [definition] = bound.plan.definitions
    assert definition.references == 2


def test_a_later_query_of_with_recursive_comes_first(world):
    bound = bind(
        world, "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a"
    )
    assert [one.name for one in bound.plan.definitions] == ["b", "a"]


def test_a_recursive_query(world):
    bound = bind(
        world,
        "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) "
        "SELECT n FROM t",
    )
    union = bound.plan.definitions[0].plan
    assert isinstance(union, plan.RecursiveUnion)
    assert operators(union.again) == ["Project", "Filter", "WorkTableScan"]


def test_parameters_without_permission(world):
    with pytest.raises(SqlError, match=r"there is no parameter \$1") as caught:
        world.bind("SELECT $1")
    assert caught.value.sqlstate == "42P02"


def test_parameters_whose_types_the_client_gives(world):
    assert world.bind("SELECT $1", [INT4]).parameter_types == (INT4,)
    assert world.bind("SELECT $1 + $2", [INT8, None]).parameter_types == (INT8, INT8)


def test_scalar(world):
    bound = bind_scalar(PlainSession(), world.lookup, parse_expression("1 + 1"), INT8)
    assert bound.output[0].expression.type == INT8
    with pytest.raises(SqlError, match="cannot use column reference in EXECUTE parameter"):
        bind_scalar(PlainSession(), world.lookup, parse_expression("x"), INT8)


def test_deep_expressions_are_an_error_and_no_crash(world):
    sql = "SELECT " + "1 + " * 100_000 + "1"
    with pytest.raises(SqlError) as caught:
        world.bind(sql)
    assert caught.value.sqlstate == "54001"


def test_no_plan_keeps_what_only_the_binder_knows(world):
    """Pending calls and literals of open type are gone when a plan leaves the binder."""
    for sql, _ in golden():
        try:
            bound = world.bind(sql, [])
        except SqlError:
            continue
        left = list(_inside(bound.plan))
        assert left == [], sql


def _inside(value: object) -> object:
    if isinstance(value, PendingAggregate | PendingGrouping | PendingWindow | UnknownLiteral):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _inside(item)
    elif isinstance(value, plan.Plan | ex.Expression | ex.SortKey | plan.ConflictClause):
        for name in value.__dataclass_fields__:
            yield from _inside(getattr(value, name))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("SELECT * FROM dept", "SELECT dept.id, dept.name, dept.city FROM public.dept"),
        ("SELECT d.*, 1 FROM dept d", "SELECT d.id, d.name, d.city, 1 FROM public.dept d"),
        (
            "WITH a AS (SELECT * FROM dept) SELECT * FROM a JOIN dept USING (id)",
            "WITH a AS (SELECT dept.id, dept.name, dept.city FROM public.dept) "
            "SELECT a.id, a.name, a.city, dept.name, dept.city FROM a JOIN public.dept USING (id)",
        ),
    ],
)
def test_normal_form(world, written, kept):
    [parsed] = parse(written)
    found = normal_form(PlainSession(), world.lookup, parsed.statement)
    assert deparse_query(found) == deparse_query(parse(kept)[0].statement)

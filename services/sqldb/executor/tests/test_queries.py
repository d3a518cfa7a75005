"""Plans written by hand, run over tables in memory."""

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.executor.tests.support import (
    World,
    aggregate,
    column,
    constant,
    equal,
    operator,
    scan,
    values,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.types import BOOL, INT4, INT8, TEXT

ORDERS = [(1, 10, 5), (2, 10, 50), (3, 20, None), (4, 30, 7), (5, None, 9)]
PEOPLE = [(10, "ann"), (20, "bob"), (40, "eve")]


@pytest.fixture
def world():
    world = World()
    world.orders = world.table(
        "orders", {"id": INT4, "person": INT4, "total": INT4}, required=("id",)
    )
    world.people = world.table("people", {"id": INT4, "name": TEXT}, required=("id",))
    world.fill(world.orders, ORDERS)
    world.fill(world.people, PEOPLE)
    return world


def key_join(kind, world, condition=None):
    return n.HashJoin(
        kind,
        scan(world.orders, 1),
        scan(world.people, 2),
        (column(1, 1),),
        (column(2, 0),),
        condition,
    )


def loop_join(kind, world):
    condition = equal(column(1, 1), column(2, 0))
    return n.Join(kind, scan(world.orders, 1), scan(world.people, 2), condition)


def merge_join(kind, world):
    keys = column(1, 1), column(2, 0)
    left = n.Sort(scan(world.orders, 1), (ex.SortKey(keys[0]),))
    right = n.Sort(scan(world.people, 2), (ex.SortKey(keys[1]),))
    return n.MergeJoin(kind, left, right, (ex.SortKey(keys[0]),), (ex.SortKey(keys[1]),))


def test_filter_leaves_out_false_and_null(world):
    plan = n.Filter(scan(world.orders, 1), operator(">", column(1, 2), constant(6)))
    assert world.run(plan, [column(1, 0)]) == [(2,), (4,), (5,)]


def test_negated_filter_leaves_out_null_too(world):
    plan = n.Filter(scan(world.orders, 1), ex.Not(BOOL, operator(">", column(1, 2), constant(6))))
    assert world.run(plan, [column(1, 0)]) == [(1,)]


def test_parameters_change_between_runs(world):
    wanted = ex.Parameter(INT4, 1)
    plan = n.Filter(scan(world.orders, 1), equal(column(1, 0), wanted))
    assert world.run(plan, [column(1, 2)], (4,)) == [(7,)]
    assert world.run(plan, [column(1, 2)], (None,)) == []


@pytest.mark.parametrize("join", [key_join, loop_join, merge_join])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (n.JoinKind.INNER, [(1, "ann"), (2, "ann"), (3, "bob")]),
        (n.JoinKind.LEFT, [(1, "ann"), (2, "ann"), (3, "bob"), (4, None), (5, None)]),
    ],
)
def test_inner_and_left_joins(world, join, kind, expected):
    rows = world.run(join(kind, world), [column(1, 0), column(2, 1, TEXT)])
    assert sorted(rows) == expected


@pytest.mark.parametrize("join", [key_join, loop_join])
def test_right_and_full_joins(world, join):
    output = [column(1, 0), column(2, 1, TEXT)]
    rows = set(world.run(join(n.JoinKind.RIGHT, world), output))
    assert rows == {(1, "ann"), (2, "ann"), (3, "bob"), (None, "eve")}
    rows = set(world.run(join(n.JoinKind.FULL, world), output))
    assert rows == {(1, "ann"), (2, "ann"), (3, "bob"), (4, None), (5, None), (None, "eve")}


@pytest.mark.parametrize("join", [key_join, loop_join, merge_join])
def test_semi_and_anti_joins(world, join):
    assert sorted(world.run(join(n.JoinKind.SEMI, world), [column(1, 0)])) == [(1,), (2,), (3,)]
    assert sorted(world.run(join(n.JoinKind.ANTI, world), [column(1, 0)])) == [(4,), (5,)]


def test_left_join_with_a_further_condition_keeps_the_row(world):
    plan = key_join(n.JoinKind.LEFT, world, operator(">", column(1, 2), constant(10)))
    rows = world.run(plan, [column(1, 0), column(2, 1, TEXT)])
    assert sorted(rows) == [(1, None), (2, "ann"), (3, None), (4, None), (5, None)]


def test_lateral_join_uses_the_left_row(world):
    right = n.Filter(scan(world.people, 2), equal(column(2, 0), column(1, 1)))
    plan = n.Join(n.JoinKind.LEFT, scan(world.orders, 1), right, None, True)
    rows = world.run(plan, [column(1, 0), column(2, 1, TEXT)])
    assert rows == [(1, "ann"), (2, "ann"), (3, "bob"), (4, None), (5, None)]


def test_aggregates_without_groups(world):
    plan = n.Aggregate(
        scan(world.orders, 1),
        3,
        (),
        (aggregate("count"), aggregate("sum", column(1, 2)), aggregate("max", column(1, 2))),
    )
    assert world.run(plan, [column(3, 0), column(3, 1), column(3, 2)]) == [(5, 71, 50)]


def test_aggregates_of_nothing_are_one_row(world):
    never = n.Filter(scan(world.orders, 1), constant(False))
    plan = n.Aggregate(never, 3, (), (aggregate("count"), aggregate("sum", column(1, 2))))
    assert world.run(plan, [column(3, 0), column(3, 1)]) == [(0, None)]


def test_groups_distinct_filter_and_order_inside(world):
    big = operator(">", column(1, 2), constant(6))
    plan = n.Aggregate(
        scan(world.orders, 1),
        3,
        (column(1, 1),),
        (
            aggregate("count"),
            aggregate("count", column(1, 2), filter=big),
            aggregate("count", column(1, 1), is_distinct=True),
            aggregate(
                "array_agg", column(1, 0), order_by=(ex.SortKey(column(1, 0), is_descending=True),)
            ),
        ),
    )
    rows = world.run(plan, [column(3, at) for at in range(5)])
    flat = {row[0]: (*row[1:4], row[4].elements) for row in rows}
    assert flat == {
        10: (2, 1, 1, (2, 1)),
        20: (1, 0, 1, (3,)),
        30: (1, 1, 1, (4,)),
        None: (1, 1, 0, (5,)),
    }


def test_grouping_sets_and_grouping(world):
    plan = n.Aggregate(
        scan(world.orders, 1), 3, (column(1, 1),), (aggregate("count"),), ((0,), ()), ((0,),)
    )
    rows = world.run(plan, [column(3, 0), column(3, 1), column(3, 2)])
    assert set(rows) == {(10, 2, 0), (20, 1, 0), (30, 1, 0), (None, 1, 0), (None, 5, 1)}


def test_sort_with_nulls_and_directions(world):
    keys = (
        ex.SortKey(column(1, 1), is_descending=True, nulls_first=True),
        ex.SortKey(column(1, 0)),
    )
    rows = world.run(n.Sort(scan(world.orders, 1), keys), [column(1, 1), column(1, 0)])
    assert rows == [(None, 5), (30, 4), (20, 3), (10, 1), (10, 2)]
    last = (ex.SortKey(column(1, 1), is_descending=True, nulls_first=False),)
    rows = world.run(n.Sort(scan(world.orders, 1), last), [column(1, 1)])
    assert rows == [(30,), (20,), (10,), (10,), (None,)]


def test_sort_beyond_work_mem_merges_runs_from_disk(world):
    many = world.table("many", {"a": INT4, "b": TEXT})
    rows = [((at * 7919) % 5000, None if at % 7 else str(at)) for at in range(5000)]
    world.fill(many, rows)
    keys = (ex.SortKey(column(1, 0), is_descending=True, nulls_first=True),)
    plan = n.Sort(scan(many, 1), keys)
    output = [column(1, 0), column(1, 1, TEXT)]
    spilled = world.run(plan, output, work_mem_bytes=64 << 10)
    assert spilled == sorted(rows, key=lambda row: -row[0])


def test_top_n_equals_sort_and_limit(world):
    keys = (ex.SortKey(column(1, 2)), ex.SortKey(column(1, 0), is_descending=True))
    output = [column(1, 0)]
    top = world.run(n.TopN(scan(world.orders, 1), keys, constant(2), constant(1)), output)
    whole = world.run(
        n.Limit(n.Sort(scan(world.orders, 1), keys), constant(2), constant(1)), output
    )
    assert top == whole == [(4,), (5,)]


def test_negative_limit_is_an_error(world):
    with pytest.raises(SqlError) as caught:
        world.run(n.Limit(scan(world.orders, 1), constant(-1), None), [column(1, 0)])
    assert caught.value.sqlstate == "2201W"


def test_limit_with_ties(world):
    keys = (ex.SortKey(column(1, 1)),)
    plan = n.Limit(n.Sort(scan(world.orders, 1), keys), constant(1), None, keys)
    assert world.run(plan, [column(1, 0)]) == [(1,), (2,)]


def test_distinct(world):
    assert world.run(n.Distinct(scan(world.orders, 1), (column(1, 1),)), [column(1, 0)]) == [
        (1,),
        (3,),
        (4,),
        (5,),
    ]


@pytest.mark.parametrize(
    ("kind", "is_all", "expected"),
    [
        (n.SetKind.UNION, False, [1, 2, 3]),
        (n.SetKind.UNION, True, [1, 1, 2, 2, 2, 3]),
        (n.SetKind.INTERSECT, False, [2]),
        (n.SetKind.INTERSECT, True, [2]),
        (n.SetKind.EXCEPT, False, [1]),
        (n.SetKind.EXCEPT, True, [1, 1]),
    ],
)
def test_set_operations(kind, is_all, expected):
    left, right = values(1, (1,), (1,), (2,)), values(2, (2,), (2,), (3,))
    plan = n.SetOperation(kind, is_all, left, right, 3, (column(1, 0),), (column(2, 0),), ("x",))
    assert sorted(row[0] for row in World().run(plan, [column(3, 0)])) == expected


def test_recursive_union_stops_when_nothing_is_new():
    again = n.Project(
        n.Filter(n.WorkTableScan(2, 1, (INT4,), ("x",)), operator("<", column(2, 0), constant(5))),
        3,
        (operator("+", column(2, 0), constant(1)),),
        ("x",),
    )
    recursive = n.RecursiveUnion(
        1, 4, True, values(1, (1,)), again, (column(1, 0),), (column(3, 0),), ("x",)
    )
    definition = n.CteDefinition(1, "t", recursive, (column(4, 0),))
    plan = n.With((definition,), n.CteScan(5, 1, (INT4,), ("x",)))
    assert World().run(plan, [column(5, 0)]) == [(1,), (2,), (3,), (4,), (5,)]
    # Without the condition it never ends; LIMIT stops it all the same.
    endless = n.Project(
        n.WorkTableScan(2, 1, (INT4,), ("x",)),
        3,
        (operator("+", column(2, 0), constant(1)),),
        ("x",),
    )
    recursive = n.RecursiveUnion(
        1, 4, True, values(1, (1,)), endless, (column(1, 0),), (column(3, 0),), ("x",)
    )
    definition = n.CteDefinition(1, "t", recursive, (column(4, 0),))
    plan = n.With((definition,), n.Limit(n.CteScan(5, 1, (INT4,), ("x",)), constant(3), None))
    assert World().run(plan, [column(5, 0)]) == [(1,), (2,), (3,)]


def subquery(kind, plan, **options):
    type_ = options.pop("type_", BOOL)
    return ex.Subquery(type_, kind, plan, **options)


def test_exists_correlated(world):
    inside = n.Filter(scan(world.people, 2), equal(column(2, 0), column(1, 1)))
    condition = subquery(ex.SubqueryKind.EXISTS, inside, outer=(column(1, 1),))
    plan = n.Filter(scan(world.orders, 1), condition)
    assert world.run(plan, [column(1, 0)]) == [(1,), (2,), (3,)]


def test_scalar_subqueries(world):
    inside = n.Project(
        n.Filter(scan(world.people, 2), equal(column(2, 0), column(1, 1))),
        3,
        (column(2, 1, TEXT),),
        ("name",),
    )
    correlated = subquery(ex.SubqueryKind.SCALAR, inside, type_=TEXT, outer=(column(1, 1),))
    rows = world.run(scan(world.orders, 1), [column(1, 0), correlated])
    assert rows == [(1, "ann"), (2, "ann"), (3, "bob"), (4, None), (5, None)]
    many = subquery(
        ex.SubqueryKind.SCALAR,
        n.Project(scan(world.people, 2), 3, (column(2, 0),), ("id",)),
        type_=INT4,
    )
    with pytest.raises(SqlError) as caught:
        world.run(n.OneRow(), [many])
    assert caught.value.sqlstate == "21000"


def test_in_with_nulls_on_both_sides(world):
    inside = n.Project(scan(world.orders, 2), 3, (column(2, 2),), ("total",))
    equals = equal(column(1, 1), column(2, 2)).function
    found = subquery(
        ex.SubqueryKind.ANY, inside, left=(column(1, 0),), comparisons=(equals,), spelling="="
    )
    # Totals are 5, 50, NULL, 7, 9: 5 is in, whatever else is unknown because of the NULL.
    rows = world.run(scan(world.orders, 1), [column(1, 0), found])
    assert rows == [(1, None), (2, None), (3, None), (4, None), (5, True)]


def test_window_running_total_and_rank(world):
    frame = ex.Frame()
    number = ex.WindowCall(INT8, aggregate("sum", column(1, 2)).function, (column(1, 2),), frame)
    plan = n.Window(
        scan(world.orders, 1), 3, (column(1, 1),), (ex.SortKey(column(1, 0)),), (number,)
    )
    rows = world.run(plan, [column(1, 0), column(3, 0)])
    assert sorted(rows) == [(1, 5), (2, 55), (3, None), (4, 7), (5, 9)]


def test_deep_expressions_and_many_joins_are_split(world):
    deep = column(1, 0)
    for _ in range(150):
        deep = operator("+", deep, constant(1))
    assert world.run(scan(world.orders, 1), [deep])[0] == (151,)
    plan = scan(world.people, 1)
    for relation in range(2, 40):
        plan = n.HashJoin(
            n.JoinKind.INNER,
            plan,
            scan(world.people, relation),
            (column(relation - 1, 0),),
            (column(relation, 0),),
        )
    assert len(world.run(plan, [column(1, 0), column(39, 0)])) == 3


def test_index_scans(world):
    index = world.index(world.orders, 0, unique=True)
    by_person = world.index(world.orders, 1)
    point = n.IndexScan(1, world.orders, index, n.KeyRange((ex.Parameter(INT4, 1),)))
    assert world.run(point, [column(1, 2)], (2,)) == [(50,)]
    assert world.run(point, [column(1, 2)], (None,)) == []
    ranged = n.IndexScan(
        1, world.orders, by_person, n.KeyRange(lower=constant(10), lower_inclusive=False)
    )
    assert world.run(ranged, [column(1, 0)]) == [(3,), (4,)]
    whole = n.IndexScan(1, world.orders, index, n.KeyRange(), is_backward=True)
    assert world.run(whole, [column(1, 0)]) == [(5,), (4,), (3,), (2,), (1,)]


def test_the_source_holds_no_constant_of_the_statement(world):
    from services.sqldb.executor.compiler import explain_source

    secret = constant("client text", TEXT)
    plan = n.Filter(scan(world.people, 1), equal(column(1, 1, TEXT), secret))
    source = explain_source(plan, (column(1, 0), constant(123456)))
    assert "client" not in source
    assert "123456" not in source
    assert "people" not in source

"""Every pass leaves the answer as it was; and what the passes are for really happens."""

import pytest

from services.sqldb.executor.tests.support import (
    World,
    aggregate,
    call,
    column,
    constant,
    equal,
    operator,
    scan,
)
from services.sqldb.optimizer.tests.support import WorldCatalog, all_stages, optimized
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import walk_plan
from services.sqldb.types import BOOL, INT4, TEXT


@pytest.fixture
def world():
    world = World()
    world.orders = world.table("orders", {"id": INT4, "person": INT4, "total": INT4}, ("id",))
    world.people = world.table("people", {"id": INT4, "name": TEXT}, ("id",))
    world.fill(world.orders, [(at, at % 50 or None, at % 97) for at in range(1000)])
    world.fill(world.people, [(at, f"name {at}") for at in range(60)])
    world.catalog = WorldCatalog(world)
    world.catalog.indexes = {
        world.orders.oid: [world.index(world.orders, 0, unique=True)],
        world.people.oid: [world.index(world.people, 0, unique=True)],
    }
    return world


def kinds(plan) -> list[str]:
    return [type(item).__name__ for item in walk_plan(plan)]


def exists_plan(world, negated=False):
    inside = n.Project(
        n.Filter(
            scan(world.orders, 2),
            ex.And(
                BOOL,
                (
                    equal(column(2, 1), column(1, 0)),
                    operator(">", column(2, 2), constant(90)),
                ),
            ),
        ),
        3,
        (constant(1),),
        ("one",),
    )
    condition = ex.Subquery(BOOL, ex.SubqueryKind.EXISTS, inside, (column(1, 0),))
    if negated:
        condition = ex.Not(BOOL, condition)
    return n.Filter(scan(world.people, 1), condition), [column(1, 0)]


def in_plan(world):
    inside = n.Project(
        n.Filter(scan(world.orders, 2), operator(">", column(2, 2), constant(90))),
        3,
        (column(2, 1),),
        ("person",),
    )
    equals = equal(column(1, 0), column(3, 0)).function
    condition = ex.Subquery(
        BOOL,
        ex.SubqueryKind.ANY,
        inside,
        left=(column(1, 0),),
        comparisons=(equals,),
        spelling="=",
    )
    return n.Filter(scan(world.people, 1), condition), [column(1, 0)]


def outer_join_plan(world, condition):
    join = n.Join(
        n.JoinKind.LEFT,
        scan(world.people, 1),
        scan(world.orders, 2),
        equal(column(1, 0), column(2, 1)),
    )
    return n.Filter(join, condition), [column(1, 0), column(2, 0)]


def chain_plan(world, count=5):
    plan = scan(world.people, 1)
    for relation in range(2, count + 1):
        condition = equal(column(relation - 1, 0), column(relation, 0))
        plan = n.Join(n.JoinKind.INNER, plan, scan(world.people, relation), condition)
    return n.Filter(plan, equal(column(1, 0), constant(7))), [column(count, 1, TEXT)]


def group_plan(world):
    groups = n.Aggregate(scan(world.orders, 1), 3, (column(1, 1),), (aggregate("count"),))
    both = ex.And(
        BOOL,
        (operator("<", column(3, 0), constant(5)), operator(">", column(3, 1), constant(3))),
    )
    return n.Filter(groups, both), [column(3, 0), column(3, 1)]


def sorted_plan(world):
    plan = n.Project(scan(world.orders, 1), 3, (column(1, 0), column(1, 2)), ("id", "total"))
    keys = (ex.SortKey(column(3, 0), True, True),)
    return n.Limit(n.Sort(plan, keys), constant(3), constant(1)), [column(3, 0)]


def extreme_plan(world):
    plan = n.Aggregate(scan(world.orders, 1), 3, (), (aggregate("max", column(1, 0)),))
    return plan, [column(3, 0)]


def union_plan(world):
    left = n.Project(scan(world.orders, 1), 3, (column(1, 0),), ("id",))
    right = n.Project(scan(world.people, 2), 4, (column(2, 0),), ("id",))
    union = n.SetOperation(
        n.SetKind.UNION, False, left, right, 5, (column(3, 0),), (column(4, 0),), ("id",)
    )
    return n.Filter(union, operator("<", column(5, 0), constant(4))), [column(5, 0)]


def cte_plan(world):
    inside = n.Project(scan(world.orders, 1), 3, (column(1, 0), column(1, 2)), ("id", "total"))
    definition = n.CteDefinition(1, "t", inside, (column(3, 1), column(3, 0)), references=1)
    reading = n.CteScan(4, 1, (INT4, INT4), ("total", "id"))
    plan = n.With((definition,), n.Filter(reading, equal(column(4, 1), constant(77))))
    return plan, [column(4, 0), column(4, 1)]


PLANS = {
    "exists": exists_plan,
    "not exists": lambda world: exists_plan(world, negated=True),
    "in": in_plan,
    "left join": lambda world: outer_join_plan(world, operator("<", column(1, 0), constant(9))),
    "reduced": lambda world: outer_join_plan(world, operator(">", column(2, 2), constant(90))),
    "is null": lambda world: outer_join_plan(world, ex.IsNull(BOOL, column(2, 0))),
    "chain": chain_plan,
    "long chain": lambda world: chain_plan(world, 14),
    "group": group_plan,
    "sorted": sorted_plan,
    "extreme": extreme_plan,
    "union": union_plan,
    "with": cte_plan,
}


@pytest.mark.parametrize("name", PLANS)
def test_no_pass_changes_the_answer(world, name):
    plan, output = PLANS[name](world)
    stages = all_stages(plan, world.catalog)
    expected = sorted(world.run(stages[0][1], output))
    assert expected
    for stage, changed in stages[1:]:
        assert sorted(world.run(changed, output)) == expected, stage


def test_exists_becomes_a_semi_join(world):
    plan = optimized(exists_plan(world)[0], world.catalog)
    joins = [item for item in walk_plan(plan) if isinstance(item, n.HashJoin)]
    assert [join.kind for join in joins] == [n.JoinKind.SEMI]


def test_a_condition_on_the_inner_side_makes_a_left_join_an_inner_one(world):
    plan = optimized(PLANS["reduced"](world)[0], world.catalog)
    assert all(getattr(item, "kind", None) is not n.JoinKind.LEFT for item in walk_plan(plan))
    plan = optimized(PLANS["is null"](world)[0], world.catalog)
    assert any(getattr(item, "kind", None) is n.JoinKind.LEFT for item in walk_plan(plan))


def test_equality_with_a_constant_reaches_all_tables_of_the_chain(world):
    plan = optimized(chain_plan(world)[0], world.catalog)
    assert kinds(plan).count("IndexScan") + kinds(plan).count("Filter") >= 5


def test_a_condition_on_groups_is_asked_of_the_rows(world):
    plan = optimized(group_plan(world)[0], world.catalog)
    assert kinds(plan)[:4] == ["Filter", "HashAggregate", "Filter", "Scan"]


def test_order_by_an_index_needs_no_sort(world):
    plan = optimized(sorted_plan(world)[0], world.catalog)
    assert "Sort" not in kinds(plan)
    assert "TopN" not in kinds(plan)
    assert any(isinstance(item, n.IndexScan) and item.is_backward for item in walk_plan(plan))


def test_without_an_index_a_limited_sort_is_a_top_n(world):
    world.catalog.indexes.clear()
    assert "TopN" in kinds(optimized(sorted_plan(world)[0], world.catalog))


def test_max_reads_one_entry_of_an_index(world):
    plan = optimized(extreme_plan(world)[0], world.catalog)
    (subquery,) = plan.expressions
    assert kinds(subquery.plan) == ["Project", "Limit", "IndexScan"]
    assert subquery.plan.input.input.is_backward
    assert subquery.plan.input.input.range.is_not_null


def test_sixty_four_tables_are_planned_at_once(world):
    plan, output = chain_plan(world, 64)
    assert world.run(optimized(plan, world.catalog), output) == [("name 7",)]


def test_folding_leaves_errors_for_later():
    from services.sqldb.optimizer.folding import fold_one

    division = operator("/", constant(1), constant(0))
    assert fold_one(division) is division
    assert fold_one(operator("+", constant(2), constant(3))).value == 5
    assert fold_one(call("lower", constant("A", TEXT))).value == "a"


def test_point_lookup_by_primary_key(world):
    plan = n.Filter(scan(world.orders, 1), equal(column(1, 0), ex.Parameter(INT4, 1)))
    plan = optimized(plan, world.catalog)
    assert isinstance(plan, n.IndexScan)
    assert plan.filter is None
    assert world.run(plan, [column(1, 2)], (98,)) == [(1,)]

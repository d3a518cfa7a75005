"""Plans as text and JSON, and what ANALYZE finds."""

import json
from random import Random

import pytest

from services.sqldb.catalog.definitions import Statistics
from services.sqldb.executor.tests.support import World, aggregate, column, constant, operator, scan
from services.sqldb.optimizer.analyze import SAMPLE_ROWS, analyze, column_statistics, sample
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.explain import Explanation
from services.sqldb.optimizer.tests.support import WorldCatalog
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.types import INT4, TEXT


@pytest.fixture
def world():
    world = World()
    world.t = world.table("t", {"a": INT4, "b": TEXT})
    world.fill(world.t, [(at, str(at % 3)) for at in range(300)])
    world.catalog = WorldCatalog(world)
    return world


def small(world):
    return n.Filter(scan(world.t, 1), operator("<", column(1, 0), constant(30)))


def test_text_in_postgres_form(world):
    groups = n.HashAggregate(small(world), 2, (column(1, 1, TEXT),), (aggregate("count"),))
    plan = n.Sort(groups, (ex.SortKey(column(2, 0, TEXT), True, True),))
    lines = Explanation(plan, Estimator(world.catalog)).text(costs=False)
    assert lines == [
        "Sort",
        "  Sort Key: b DESC",
        "  ->  HashAggregate",
        "        Group Key: b",
        "        ->  Seq Scan on t",
        "              Filter: (a < 30)",
    ]


def test_json_has_the_keys_that_tools_read(world):
    document = json.loads(Explanation(small(world), Estimator(world.catalog)).json())
    plan = document[0]["Plan"]
    assert plan["Node Type"] == "Seq Scan"
    assert plan["Relation Name"] == "t"
    assert plan["Filter"] == "(a < 30)"
    assert {"Startup Cost", "Total Cost", "Plan Rows", "Plan Width"} <= plan.keys()


def test_estimates_follow_the_statistics(world):
    values = list(range(300))
    found = column_statistics(world.t.oid, 0, INT4, values, 300)
    assert found.distinct == -1.0
    world.catalog.statistics = {world.t.oid: [found]}
    assert 20 <= Estimator(world.catalog).rows(small(world)) <= 40


def test_common_values_and_nulls():
    values = [1] * 60 + [None] * 20 + list(range(100, 120))
    found = column_statistics(5, 0, INT4, values, 100)
    assert found.null_fraction == 0.2
    assert found.most_common[0] == (1, 0.6)
    assert found.histogram[0] == 100
    assert found.histogram[-1] == 119


def test_analyze_looks_at_every_column(world):
    rows = [(at, None if at % 2 else "x") for at in range(50)]
    found = analyze(world.t, [INT4, TEXT], rows, Random(1))
    assert [one.column for one in found] == [-1, 0, 1]
    assert found[0] == Statistics(0, world.t.oid, -1, 50.0)
    assert found[2].null_fraction == 0.5


def test_a_sample_is_bounded():
    kept, count = sample(((at,) for at in range(SAMPLE_ROWS + 500)), Random(1))
    assert (len(kept), count) == (SAMPLE_ROWS, SAMPLE_ROWS + 500)

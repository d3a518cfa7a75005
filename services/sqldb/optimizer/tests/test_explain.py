"""Plans as text and JSON, and what ANALYZE finds."""

import json

import pytest

from services.sqldb.catalog.definitions import Statistics
from services.sqldb.executor.tests.support import World, aggregate, column, constant, operator, scan
from services.sqldb.optimizer.analyze import analyze, column_statistics
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.explain import Explanation
from services.sqldb.optimizer.explain_formats import as_json, as_xml, as_yaml, document
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
    made = document(Explanation(small(world), Estimator(world.catalog)))
    plan = json.loads(as_json(made))[0]["Plan"]
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
    found = analyze(world.t, [INT4, TEXT], rows, 50.0)
    assert [one.column for one in found] == [-1, 0, 1]
    assert found[0] == Statistics(0, world.t.oid, -1, 50.0)
    assert found[2].null_fraction == 0.5


@pytest.mark.parametrize(
    ("values", "correlation"),
    [
        (list(range(100)), 1.0),
        (list(range(100, 0, -1)), -1.0),
        ([at * 37 % 101 for at in range(1, 101)], 0.0),
        ([5] * 30, 1.0),
    ],
)
def test_correlation_says_how_far_the_rows_are_in_order(values, correlation):
    found = column_statistics(5, 0, INT4, values, len(values))
    assert found.correlation == pytest.approx(correlation, abs=0.2)


def test_yaml_and_xml_say_the_same(world):
    made = document(Explanation(small(world), Estimator(world.catalog)), costs=False)
    assert as_yaml(made).split("\n")[:3] == [
        "- Plan: ",
        '    Node Type: "Seq Scan"',
        "    Parallel Aware: false",
    ]
    assert "      <Filter>(a &lt; 30)</Filter>" in as_xml(made).split("\n")

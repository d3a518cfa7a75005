"""Which index is taken for what: the plans of one table with many indexes."""

import pytest

from services.sqldb.optimizer.tests.database import database

SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, a int, b int NOT NULL, name text, is_gone boolean NOT NULL);
INSERT INTO t SELECT i, i * 7919 % 6000, i % 17, 'name ' || i * 7919 % 6000, i % 100 = 0
              FROM generate_series(1, 6000) i;
CREATE INDEX t_a_b ON t (a, b DESC);
CREATE INDEX t_name ON t (name);
CREATE INDEX t_lower ON t (lower(name), id);
CREATE INDEX t_gone ON t (b) WHERE is_gone;
CREATE INDEX t_big ON t (id) WHERE id > 5000;
CREATE UNIQUE INDEX t_sum ON t ((id + 1));
ANALYZE t
"""
# Query → the lines of its plan.
PLANS = {
    # Points, prefixes, ranges.
    "SELECT * FROM t WHERE id = 5": ["Index Scan using t_pkey on t", "  Index Cond: (id = 5)"],
    "SELECT * FROM t WHERE id + 1 = 5": [
        "Index Scan using t_sum on t",
        "  Index Cond: ((id + 1) = 5)",
    ],
    "SELECT * FROM t WHERE 5 = a AND b > 3 AND name <> ''": [
        "Index Scan using t_a_b on t",
        "  Index Cond: ((a = 5) AND (b > 3))",
        "  Filter: (name <> ''::text)",
    ],
    "SELECT * FROM t WHERE id > 10 AND id <= 20": [
        "Index Scan using t_pkey on t",
        "  Index Cond: ((id > 10) AND (id <= 20))",
    ],
    "SELECT * FROM t WHERE id IN (3, 1, NULL)": [
        "Index Scan using t_pkey on t",
        "  Index Cond: (id = ANY ('{3,1,NULL}'::integer[]))",
    ],
    "SELECT * FROM t WHERE a IS NULL AND b = 3": [
        "Index Scan using t_a_b on t",
        "  Index Cond: ((a IS NULL) AND (b = 3))",
    ],
    "SELECT * FROM t WHERE (id, a) < (4, 5)": [
        "Index Scan using t_pkey on t",
        "  Index Cond: (ROW(id, a) < ROW(4, 5))",
        "  Filter: (ROW(id, a) < ROW(4, 5))",
    ],
    # Expressions, and what LIKE says of an order.
    "SELECT * FROM t WHERE lower(name) = 'name 5' AND id < 40": [
        "Index Scan using t_lower on t",
        "  Index Cond: ((lower(name) = 'name 5'::text) AND (id < 40))",
    ],
    "SELECT * FROM t WHERE name LIKE 'name 1234%'": [
        "Index Scan using t_name on t",
        "  Index Cond: ((name >= 'name 1234'::text) AND (name < 'name 1235'::text))",
        "  Filter: (name ~~ 'name 1234%'::text)",
    ],
    "SELECT * FROM t WHERE name LIKE '%5'": ["Seq Scan on t", "  Filter: (name ~~ '%5'::text)"],
    # Partial indexes: where the conditions imply the predicate, and only there.
    "SELECT * FROM t WHERE is_gone AND b = 4": [
        "Index Scan using t_gone on t",
        "  Index Cond: (b = 4)",
    ],
    "SELECT * FROM t WHERE NOT is_gone AND b = 4": [
        "Seq Scan on t",
        "  Filter: ((NOT is_gone) AND (b = 4))",
    ],
    # Entries alone.
    "SELECT b FROM t WHERE a = 7": [
        "Index Only Scan using t_a_b on t",
        "  Index Cond: (a = 7)",
    ],
    "SELECT b FROM t WHERE is_gone AND b < 3": [
        "Index Only Scan using t_gone on t",
        "  Index Cond: (b < 3)",
    ],
    # Order.
    "SELECT * FROM t ORDER BY id DESC LIMIT 3": [
        "Limit",
        "  ->  Index Scan Backward using t_pkey on t",
    ],
    "SELECT * FROM t WHERE a = 9 ORDER BY b LIMIT 3": [
        "Limit",
        "  ->  Index Scan Backward using t_a_b on t",
        "        Index Cond: (a = 9)",
    ],
    "SELECT * FROM t ORDER BY a NULLS FIRST LIMIT 3": [
        "Limit",
        "  ->  Sort",
        "        Sort Key: a NULLS FIRST",
        "        ->  Seq Scan on t",
    ],
    "SELECT * FROM t ORDER BY id": ["Index Scan using t_pkey on t"],
    "SELECT max(a) FROM t WHERE a < 50": [
        "Result",
        "  InitPlan 1 (returns $0)",
        "    ->  Limit",
        "          ->  Index Only Scan Backward using t_a_b on t",
        "                Index Cond: ((a IS NOT NULL) AND (a < 50))",
    ],
    # Several indexes.
    "SELECT * FROM t WHERE id = 3 OR name = 'name 5'": [
        "Bitmap Heap Scan on t",
        "  Recheck Cond: ((id = 3) OR (name = 'name 5'::text))",
        "  ->  BitmapOr",
        "        ->  Bitmap Index Scan on t_pkey",
        "              Index Cond: (id = 3)",
        "        ->  Bitmap Index Scan on t_name",
        "              Index Cond: (name = 'name 5'::text)",
    ],
    # Joins.
    "SELECT t.name FROM t, t u WHERE u.a = t.id AND t.a = 8": [
        "Nested Loop",
        "  ->  Index Scan using t_a_b on t",
        "        Index Cond: (a = 8)",
        "  ->  Index Only Scan using t_a_b on t u",
        "        Index Cond: (a = t.id)",
    ],
    "SELECT FROM t JOIN t u USING (id) WHERE t.id = 5": [
        "Nested Loop",
        "  ->  Index Only Scan using t_pkey on t",
        "        Index Cond: (id = 5)",
        "  ->  Index Only Scan using t_pkey on t u",
        "        Index Cond: (id = 5)",
    ],
}


@pytest.fixture(scope="module")
def db():
    with database() as made:
        made.run(SCHEMA)
        yield made


@pytest.mark.parametrize("query", PLANS)
def test_plan(db, query):
    assert db.plan(query) == PLANS[query]


SWITCHES = {
    "seqscan": ("SELECT * FROM t WHERE b < 9", "Bitmap Heap Scan on t"),
    "indexonlyscan": ("SELECT b FROM t WHERE a = 7", "Index Scan using t_a_b on t"),
    "indexscan": ("SELECT * FROM t WHERE id < 5", "Bitmap Heap Scan on t"),
    "bitmapscan": ("SELECT * FROM t WHERE id = 3 OR name = 'x'", "Seq Scan on t"),
    "hashagg": ("SELECT b FROM t GROUP BY b", "Group"),
    "hashjoin": ("SELECT * FROM t JOIN t u ON u.b = t.b", "Merge Join"),
    "sort": ("SELECT * FROM t ORDER BY name", "Index Scan using t_name on t"),
    "mergejoin": ("SELECT FROM t FULL JOIN t u ON u.id = t.id", "Hash Full Join"),
    "nestloop": ("SELECT * FROM t JOIN t u ON u.a = t.id WHERE t.id < 4", "Hash Join"),
}
# What makes the method the cheapest at first.
PREPARING = {
    "seqscan": "CREATE INDEX t_b ON t (b)",
    "sort": "SET random_page_cost = 100",
    "mergejoin": "SET enable_hashjoin = off",
}


@pytest.mark.parametrize("method", SWITCHES)
def test_what_is_switched_off_is_not_chosen(db, method):
    query, first = SWITCHES[method]
    db.run(PREPARING.get(method, ""))
    before = db.plan(query)
    db.run(f"SET enable_{method} = off")
    after = db.plan(query)
    db.run("RESET ALL; DROP INDEX IF EXISTS t_b")
    assert after != before
    assert after[0].startswith(first)


def test_costs_are_settings(db):
    query = "SELECT * FROM t WHERE name > 'name 18' AND name < 'name 195'"
    assert db.plan(query)[0] != "Index Scan using t_name on t"
    db.run("SET random_page_cost = 1; SET enable_bitmapscan = off")
    assert db.plan(query)[0] == "Index Scan using t_name on t"
    db.run("RESET ALL")


def test_a_new_table_is_taken_for_ten_pages(db):
    """Its plan may be kept while it is filled."""
    db.run("CREATE TABLE fresh (id int PRIMARY KEY, a int)")
    assert db.plan("SELECT * FROM fresh WHERE id = 1")[0] == "Index Scan using fresh_pkey on fresh"


def test_what_comes_in_order_is_merged_where_nothing_may_be_hashed(db):
    query = "SELECT t.id FROM t JOIN t u USING (id) ORDER BY t.id"
    assert db.plan(query)[1] == "  Sort Key: t.id"
    db.run("SET enable_hashjoin = off; SET enable_nestloop = off")
    plan = db.plan(query)
    db.run("RESET ALL")
    assert plan == [
        "Merge Join",
        "  Merge Cond: (t.id = u.id)",
        "  ->  Index Only Scan using t_pkey on t",
        "  ->  Index Only Scan using t_pkey on t u",
    ]


def test_groups_are_made_of_sorted_rows_where_the_order_is_wanted(db):
    query = "SELECT name, count(*) FROM t GROUP BY name ORDER BY name LIMIT 3"
    assert db.plan(query) == [
        "Limit",
        "  ->  GroupAggregate",
        "        Group Key: name",
        "        ->  Index Only Scan using t_name on t",
    ]
    assert len(db.run(query)) == 3

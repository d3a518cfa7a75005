"""However a query is done, its rows are the same: every index and every method on and off."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.sqldb.tests.server import sqldb  # noqa: F401

SCHEMA = """
CREATE TABLE bare (id int, a int, b int, t text, f boolean);
INSERT INTO bare SELECT i, CASE WHEN i % 7 > 0 THEN i % 11 END, CASE WHEN i % 5 > 0 THEN i % 13 END,
                        CASE WHEN i % 9 > 0 THEN chr(97 + i % 4) || chr(97 + i % 3) || i % 6 END,
                        CASE WHEN i % 3 > 0 THEN i % 2 = 0 END
                 FROM generate_series(1, 400) i;
CREATE TABLE full_of (LIKE bare);
INSERT INTO full_of SELECT * FROM bare;
CREATE UNIQUE INDEX full_id ON full_of (id);
CREATE INDEX full_a_b ON full_of (a, b DESC);
CREATE INDEX full_b ON full_of (b NULLS FIRST);
CREATE INDEX full_t ON full_of (t);
CREATE INDEX full_upper ON full_of (upper(t), id);
CREATE INDEX full_f ON full_of (f);
CREATE INDEX full_part ON full_of (a) WHERE b > 5;
CREATE INDEX full_given ON full_of (b) WHERE t IS NOT NULL;
CREATE INDEX full_true ON full_of (id DESC) WHERE f;
UPDATE full_of SET a = a WHERE id % 20 = 0;
UPDATE full_of SET b = b + 1 WHERE id % 30 = 0;
UPDATE bare SET b = b + 1 WHERE id % 30 = 0;
ANALYZE
"""
METHODS = ("seqscan", "indexscan", "indexonlyscan", "bitmapscan", "nestloop", "hashjoin")
METHODS += ("mergejoin", "sort", "hashagg")

numbers = st.integers(-1, 14)
columns = st.sampled_from(["x.a", "x.b"])
signs = st.sampled_from(["=", "<", ">", "<=", ">=", "<>"])
letters = st.sampled_from(["a", "ba", "c", "ab", "cc2"])
atoms = st.one_of(
    st.builds("{} {} {}".format, columns, signs, numbers),
    st.builds("{} between {} and {}".format, columns, numbers, numbers),
    st.builds("{} in ({}, {}, NULL)".format, columns, numbers, numbers),
    st.builds("{} is {}null".format, st.sampled_from(["x.a", "x.b", "x.t", "x.f"]),
              st.sampled_from(["", "not "])),
    st.builds("x.id {} {}".format, st.sampled_from(["=", "<", ">="]), st.integers(0, 401)),
    st.builds("x.t like '{}%'".format, letters),
    st.builds("x.t = '{}'".format, letters),
    st.builds("upper(x.t) = upper('{}1')".format, letters),
    st.builds("(x.a, x.b) {} ({}, {})".format, st.sampled_from(["<", ">", ">=", "="]), numbers,
              numbers),
    st.sampled_from(["x.f", "not x.f", "x.f is true", "x.f = false"]),
)  # fmt: skip
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
    ),
    max_leaves=4,
)
order = st.sampled_from(
    ["a, b desc, id", "b nulls first, id", "id desc", "t desc, id", "a desc, id"]
)
queries = st.one_of(
    st.builds("select * from {{}} x where {}".format, conditions),
    st.builds("select a, b from {{}} x where {}".format, conditions),
    st.builds("select * from {{}} x where {} order by {} limit 7".format, conditions, order),
    st.builds("select min(a), max(b), max(id) from {{}} x where {}".format, conditions),
    st.builds("select a, count(*), sum(b) from {{}} x where {} group by a".format, conditions),
    st.builds("select distinct b from {{}} x where {}".format, conditions),
    st.builds("select x.id, y.id, y.b from {{}} x join {{}} y on y.a = x.b and y.b > 9 where {}"
              .format, conditions),
    st.builds("select x.id, y.id from {{}} x left join {{}} y on y.id = x.a and y.f where {}"
              .format, conditions),
    st.builds("select x.id, y.t from (select * from {{}} x where {}) x full join "
              "(select * from {{}} where a = 3) y on y.b = x.a".format, conditions),
    st.builds("select id from {{}} x where {} and exists (select from {{}} y where y.b = x.a)"
              .format, conditions),
    st.builds("select id from {{}} x where {} and not exists "
              "(select from {{}} y where y.b = x.a and y.id < 40)".format, conditions),
    st.builds("select id from {{}} x where {} and b in (select a from {{}} y where y.f)"
              .format, conditions),
)  # fmt: skip


@pytest.fixture(scope="module")
def connection(sqldb):  # noqa: F811
    with sqldb.connect() as connection:
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        yield connection


def rows(connection, query: str, table: str) -> list:
    return sorted(connection.execute(query.replace("{}", table)).fetchall(), key=repr)


@given(query=queries, off=st.sets(st.sampled_from(METHODS), max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_way_gives_the_same_rows(connection, query, off):
    connection.execute("reset all")
    expected = rows(connection, query, "bare")
    assert rows(connection, query, "full_of") == expected
    for method in off:
        connection.execute(f"set enable_{method} = off")
    assert rows(connection, query, "full_of") == expected


@pytest.mark.parametrize("method", METHODS)
def test_without_one_method(connection, method):
    connection.execute("reset all")
    connection.execute(f"set enable_{method} = off")
    query = "select x.id, y.b from {} x join {} y on y.a = x.b and y.b > 9 where x.a in (1, 2)"
    found = rows(connection, query, "full_of")
    connection.execute("reset all")
    assert found == rows(connection, query, "bare")
    assert found


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ("g = false", "g AND a = 1"),
        ("a = 5", "a = 1 OR id = 7"),
        ("name = 'z'", "lower(name) = 'x'"),
        ("name = 'z'", "name LIKE 'x%'"),
        ("a = NULL", "a = ANY (ARRAY[1, 2])"),
    ],
)
def test_a_row_that_changes_meanwhile_is_asked_everything_again(sqldb, change, condition):  # noqa: F811
    """Also what the index, or the predicate of a partial one, has answered."""
    with sqldb.connect() as first, sqldb.connect() as second, sqldb.connect() as third:
        first.execute("DROP TABLE IF EXISTS again")
        first.execute("CREATE TABLE again (id int PRIMARY KEY, a int, g boolean, name text)")
        first.execute("INSERT INTO again VALUES (1, 1, true, 'x')")
        first.execute("CREATE INDEX ON again (a) WHERE g")
        first.execute("CREATE INDEX ON again (a)")
        first.execute("CREATE INDEX ON again (lower(name))")
        first.execute("CREATE INDEX ON again (name)")
        second.execute("SET enable_seqscan = off")
        first.execute("BEGIN")
        first.execute(f"UPDATE again SET {change}")
        found = []
        update = f"UPDATE again SET name = 'done' WHERE {condition}"
        thread = threading.Thread(target=lambda: found.append(second.execute(update).rowcount))
        thread.start()
        while third.execute(WAITING).fetchone() == (0,):
            assert thread.is_alive()
        first.execute("COMMIT")
        thread.join(20)
        assert found == [0]

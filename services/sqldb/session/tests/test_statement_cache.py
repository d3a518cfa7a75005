"""Texts that come again: which are kept, and that what they mean is still found out."""

import pytest

from services.sqldb.session import statement_cache
from services.sqldb.session.prepared import PreparedStatement
from services.sqldb.session.statement_cache import StatementCache
from services.sqldb.syntax import parse
from services.sqldb.tests.server import sqldb  # noqa: F401


def noted(cache, sql, type_oids=None):
    """What becomes of a text that comes: the statement, if it is kept."""
    parsed = parse(sql)[0]
    if not cache.comes_again(sql, parsed, type_oids):
        return None
    statement = PreparedStatement("", sql, parsed, None)
    cache.keep(statement, type_oids)
    return statement


def test_a_text_is_kept_when_it_comes_again():
    cache = StatementCache()
    assert noted(cache, "SELECT 1") is None
    assert cache.get("SELECT 1") is None
    kept = noted(cache, "SELECT 1")
    assert kept is not None and cache.get("SELECT 1") is kept
    assert cache.get("SELECT 1", ()) is None
    cache.clear()
    assert cache.get("SELECT 1") is None and len(cache) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        "SELECT 'now'::timestamp",
        "SELECT date ' TODAY '",
        "SELECT 'it''s tomorrow'",
        r"SELECT E'n\157w'::timestamp",
        "SELECT $$now$$::timestamp",
        "SELECT U&'!006eow' UESCAPE '!'",
    ],
)
def test_texts_that_are_not_kept(sql):
    cache = StatementCache()
    assert noted(cache, sql) is noted(cache, sql) is None


def test_the_text_that_came_least_lately_goes(monkeypatch):
    monkeypatch.setattr(statement_cache, "MAX_KEPT", 2)
    cache = StatementCache()
    for sql in ("SELECT 1", "SELECT 1", "SELECT 2", "SELECT 2"):
        noted(cache, sql)
    cache.get("SELECT 1")
    for _ in range(2):
        noted(cache, "SELECT 3")
    assert len(cache) == 2
    assert cache.get("SELECT 1") and cache.get("SELECT 3") and not cache.get("SELECT 2")


@pytest.mark.parametrize("binary", [False, True])
def test_what_a_text_means_may_change(sqldb, binary):  # noqa: F811
    with sqldb.connect(prepare_threshold=None) as connection:

        def answers():
            # A binary result makes it an extended query, with Parse but without a name.
            asked = (connection.execute("SELECT a FROM kept", binary=binary) for _ in range(3))
            return [one.fetchone()[0] for one in asked]

        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept (a int)")
        connection.execute("INSERT INTO kept VALUES (7)")
        assert answers() == [7] * 3
        connection.execute("ALTER TABLE kept ALTER a TYPE text")
        assert answers() == ["7"] * 3
        connection.execute("CREATE TEMPORARY TABLE kept AS SELECT 8 AS a")
        assert answers() == [8] * 3
        with connection.transaction():
            connection.execute("DROP TABLE kept")
            assert answers() == ["7"] * 3
            connection.execute("UPDATE public.kept SET a = 'x'")
            assert answers() == ["x"] * 3


def test_the_same_text_with_parameters_of_other_types(sqldb):  # noqa: F811
    with sqldb.connect(prepare_threshold=None) as connection:
        for value in (7, 1 << 40, "x", 7, None, 1.5) * 3:
            assert connection.execute("SELECT %s", (value,)).fetchone()[0] == value


def test_a_setting_changes_what_a_literal_means(sqldb):  # noqa: F811
    with sqldb.connect(prepare_threshold=None) as connection:
        sql = "SELECT extract(epoch FROM '2020-06-01 00:00'::timestamptz)::int"
        utc = [connection.execute(sql).fetchone()[0] for _ in range(3)]
        connection.execute("SET timezone = 'Europe/Berlin'")
        berlin = [connection.execute(sql).fetchone()[0] for _ in range(3)]
        assert len(set(utc)) == len(set(berlin)) == 1
        assert utc[0] - berlin[0] == 7200

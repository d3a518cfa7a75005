"""ANALYZE without being asked: when, of what, and that nobody is in its way."""

import pytest

from services.sqldb.optimizer.tests.database import Database, database


@pytest.fixture
def db():
    with database() as made:
        yield made


def turn(db: Database) -> list[str]:
    return db.engine.auto_analyze.turn()


def known_rows(db: Database) -> float:
    return db.run("SELECT reltuples FROM pg_class WHERE relname = 't'")[0][0]


def test_a_table_is_analyzed_when_enough_has_changed(db):
    db.run("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 50)")
    assert turn(db) == []
    db.run("INSERT INTO t SELECT generate_series(51, 100)")
    assert turn(db) == ["t"]
    assert known_rows(db) == 100
    assert turn(db) == []
    db.run("UPDATE t SET a = a + 1 WHERE a <= 60")
    assert turn(db) == []
    db.run("UPDATE t SET a = a + 1")
    assert turn(db) == ["t"]


def test_what_it_finds_changes_estimates(db):
    db.run("CREATE TABLE t (a int); INSERT INTO t SELECT i % 4 FROM generate_series(1, 400) i")
    assert "rows=100 " not in db.plan("SELECT FROM t WHERE a = 1", "costs on")[0]
    turn(db)
    assert "rows=100 " in db.plan("SELECT FROM t WHERE a = 1", "costs on")[0]


def test_a_table_that_somebody_holds_is_left_for_later(db):
    db.run("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)")
    other = db.new_session()
    db.run("BEGIN; LOCK TABLE t", other)
    assert turn(db) == []
    db.run("COMMIT", other)
    assert turn(db) == ["t"]


def test_rows_of_others_that_are_not_committed_do_not_count(db):
    db.run("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)")
    other = db.new_session()
    db.run("BEGIN; INSERT INTO t SELECT generate_series(1, 100)", other)
    assert turn(db) == ["t"]
    assert known_rows(db) == 100


def test_a_large_table_is_sampled(db):
    db.run("CREATE TABLE t (a int, b int)")
    db.run("INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 40000) i")
    turn(db)
    assert known_rows(db) == 40000
    (plan, *_) = db.plan("SELECT FROM t WHERE a < 10000", "costs on")
    rows = int(plan.split("rows=")[1].split()[0])
    assert 9000 < rows < 11000


def test_what_is_dropped_or_temporary_is_left_alone(db):
    db.run("CREATE TEMP TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)")
    db.run("CREATE TABLE u (a int); INSERT INTO u SELECT generate_series(1, 100); DROP TABLE u")
    assert turn(db) == []

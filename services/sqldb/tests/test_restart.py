"""What was acknowledged is there after a restart, and after kill -9."""

from pathlib import Path

import pytest

from services.sqldb.tests.server import run_sqldb

pytest.importorskip("psycopg")

DEFINITIONS = """
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TABLE parent (id serial PRIMARY KEY, mood mood, n numeric(8, 2) CHECK (n > 0));
    CREATE TABLE child (
        id int GENERATED ALWAYS AS IDENTITY,
        parent_id int REFERENCES parent ON DELETE CASCADE,
        twice int GENERATED ALWAYS AS (parent_id * 2) STORED
    );
    CREATE UNIQUE INDEX child_parent ON child (parent_id) WHERE parent_id > 0;
    CREATE VIEW both_of_them AS SELECT parent.*, twice FROM parent JOIN child ON parent_id = parent.id;
    ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';
    INSERT INTO parent (mood, n) VALUES ('sad', 1.5), ('fine', 2.5), ('happy', 3);
    INSERT INTO child (parent_id) VALUES (1), (3);
    CREATE SEQUENCE numbers START 10 INCREMENT 5;
    SELECT nextval('numbers');
"""  # noqa: E501 - as it is typed


@pytest.mark.parametrize("is_crash", [False, True])
def test_everything_comes_back(tmp_path: Path, is_crash: bool) -> None:
    options = ("--data-dir", str(tmp_path))
    with run_sqldb(*options) as server:
        with server.connect() as connection:
            connection.execute(DEFINITIONS)
        open_one = server.connect(autocommit=False)
        open_one.execute("INSERT INTO parent (mood, n) VALUES ('sad', 99)")
        if is_crash:
            server.kill()
    with run_sqldb(*options) as server, server.connect() as connection:
        ask = lambda sql: connection.execute(sql).fetchall()  # noqa: E731
        assert ask("SELECT mood::text, n::text FROM parent ORDER BY parent.mood") == [
            ("sad", "1.50"),
            ("fine", "2.50"),
            ("happy", "3.00"),
        ]
        assert ask("SELECT id, twice FROM both_of_them ORDER BY id") == [(1, 2), (3, 6)]
        assert ask("SELECT nextval('numbers') > 10") == [(True,)]
        _expect_constraints(connection)
        connection.execute("DELETE FROM parent WHERE id = 1")
        assert ask("SELECT parent_id FROM child") == [(3,)]
        [(new,)] = ask("INSERT INTO parent (mood, n) VALUES ('sad', 1) RETURNING id")
        assert new > 3


def _expect_constraints(connection: object) -> None:
    import psycopg

    for sql, error in [
        ("INSERT INTO parent (mood, n) VALUES ('sad', -1)", psycopg.errors.CheckViolation),
        ("INSERT INTO child (parent_id) VALUES (1)", psycopg.errors.UniqueViolation),
        ("INSERT INTO child (parent_id) VALUES (77)", psycopg.errors.ForeignKeyViolation),
        ("INSERT INTO parent (id) VALUES (1)", psycopg.errors.UniqueViolation),
        ("INSERT INTO parent (mood) VALUES ('ok')", psycopg.errors.InvalidTextRepresentation),
    ]:
        with pytest.raises(error):
            connection.execute(sql)

"""COPY FROM is one statement, however many rows it has."""

import pytest
from psycopg import errors

from services.sqldb.tests.server import sqldb  # noqa: F401


def copy(connection, rows):
    with connection.cursor().copy("COPY node FROM STDIN") as target:
        for row in rows:
            target.write_row(row)


def test_rows_may_point_to_later_ones(sqldb):  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("CREATE TABLE node (id int PRIMARY KEY, next int REFERENCES node)")
        copy(connection, [(1, 2), (2, 3), (3, None)])
        assert connection.execute("SELECT count(*) FROM node").fetchone() == (3,)
        with pytest.raises(errors.ForeignKeyViolation):
            copy(connection, [(4, 5), (5, 6)])
        with pytest.raises(errors.UniqueViolation) as caught:
            copy(connection, [(4, None), (4, None)])
        assert caught.value.diag.context.startswith("COPY node, line 2")
        copy(connection, [(4, 4)])
        assert connection.execute("SELECT max(id) FROM node").fetchone() == (4,)

"""Many computed columns are computed by several functions, with the same values."""

from services.sqldb.executor.rows import MOST_COLUMNS
from services.sqldb.optimizer.tests.database import database

COUNT = 2 * MOST_COLUMNS + 50


def test_columns_computed_apart():
    columns = ", ".join(f"a + {n}, coalesce(b, {n})" for n in range(COUNT // 2))
    with database() as made:
        made.run("CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, NULL), (NULL, 5)")
        first, second = made.run(f"SELECT {columns}, b FROM t ORDER BY a")
        assert first[::2] == (*range(1, COUNT // 2 + 1), None)
        assert first[1::2] == tuple(range(COUNT // 2))
        assert set(second) == {None, 5} and len(second) == COUNT + 1
        outer = f"SELECT (SELECT sum(x) FROM (SELECT {columns}) q(x)) FROM t ORDER BY a"
        assert made.run(outer) == [(1,), (None,)]

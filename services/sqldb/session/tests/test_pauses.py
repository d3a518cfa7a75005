"""No statement goes on for long without a look at its interrupts, whatever it is doing.

What is counted is work, not time: calls of functions (a profiler sees them all) between two looks.
150,000 of them are some 20 ms. Each statement has more to do than that in
the loop that its name says; the loop that doesn't look is found by that.
"""

import sys
import threading

import pytest

from services.sqldb.interruption import interrupted_by
from services.sqldb.optimizer.tests.database import database

MOST_CALLS = 150_000
MANY = 80_000
LIST = 40_000
STACK_BYTES = 64 << 20

SERIES = f"generate_series(1, {MANY}) n"
TEXT = f"repeat('ab1 ', {MANY})"
NUMBERS = ", ".join(map(str, range(LIST)))
TEXTS = ", ".join(f"'{number}'" for number in range(LIST))
ROWS = ", ".join(f"({number}, 'x')" for number in range(20_000))

STATEMENTS = {
    "scan": "SELECT count(*) FROM big WHERE t || 'x' = 'y'",
    "kept rows": f"SELECT count(reverse(n::text)) FROM (VALUES (1), (2)) v, {SERIES}",
    "initcap": f"SELECT length(initcap({TEXT}))",
    "json": f"SELECT json_array_length(('[' || repeat('[1], ', {LIST}) || '1]')::json)",
    "regexp_replace": f"SELECT length(regexp_replace({TEXT}, '[0-9]', 'x', 'g'))",
    "regexp_split": f"SELECT cardinality(regexp_split_to_array({TEXT}, ' '))",
    "regexp_count": f"SELECT regexp_count({TEXT}, '[0-9]')",
    "array to text": f"SELECT length(array_agg(n)::text) FROM {SERIES}",
    "text to array": f"SELECT cardinality(('{{' || repeat('1,', {MANY}) || '1}}')::int[])",
    "json to text": f"SELECT length(jsonb_agg(n)::text) FROM {SERIES}",
    "aggregate in order": f"SELECT cardinality(array_agg(n::text ORDER BY -n)) FROM {SERIES}",
    "percentile": f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM {SERIES}",
    "mode": f"SELECT mode() WITHIN GROUP (ORDER BY n) FROM {SERIES}",
    "peers": f"SELECT count(r) FROM (SELECT rank() OVER (ORDER BY n::float8) r FROM {SERIES}) x",
    "running": "SELECT count(r) FROM (SELECT string_agg('x', '') OVER (ORDER BY n) r "
    "FROM generate_series(1, 3000) n) x",
    "partitions": f"SELECT count(r) FROM (SELECT lag(n) OVER (PARTITION BY n) r FROM {SERIES}) x",
    "IN numbers": f"SELECT count(*) FROM big WHERE id IN ({NUMBERS})",
    "IN texts": f"SELECT count(*) FROM big WHERE t IN ({TEXTS})",
    "VALUES": f"SELECT count(*) FROM (VALUES {ROWS}) v",
    "INSERT VALUES": f"INSERT INTO other VALUES {ROWS}",
    "UNION ALL": " UNION ALL ".join(f"SELECT {number}" for number in range(300)),
    "long OR": "SELECT 1 FROM big WHERE " + " OR ".join(f"g = {n} AND id > g" for n in range(800)),
    "INSERT SELECT": "INSERT INTO third SELECT id, t FROM big",
    "foreign keys": "INSERT INTO child SELECT id FROM big",
    "UPDATE": "UPDATE big SET g = g + 1",
    "rollback": "BEGIN; UPDATE big SET g = g + 1; ROLLBACK",
    "ADD COLUMN": "ALTER TABLE big ADD COLUMN more int DEFAULT 7",
    "CREATE INDEX": "CREATE INDEX ON big (lower(t))",
    "DELETE": "DELETE FROM third",
    "VACUUM": "VACUUM",
}


class Work:
    """Counts calls, from one look at the interrupts to the next."""

    def __init__(self) -> None:
        self.calls = self.most = 0

    def profile(self, frame, event, argument) -> None:
        if event in ("call", "c_call"):
            self.calls += 1

    def looked(self) -> None:
        self.most = max(self.most, self.calls)
        self.calls = 0

    def watch(self, look):
        """The function, and a note that it was called."""

        def watched(*arguments):
            self.looked()
            return look(*arguments)

        return watched


@pytest.fixture(scope="module")
def filled():
    with database() as made:
        made.run(
            "CREATE TABLE big (id int PRIMARY KEY, g int, t text);"
            "INSERT INTO big SELECT n, n % 100, 'row ' || n FROM generate_series(1, 20000) n;"
            "CREATE INDEX ON big (t); CREATE TABLE other (a int PRIMARY KEY, b text);"
            "CREATE TABLE third (a int, b text); CREATE TABLE child (a int REFERENCES big)"
        )
        yield made


def in_deep_thread(body) -> None:
    """With the stack that the server gives its threads."""
    before = threading.stack_size(STACK_BYTES)
    depth = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(depth)
        threading.stack_size(before)


@pytest.mark.parametrize("name", STATEMENTS)
def test_looks_often(filled, name):
    work, session = Work(), filled.new_session()
    latch, breathe = filled.engine.latch, filled.engine.latch.breathe
    interrupts = session.interrupts
    interrupts.check = work.watch(interrupts.check)
    latch.breathe = work.watch(breathe)
    ended = []

    def body():
        with interrupted_by(interrupts.check):
            sys.setprofile(work.profile)
            try:
                filled.run(STATEMENTS[name], session, interrupts.check)
                ended.append(name)
            finally:
                sys.setprofile(None)
                work.looked()

    try:
        in_deep_thread(body)
    finally:
        latch.breathe = breathe
    assert ended == [name]
    assert work.most <= MOST_CALLS

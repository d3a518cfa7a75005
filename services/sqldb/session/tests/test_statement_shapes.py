"""Texts that differ in their values: which get one plan, and that each still means what it says."""

import pytest

from services.sqldb.optimizer.tests.database import database
from services.sqldb.protocol.frontend import Query
from services.sqldb.session import statement_shapes
from services.sqldb.session.conversation import Conversation
from services.sqldb.session.statement_shapes import MAX_KEPT, Shape, StatementShapes, read
from services.sqldb.tests.server import sqldb  # noqa: F401


def test_what_one_shape_is():
    one, two = read("SELECT a FROM t WHERE id = 7"), read("select  A from t where ID=  81 -- x")
    assert one.key == two.key
    assert read("SELECT a FROM t WHERE id = -7").key != one.key
    assert read("SELECT a FROM t WHERE id = '7'").key != one.key
    assert read('SELECT "A" FROM t WHERE id = 7').key != one.key
    assert read("SELECT a FROM t WHERE id = 7.0") is None  # No whole number, no string.


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        "SELECT a FROM t WHERE id = $1 AND n = 5",
        "SELECT a FROM t WHERE id = 5 AND s = 'open",
        "CREATE TABLE t (a varchar(5))",
        "",
        "SELECT a FROM t WHERE s = '" + "x" * 3000 + "'",
    ],
)
def test_texts_that_have_no_shape(sql):
    assert read(sql) is None


class Names:
    """A session, as far as shapes ask it."""

    def __init__(self) -> None:
        self.lookup = object()


class Current:
    """A prepared statement that stands."""

    def is_current(self, session: Names) -> bool:
        return True


def test_the_shape_that_came_least_lately_goes(monkeypatch):
    monkeypatch.setattr(statement_shapes, "_plan", lambda *_: Shape(Current(), ((7, 1),), ()))
    shapes, session = StatementShapes(), Names()
    texts = [read(f"SELECT c{number} FROM t WHERE id = 9") for number in range(MAX_KEPT + 1)]
    for text in texts:
        assert not shapes.comes_again(text, session)
        assert shapes.comes_again(text, session)
        assert shapes.make(text, None, "", session)[1] == (9,)
        assert not shapes.comes_again(text, session)
        assert shapes.get(texts[0], session)
    assert len(shapes) == MAX_KEPT
    assert shapes.get(texts[0], session) and not shapes.get(texts[1], session)


def test_a_shape_that_no_plan_fits_is_tried_once_until_names_mean_something_else(monkeypatch):
    monkeypatch.setattr(statement_shapes, "_plan", lambda *_: None)
    shapes, session = StatementShapes(), Names()
    text = read("SELECT a FROM t WHERE id = 9")
    for _ in range(2):
        assert not shapes.comes_again(text, session)
        assert shapes.comes_again(text, session)
        assert shapes.make(text, None, "", session) is None
        assert not shapes.comes_again(text, session)
        session.lookup = object()


class Answers:
    """A connection that keeps what was written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def flush(self) -> None:
        pass


@pytest.fixture(scope="module")
def planned():
    """The parameters of the plan of a text's shape, if there is one: after three times."""
    with database() as made:
        made.run("CREATE TABLE one (id int PRIMARY KEY, n int, s text, half int, day date)")
        made.run("CREATE TABLE many (id int PRIMARY KEY, n int, half int)")
        made.run("INSERT INTO many SELECT a, a, a FROM generate_series(1, 2000) a")
        made.run("CREATE UNIQUE INDEX ON many (half) WHERE n = 7")
        session = made.new_session()

        def find(sql: str) -> tuple | None:
            for _ in range(3):
                conversation = Conversation(session, Answers(), made.engine.log)
                conversation._answer(Query("BEGIN"))
                conversation._answer(Query(sql))
                text = read(sql)
                found = text and session.shapes.get(text, session)
                conversation._answer(Query("ROLLBACK"))
            return found[1] if found else None

        with made.engine.latch:
            yield find


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT n FROM one WHERE id = 5", (5,)),
        ("SELECT n + 1 AS m, 'x' FROM one WHERE id = -5 AND n > 3 ORDER BY 1", (-5, 3)),
        ("UPDATE one SET n = n + -4, s = 'ab' WHERE id = 2", (-4, "ab", 2)),
        ("DELETE FROM one WHERE id = 2 AND s <> 'x'", (2, "x")),
        ("INSERT INTO one VALUES (1, 2, 'a'), (-3, 4, 'b')", (1, 2, "a", -3, 4, "b")),
        ("INSERT INTO one (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 5", (1,)),
        ("SELECT n FROM one WHERE s = 'a' AND id = 5 FOR UPDATE", ("a", 5)),
        ("SELECT n FROM one WHERE id = 1 AND 1 = 1", (1,)),
        ("SELECT n FROM one WHERE n > 5 LIMIT 3", (5,)),
        ("SELECT n FROM many WHERE id = 5", (5,)),
    ],
)
def test_values_that_become_parameters(planned, sql, values):
    assert planned(sql) == values


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT n FROM one",
        "SELECT 5",
        "SELECT n FROM many WHERE n = 5",  # How many rows are there with it?
        "SELECT n FROM many WHERE id > 5",
        "SELECT n FROM one WHERE id IN (1, 2)",
        "SELECT n FROM one WHERE id = (1)::int + 1",
        "SELECT n FROM one WHERE id = 1 OR id = 2",
        "SELECT n FROM many WHERE half = 3 AND n = 7",  # A partial index asks for the value.
        "SELECT n FROM one WHERE id = '5'",
        "SELECT (SELECT 3) FROM one WHERE id = 1",
        "SELECT count(*) FROM one GROUP BY n HAVING n = 5",
        "SELECT id FROM one LIMIT 3",
        "INSERT INTO one (day) VALUES ('today')",
        "INSERT INTO one (id, day) VALUES (3, date 'today')",
        "INSERT INTO one SELECT 1, 2",
        "SELECT n FROM one WHERE none = 5",
        "SELECT n INTO other FROM one WHERE id = 5",
    ],
)
def test_texts_that_are_planned_alone(planned, sql):
    assert planned(sql) is None


@pytest.fixture
def connection(sqldb):  # noqa: F811
    """Values are written into the texts, as psycopg2 does; and a table."""
    psycopg = pytest.importorskip("psycopg")
    with sqldb.connect(cursor_factory=psycopg.ClientCursor) as made:
        made.execute("DROP TABLE IF EXISTS shaped")
        made.execute(
            "CREATE TABLE shaped (id int PRIMARY KEY, small smallint, big bigint, s varchar(3), "
            "fixed char(4), price numeric(6, 2), day date, UNIQUE (s))"
        )
        yield made


def test_each_text_means_what_it_says(connection):
    for number in range(6):
        values = (number, -number, number * 10, chr(97 + number), "é'", number, "2020-01-05")
        connection.execute("INSERT INTO shaped VALUES (%s, %s, %s, %s, %s, %s, %s)", values)
    for number in range(6):
        found = connection.execute("SELECT * FROM shaped WHERE id = %s", (number,)).fetchall()
        assert [(row[0], row[1], row[2], row[3], row[4]) for row in found] == [
            (number, -number, number * 10, chr(97 + number), "é'  ")
        ]
        found = connection.execute("SELECT id FROM shaped WHERE s = %s", (chr(97 + number),))
        assert found.fetchall() == [(number,)]
    for number in range(6):
        sql = "UPDATE shaped SET big = big + %s, s = %s WHERE id = %s RETURNING big"
        found = connection.execute(sql, (number - 3, f"x{number}", number))
        assert found.fetchall() == [(number * 10 + number - 3,)]
    for number in range(6):
        deleted = connection.execute("DELETE FROM shaped WHERE id = %s AND small <= 0", (number,))
        assert deleted.rowcount == 1
    assert connection.execute("SELECT count(*) FROM shaped").fetchone() == (0,)


def test_what_is_no_value_stays_in_the_text(connection):
    connection.execute("INSERT INTO shaped (id, small, big) VALUES (1, 30, 9), (2, 20, 9)")
    for place, first in ((1, 1), (2, 2), (1, 1), (2, 2)):
        sql = f"SELECT id, small FROM shaped WHERE big = 9 ORDER BY {place} LIMIT 1"
        assert connection.execute(sql).fetchone()[0] == first
    for number in (5, 6, 7):
        cursor = connection.execute(f"SELECT {number} AS n, '{number}' FROM shaped WHERE id = 1")
        assert cursor.fetchone() == (number, str(number))


def test_errors_are_those_of_the_text_alone(connection):
    psycopg = pytest.importorskip("psycopg")
    error = psycopg.errors
    connection.execute("INSERT INTO shaped (id) VALUES (0)")
    for number in (1, 2, 3):
        with pytest.raises(error.UniqueViolation, match=r"Key \(id\)=\(0\) already exists"):
            connection.execute("INSERT INTO shaped (id) VALUES (0)")
        with pytest.raises(error.NumericValueOutOfRange, match="smallint out of range"):
            connection.execute(f"UPDATE shaped SET small = {70_000 + number} WHERE id = 0")
        with pytest.raises(error.StringDataRightTruncation, match=r"character varying\(3\)"):
            connection.execute(f"UPDATE shaped SET s = 'long{number}' WHERE id = 0")
        with pytest.raises(error.InvalidDatetimeFormat) as caught:
            connection.execute(f"UPDATE shaped SET day = 'no{number}' WHERE id = 0")
        assert caught.value.diag.statement_position == "25"
        with pytest.raises(error.InvalidTextRepresentation) as caught:
            connection.execute(f"SELECT s FROM shaped WHERE id = 'x{number}'")
        assert caught.value.diag.statement_position == "33"
        connection.execute(f"INSERT INTO shaped (id) VALUES ({number})")


def test_definitions_may_change_between_two_texts(connection):
    connection.execute("INSERT INTO shaped (id, small) VALUES (1, 4), (2, 5), (3, 6)")
    sql = "SELECT small FROM shaped WHERE id = {}"
    assert [connection.execute(sql.format(n)).fetchone()[0] for n in (1, 2, 3)] == [4, 5, 6]
    connection.execute("ALTER TABLE shaped ALTER small TYPE text")
    assert [connection.execute(sql.format(n)).fetchone()[0] for n in (1, 2, 3)] == ["4", "5", "6"]
    connection.execute("CREATE TEMPORARY TABLE shaped (id int PRIMARY KEY, small text)")
    assert [connection.execute(sql.format(n)).fetchone() for n in (1, 2, 3)] == [None] * 3
    connection.execute("DROP TABLE pg_temp.shaped")
    with connection.transaction():
        connection.execute("ALTER TABLE shaped DROP small")
        psycopg = pytest.importorskip("psycopg")
        for number in (1, 2):
            with (
                pytest.raises(psycopg.errors.UndefinedColumn),
                connection.transaction(),
            ):
                connection.execute(sql.format(number))

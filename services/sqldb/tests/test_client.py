"""Our own client, against our server and, where it is installed, PostgreSQL's."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from services.sqldb.client import ClientError, SqlAddress, SqlClient, parse_sql_url
from services.sqldb.tests.postgres import PostgresServer, postgres  # noqa: F401
from services.sqldb.tests.server import SqldbServer, sqldb  # noqa: F401


@pytest.fixture(params=["sqldb", "postgres"])
def address(request: pytest.FixtureRequest) -> SqlAddress:
    server: SqldbServer | PostgresServer = request.getfixturevalue(request.param)
    return SqlAddress("127.0.0.1", server.port, database=server.parameters["dbname"])


@pytest.fixture
def client(address: SqlAddress) -> Iterator[SqlClient]:
    with SqlClient.at(address) as client:
        yield client


def test_a_statement_has_parameters(client: SqlClient):
    answer = client.execute("SELECT $1::int + 1 AS n, $2::text AS t, $3::text", ["41", "ä'", None])
    assert (answer.rows, answer.tag) == ([["42", "ä'", None]], "SELECT 1")
    assert answer.columns == ["n", "t", "text"]
    assert answer.as_dicts()[0]["t"] == "ä'"


def test_rows_stop_at_the_limit(client: SqlClient):
    rows = "SELECT generate_series(1, 5)"
    some = client.execute(rows, max_rows=2)
    assert (some.rows, some.has_more, some.tag) == ([["1"], ["2"]], True, "")
    all_of_them = client.execute(rows, max_rows=6)
    assert (len(all_of_them.rows), all_of_them.has_more) == (5, False)
    # The portal of the first has ended with it.
    assert client.transaction_status == "I"


def test_bytes_stop_at_the_limit(client: SqlClient):
    rows = "SELECT repeat('x', 1000) FROM generate_series(1, 5)"
    some = client.execute(rows, max_bytes=3500)
    assert (len(some.rows), some.has_more) == (3, True)
    assert len(client.execute(rows, max_bytes=6000).rows) == 5
    assert client.execute("SELECT 1").rows == [["1"]]


def test_an_error_is_one_and_the_connection_goes_on(client: SqlClient):
    with pytest.raises(ClientError) as caught:
        client.execute("SELECT nothing FROM pg_class")
    assert (caught.value.sqlstate, caught.value.fields["P"]) == ("42703", "8")
    with pytest.raises(ClientError):
        client.execute("SELECT $1::int / 0", ["1"])
    with pytest.raises(ClientError, match="zero byte"):
        client.execute("SELECT 1 \0")
    for sql, parameter in (("SELECT $1::text, '\ud800'", "a"), ("SELECT $1::text", "\ud800")):
        with pytest.raises(ClientError, match="surrogate"):
            client.execute(sql, [parameter])
    with pytest.raises(ClientError):
        client.execute("SELECT $1::text", ["a\0b"])
    assert client.execute("SELECT 1").rows == [["1"]]


def test_a_transaction_is_known_by_its_status(client: SqlClient):
    seen = [client.transaction_status]
    for sql in ("BEGIN", "SELECT 1", "SELECT 1/0", "ROLLBACK"):
        try:
            client.execute(sql)
        except ClientError as error:
            assert error.sqlstate == "22012"
        seen.append(client.transaction_status)
    assert seen == ["I", "T", "T", "E", "I"]


def test_what_gives_no_rows_and_what_is_empty(client: SqlClient):
    answer = client.execute("SET work_mem = '1MB'")
    assert (answer.columns, answer.rows, answer.tag) == (None, [], "SET")
    assert client.execute("  -- nothing").tag == ""
    assert client.run("") == []


@pytest.mark.parametrize("way", ["run", "execute"])
def test_copy_is_refused_and_harmless(client: SqlClient, way: str):
    client.run("CREATE TEMP TABLE copied (a int)")
    with pytest.raises(ClientError, match="COPY FROM STDIN is not spoken here"):
        getattr(client, way)("COPY copied FROM STDIN")
    assert client.query("SELECT count(*) FROM copied") == [["0"]]
    client.run("INSERT INTO copied VALUES (1)")
    getattr(client, way)("COPY copied TO STDOUT")
    assert client.query("SELECT count(*) FROM copied") == [["1"]]


def test_a_statement_is_cancelled(client: SqlClient, address: SqlAddress):
    failure: list[str] = []

    def sleep() -> None:
        try:
            client.execute("SELECT pg_sleep(60)")
        except ClientError as error:
            failure.append(error.sqlstate)

    thread = threading.Thread(target=sleep)
    thread.start()
    with SqlClient.at(address) as other:
        state = f"SELECT state FROM pg_stat_activity WHERE pid = {client.process_id}"
        while other.query(state) != [["active"]]:
            pass
    # A cancellation that comes before the statement has begun is none.
    while thread.is_alive():
        client.cancel()
        thread.join(0.2)
    assert failure == ["57014"]


def test_an_address_is_a_url():
    assert parse_sql_url("postgresql://127.0.0.1", 4245) == SqlAddress("127.0.0.1", 4245)
    full = parse_sql_url("postgres://ad%40a:p%2Fw@db:1/shop")
    assert full == SqlAddress("db", 1, "ad@a", "p/w", "shop")
    assert full.address == "db:1"
    for wrong in ("mysql://h", "postgresql:///x", "127.0.0.1:5"):
        with pytest.raises(ValueError, match="not of the form"):
            parse_sql_url(wrong)

"""The pool of connections to sqldb that the page asks over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.common.resp_client import ConnectionLost
from services.sqldb.client import ClientError, SqlAddress, SqlClient
from services.sqldb.tests.server import run_sqldb
from services.web.dashboard.sqldb.pool import SqlPool


@pytest.fixture(scope="module")
def address() -> Iterator[SqlAddress]:
    with run_sqldb() as server:
        yield SqlAddress("127.0.0.1", server.port)


def test_a_pool_keeps_a_connection_and_its_settings(address: SqlAddress):
    pool = SqlPool(address, application_name="pooled", preparation="SET statement_timeout = 5000")
    asked = "SELECT pg_backend_pid(), current_setting('statement_timeout'), $1::text"
    first = pool.ask(asked, "x").rows
    assert first[0][1:] == ["5s", "x"]
    with pytest.raises(ClientError):
        pool.ask("SELECT 1/0")
    assert pool.ask(asked, "x").rows == first
    with pool.connection() as client:
        client.run("BEGIN")
    # A connection with an open transaction is nothing for the next one.
    assert pool.ask(asked, "x").rows != first
    pool.close()
    with SqlClient.at(address) as other:
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'"
        while other.query(count) != [["0"]]:
            pass


def test_a_pool_outlives_the_server():
    with run_sqldb() as server:
        pool = SqlPool(SqlAddress("127.0.0.1", server.port))
        assert pool.ask("SELECT 1").rows == [["1"]]
        server.kill()
        with pytest.raises(ConnectionLost):
            pool.ask("SELECT 1")
    with run_sqldb("--port", str(server.port)):
        assert pool.ask("SELECT 2").rows == [["2"]]
    pool.close()


def test_a_wrong_password_is_no_connection():
    with run_sqldb("--password", "right") as server:
        address = SqlAddress("127.0.0.1", server.port, password="right")
        assert SqlPool(address).ask("SELECT 1").rows == [["1"]]
        with pytest.raises(ConnectionLost, match="password"):
            SqlPool(SqlAddress("127.0.0.1", server.port, password="wrong")).ask("SELECT 1")

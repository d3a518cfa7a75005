"""The views of what the server does: asked over the wire, as psql and the dashboard ask them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.sqldb.client import ClientError, SqlClient
from services.sqldb.tests.server import run_sqldb


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sqldb")


@pytest.fixture(scope="module")
def port(directory: Path) -> Iterator[int]:
    with run_sqldb("--data-dir", str(directory)) as server:
        yield server.port


@pytest.fixture
def client(port: int) -> Iterator[SqlClient]:
    with SqlClient("127.0.0.1", port) as client:
        yield client
        client.run("ROLLBACK; DROP TABLE IF EXISTS counted")


def row(client: SqlClient, sql: str) -> dict[str, str | None]:
    (answer,) = client.run(sql)
    assert len(answer.rows) == 1
    return dict(zip(answer.columns, answer.rows[0], strict=True))


def test_the_log_counts_commits_that_change_something(client: SqlClient):
    before = row(client, "SELECT * FROM pg_stat_wal")
    client.run("CREATE TABLE counted (a int)")
    client.run("INSERT INTO counted VALUES (1)")
    client.run("SELECT * FROM counted")
    after = row(client, "SELECT * FROM pg_stat_wal")
    assert int(after["wal_records"]) - int(before["wal_records"]) == 2
    assert int(after["wal_sync"]) - int(before["wal_sync"]) == 2
    assert int(after["wal_bytes"]) > int(before["wal_bytes"])


def test_a_checkpoint_is_told(client: SqlClient):
    client.run("CREATE TABLE counted (a int)")
    before = row(client, "SELECT * FROM pg_stat_bgwriter")
    generation = row(client, "SELECT * FROM glassbox_storage")["generation"]
    client.run("CHECKPOINT")
    after = row(client, "SELECT * FROM pg_stat_bgwriter")
    assert int(after["checkpoints_req"]) == int(before["checkpoints_req"]) + 1
    assert after["checkpoints_timed"] == "0"
    assert float(after["checkpoint_write_time"]) > float(before["checkpoint_write_time"])
    told = row(client, "SELECT *, checkpoint_at > now() - interval '1 minute' AS is_fresh "
               "FROM glassbox_storage")  # fmt: skip
    assert int(told["generation"]) == int(generation) + 1
    assert (told["is_fresh"], told["checkpoint_error"]) == ("t", None)


def test_transactions_are_counted_by_their_ends(client: SqlClient):
    sql = "SELECT xact_commit, xact_rollback, tup_inserted FROM pg_stat_database"
    client.run("CREATE TABLE counted (a int)")
    before = row(client, sql)
    client.run("BEGIN; INSERT INTO counted VALUES (1), (2); COMMIT")
    client.run("BEGIN; SELECT 1; ROLLBACK")
    after = row(client, sql)
    grown = {name: int(after[name]) - int(before[name]) for name in after}
    # The question before is a transaction, too.
    assert grown == {"xact_commit": 2, "xact_rollback": 1, "tup_inserted": 2}


def test_the_server_tells_how_it_is(client: SqlClient, port: int):
    told = row(client, "SELECT * FROM glassbox_server")
    assert (told["service"], told["status"], told["problems"]) == ("sqldb", "ok", "")
    assert told["address"] == f"127.0.0.1:{port}"
    assert int(told["memory_bytes"]) > 1_000_000
    again = row(client, "SELECT * FROM glassbox_server")
    assert int(again["statements"]) == int(told["statements"]) + 1


def test_plans_that_are_used_again_are_counted(client: SqlClient):
    told = "SELECT * FROM glassbox_plan_cache"
    client.run("PREPARE kept AS SELECT relname FROM pg_class WHERE oid = $1")
    before = row(client, told)
    for oid in range(5):
        client.run(f"EXECUTE kept ({oid})")
    after = row(client, told)
    assert int(after["hits"]) - int(before["hits"]) >= 5
    assert int(after["of_prepared"]) == int(before["of_prepared"]) >= 1
    assert int(after["entries"]) == int(after["of_prepared"]) + int(after["of_texts"])
    client.run("DEALLOCATE kept")
    assert int(row(client, told)["of_prepared"]) == int(before["of_prepared"]) - 1


def test_sizes_are_those_of_rows_and_entries(client: SqlClient):
    client.run("CREATE TABLE counted (a int PRIMARY KEY, b text)")
    sizes = (
        "SELECT pg_relation_size('counted'), pg_indexes_size('counted'), "
        "pg_total_relation_size('counted'), pg_relation_size('counted_pkey')"
    )
    assert client.query(sizes) == [["0", "0", "0", "0"]]
    client.run("INSERT INTO counted SELECT i, repeat('x', 1000) FROM generate_series(1, 500) i")
    table, indexes, total, index = map(int, client.query(sizes)[0])
    assert 500 * 1000 < table < 500 * 1400
    assert total == table + indexes
    assert indexes == index > 500 * 8
    listed = client.query(
        "SELECT relname, kind, bytes, entries FROM glassbox_sizes WHERE relname LIKE 'counted%'"
    )
    assert listed == [
        ["counted", "table", str(table), "500"],
        ["counted_pkey", "index", str(index), "500"],
    ]


def test_who_waits_for_whom_and_since_when(client: SqlClient, port: int):
    client.run("CREATE TABLE counted (a int PRIMARY KEY)")
    client.run("INSERT INTO counted VALUES (1)")
    client.run("BEGIN; UPDATE counted SET a = 2")
    outcome: list[object] = []

    def wait() -> None:
        with SqlClient("127.0.0.1", port, application_name="waiter") as other:
            try:
                outcome.append(other.query("DELETE FROM counted"))
            except ClientError as error:
                outcome.append(error.sqlstate)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting = (
        "SELECT a.wait_event_type, a.wait_event, pg_blocking_pids(a.pid), l.locktype, "
        "l.waitstart <= now() + interval '1 second', a.pid "
        "FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted "
        "WHERE a.application_name = 'waiter'"
    )
    while not (found := client.query(waiting)):
        pass
    *told, pid = found[0]
    assert told == ["Lock", "transactionid", f"{{{client.process_id}}}", "transactionid", "t"]
    assert client.query(f"SELECT pg_cancel_backend({pid})") == [["t"]]
    thread.join(10)
    assert outcome == ["57014"]


def test_deadlocks_are_counted(client: SqlClient, port: int):
    count = "SELECT deadlocks FROM pg_stat_database"
    before = int(client.query(count)[0][0])
    client.run("CREATE TABLE counted (a int PRIMARY KEY, b int)")
    client.run("INSERT INTO counted VALUES (1), (2)")
    with SqlClient("127.0.0.1", port) as other:
        for one, a in ((client, 1), (other, 2)):
            one.run("SET deadlock_timeout = '50ms'")
            one.run(f"BEGIN; UPDATE counted SET b = 0 WHERE a = {a}")
        failures: list[str] = []

        def cross(one: SqlClient, a: int) -> None:
            try:
                one.run(f"UPDATE counted SET b = 1 WHERE a = {a}")
            except ClientError as error:
                failures.append(error.sqlstate)
                one.run("ROLLBACK")

        thread = threading.Thread(target=cross, args=(other, 1))
        thread.start()
        cross(client, 2)
        thread.join(10)
        assert failures == ["40P01"]
        other.run("ROLLBACK")
    client.run("ROLLBACK")
    assert int(client.query(count)[0][0]) == before + 1


def test_a_recovery_is_told(tmp_path: Path):
    with run_sqldb("--data-dir", str(tmp_path)) as server:
        with SqlClient("127.0.0.1", server.port) as client:
            client.run("CREATE TABLE counted (a int)")
            client.run("INSERT INTO counted SELECT generate_series(1, 50)")
        server.kill()
    with (
        run_sqldb("--data-dir", str(tmp_path)) as server,
        SqlClient("127.0.0.1", server.port) as client,
    ):
        told = row(client, "SELECT * FROM glassbox_storage")
        assert told["recovered_records"] == "2"
        assert int(told["recovered_changes"]) > 50
        assert float(told["recovery_ms"]) > 0


def test_without_a_directory_there_is_no_log():
    with run_sqldb() as server, SqlClient("127.0.0.1", server.port) as client:
        assert client.query("SELECT * FROM glassbox_storage") == []
        assert row(client, "SELECT * FROM pg_stat_wal")["wal_bytes"] == "0"

"""The page of sqldb: what it asks becomes statements to a sqldb that runs beside the test.

What PostgreSQL has too is also asked of a PostgreSQL, where one is installed: the page is to show
that one as well.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from services.sqldb.client import SqlAddress, SqlClient
from services.sqldb.tests.postgres import postgres  # noqa: F401
from services.sqldb.tests.server import run_sqldb
from services.web.dashboard.tests.fakes import Browser, make_dashboard

SHOP = """
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('open', 'paid');
CREATE TABLE shop.customer (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE shop.orders (
    id bigint PRIMARY KEY, customer int REFERENCES shop.customer ON DELETE CASCADE,
    state shop.state DEFAULT 'open', total numeric(10,2) CHECK (total >= 0));
CREATE INDEX orders_customer ON shop.orders (customer) WHERE total > 5;
CREATE VIEW shop.open_orders AS SELECT id, total FROM shop.orders WHERE state = 'open';
INSERT INTO shop.customer (name) VALUES ('ann'), ('bob');
INSERT INTO shop.orders SELECT i, 1 + i % 2, 'open', i FROM generate_series(1, 300) i;
"""


@pytest.fixture(scope="module")
def sqldb_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlAddress]:
    directory = tmp_path_factory.mktemp("sqldb")
    with run_sqldb("--data-dir", str(directory)) as server:
        yield SqlAddress("127.0.0.1", server.port)


@pytest.fixture
def address(sqldb_address: SqlAddress) -> Iterator[SqlAddress]:
    with SqlClient.at(sqldb_address) as client:
        client.run(SHOP)
        yield sqldb_address
        client.run("DROP SCHEMA IF EXISTS shop CASCADE")


@pytest.fixture
def browser(address: SqlAddress) -> Iterator[Browser]:
    dashboard = make_dashboard(sqldb=address)
    yield Browser(dashboard)
    dashboard.stop()


@pytest.fixture(params=["sqldb", "postgres"])
def either(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A page that shows our server, and one that shows PostgreSQL's."""
    if request.param == "sqldb":
        yield request.getfixturevalue("browser")
        return
    server = request.getfixturevalue("postgres")
    address = SqlAddress("127.0.0.1", server.port, database="postgres")
    with SqlClient.at(address) as client:
        client.run(SHOP)
        client.run("ANALYZE")
        dashboard = make_dashboard(sqldb=address)
        yield Browser(dashboard)
        dashboard.stop()
        client.run("DROP SCHEMA shop CASCADE")


def run(browser: Browser, sql: str, **fields: object) -> dict:
    answer = browser.send("POST", "/api/sqldb/run", {"sql": sql, **fields})
    assert answer.status == 200, answer.json()
    return answer.json()


def explain(browser: Browser, sql: str, **fields: object) -> dict:
    answer = browser.send("POST", "/api/sqldb/explain", {"sql": sql, **fields})
    assert answer.status == 200, answer.json()
    return answer.json()


def relation(browser: Browser, name: str) -> dict:
    return browser.get(f"/api/sqldb/relation?schema=shop&name={name}").json()


# Definitions.


def test_schemas_list_what_is_in_them(either: Browser):
    schemas = {one["name"]: one for one in either.get("/api/sqldb/schema").json()["schemas"]}
    entries = {one["name"]: one for one in schemas["shop"]["entries"]}
    assert {name: one["kind"] for name, one in entries.items()} == {
        "customer": "table",
        "customer_id_seq": "sequence",
        "open_orders": "view",
        "orders": "table",
        "state": "enum",
    }
    assert entries["orders"]["rows"] == 300
    assert entries["orders"]["bytes"] > 300 * 20
    assert not {"pg_catalog", "information_schema"} & schemas.keys()


def test_a_table_is_told_with_its_parts(either: Browser):
    orders = relation(either, "orders")
    assert [(c["name"], c["type"], c["is_required"]) for c in orders["columns"]][:2] == [
        ("id", "bigint", True),
        ("customer", "integer", False),
    ]
    assert orders["columns"][2]["default"].startswith("'open'")
    assert {c["name"]: c["kind"] for c in orders["constraints"]} == {
        "orders_pkey": "primary key",
        "orders_total_check": "check",
        "orders_customer_fkey": "foreign key",
    }
    indexes = {one["name"]: one for one in orders["indexes"]}
    assert (indexes["orders_pkey"]["is_primary"], indexes["orders_pkey"]["is_unique"]) == (
        True,
        True,
    )
    assert "WHERE (total >" in indexes["orders_customer"]["definition"]
    assert orders["rows"] == 300
    assert orders["counts"]["n_dead_tup"] == 0


def test_what_refers_to_a_table_is_told_there(either: Browser):
    customer = relation(either, "customer")
    assert customer["columns"][0]["default"] == "identity, always"
    (foreign,) = [one for one in customer["constraints"] if one["from"]]
    assert (foreign["name"], foreign["from"]) == ("orders_customer_fkey", "shop.orders")


def test_views_sequences_and_types_are_told(either: Browser):
    view = relation(either, "open_orders")
    assert (view["kind"], [c["name"] for c in view["columns"]]) == ("view", ["id", "total"])
    assert "shop.orders" in view["definition"]
    sequence = relation(either, "customer_id_seq")
    assert (sequence["kind"], sequence["facts"]["last_value"]) == ("sequence", "2")
    assert relation(either, "state")["labels"] == ["open", "paid"]


def test_what_is_not_there_is_not_found(either: Browser):
    assert either.get("/api/sqldb/relation?schema=shop&name=none").status == 404
    assert either.get("/api/sqldb/relation?schema=shop").status == 400


# The console.


def test_statements_are_run_one_after_the_other(either: Browser):
    outcome = run(either, "SELECT 1 AS a, NULL::text AS b; SHOW work_mem -- ;\n; SELECT 'x'::text")
    first, second, third = outcome["results"]
    assert first["columns"] == [{"name": "a", "type": "integer"}, {"name": "b", "type": "text"}]
    assert (first["rows"], first["tag"], first["has_more"]) == ([["1", None]], "SELECT 1", False)
    assert second["columns"][0]["name"] == "work_mem"
    assert third["rows"] == [["x"]]
    assert (outcome["not_run"], outcome["is_read_only"], outcome["is_left_open"]) == (
        0,
        True,
        False,
    )


def test_types_of_people_have_their_names(either: Browser):
    (result,) = run(either, "SELECT state FROM shop.orders LIMIT 1")["results"]
    assert result["columns"][0]["type"].endswith("state")


def test_rows_stop_at_the_limit(either: Browser):
    (result,) = run(either, "SELECT * FROM shop.orders")["results"]
    assert (len(result["rows"]), result["has_more"]) == (100, True)
    (result,) = run(either, "SELECT * FROM shop.orders", limit=300)["results"]
    assert len(result["rows"]) == 300
    for limit in (0, 10_001, "5", True):
        body = {"sql": "SELECT 1", "limit": limit}
        assert either.send("POST", "/api/sqldb/run", body).status == 400


def test_an_error_has_its_place_in_the_whole_text(either: Browser):
    sql = "SELECT 1; SELECT 'ä😀', nmae FROM shop.customer; SELECT 3"
    outcome = run(either, sql)
    _, failed = outcome["results"]
    error = failed["error"]
    assert (error["sqlstate"], error["position"]) == ("42703", sql.index("nmae"))
    assert error["hint"] == 'Perhaps you meant to reference the column "customer.name".'
    assert outcome["not_run"] == 1


def test_what_changes_something_asks_first(either: Browser):
    sql = "SELECT 1; DELETE FROM shop.orders WHERE id = 1"
    assert run(either, sql) == {"asks": "DELETE changes something. Run all of it?"}
    count = "SELECT count(*) FROM shop.orders"
    assert run(either, count)["results"][0]["rows"] == [["300"]]
    assert run(either, sql, is_confirmed=True)["results"][1]["tag"] == "DELETE 1"
    assert run(either, count)["results"][0]["rows"] == [["299"]]
    assert "DROP TABLE" in run(either, "DROP TABLE shop.orders")["asks"]


def test_a_run_has_an_end(browser: Browser, monkeypatch):
    monkeypatch.setattr("services.web.dashboard.sqldb.console.RUN_TIMEOUT_S", 0)
    outcome = run(browser, "SELECT 1; SELECT 2; SELECT 3")
    assert (len(outcome["results"]), outcome["not_run"]) == (1, 2)


def test_a_transaction_that_is_left_open_is_undone(either: Browser):
    outcome = run(either, "BEGIN; DELETE FROM shop.orders", is_confirmed=True)
    assert outcome["is_left_open"]
    assert run(either, "SELECT count(*) FROM shop.orders")["results"][0]["rows"] == [["300"]]


def test_notices_come_with_their_statement(either: Browser):
    sql = "SELECT 1; DROP TABLE IF EXISTS nowhere"
    results = run(either, sql, is_confirmed=True)["results"]
    assert results[0]["notices"] == []
    assert results[1]["notices"] == ['NOTICE: table "nowhere" does not exist, skipping']


@pytest.mark.parametrize("sql", [" ; -- nothing", "", ";" * 10, None, 5])
def test_what_is_no_statement_is_refused(browser: Browser, sql: object):
    assert browser.send("POST", "/api/sqldb/run", {"sql": sql}).status == 400
    assert browser.send("POST", "/api/sqldb/explain", {"sql": sql}).status == 400


@pytest.mark.parametrize("text", ["SELECT '\ud800'", "SELECT 1 \0", "\ud800", "'", "$", "\\"])
def test_what_cannot_be_said_is_an_error_of_the_statement(either: Browser, text: str):
    (result,) = run(either, text)["results"]
    assert result["error"]["message"]
    assert explain(either, text)["error"]["message"]


@pytest.mark.parametrize("name", ["%00", "%ED%A0%80", "'", '"', "%25"])
def test_odd_names_are_not_found(either: Browser, name: str):
    assert either.get(f"/api/sqldb/relation?schema={name}&name={name}").status in (400, 404)


def test_a_run_is_cancelled(browser: Browser, address: SqlAddress):
    outcome: list[dict] = []
    sql = "SELECT pg_sleep(60)"
    thread = threading.Thread(target=lambda: outcome.append(run(browser, sql, run="0123456789")))
    thread.start()
    with SqlClient.at(address) as client:
        active = f"SELECT count(*) FROM pg_stat_activity WHERE query = '{sql}'"
        while client.query(active) != [["1"]]:
            pass
    while thread.is_alive():
        # While the statement has not begun yet, a cancellation is none.
        browser.send("POST", "/api/sqldb/cancel", {"run": "0123456789"})
        thread.join(0.2)
    assert outcome[0]["results"][0]["error"]["sqlstate"] == "57014"
    assert browser.send("POST", "/api/sqldb/cancel", {"run": "0123456789"}).status == 404


def test_only_some_runs_are_under_way_at_once(address: SqlAddress, monkeypatch):
    monkeypatch.setattr("services.web.dashboard.sqldb.console.MAX_RUNS", 1)
    dashboard = make_dashboard(sqldb=address)
    browser = Browser(dashboard)
    with SqlClient.at(address) as client:
        client.run("BEGIN; LOCK TABLE shop.orders")
        sql = "SELECT count(*) FROM shop.orders"
        outcome: list[dict] = []
        thread = threading.Thread(target=lambda: outcome.append(run(browser, sql)))
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while client.query(waiting) != [["1"]]:
            pass
        refused = browser.send("POST", "/api/sqldb/run", {"sql": "SELECT 1"})
        assert refused.status == 429
        client.run("COMMIT")
        thread.join(10)
    assert outcome[0]["results"][0]["rows"] == [["300"]]
    assert run(browser, "SELECT 1")["results"][0]["rows"] == [["1"]]
    dashboard.stop()


# Plans.


def test_a_plan_is_measured(either: Browser):
    sql = "SELECT 1; EXPLAIN ANALYZE SELECT count(*) FROM shop.orders o JOIN shop.customer c ON c.id = o.customer"  # noqa: E501
    told = explain(either, sql, position=40)
    assert told["is_analyzed"]
    top = told["plan"]
    assert (top["name"], top["rows"]) == ("Aggregate", 1)
    assert "Join" in top["inputs"][0]["name"]
    assert top["self_ms"] <= top["total_ms"] <= told["execution_ms"]


def test_a_plan_that_changes_something_is_undone(either: Browser):
    sql = "DELETE FROM shop.orders"
    assert "rolled back" in explain(either, sql)["asks"]
    assert explain(either, sql, is_confirmed=True)["plan"]["name"] == "Delete"
    assert run(either, "SELECT count(*) FROM shop.orders")["results"][0]["rows"] == [["300"]]
    assert explain(either, sql, is_analyzed=False)["plan"]["rows"] is None


def test_a_wrong_statement_has_no_plan(either: Browser):
    sql = "SELECT 1; EXPLAIN SELECT nothing"
    error = explain(either, sql, position=len(sql))["error"]
    assert error["position"] == sql.index("nothing")


# Sessions, locks, the log.


def test_who_waits_for_whom(either: Browser):
    blocker = SqlClient.at(either.dashboard.settings.sqldb_url, application_name="blocker")
    blocker.run("BEGIN; UPDATE shop.orders SET total = 1 WHERE id = 7")
    waiter = SqlClient.at(either.dashboard.settings.sqldb_url, application_name="waiter")
    thread = threading.Thread(target=_ignoring, args=(waiter, "DELETE FROM shop.orders WHERE id=7"))
    thread.start()
    sessions: dict[str, dict] = {}
    while not sessions.get("waiter", {}).get("blocked_by"):
        activity = either.get("/api/sqldb/activity").json()
        sessions = {one["application"]: one for one in activity["sessions"]}
    assert sessions["waiter"]["blocked_by"] == [blocker.process_id]
    assert sessions["blocker"]["state"] == "idle in transaction"
    assert sessions["glassbox dashboard"]["is_own"]
    waits = [one for one in activity["locks"] if not one["is_granted"]]
    assert [(one["pid"], one["kind"]) for one in waits] == [(waiter.process_id, "transactionid")]
    held = [one["about"] for one in activity["locks"] if one["pid"] == blocker.process_id]
    assert "shop.orders" in held
    body = {"pid": blocker.process_id, "action": "terminate"}
    assert either.send("POST", "/api/sqldb/sessions", body).status == 204
    thread.join(10)
    assert not thread.is_alive()
    blocker.close()
    waiter.close()


def _ignoring(client: SqlClient, sql: str) -> None:
    client.run(sql)


def test_only_sessions_that_are_there_are_interrupted(either: Browser):
    for body, status in [
        ({"pid": 2**30, "action": "cancel"}, 404),
        ({"pid": 0, "action": "cancel"}, 400),
        ({"pid": "1", "action": "cancel"}, 400),
        ({"pid": 2**30, "action": "kill"}, 400),
    ]:
        assert either.send("POST", "/api/sqldb/sessions", body).status == status


def test_a_checkpoint_is_made_and_told(browser: Browser):
    before = browser.dashboard.poll("sqldb").poll()
    assert browser.send("POST", "/api/sqldb/checkpoint").status == 204
    after = browser.dashboard.poll("sqldb").poll()
    made = [int(one["checkpoints"]["checkpoints_req"]) for one in (before, after)]
    assert made[1] == made[0] + 1
    assert float(after["storage"]["checkpoint_ms"]) > 0
    assert after["server"]["status"] == "ok"
    assert int(after["plan_cache"]["misses"]) > 0


def test_figures_have_a_course(either: Browser):
    told = either.dashboard.poll("sqldb").poll()
    assert "error" not in told
    assert int(told["database"]["xact_commit"]) > 0
    assert int(told["wal"]["wal_bytes"]) > 0
    assert told["largest"][0]["name"] == "shop.orders"
    assert [len(point) for point in told["transaction_history"]] == [3]


def test_metrics_and_the_overview(browser: Browser):
    text = browser.get("/metrics").text
    assert 'glassbox_sqldb_table_rows{table="shop.orders"} 300' in text
    assert "glassbox_sqldb_wal_bytes_total " in text
    assert 'glassbox_sqldb_transactions_total{end="commit"}' in text
    services = {one["name"]: one for one in browser.get("/api/services").json()["services"]}
    sqldb = services["sqldb"]
    assert (sqldb["state"], sqldb["software"], sqldb["version"]) == ("ok", "", "0.1.0")
    assert sqldb["memory_bytes"] > 1_000_000


def test_a_postgresql_is_told_by_its_name(postgres):  # noqa: F811
    dashboard = make_dashboard(sqldb=SqlAddress("127.0.0.1", postgres.port, database="postgres"))
    services = Browser(dashboard).get("/api/services").json()["services"]
    (found,) = [one for one in services if one["name"] == "sqldb"]
    assert (found["state"], found["software"]) == ("ok", "PostgreSQL")
    assert found["version"].startswith("15.")
    dashboard.stop()


def test_a_sqldb_that_is_away_is_an_outage():
    dashboard = make_dashboard()
    browser = Browser(dashboard)
    for path in ("schema", "activity", "relation?schema=a&name=b"):
        assert browser.get(f"/api/sqldb/{path}").status == 503
    assert browser.send("POST", "/api/sqldb/run", {"sql": "SELECT 1"}).status == 503
    assert "error" in dashboard.poll("sqldb").poll()
    assert "glassbox_sqldb" not in browser.get("/metrics").text
    dashboard.stop()


def test_changes_are_audited_without_their_content(browser: Browser):
    run(browser, "CREATE ROLE ann PASSWORD 'hush'")
    entry = browser.get("/api/audit").json()["entries"][0]
    assert entry["body"] == "sql=CREATE ROLE … (31 characters)"
    assert "hush" not in str(entry)


def test_a_change_needs_the_token(browser: Browser):
    answer = browser.client.request("POST", "/api/sqldb/run", json={"sql": "SELECT 1"})
    assert answer.status == 403

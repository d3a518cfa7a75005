"""The page of sqldb in a real browser: schema, SQL and its mistakes, plans, sessions and locks."""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from e2e.browser import PATIENCE_MS, quiet_page
from e2e.stack import Stack, wait_until

pytestmark = pytest.mark.browser

SHOP = """
CREATE TYPE state AS ENUM ('open', 'paid', 'shipped');
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, country char(2));
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customer,
    state state DEFAULT 'open', total numeric(10,2) CHECK (total >= 0), note text);
CREATE INDEX orders_customer ON orders (customer);
CREATE VIEW open_orders AS SELECT * FROM orders WHERE state = 'open';
INSERT INTO customer SELECT i, 'customer ' || i, (ARRAY['DE','FR','IT'])[1 + i % 3]
    FROM generate_series(1, 200) i;
INSERT INTO orders SELECT i, 1 + i % 200, (ARRAY['open','paid','shipped'])[1 + i % 3]::state,
    i / 10.0, CASE WHEN i % 4 = 0 THEN '<b>gift</b>' END FROM generate_series(1, 2000) i;
ANALYZE;
"""


class Shop:
    """A schema with tables of its own."""

    def __init__(self, stack: Stack):
        self.schema = f"e2e_{uuid.uuid4().hex[:8]}"
        self._address = stack.address("sqldb")
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {self.schema}")
            connection.execute(f"SET search_path = {self.schema}")
            for statement in SHOP.split(";\n"):
                connection.execute(statement)

    def connect(self, **options: object) -> psycopg.Connection:
        host, port = self._address
        settings = {"user": "postgres", "dbname": "glassbox", "autocommit": True, **options}
        return psycopg.connect(host=host, port=port, **settings)

    def ask(self, sql: str) -> object:
        with self.connect() as connection:
            return connection.execute(sql).fetchone()[0]

    def drop(self) -> None:
        with self.connect() as connection:
            connection.execute(f"DROP SCHEMA {self.schema} CASCADE")

    @property
    def orders(self) -> str:
        return f"{self.schema}.orders"


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[Shop]:
    shop = Shop(stack)
    yield shop
    shop.drop()


@pytest.fixture
def context(browser: Browser, stack: Stack) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=stack.url("web"), viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, shop: Shop) -> Iterator[Page]:
    with quiet_page(context) as page:
        page.goto("/sqldb")
        expect(page.get_by_test_id(f"sql-entry-{shop.orders}")).to_be_visible()
        yield page


def run(page: Page, sql: str) -> None:
    page.get_by_test_id("sql-text").fill(sql)
    page.get_by_test_id("sql-text").press("Control+Enter")


@contextlib.contextmanager
def blocked(shop: Shop) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """Two sessions, of which the second waits for a row of the first."""
    update = f"UPDATE {shop.orders} SET total = 0 WHERE id = 1"
    with (
        shop.connect(autocommit=False, application_name="the shop") as first,
        shop.connect(autocommit=False, application_name="a report") as second,
    ):
        first.execute(update)
        thread = threading.Thread(target=_interruptible, args=(second, update))
        thread.start()
        waits = "SELECT cardinality(pg_blocking_pids({pid})) > 0"
        wait_until(lambda: shop.ask(waits.format(pid=second.info.backend_pid)), "it waits")
        yield first, second
        second.cancel()
        thread.join()
        first.rollback()


def _interruptible(connection: psycopg.Connection, sql: str) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute(sql)


def test_a_table_is_shown_with_its_structure(page: Page, shop: Shop, artifacts: Path):
    page.get_by_test_id(f"sql-entry-{shop.orders}").get_by_role("button").click()
    expect(page.get_by_test_id("sql-place")).to_contain_text("about 2,000 rows")
    expect(page.get_by_test_id("sql-column-total")).to_contain_text("numeric(10,2)")
    expect(page.get_by_test_id("sql-constraint-orders_customer_fkey")).to_contain_text("REFERENCES")
    expect(page.get_by_test_id("sql-index-orders_customer")).to_contain_text("KiB")
    page.screenshot(path=artifacts / "sqldb-structure.png", full_page=True)
    # The address names it, so that a link leads there.
    page.reload()
    expect(page.get_by_test_id("sql-column-total")).to_be_visible()
    page.get_by_test_id(f"sql-group-{shop.schema}-types").click()
    page.get_by_test_id(f"sql-entry-{shop.schema}.state").get_by_role("button").click()
    expect(page.get_by_test_id("sql-structure")).to_contain_text("shipped")
    page.get_by_test_id(f"sql-entry-{shop.schema}.open_orders").get_by_role("button").click()
    expect(page.get_by_test_id("sql-structure")).to_contain_text("WHERE")
    page.get_by_test_id("sql-browse").click()
    expect(page.get_by_test_id("sql-told-0")).to_contain_text("100 rows, and more")


def test_statements_are_run(page: Page, shop: Shop, artifacts: Path):
    run(page, f"SELECT count(*) FROM {shop.orders}; SELECT * FROM {shop.orders} ORDER BY id")
    expect(page.get_by_test_id("sql-result-0")).to_contain_text("2000")
    rows = page.get_by_test_id("sql-result-1").locator("tbody tr")
    expect(rows).to_have_count(100)
    expect(rows.nth(0).locator("td").nth(4)).to_have_text("NULL")
    expect(rows.nth(3).locator("td").nth(4)).to_have_text("<b>gift</b>")
    page.screenshot(path=artifacts / "sqldb-console.png", full_page=True)
    page.get_by_test_id("sql-more").click()
    expect(page.get_by_test_id("sql-told-1")).to_contain_text("1,000 rows, and more")
    run(page, "SELECT 1 AS a, 'x, \"y\"' AS b, NULL AS c, '' AS d")
    # "1 row" stood there before, too.
    expect(page.get_by_test_id("sql-result-0")).to_contain_text('x, "y"')
    expect(page.get_by_test_id("sql-told-0")).to_contain_text("1 row")
    with page.expect_download() as download:
        page.get_by_test_id("sql-csv-0").click()
    assert download.value.path().read_bytes() == b'a,b,c,d\r\n1,"x, ""y""",,""\r\n'
    with page.expect_download() as download:
        page.get_by_test_id("sql-json-0").click()
    saved = json.loads(download.value.path().read_text())
    assert saved == [{"a": "1", "b": 'x, "y"', "c": None, "d": ""}]


def test_a_mistake_is_marked_where_it_is(page: Page, shop: Shop, artifacts: Path):
    sql = f"SELECT 1;\nSELECT '😀', nmae\nFROM {shop.schema}.customer;\nSELECT 2"
    run(page, sql)
    expect(page.get_by_test_id("sql-error")).to_contain_text('column "nmae" does not exist')
    expect(page.get_by_test_id("sql-mark")).to_contain_text("LINE 2")
    expect(page.get_by_test_id("sql-mark").locator("mark")).to_have_text("nmae")
    expect(page.get_by_test_id("sql-remark")).to_have_text(
        "1 statement behind the error was not run."
    )
    page.screenshot(path=artifacts / "sqldb-error.png", full_page=True)
    page.get_by_test_id("sql-goto").click()
    selected = (
        "({value, selectionStart, selectionEnd}) => value.slice(selectionStart, selectionEnd)"
    )
    assert page.get_by_test_id("sql-text").evaluate(selected) == "nmae"


def test_what_changes_something_asks_first(page: Page, shop: Shop):
    # A schema of the test alone: the others go on with the shop's.
    name = f"{shop.schema}.basket"
    run(page, f"CREATE TABLE {name} (a int)")
    expect(page.get_by_test_id("sql-question")).to_contain_text("CREATE TABLE changes something")
    page.get_by_test_id("sql-question-no").click()
    expect(page.get_by_test_id("sql-question")).to_be_hidden()
    expect(page.get_by_test_id(f"sql-entry-{name}")).to_have_count(0)
    run(page, f"CREATE TABLE {name} (a int)")
    # A yes is to this text alone.
    page.get_by_test_id("sql-text").press("End")
    page.get_by_test_id("sql-text").press_sequentially(" ;")
    expect(page.get_by_test_id("sql-question")).to_be_hidden()
    run(page, f"CREATE TABLE {name} (a int)")
    # An Enter too many is a no.
    expect(page.get_by_test_id("sql-question-no")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("sql-told-0")).to_contain_text("CREATE TABLE")
    expect(page.get_by_test_id(f"sql-entry-{name}")).to_be_visible()
    run(page, f"DROP TABLE {name}")
    page.get_by_test_id("sql-question-yes").click()
    expect(page.get_by_test_id(f"sql-entry-{name}")).to_have_count(0)


def test_what_was_run_is_kept_in_the_browser(page: Page):
    run(page, "SELECT 41 + 1 AS first")
    expect(page.get_by_test_id("sql-result-0")).to_contain_text("42")
    run(page, "SELECT 2 AS second")
    expect(page.get_by_test_id("sql-result-0")).to_contain_text("second")
    page.reload()
    expect(page.get_by_test_id("sql-text")).to_have_value("SELECT 2 AS second")
    page.get_by_test_id("sql-past").locator("summary").click()
    page.get_by_test_id("sql-past-1").click()
    expect(page.get_by_test_id("sql-text")).to_have_value("SELECT 41 + 1 AS first")
    page.get_by_test_id("sql-past-clear").click()
    expect(page.get_by_test_id("sql-past")).to_be_hidden()


def test_a_long_statement_is_stopped(page: Page):
    run(page, "SELECT pg_sleep(60)")
    page.get_by_test_id("sql-stop").click()
    expect(page.get_by_test_id("sql-error")).to_contain_text("57014")
    expect(page.get_by_test_id("sql-stop")).to_be_hidden()


def test_a_plan_is_drawn(page: Page, shop: Shop, artifacts: Path):
    sql = f"""SELECT c.country, count(*), sum(o.total) FROM {shop.orders} o
JOIN {shop.schema}.customer c ON c.id = o.customer WHERE o.state = 'open'
GROUP BY c.country ORDER BY 3 DESC"""
    page.get_by_test_id("sql-text").fill(sql)
    page.get_by_test_id("sql-explain").click()
    expect(page.get_by_test_id("sql-verdict")).to_contain_text("in ")
    nodes = page.get_by_test_id("sql-plan").locator(".stage")
    expect(nodes.first).to_contain_text("Sort")
    expect(page.get_by_test_id("sql-plan")).to_contain_text("orders")
    expect(page.get_by_test_id("sql-plan")).to_contain_text("expected")
    page.screenshot(path=artifacts / "sqldb-plan.png", full_page=True)
    page.get_by_test_id("theme-toggle").click()
    page.screenshot(path=artifacts / "sqldb-plan-dark.png", full_page=True)
    page.get_by_test_id("sql-analyzed").uncheck()
    page.get_by_test_id("sql-explain").click()
    expect(page.get_by_test_id("sql-verdict")).to_contain_text("Not run")


def test_who_waits_is_shown_and_ended(page: Page, shop: Shop, artifacts: Path):
    with blocked(shop) as (first, second):
        waiting, blocking = second.info.backend_pid, first.info.backend_pid
        page.keyboard.press("s")
        expect(page.get_by_test_id(f"sql-wait-{waiting}")).to_contain_text("waits for")
        row = page.get_by_test_id(f"sql-session-{waiting}")
        expect(row).to_contain_text(f"session {blocking}")
        expect(page.get_by_test_id(f"sql-session-{blocking}")).to_contain_text(
            "idle in transaction"
        )
        lock = page.get_by_test_id(f"sql-lock-{waiting}-transactionid")
        expect(lock).to_contain_text("waits for")
        page.screenshot(path=artifacts / "sqldb-sessions.png", full_page=True)
        cancel = page.get_by_test_id(f"sql-cancel-{waiting}")
        cancel.click()
        expect(cancel).to_have_text("Really?")
        cancel.click()
        expect(page.get_by_test_id("sql-waits")).to_be_hidden()


def test_the_log_and_a_checkpoint_are_told(page: Page, artifacts: Path):
    page.get_by_test_id("sql-tab-log").click()
    expect(page.get_by_test_id("sql-wal")).to_contain_text("records")
    page.get_by_test_id("sql-checkpoint").click()
    expect(page.get_by_test_id("notice")).to_have_text("The checkpoint stands")
    expect(page.get_by_test_id("sql-checkpoints")).to_contain_text("nobody was served for")
    page.screenshot(path=artifacts / "sqldb-log.png", full_page=True)


def test_the_parts_of_the_page_fit_on_a_phone(page: Page, shop: Shop, artifacts: Path):
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_test_id(f"sql-entry-{shop.orders}").get_by_role("button").click()
    expect(page.get_by_test_id("sql-column-total")).to_be_visible()
    for name in ("structure", "sessions", "log", "console"):
        page.get_by_test_id(f"sql-tab-{name}").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        page.screenshot(path=artifacts / f"sqldb-{name}-phone.png")
    run(page, f"SELECT *, repeat('wide ', 50) FROM {shop.orders}; SELECT nothing")
    expect(page.get_by_test_id("sql-error")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_test_id("sql-text").fill(
        f"SELECT * FROM {shop.orders} JOIN {shop.orders} b USING (id)"
    )
    page.get_by_test_id("sql-explain").click()
    expect(page.get_by_test_id("sql-plan")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=artifacts / "sqldb-plan-phone.png", full_page=True)

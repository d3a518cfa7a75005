"""The dashboard in a real browser: it loads, it is live, and its panels work.

The elements are found by `data-testid`; `services/web/dashboard/__init__.py` lists them.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from e2e.browser import PATIENCE_MS, quiet_page
from e2e.stack import Stack

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page of the dashboard; whatever the console complained of fails the test."""
    context = browser.new_context(
        base_url=stack.url("web"), viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    with quiet_page(context) as page:
        yield page
    context.close()


@pytest.fixture
def kvdb_commands(stack: Stack) -> Iterator[redis.Redis]:
    """A Redis client, to see what the page has done."""
    with redis.Redis(*stack.address("kvdb"), decode_responses=True) as client:
        yield client


def test_the_overview_shows_every_service_live(page: Page, artifacts: Path):
    page.goto("/")
    for service in ("kvdb", "pubsub", "broker", "ledger-1", "ledger-2", "ledger-3", "web"):
        row = page.get_by_test_id(f"service-{service}")
        expect(row).to_have_attribute("data-state", "ok", timeout=PATIENCE_MS)
    workers = page.locator('[data-testid^="service-worker"][data-state="ok"]')
    expect(workers).to_have_count(2, timeout=PATIENCE_MS)
    page.screenshot(path=artifacts / "overview.png")
    page.set_viewport_size({"width": 360, "height": 740})
    page.screenshot(path=artifacts / "overview-phone.png")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, "the page scrolls sideways on a phone"


def test_a_key_is_set_and_seen(page: Page, artifacts: Path, kv, key: str):
    page.goto("/kvdb")
    page.get_by_test_id("kv-key").fill(key)
    page.get_by_test_id("kv-value").fill("<b>set in the browser</b>")
    page.get_by_test_id("kv-set").click()
    expect(page.get_by_test_id(f"kv-row-{key}")).to_be_visible(timeout=PATIENCE_MS)
    assert kv.result("GET", key=key) == "<b>set in the browser</b>"
    page.screenshot(path=artifacts / "kvdb.png")


def test_an_element_is_changed_in_the_editor(page: Page, kvdb_commands, key: str):
    page.goto("/kvdb")
    page.get_by_test_id("kv-key").fill(key)
    page.get_by_test_id("kv-type").select_option("hash")
    page.get_by_test_id("kv-value").fill("name=Ada\nborn=1815")
    page.get_by_test_id("kv-set").click()
    expect(page.get_by_test_id("kv-element-name")).to_contain_text("Ada")
    page.get_by_test_id("kv-change-name").click()
    page.get_by_test_id("kv-change").fill("Ada <b>Lovelace</b>")
    page.get_by_test_id("kv-change").press("Enter")
    expect(page.get_by_test_id("kv-element-name")).to_contain_text("Ada <b>Lovelace</b>")
    page.get_by_test_id("kv-add-name").fill("mail")
    page.get_by_test_id("kv-add-value").fill("ada@example.org")
    page.get_by_test_id("kv-add").click()
    expect(page.get_by_test_id("kv-element-mail")).to_be_visible()
    page.get_by_test_id("kv-remove-born").click()
    expect(page.get_by_test_id("kv-element-born")).to_have_count(0)
    assert kvdb_commands.hgetall(key) == {"name": "Ada <b>Lovelace</b>", "mail": "ada@example.org"}
    page.get_by_test_id("kv-key-changes").click()
    page.get_by_test_id("kv-rename").fill(f"{key}-renamed")
    page.get_by_test_id("kv-rename-set").click()
    expect(page.get_by_test_id("kv-inspected")).to_have_text(f"{key}-renamed")
    page.get_by_test_id("kv-delete").click()
    assert kvdb_commands.exists(f"{key}-renamed"), "it asks before it deletes"
    page.get_by_test_id("kv-delete").click()
    expect(page.get_by_test_id("kv-inspector")).to_be_hidden()
    assert not kvdb_commands.exists(f"{key}-renamed")


def test_values_of_other_types_are_edited(page: Page, kvdb_commands, key: str):
    kvdb_commands.rpush(key, "first", "second")
    page.goto("/kvdb")
    page.get_by_test_id("kv-pattern").fill(key)
    page.get_by_test_id(f"kv-row-{key}").click()
    page.get_by_test_id("kv-add-value").fill("third")
    page.get_by_test_id("kv-add").click()
    expect(page.get_by_test_id("kv-element-2")).to_contain_text("third")
    page.get_by_test_id("kv-remove-0").click()
    expect(page.get_by_test_id("kv-element-2")).to_have_count(0)
    assert kvdb_commands.lrange(key, 0, -1) == ["second", "third"]
    kvdb_commands.delete(key)
    kvdb_commands.xadd(key, {"event": "start"})
    page.get_by_test_id("kv-reread").click()
    page.get_by_test_id("kv-add-fields").fill("event=stop\nby=ada")
    page.get_by_test_id("kv-inspected-value").get_by_test_id("kv-add").click()
    expect(page.locator('[data-testid^="kv-entry-"]')).to_have_count(2)
    page.get_by_test_id("kv-group-name").fill("readers")
    page.get_by_test_id("kv-group-create").click()
    expect(page.get_by_test_id("kv-group-readers")).to_be_visible()
    kvdb_commands.delete(key)


def test_commands_are_run_in_the_console(page: Page, artifacts: Path, kvdb_commands, key: str):
    page.goto("/kvdb#console")
    line = page.get_by_test_id("kv-console-input")
    expect(page.get_by_test_id("kv-console-run")).to_be_enabled()

    def run(command: str) -> None:
        line.fill(command)
        line.press("Enter")

    run(f"rpush {key} 'a b' c")
    expect(page.get_by_test_id("kv-reply").last).to_have_text("(integer) 2")
    run(f"lrange {key} 0 -1")
    expect(page.get_by_test_id("kv-reply").last).to_have_text('1) "a b"\n2) "c"')
    run("nonsense")
    expect(page.get_by_test_id("kv-reply").last).to_have_attribute("data-state", "error")
    run(f"blpop {key} 0")
    expect(page.get_by_test_id("kv-remark").last).to_contain_text("LPOP")
    run("flushall")
    page.get_by_test_id("kv-question-no").click()
    expect(page.get_by_test_id("kv-remark").last).to_have_text("Not run.")
    assert kvdb_commands.llen(key) == 2
    line.press("ArrowUp")
    line.press("ArrowUp")
    expect(line).to_have_value(f"blpop {key} 0")
    line.press("ArrowDown")
    expect(line).to_have_value("flushall")
    page.screenshot(path=artifacts / "kvdb-console.png")
    run("select 7")
    expect(page.get_by_test_id("kv-db")).to_have_value("7")
    kvdb_commands.delete(key)


def test_the_parts_of_the_kvdb_page_fit_on_a_phone(page: Page, artifacts: Path):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/kvdb")
    for tab in ("keys", "console", "slowlog", "clients"):
        page.get_by_test_id(f"kv-tab-{tab}").click()
        expect(page.get_by_test_id(f"kv-tab-{tab}")).to_have_attribute("aria-selected", "true")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"{tab} scrolls sideways on a phone"
    expect(page.locator('[data-testid^="kv-client-"]').first).to_be_visible()
    page.screenshot(path=artifacts / "kvdb-phone.png")


def test_a_message_is_published_and_seen(page: Page, artifacts: Path):
    page.goto("/pubsub")
    page.get_by_test_id("pub-subscribe-name").fill("e2e:browser")
    page.get_by_test_id("pub-subscribe").click()
    expect(page.get_by_test_id("pub-subscription-channel:e2e:browser")).to_have_attribute(
        "data-state", "live"
    )
    page.get_by_test_id("pub-channel").fill("e2e:browser")
    page.get_by_test_id("pub-message").fill("hello from the page")
    page.get_by_test_id("pub-send").click()
    expect(page.get_by_test_id("pub-messages")).to_contain_text("hello from the page")
    page.screenshot(path=artifacts / "pubsub.png")


def test_a_task_is_submitted_and_finishes(page: Page, artifacts: Path):
    page.goto("/tasks")
    page.get_by_test_id("task-name").fill("echo")
    page.get_by_test_id("task-args").fill(json.dumps(["from the browser"]))
    with page.expect_response(lambda r: r.request.method == "POST" and r.ok) as answered:
        page.get_by_test_id("task-submit").click()
    task_id = answered.value.json()["id"]
    row = page.get_by_test_id(f"task-row-{task_id}")
    expect(row).to_have_attribute("data-state", "succeeded", timeout=PATIENCE_MS)
    page.screenshot(path=artifacts / "tasks.png")


def submitted(page: Page, name: str, args: list[object], **options: object) -> str:
    """The id of a task that was submitted through the form."""
    page.get_by_test_id("task-name").fill(name)
    page.get_by_test_id("task-args").fill(json.dumps(args))
    if options:
        page.locator("#submit-form details").evaluate("one => one.open = true")
    for option, value in options.items():
        page.get_by_test_id(f"task-{option}").fill(str(value))
    with page.expect_response(lambda r: r.request.method == "POST" and r.ok) as answered:
        page.get_by_test_id("task-submit").click()
    return answered.value.json()["id"]


def test_a_task_is_watched_while_it_runs_and_cancelled(page: Page, artifacts: Path):
    page.goto("/tasks")
    task_id = submitted(page, "count_to", [1000, 0.1])
    expect(page.get_by_test_id("task-progress")).to_be_visible()
    expect(page.get_by_test_id("task-progress")).to_contain_text("of 1000")
    page.get_by_test_id("task-tab-workers").click()
    expect(page.get_by_test_id(f"task-seat-{task_id}")).to_contain_text("of 1000")
    page.screenshot(path=artifacts / "task-workers.png")
    page.get_by_test_id("task-tab-tasks").click()
    page.get_by_test_id("task-cancel").click()
    expect(page.get_by_test_id("task-detail-state")).to_have_text("cancelled")


def test_a_dead_task_is_looked_into_and_requeued(page: Page, artifacts: Path):
    page.goto("/tasks")
    task_id = submitted(page, "flaky", [1.0], retries=1)
    page.get_by_test_id("task-tab-dead").click()
    row = page.get_by_test_id(f"dead-row-{task_id}")
    expect(row).to_contain_text("RuntimeError: bad luck")
    page.screenshot(path=artifacts / "task-dead.png")
    row.get_by_role("button").first.click()
    expect(page.get_by_test_id("task-timeline")).to_contain_text("attempt 2")
    expect(page.get_by_test_id("task-error")).to_contain_text("RuntimeError: bad luck")
    page.get_by_test_id("task-tab-dead").click()
    page.get_by_test_id(f"dead-requeue-{task_id}").click()
    expect(page.get_by_test_id("notice")).to_contain_text("Requeued 1 task")


def test_a_queue_is_paused_by_keyboard(page: Page):
    page.goto("/tasks")
    submitted(page, "echo", [], queue="e2e-dashboard")
    page.get_by_test_id("task-tab-tasks").focus()
    page.keyboard.press("ArrowRight")
    card = page.get_by_test_id("task-queue-e2e-dashboard")
    page.get_by_test_id("task-pause-e2e-dashboard").click()
    expect(card).to_have_attribute("data-state", "paused")
    page.get_by_test_id("task-pause-e2e-dashboard").click()
    expect(card).to_have_attribute("data-state", "open")


def test_a_schedule_is_added_and_deleted(page: Page, artifacts: Path):
    page.goto("/tasks#schedules")
    name = f"e2e-{os.getpid()}"
    page.get_by_test_id("schedule-name").fill(name)
    page.get_by_test_id("schedule-task").fill("echo")
    page.get_by_test_id("schedule-every").fill("1")
    page.get_by_test_id("schedule-save").click()
    row = page.get_by_test_id(f"schedule-row-{name}")
    expect(row).to_contain_text("every 1 s")
    expect(row).not_to_contain_text("never")
    page.screenshot(path=artifacts / "task-schedules.png")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_test_id(f"schedule-delete-{name}").click()
    expect(row).to_have_count(0)


def test_the_tasks_fit_on_a_phone(page: Page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/tasks")
    for tab in ("queues", "workers", "schedules", "workflows", "dead", "tasks"):
        page.get_by_test_id(f"task-tab-{tab}").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, tab


def test_the_ledger_agrees(page: Page, artifacts: Path):
    page.goto("/ledger")
    expect(page.get_by_test_id("ledger-agree")).to_have_attribute(
        "data-state", "agree", timeout=PATIENCE_MS
    )
    page.screenshot(path=artifacts / "ledger.png")

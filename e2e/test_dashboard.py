"""The dashboard in a real browser: it loads, it is live, and its panels work.

The elements are found by `data-testid`; `services/web/dashboard/__init__.py` lists them.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from e2e.stack import Stack

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
]
PATIENCE_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is installed (tools/browser.sh installs it)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page of the dashboard; whatever the console complained of fails the test."""
    context = browser.new_context(
        base_url=stack.url("web"), viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


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


def test_the_ledger_agrees(page: Page, artifacts: Path):
    page.goto("/ledger")
    expect(page.get_by_test_id("ledger-agree")).to_have_attribute(
        "data-state", "agree", timeout=PATIENCE_MS
    )
    page.screenshot(path=artifacts / "ledger.png")

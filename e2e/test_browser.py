"""Every page of the dashboard in a real browser: quiet, by keyboard alone, on a phone and a desk;
the login; and the page on which typed functions are tried.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from e2e.browser import PATIENCE_MS, quiet_page
from e2e.stack import ROOT, Stack

pytestmark = pytest.mark.browser

PAGES = ["overview", "kvdb", "docdb", "sqldb", "pubsub", "tasks", "ledger", "audit"]
SIZES = [(360, 740), (1440, 900)]
PASSWORD = "correct horse"
NOWHERE = {
    "KVDB_URL": "redis://127.0.0.1:1",
    "PUBSUB_URL": "redis://127.0.0.1:1",
    "DOCDB_URL": "mongodb://127.0.0.1:1",
    "SQLDB_URL": "postgresql://127.0.0.1:1",
    "BROKER_URL": "http://127.0.0.1:1",
    "LEDGER_URLS": "http://127.0.0.1:1",
}
# Marks what the keyboard should reach now; later ones (a row that comes) are another matter. Of
# tabs and the like only the chosen one is reached by Tab, and the arrows go on from there.
MARK_FOCUSABLE = """() => {
  const wanted = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  for (const one of document.querySelectorAll(wanted)) {
    const isReachable = one.checkVisibility({visibilityProperty: true})
      && !one.disabled && one.tabIndex >= 0 && one.type !== "radio";
    if (isReachable) one.dataset.expected = "";
  }
  document.addEventListener("focusin", ({target}) => delete target.dataset.expected);
}"""
NOT_REACHED = """() => [...document.querySelectorAll("[data-expected]")]
  .filter((one) => one.checkVisibility())
  .map((one) => one.outerHTML.slice(0, 200))"""
MAX_TABS = 250


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    with contextlib.ExitStack() as stack:

        def make(url: str, width: int = 1440, height: int = 900, **more: object) -> BrowserContext:
            size = {"width": width, "height": height}
            context = browser.new_context(base_url=url, viewport=size, **more)
            context.set_default_timeout(PATIENCE_MS)
            stack.callback(context.close)
            return context

        yield make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start a server of our own on a free port; its URL."""
    processes: list[subprocess.Popen[str]] = []

    def run(*command: str, **environ: str) -> str:
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, "--port", "0"],
                cwd=ROOT,
                env=os.environ | environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        processes.append(process)
        line = process.stdout.readline()
        assert " ready on " in line, (tmp_path / "log").read_text()
        return f"http://{line.split()[-1]}"

    yield run
    for process in processes:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.stdout.close()


def path_of(name: str) -> str:
    return "/" if name == "overview" else f"/{name}"


def assert_it_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_fits_and_is_reached_by_keyboard(
    stack: Stack, new_context, artifacts: Path, name: str, size: tuple[int, int]
):
    with quiet_page(new_context(stack.url("web"), *size)) as page:
        page.goto(path_of(name))
        expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        assert_it_fits(page)
        page.evaluate(MARK_FOCUSABLE)
        page.keyboard.press("Tab")
        expect(page.locator(".skip-link")).to_be_focused()
        for _ in range(MAX_TABS):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
        assert page.evaluate(NOT_REACHED) == []
        page.screenshot(path=artifacts / f"page-{name}-{size[0]}.png")


def test_the_pages_and_the_help_are_reached_by_keys(stack: Stack, new_context):
    with quiet_page(new_context(stack.url("web"))) as page:
        page.goto("/")
        for number, name in enumerate(PAGES, start=1):
            page.keyboard.press(str(number))
            page.wait_for_url(f"**{path_of(name)}")
            expect(page.get_by_test_id(f"nav-{name}")).to_have_attribute("aria-current", "page")
            expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        expect(page.locator("#help-list")).to_contain_text("Filter the changes")
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()
        was_dark = page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.keyboard.press("d")
        assert (page.evaluate("document.documentElement.dataset.theme") == "dark") != was_dark


def test_a_change_is_seen_in_the_audit_log(stack: Stack, new_context, artifacts: Path):
    context = new_context(stack.url("web"))
    with quiet_page(context) as page, quiet_page(context) as other:
        page.goto("/audit")
        expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        other.goto("/pubsub")
        other.get_by_test_id("pub-channel").fill("e2e:audit")
        other.get_by_test_id("pub-message").fill("a secret")
        other.get_by_test_id("pub-send").click()
        row = page.locator('[data-testid^="audit-entry-"]').first
        expect(row).to_contain_text("channel=e2e:audit message=8 characters")
        expect(row).to_have_attribute("data-state", "done")
        page.get_by_test_id("audit-filter").fill("no such words")
        expect(page.get_by_test_id("audit-empty")).to_be_visible()
        page.get_by_test_id("audit-filter").fill("E2E:audit")
        expect(row).to_be_visible()
        page.screenshot(path=artifacts / "audit.png")


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
def test_logging_in_and_out(new_context, start, tmp_path: Path, artifacts: Path, size):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    url = start("services.web", WEB_PASSWORD_FILE=str(tmp_path / "password"), **NOWHERE)
    context = new_context(url, *size)
    # A browser tells on its console of every answer that is no success, 401 too.
    with quiet_page(context, expected=("401 (Unauthorized)",)) as page:
        page.goto("/pubsub")
        page.wait_for_url(re.compile(r"/login\?next="))
        expect(page.get_by_test_id("login-password")).to_be_focused()
        assert_it_fits(page)
        page.screenshot(path=artifacts / f"login-{size[0]}.png")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("login-problem")).to_contain_text("wrong")
        page.get_by_test_id("login-name").fill("Ada")
        page.get_by_test_id("login-password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/pubsub")
        expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        assert_it_fits(page)
        page.goto("/audit")
        expect(page.locator("#audit-entries")).to_contain_text("Ada")
        # Another tab logs out; what this one does next leads it to the login.
        with quiet_page(context) as other:
            other.goto("/")
            other.get_by_test_id("log-out").click()
            other.wait_for_url("**/login")
        page.goto("/kvdb")
        page.wait_for_url(re.compile(r"/login\?next="))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
def test_typed_functions_are_tried(new_context, start, artifacts: Path, scheme: str, size):
    url = start("services.web.run", "e2e.apps.try_page:app")
    context = new_context(url, *size, color_scheme=scheme)
    # The last call is refused on purpose, and a browser tells of that.
    with quiet_page(context, expected=("422 (Unprocessable",)) as page:
        page.goto("/try")
        expect(page.locator("details")).to_have_count(5)
        card = page.locator("details", has_text="/area")
        page.keyboard.press("Tab")
        card.locator("summary").focus()
        page.keyboard.press("Enter")
        card.get_by_label("width").fill("2.5")
        card.get_by_label("height").fill("4")
        card.get_by_label("unit").select_option("cm")
        page.keyboard.press("Enter")
        card.get_by_role("button").click()
        expect(card.locator("pre").first).to_have_text('"10 cm²"')
        expect(card.locator("pre").last).to_contain_text("curl 'http://")
        assert_it_fits(page)
        card.get_by_label("width").fill("wide")
        card.get_by_role("button").click()
        expect(card.locator(".status")).to_have_text("422 Unprocessable Entity")
        expect(card.locator("pre").first).to_contain_text("width: must be a number")
        page.screenshot(path=artifacts / f"try-{scheme}-{size[0]}.png")

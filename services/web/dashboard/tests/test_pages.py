"""The pages: they render, hold nothing inline, and refer to nothing that is not there."""

import re
from html.parser import HTMLParser

import pytest

from services.web.dashboard import panel as panel_module
from services.web.dashboard.panel import FOLDER, find_panels
from services.web.dashboard.tests.fakes import make_dashboard
from services.web.dashboard.vital_signs import State, VitalSigns

PATHS = ["/", "/kvdb", "/docdb", "/sqldb", "/pubsub", "/tasks", "/ledger", "/audit", "/nowhere"]
NAMES = ["overview", "kvdb", "docdb", "sqldb", "pubsub", "tasks", "ledger", "audit"]
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def client():
    return make_dashboard().app.test_client()


class Reader(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.script_text = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.script_text += data.strip()

    def attributes(self, name):
        return [found[name] for _, found in self.tags if name in found]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_renders_in_the_shell(client, path):
    answer = client.get(path, headers=HTML)
    assert answer.status == (404 if path == "/nowhere" else 200)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    testids = Reader(answer.text).attributes("data-testid")
    assert {"nav-overview", "nav-kvdb", "nav-pubsub", "nav-tasks", "nav-ledger"} <= set(testids)
    assert len(testids) == len(set(testids))


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_inline_and_nothing_is_elsewhere(client, path):
    page = Reader(client.get(path, headers=HTML).text)
    assert page.script_text == ""
    for tag, attributes in page.tags:
        assert tag != "style"
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action"):
            assert re.match(r"[/#](?!/)", attributes.get(name) or "#"), (tag, attributes)


@pytest.mark.parametrize("path", PATHS)
def test_what_a_page_refers_to_is_there(client, path):
    page = Reader(client.get(path, headers=HTML).text)
    for reference in [*page.attributes("src"), *page.attributes("href")]:
        if reference.startswith("/"):
            assert client.get(reference).status == 200, reference


@pytest.mark.parametrize("path", PATHS)
def test_labels_belong_to_fields(client, path):
    page = Reader(client.get(path, headers=HTML).text)
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    references = page.attributes("for") + page.attributes("aria-labelledby")
    assert set(references) <= set(ids)
    fields = [found for tag, found in page.tags if tag in ("input", "select", "textarea")]
    assert all(field["id"] in page.attributes("for") for field in fields)


@pytest.mark.parametrize("module", sorted(FOLDER.rglob("*.js")), ids=lambda path: path.name)
def test_what_a_module_imports_is_there(client, module):
    panel = module.parent.parent.name
    base = "/static" if panel == "dashboard" else f"/static/{panel}"
    for name in re.findall(r'from "([^"]+)"', module.read_text()):
        path = name.replace("./", f"{base}/", 1) if name.startswith("./") else name
        answer = client.get(path)
        assert answer.status == 200, name
        assert "javascript" in answer.headers["Content-Type"]


@pytest.mark.parametrize("module", sorted(FOLDER.rglob("*.js")), ids=lambda path: path.name)
def test_no_module_makes_markup_of_text(module):
    sinks = "innerHTML|outerHTML|insertAdjacentHTML|document.write|eval|new Function|srcdoc"
    assert not re.search(sinks, module.read_text())


def test_the_page_that_is_shown_is_marked(client):
    page = Reader(client.get("/tasks", headers=HTML).text)
    current = [found for tag, found in page.tags if "aria-current" in found]
    assert [found["href"] for found in current] == ["/tasks"]


def test_a_program_gets_problems_instead_of_pages(client):
    answer = client.get("/nowhere")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/static/kvdb/routes.py",
        "/static/kvdb/../routes.py",
        "/static/kvdb/%2e%2e/routes.py",
        "/static/../shell.py",
        "/static/kvdb/",
        "/static/templates/shell.html",
    ],
)
def test_only_static_files_are_served(client, path):
    assert client.get(path).status == 404


def test_static_files_are_asked_for_again_and_not_sent_again(client):
    first = client.get("/static/shell.css")
    again = client.get("/static/shell.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")


def test_the_panels_are_those_of_the_folders():
    panels = find_panels()
    assert [panel.name for panel in panels] == NAMES
    assert [panel.path for panel in panels] == ["/", *(f"/{name}" for name in NAMES[1:])]
    folders = {path.parent.name for path in FOLDER.glob("*/page.html")}
    assert {panel.name for panel in panels} == folders


def test_a_folder_without_a_page_is_no_panel(monkeypatch):
    monkeypatch.setattr(panel_module, "FOLDER", FOLDER / "tests")
    assert find_panels() == []


def test_the_overview_escapes_what_services_say_of_themselves():
    dashboard = make_dashboard()
    hostile = '"><script>alert(1)</script>'
    signs = VitalSigns(hostile, hostile, State.DEGRADED, version=hostile, problems={"x": hostile})
    dashboard.add_probe("hostile", "hostile", hostile, lambda: [signs])
    client = dashboard.app.test_client()
    assert hostile in [one["name"] for one in client.get("/api/services").json()["services"]]
    page = client.get("/", headers=HTML)
    assert "<script>alert" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


def test_every_route_describes_itself():
    dashboard = make_dashboard()
    for route in dashboard.app.routes():
        assert not route.in_schema or route.handler.__doc__, route.name

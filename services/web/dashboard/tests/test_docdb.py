"""The page of docdb: what it asks becomes commands to a docdb that runs beside the test."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from services.common.mongo_url import parse_mongo_url
from services.docdb.client import DocumentClient
from services.web.dashboard.docdb.plans import drawn
from services.web.dashboard.history import History
from services.web.dashboard.tests.fakes import Browser, make_dashboard
from tests.processes import running_service


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("docdb") / "log"
    with running_service("docdb", {"DOCDB_PORT": "0"}, log) as running:
        yield f"mongodb://{running.endpoint}"


@pytest.fixture
def docdb(url: str) -> Iterator[DocumentClient]:
    client = DocumentClient(parse_mongo_url(url))
    yield client
    client.run("shop", {"dropDatabase": 1})
    client.close()


@pytest.fixture
def browser(url: str) -> Iterator[Browser]:
    dashboard = make_dashboard(docdb=parse_mongo_url(url))
    yield Browser(dashboard)
    dashboard.stop()


def path(kind: str, collection: str = "people", **more: object) -> str:
    return f"/api/docdb/{kind}?{urlencode({'db': 'shop', 'collection': collection, **more})}"


def insert(docdb: DocumentClient, *documents: dict, collection: str = "people") -> None:
    docdb.run("shop", {"insert": collection, "documents": list(documents)})


def test_collections_are_made_listed_and_dropped(browser: Browser, docdb: DocumentClient):
    options = {"options": '{"capped": true, "size": 4096}'}
    assert browser.send("PUT", path("collection", "log"), options).status == 204
    insert(docdb, {"_id": 1}, {"_id": 2})
    docdb.run("shop", {"create": "adults", "viewOn": "people", "pipeline": []})
    (shop,) = browser.get("/api/docdb/collections").json()["databases"]
    assert [(c["name"], c["type"], c["count"]) for c in shop["collections"]] == [
        ("adults", "view", None),
        ("log", "collection", 0),
        ("people", "collection", 2),
    ]
    assert browser.send("DELETE", path("collection", "log")).status == 204
    assert browser.send("PUT", path("collection", "x"), {"options": "[]"}).status == 400
    assert browser.send("PUT", path("collection", "people")).status == 400


def test_documents_keep_their_types(browser: Browser, docdb: DocumentClient):
    text = (
        '{"_id": {"$oid": "0123456789abcdef01234567"}, "n": {"$numberLong": "5"}, "d": 2.5,'
        ' "m": {"$numberDecimal": "1.20"}, "at": {"$date": "2026-11-23T00:00:00Z"}, "s": "<b>"}'
    )
    assert browser.send("POST", path("documents"), {"document": text}).status == 204
    page = browser.get(path("documents")).json()
    assert page["total"] == 1
    (document,) = page["documents"]
    assert document["n"] == {"$numberLong": "5"}
    changed = {**document, "s": "new"}
    body = {"before": json.dumps(document), "document": json.dumps(changed)}
    assert browser.send("PUT", path("documents"), body).status == 204
    assert browser.get(path("documents")).json()["documents"] == [changed]
    # It is not what it was when somebody looked at it.
    stale = browser.send("PUT", path("documents"), body)
    assert (stale.status, "somebody else" in stale.json()["detail"]) == (409, True)
    assert browser.send("DELETE", path("documents"), {"before": json.dumps(changed)}).status == 204
    assert browser.send("DELETE", path("documents"), {"before": json.dumps(changed)}).status == 404
    assert browser.send("PUT", path("documents"), body).status == 404
    assert docdb.find("shop", "people") == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": {"$oid": "x"}}', '"text"'])
def test_what_is_no_document_is_refused(browser: Browser, docdb: DocumentClient, text: str):
    answer = browser.send("POST", path("documents"), {"document": text or "null"})
    assert answer.status == 400
    assert docdb.find("shop", "people") == []


def test_a_duplicate_is_a_conflict(browser: Browser, docdb: DocumentClient):
    insert(docdb, {"_id": 1})
    answer = browser.send("POST", path("documents"), {"document": '{"_id": 1}'})
    assert (answer.status, "E11000" in answer.json()["detail"]) == (409, True)


def test_documents_come_page_by_page(browser: Browser, docdb: DocumentClient):
    insert(docdb, *({"_id": number, "odd": number % 2} for number in range(50)))
    asked = {"filter": '{"odd": 1}', "sort": '{"_id": -1}', "skip": 20, "limit": 20}
    page = browser.get(path("documents", **asked)).json()
    assert [d["_id"]["$numberInt"] for d in page["documents"]] == ["9", "7", "5", "3", "1"]
    assert page["total"] == 25
    refused = browser.get(path("documents", filter='{"$nope": 1}'))
    assert (refused.status, "BadValue" in refused.json()["detail"]) == (400, True)
    assert browser.get(path("documents", filter="{")).status == 400
    assert browser.get("/api/docdb/documents?db=shop").status == 400


def test_indexes_are_made_used_and_dropped(browser: Browser, docdb: DocumentClient):
    insert(docdb, {"_id": 1, "city": "Rome"})
    body = {"key": '{"city": 1}', "options": '{"unique": true}'}
    assert browser.send("POST", path("indexes"), body).status == 204
    docdb.find("shop", "people", {"city": "Rome"})
    found = {index["name"]: index for index in browser.get(path("indexes")).json()["indexes"]}
    assert found["city_1"]["uses"] == 1
    assert found["city_1"]["options"] == {"unique": True}
    assert browser.send("DELETE", path("indexes", name="city_1")).status == 204
    assert browser.send("DELETE", path("indexes", name="city_1")).status == 400
    assert browser.send("POST", path("indexes"), {"key": "{}"}).status == 400


def test_queries_are_run_and_explained(browser: Browser, docdb: DocumentClient):
    insert(docdb, *({"_id": number, "n": number % 3} for number in range(9)))
    find = {"db": "shop", "collection": "people", "kind": "find", "filter": '{"n": 1}', "limit": 2}
    outcome = browser.send("POST", "/api/docdb/query", find).json()
    assert [d["_id"]["$numberInt"] for d in outcome["documents"]] == ["1", "4"]
    plan = browser.send("POST", "/api/docdb/explain", find).json()
    assert (plan["plan"]["name"], plan["plan"]["inputs"][0]["name"]) == ("LIMIT", "COLLSCAN")
    assert (plan["returned"], plan["documents"]) == (2, 5)
    pipeline = '[{"$match": {"n": 1}}, {"$group": {"_id": "$n", "c": {"$sum": 1}}}]'
    aggregate = {**find, "kind": "aggregate", "pipeline": pipeline}
    outcome = browser.send("POST", "/api/docdb/query", aggregate).json()
    assert outcome["documents"] == [{"_id": {"$numberInt": "1"}, "c": {"$numberInt": "3"}}]
    plan = browser.send("POST", "/api/docdb/explain", aggregate).json()["plan"]
    assert [plan["name"], plan["inputs"][0]["name"]] == ["$group", "COLLSCAN"]


def test_what_writes_asks_first(browser: Browser, docdb: DocumentClient):
    insert(docdb, {"_id": 1})
    body = {"db": "shop", "collection": "people", "kind": "aggregate",
            "pipeline": '[{"$out": "copy"}]'}  # fmt: skip
    assert "asks" in browser.send("POST", "/api/docdb/query", body).json()
    assert browser.send("POST", "/api/docdb/explain", body).status == 200
    assert docdb.find("shop", "copy") == []
    browser.send("POST", "/api/docdb/query", {**body, "is_confirmed": True})
    assert docdb.find("shop", "copy") == [{"_id": 1}]


@pytest.mark.parametrize(
    "more",
    [{"kind": "map"}, {"kind": "aggregate", "pipeline": "{}"}, {"limit": 0}, {"filter": "[1]"}],
)
def test_what_is_no_query_is_refused(browser: Browser, more: dict):
    body = {"db": "shop", "collection": "people", "kind": "find", **more}
    assert browser.send("POST", "/api/docdb/query", body).status == 400


def test_slow_operations_are_listed(browser: Browser, docdb: DocumentClient):
    assert browser.get("/api/docdb/profile?db=shop").json() == {"level": 0, "slow_ms": 100}
    body = {"level": 0, "slow_ms": 0}
    assert browser.send("PUT", "/api/docdb/profile?db=shop", body).status == 204
    insert(docdb, {"_id": 1})
    docdb.find("shop", "people", {"nobody": 5})
    found = browser.get("/api/docdb/slow").json()["operations"]
    entry = next(one for one in found if one["kind"] == "query")
    assert (entry["namespace"], entry["plan"], entry["documents"]) == ("shop.people", "COLLSCAN", 1)
    assert '"nobody": 5' in entry["command"]
    browser.send("PUT", "/api/docdb/profile?db=shop", {"level": 0, "slow_ms": 100})
    assert browser.send("PUT", "/api/docdb/profile?db=shop", {"level": "x"}).status == 400


def test_changes_are_audited_without_their_content(browser: Browser, docdb: DocumentClient):
    browser.send("POST", path("documents"), {"document": '{"_id": 1, "secret": "hush"}'})
    entry = browser.get("/api/audit").json()["entries"][0]
    assert (entry["status"], "hush" in str(entry)) == (204, False)


def test_a_change_needs_the_token(browser: Browser):
    answer = browser.client.request("POST", path("documents"), json={"document": "{}"})
    assert answer.status == 403


def test_figures_and_metrics(browser: Browser, docdb: DocumentClient):
    insert(docdb, {"_id": 1}, {"_id": 2})
    text = browser.get("/metrics").text
    assert 'glassbox_docdb_documents{database="shop"} 2' in text
    assert 'glassbox_docdb_operations_total{kind="insert"}' in text
    services = {one["name"]: one for one in browser.get("/api/services").json()["services"]}
    assert (services["docdb"]["state"], services["docdb"]["software"]) == ("ok", "")


def test_a_docdb_that_is_away_is_an_outage():
    dashboard = make_dashboard()
    browser = Browser(dashboard)
    assert browser.get("/api/docdb/collections").status == 503
    assert "error" in dashboard.poll("docdb").poll()
    dashboard.stop()


def test_the_course_of_the_figures():
    now = [0.0]
    history = History(lambda: now[0])
    for at_s, operations in ((0, 0), (2, 10), (2.1, 99), (4, 5)):
        now[0] = at_s
        history.note(operations, 100)
    history.note_absence()
    assert history.as_json() == [[4, None, 100], [2, 5.0, 100], [0, None, 100], [0, None, None]]


def test_an_odd_explain_is_drawn_all_the_same():
    assert drawn({})["plan"]["name"] == "unknown"
    assert drawn({"stages": [{"$cursor": {}}, {"$limit": 1}]})["plan"]["name"] == "$limit"


def test_the_scripts_name_only_files_that_are_there():
    folder = Path(__file__).parents[1] / "docdb" / "static"
    for script in folder.glob("*.js"):
        for line in script.read_text(encoding="utf-8").splitlines():
            if line.startswith("import") and '"./' in line:
                name = line.partition('"./')[2].partition('"')[0]
                assert (folder / name).exists(), f"{script.name} imports {name}"

"""The page of docdb in a real browser: documents are edited, queries are run and explained."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest
from playwright.sync_api import Browser, Page, expect

from e2e.browser import PATIENCE_MS, quiet_page
from e2e.stack import Stack

pytestmark = pytest.mark.browser


@pytest.fixture
def people(stack: Stack) -> Iterator[pymongo.collection.Collection]:
    name = f"e2e_{uuid.uuid4().hex[:8]}"
    with pymongo.MongoClient(*stack.address("docdb"), serverSelectionTimeoutMS=20_000) as client:
        collection = client[name].people
        collection.insert_many(
            {"_id": n, "name": f"person {n}", "age": n % 70, "tags": ["<b>a</b>", "b"],
             "address": {"city": "Rome"}} for n in range(60)
        )  # fmt: skip
        yield collection
        client.drop_database(name)


@pytest.fixture
def page(browser: Browser, stack: Stack, people: pymongo.collection.Collection) -> Iterator[Page]:
    context = browser.new_context(
        base_url=stack.url("web"), viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    # The browser itself notes each answer that is an error; those are part of a test here.
    with quiet_page(context, expected=("status of 400", "status of 409")) as page:
        page.goto("/docdb")
        chosen = page.get_by_test_id(f"doc-collection-{people.database.name}.people")
        chosen.get_by_role("button").click()
        expect(page.get_by_test_id("doc-shown")).to_have_text("1 to 20 of 60")
        yield page
    context.close()


def test_a_document_is_inserted_changed_and_deleted(page: Page, people, artifacts: Path):
    page.get_by_test_id("doc-insert").click()
    page.get_by_test_id("doc-document").fill('{"_id": 1, "name": "twice"}')
    page.get_by_test_id("doc-save").click()
    expect(page.get_by_test_id("doc-editor-error")).to_contain_text("E11000")
    page.get_by_test_id("doc-document").fill('{"_id": 100, "big": {"$numberLong": "5"}}')
    page.get_by_test_id("doc-document").press("Control+Enter")
    expect(page.get_by_test_id("doc-shown")).to_have_text("1 to 20 of 61")
    page.get_by_test_id("doc-filter").fill('{"_id": 100}')
    page.get_by_test_id("doc-filter").press("Enter")
    expect(page.get_by_test_id("doc-shown")).to_have_text("1 to 1 of 1")
    page.get_by_test_id("doc-edit-100").click()
    editor = page.get_by_test_id("doc-document")
    expect(editor).to_have_value('{\n  "_id": 100,\n  "big": {\n    "$numberLong": "5"\n  }\n}')
    moment = '{"$date": "2026-01-01T00:00:00Z"}'
    editor.fill(f'{{"_id": 100, "big": {{"$numberLong": "6"}}, "at": {moment}}}')
    page.get_by_test_id("doc-save").click()
    expect(page.get_by_test_id("doc-document-100")).to_contain_text("2026-01-01T00:00:00.000Z")
    assert people.find_one(100)["big"] == 6
    page.screenshot(path=artifacts / "docdb-document.png")
    page.get_by_test_id("doc-delete-100").click()
    expect(page.get_by_test_id("doc-delete-100")).to_have_text("Really?")
    page.get_by_test_id("doc-delete-100").click()
    expect(page.get_by_test_id("doc-document-100")).to_have_count(0)
    assert people.find_one(100) is None


def test_a_document_that_somebody_else_has_changed_is_left_alone(page: Page, people):
    page.get_by_test_id("doc-edit-3").click()
    people.update_one({"_id": 3}, {"$set": {"name": "other"}})
    page.get_by_test_id("doc-document").fill('{"_id": 3, "name": "mine"}')
    page.get_by_test_id("doc-save").click()
    expect(page.get_by_test_id("doc-editor-error")).to_contain_text("somebody else")
    assert people.find_one(3)["name"] == "other"


def test_a_query_is_run_and_explained(page: Page, artifacts: Path):
    page.keyboard.press("i")
    page.get_by_test_id("doc-index-key").fill('{"age": 1}')
    page.get_by_test_id("doc-index-create").click()
    expect(page.get_by_test_id("doc-index-age_1")).to_contain_text('{"age":1}')
    page.get_by_test_id("doc-tab-query").click()
    page.get_by_test_id("doc-query-filter").fill('{"age": {"$gt": 50}}')
    page.get_by_test_id("doc-run").click()
    expect(page.get_by_test_id("doc-took")).to_contain_text("9 documents")
    page.get_by_test_id("doc-explain").click()
    expect(page.get_by_test_id("doc-stage-IXSCAN")).to_contain_text("age_1")
    expect(page.get_by_test_id("doc-verdict")).to_contain_text("9 documents from")
    page.screenshot(path=artifacts / "docdb-plan.png", full_page=True)
    page.get_by_test_id("doc-kind-aggregate").click()
    page.get_by_test_id("doc-query-pipeline").fill('[{"$count": "n"}, {"$out": "counted"}]')
    page.get_by_test_id("doc-run").click()
    expect(page.get_by_test_id("doc-question")).to_contain_text("$out replaces a collection")
    page.get_by_test_id("doc-question-no").click()
    expect(page.get_by_test_id("doc-question")).to_be_hidden()
    page.get_by_test_id("doc-query-pipeline").fill('[{"$nope": 1}]')
    page.get_by_test_id("doc-run").click()
    expect(page.get_by_test_id("doc-query-error")).to_contain_text("Unrecognized pipeline stage")


def test_the_parts_of_the_page_fit_on_a_phone(page: Page, artifacts: Path):
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_test_id("doc-edit-0").click()
    for name in ("documents", "query", "indexes", "slow"):
        page.get_by_test_id(f"doc-tab-{name}").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        page.screenshot(path=artifacts / f"docdb-{name}-phone.png")


def test_collections_are_made_and_dropped(page: Page, people):
    name = people.database.name
    page.get_by_test_id("doc-new-collection").click()
    page.get_by_test_id("doc-collection-name").fill("more")
    page.get_by_test_id("doc-collection-create").click()
    expect(page.get_by_test_id("doc-place")).to_contain_text(f"{name}.more")
    page.get_by_test_id("doc-drop").click()
    page.get_by_test_id("doc-drop").click()
    expect(page.get_by_test_id(f"doc-collection-{name}.more")).to_have_count(0)
    assert people.database.list_collection_names() == ["people"]

"""The oplog as a collection, and what it says of changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docdb.bson.types import Document
from services.docdb.command import Pending
from services.docdb.replication.update_diff import describe
from services.docdb.tests.streams import change
from services.docdb.tests.support import Database


@pytest.fixture
def database() -> Database:
    return Database(replset="rs")


def test_the_oplog_can_be_queried(database: Database) -> None:
    database.insert("c", {"_id": 1, "a": 1})
    change(database, {"q": {"_id": 1}, "u": {"$set": {"a": 2}}})
    database.run({"delete": "c", "deletes": [{"q": {}, "limit": 1}]})
    find = {"find": "oplog.rs", "filter": {"ns": "test.c"}, "sort": {"ts": -1}}
    found = database.run(find, "local")["cursor"]["firstBatch"]
    assert [entry["op"] for entry in found] == ["d", "u", "i", "c"]
    assert (found[0]["o"], found[1]["o2"]) == ({"_id": 1}, {"_id": 1})
    insert = {"insert": "oplog.rs", "documents": [{"_id": 1}]}
    assert database.run(insert, "local")["writeErrors"][0]["code"] == 13
    assert database.run({"find": "oplog.rs", "filter": {"_id": 1}}, "local")["ok"] == 1.0


def test_the_oplog_can_be_followed(database: Database) -> None:
    database.insert("c", {"_id": 1})
    find = {"find": "oplog.rs", "filter": {"op": "i"}, "tailable": True, "awaitData": True}
    cursor = database.run(find, "local")["cursor"]
    assert [entry["o"] for entry in cursor["firstBatch"]] == [{"_id": 1}]
    more = {"getMore": cursor["id"], "collection": "oplog.rs", "maxTimeMS": 1}
    pending = database.run(more, "local")
    assert type(pending) is Pending
    assert pending.retry(False) is None
    database.insert("c", {"_id": 2})
    found = database.travelled(pending.retry(False))["cursor"]["nextBatch"]
    assert [entry["o"] for entry in found] == [{"_id": 2}]


def test_who_follows_too_slowly_is_told(database: Database) -> None:
    find = {"find": "oplog.rs", "tailable": True, "awaitData": True}
    cursor = database.run(find, "local")["cursor"]
    oplog = database.engine.journal.oplog
    oplog.limit_bytes = 1000
    database.insert("c", *({"_id": n} for n in range(50)))
    reply = database.run({"getMore": cursor["id"], "collection": "oplog.rs"}, "local")
    assert reply["code"] == 136


_values = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcd"), _values), st.dictionaries(st.sampled_from("abcd"),
       _values))  # fmt: skip
def test_a_description_says_all_that_has_changed(before: Document, after: Document) -> None:
    """Applied to what was before, it gives what is after."""

    def place_of(root: Document, path: tuple) -> object:
        for part in path[:-1]:
            root = root[part]
        return root

    found = describe(before, after)
    made = _copied(before)
    for path, size in found.truncated:
        del place_of(made, path)[path[-1]][size:]
    for path in found.removed:
        del place_of(made, path)[path[-1]]
    for path, value in found.updated:
        holder = place_of(made, path)
        if type(holder) is list and path[-1] == len(holder):
            holder.append(value)
        else:
            holder[path[-1]] = value
    assert made == after


def _copied(value: object) -> object:
    if type(value) is dict:
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value

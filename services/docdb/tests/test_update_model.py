"""Random sequences of writes, against a model that keeps plain dicts and knows no database."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.tests.support import Database

NAMES = ["a", "b"]
small = st.integers(-3, 3)
ids = st.integers(0, 5)
lists = st.lists(small, max_size=3)


def numeric(operator: str):
    return st.tuples(st.just(operator), st.sampled_from(NAMES), small)


changes = st.one_of(
    *(numeric(operator) for operator in ("$set", "$inc", "$mul", "$min", "$max")),
    st.tuples(st.just("$set"), st.just("l"), lists),
    st.tuples(st.just("$unset"), st.sampled_from([*NAMES, "l"]), st.just("")),
    st.tuples(st.sampled_from(["$push", "$addToSet", "$pull"]), st.just("l"), small),
    st.tuples(st.just("$pop"), st.just("l"), st.sampled_from([-1, 1])),
    st.tuples(st.just("$rename"), st.just("a"), st.just("b")),
)
filters = st.one_of(
    ids.map(lambda n: ("_id", n)), small.map(lambda n: ("a", n)), small.map(lambda n: ("l", n))
)
steps = st.one_of(
    st.tuples(st.just("insert"), ids, small, lists),
    st.tuples(st.just("update"), filters, changes, st.booleans()),
    st.tuples(st.just("upsert"), ids, changes),
    st.tuples(st.just("replace"), ids, lists),
    st.tuples(st.just("delete"), filters, st.booleans()),
)


class Model:
    """Documents in the order of insertion."""

    def __init__(self) -> None:
        self.documents: list[dict] = []

    def matching(self, path: str, value: int) -> list[dict]:
        return [d for d in self.documents if d.get(path) == value or _is_in(d.get(path), value)]

    def apply(self, step: tuple) -> None:
        match step:
            case ("insert", number, value, items):
                if not self.matching("_id", number):
                    self.documents.append({"_id": number, "a": value, "l": list(items)})
            case ("update", (path, value), change, is_multi):
                found = self.matching(path, value)
                for document in found if is_multi else found[:1]:
                    apply_change(document, *change)
            case ("upsert", number, change):
                found = self.matching("_id", number)
                if not found:
                    found = [{"_id": number}]
                    self.documents += found
                apply_change(found[0], *change)
            case ("replace", number, items):
                for document in self.matching("_id", number):
                    document.clear()
                    document.update({"_id": number, "l": list(items)})
            case ("delete", (path, value), is_multi):
                found = self.matching(path, value)
                gone = [d["_id"] for d in (found if is_multi else found[:1])]
                self.documents = [d for d in self.documents if d["_id"] not in gone]


def _is_in(array: object, value: int) -> bool:
    return isinstance(array, list) and value in array


def apply_change(document: dict, operator: str, name: str, operand: object) -> None:
    missing = name not in document
    match operator:
        case "$set":
            document[name] = copy.copy(operand)
        case "$unset":
            document.pop(name, None)
        case "$inc":
            document[name] = document.get(name, 0) + operand
        case "$mul":
            document[name] = document.get(name, 0) * operand
        case "$min":
            document[name] = operand if missing else min(document[name], operand)
        case "$max":
            document[name] = operand if missing else max(document[name], operand)
        case "$push":
            document[name] = [*document.get(name, []), operand]
        case "$addToSet":
            array = document.get(name, [])
            document[name] = array if operand in array else [*array, operand]
        case "$pull" if not missing:
            document[name] = [item for item in document[name] if item != operand]
        case "$pop" if not missing:
            document[name] = document[name][1:] if operand < 0 else document[name][:-1]
        case "$rename" if not missing:
            document[operand] = document.pop(name)


def run(database: Database, step: tuple) -> None:
    match step:
        case ("insert", number, value, items):
            database.insert("c", {"_id": number, "a": value, "l": items})
            return
        case ("update", (path, value), (operator, name, operand), is_multi):
            spec = {"q": {path: value}, "u": {operator: {name: operand}}, "multi": is_multi}
        case ("upsert", number, (operator, name, operand)):
            spec = {"q": {"_id": number}, "u": {operator: {name: operand}}, "upsert": True}
        case ("replace", number, items):
            spec = {"q": {"_id": number}, "u": {"l": items}}
        case ("delete", (path, value), is_multi):
            spec = {"q": {path: value}, "limit": 0 if is_multi else 1}
            reply = database.run({"delete": "c", "deletes": [spec]})
            assert "writeErrors" not in reply
            return
    reply = database.run({"update": "c", "updates": [spec]})
    assert "writeErrors" not in reply, reply


@settings(max_examples=120, deadline=None)
@given(st.lists(steps, max_size=15), st.booleans())
def test_writes_do_what_a_plain_model_does(sequence: list[tuple], is_indexed: bool) -> None:
    database, model = Database(), Model()
    if is_indexed:
        # Hidden: which of several matches an index finds first is nobody's promise.
        specs = [{"key": {"a": 1}, "name": "a", "hidden": True},
                 {"key": {"l": 1, "b": -1}, "name": "lb", "hidden": True}]  # fmt: skip
        database.run({"createIndexes": "c", "indexes": specs})
    for step in sequence:
        run(database, step)
        model.apply(step)
    found = database.find("c")
    assert found == model.documents
    if found:
        assert database.run({"validate": "c"})["valid"]

"""Snapshots against a plain model: whatever others do, each plan finds what was there.

Others and a transaction insert, update and delete in turns, with arrays among the values, so
that index entries come and go. The model of the transaction is a copy of the documents at its
beginning, with its own changes made to it.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.bson.types import Document
from services.docdb.tests.support import Database, Session

IDS = st.integers(0, 7)
VALUES = st.integers(0, 4) | st.lists(st.integers(0, 4), max_size=3)
STEPS = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from(["insert", "update", "delete"]), IDS, VALUES,
        st.integers(0, 5),
    ),
    max_size=14,
)  # fmt: skip
INDEXES = [
    {"key": {"v": 1}, "name": "v"},
    {"key": {"w": -1, "v": 1}, "name": "w_v"},
    {"key": {"w": 1}, "name": "even", "partialFilterExpression": {"w": {"$gt": 2}}},
]


def statement(kind: str, number: int, value: object, other: int) -> Document:
    document = {"_id": number, "v": value, "w": other}
    if kind == "insert":
        return {"insert": "c", "documents": [document]}
    if kind == "update":
        return {"update": "c", "updates": [{"q": {"_id": number}, "u": document}]}
    return {"delete": "c", "deletes": [{"q": {"_id": number}, "limit": 1}]}


def change(model: dict[int, Document], kind: str, number: int, value: object, other: int) -> None:
    document = {"_id": number, "v": value, "w": other}
    if kind == "delete":
        model.pop(number, None)
    elif (kind == "insert") != (number in model):
        model[number] = document


def matches(document: Document, value: int) -> bool:
    found = document["v"]
    return value in found if type(found) is list else found == value


def ids(documents: list[Document]) -> list[int]:
    return sorted(document["_id"] for document in documents)


def check(reads: Session, model: dict[int, Document]) -> None:
    documents = list(model.values())
    by_id = {document["_id"]: document for document in reads.find("c")}
    assert by_id == model
    assert len(reads.find("c", hint={"v": 1})) == len(model)
    for value in range(5):
        wanted = [d["_id"] for d in documents if matches(d, value)]
        assert ids(reads.find("c", {"v": value}, hint="v")) == sorted(wanted)
        assert ids(reads.find("c", {"v": value}, hint={"$natural": 1})) == sorted(wanted)
        large = [d["_id"] for d in documents if d["w"] > value]
        assert ids(reads.find("c", {"w": {"$gt": value}})) == sorted(large)
    upwards = [d["w"] for d in reads.find("c", sort={"w": 1, "v": -1}, hint="w_v")]
    downwards = [d["w"] for d in reads.find("c", sort={"w": -1, "v": 1}, hint="w_v")]
    assert upwards == sorted(upwards) == downwards[::-1]
    for number in range(8):
        found = reads.find("c", {"_id": number})
        assert found == ([model[number]] if number in model else [])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(IDS, st.tuples(VALUES, st.integers(0, 5)), max_size=6), STEPS)
def test_a_transaction_sees_its_snapshot_and_its_own_changes(
    start: dict[int, tuple], steps: list[tuple]
) -> None:
    database = Database(replset="rs")
    database.run({"createIndexes": "c", "indexes": INDEXES})
    now: dict[int, Document] = {}
    for number, (value, other) in start.items():
        now[number] = {"_id": number, "v": value, "w": other}
        database.insert("c", now[number])
    session = database.session().start()
    assert ids(session.find("c")) == sorted(now)
    seen, foreign, own = dict(now), set(), []
    for is_own, kind, number, value, other in steps:
        command = statement(kind, number, value, other)
        touches = (kind == "insert") != (number in (seen if is_own else now))
        if is_own:
            # To change what others have changed is a conflict: it has a test of its own.
            if number not in foreign:
                session_reply = session.run(command)
                if "writeErrors" in session_reply:
                    assert kind == "insert" and number in seen
                    return
                change(seen, kind, number, value, other)
                own.append((kind, number, value, other))
        elif all(number != step[1] for step in own):
            if kind == "insert" and number in now:
                continue
            database.run(command)
            change(now, kind, number, value, other)
            if touches or kind != "insert":
                foreign.add(number)
        check(session, seen)
    assert session.commit()["ok"] == 1.0
    for step in own:
        change(now, *step)
    assert {d["_id"]: d for d in database.find("c")} == now
    assert database.run({"validate": "c"})["valid"]


def test_every_kind_of_index_looks_back() -> None:
    database = Database(replset="rs")
    texts = ["red apple", "green pear", "red pear"]
    for number, text in enumerate(texts):
        database.insert("c", {"_id": number, "t": text, "p": [number, number], "w": {"x": number}})
    specs = [{"t": "text"}, {"p": "2d"}, {"w.$**": 1}, {"w.x": "hashed"}]
    for place, key in enumerate(specs):
        spec = {"key": key, "name": f"i{place}"}
        assert database.run({"createIndexes": "c", "indexes": [spec]})["ok"] == 1.0
    session = database.session().start()
    near = {"$near": [0, 0]}
    filters = [{"$text": {"$search": "red"}}, {"p": near}, {"w.x": 2}]
    before = [session.find("c", it) for it in filters]
    assert [ids(found) for found in before] == [[0, 2], [0, 1, 2], [2]]
    database.insert("c", {"_id": 9, "t": "red", "p": [0, 0], "w": {"x": 2}})
    database.run({"delete": "c", "deletes": [{"q": {"_id": 0}, "limit": 1}]})
    change = {"q": {"_id": 2}, "u": {"$set": {"t": "blue", "p": [50, 50], "w": {"x": 7}}}}
    database.run({"update": "c", "updates": [change]})
    assert [session.find("c", it) for it in filters] == before
    session.run({"insert": "c", "documents": [{"_id": 5, "t": "red", "p": [1, 0], "w": {"x": 2}}]})
    found = [ids(session.find("c", it)) for it in filters]
    assert found == [[0, 2, 5], [0, 1, 2, 5], [2, 5]]
    assert session.commit()["ok"] == 1.0
    assert ids(database.find("c", filters[0])) == [5, 9]
    assert database.run({"validate": "c"})["valid"]

"""Bounds of indexes: what is read is what is asked for, no key more, and nothing is missed."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.docdb.bson.types import MAX_KEY, MIN_KEY, Date, Document, Regex
from services.docdb.query import plans
from services.docdb.query.intervals import Interval, common, membership
from services.docdb.tests.support import Database

ends = st.tuples(st.integers(0, 12), st.booleans())


def interval_lists() -> st.SearchStrategy[list[Interval]]:
    """Intervals in order and apart from each other."""

    def build(points: list[tuple[int, bool]]) -> list[Interval]:
        points = sorted(points)
        pairs = zip(points[::2], points[1::2], strict=False)
        found = [Interval(low, high, is_open, closes) for (low, is_open), (high, closes) in pairs]
        return [interval for interval in found if not interval.is_empty]

    return st.lists(ends, max_size=8, unique_by=lambda end: end[0]).map(build)


@given(interval_lists(), interval_lists())
def test_what_is_common_lies_in_both(left: list[Interval], right: list[Interval]) -> None:
    both = common(left, right)
    places = [n / 2 for n in range(-2, 28)]
    is_in_left, is_in_right, is_in_both = (membership(it or [Interval(1, 0)]) for it in
                                           (left, right, both))  # fmt: skip
    for place in places:
        assert is_in_both(place) == (is_in_left(place) and is_in_right(place))


plain = st.one_of(
    st.integers(-2, 4),
    st.sampled_from([2.5, -math.inf, math.inf, math.nan, None, True, False, "", "a", "ab", "b"]),
    st.sampled_from([Date(-1), Date(0), Date(5), {}, {"x": 1}, MIN_KEY, MAX_KEY]),
)
values = st.one_of(plain, st.lists(plain, max_size=3))
inner = st.fixed_dictionaries({}, optional={"x": plain, "y": plain})
documents = st.lists(
    st.fixed_dictionaries(
        {}, optional={"a": values, "b": plain, "d": st.one_of(inner, st.lists(inner, max_size=3))}
    ),
    min_size=1,
    max_size=12,
)
comparisons = st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), plain, min_size=1,
                              max_size=2)  # fmt: skip
conditions = st.one_of(
    comparisons,
    comparisons,
    st.builds(lambda value: {"$eq": value}, plain),
    st.builds(lambda found: {"$in": found}, st.lists(plain, min_size=1, max_size=3)),
    st.builds(lambda found, more: {"$in": found, **more}, st.lists(plain, max_size=3), comparisons),
    st.just({"$regex": "^a"}),
)
queries = st.dictionaries(st.sampled_from(["a", "b", "d.x", "d.y"]), conditions, min_size=1,
                          max_size=3)  # fmt: skip
PATTERNS = [
    {"a": 1},
    {"a": -1},
    {"b": 1, "a": 1},
    {"a": 1, "b": -1},
    {"b": -1, "a": -1, "d.x": 1},
    {"d.x": 1, "d.y": -1},
    {"d": 1},
]


@settings(max_examples=100, deadline=None)
@given(documents, queries, st.sampled_from(PATTERNS), st.sampled_from([None, 1, -1]))
def test_an_index_finds_what_a_scan_finds(
    rows: list[Document], query: Document, pattern: Document, direction: int | None
) -> None:
    database = Database()
    database.insert("c", *({"_id": number, **row} for number, row in enumerate(rows)))
    index = {"key": pattern, "name": "it"}
    assume(database.run({"createIndexes": "c", "indexes": [index]})["ok"] == 1)
    sort = {"sort": {next(iter(pattern)): direction}} if direction else {}
    scanned = database.find("c", query, hint={"$natural": 1})
    found = database.find("c", query, hint="it", **sort)
    assert sorted(it["_id"] for it in found) == [it["_id"] for it in scanned]
    by_plan = database.find("c", query, **sort)
    assert sorted(it["_id"] for it in by_plan) == [it["_id"] for it in scanned]


@settings(max_examples=50, deadline=None)
@given(st.lists(plain, min_size=1, max_size=20), comparisons, st.sampled_from([1, -1]))
def test_a_range_reads_its_own_keys_alone(
    found: list[object], comparison: Document, direction: int
) -> None:
    database = Database()
    database.insert("c", *({"a": value} for value in found))
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]})
    command = {"find": "c", "filter": {"a": comparison}, "sort": {"a": direction}, "hint": "a"}
    stats = database.run({"explain": command})["executionStats"]
    # Null is also the key of what is not there: those documents have to be looked at.
    if None not in comparison.values():
        assert stats["totalKeysExamined"] == stats["totalDocsExamined"] == stats["nReturned"]
        assert "filter" not in stats["executionStages"]


@settings(max_examples=50, deadline=None)
@given(documents, queries, st.sampled_from(PATTERNS[2:6]), st.sampled_from([None, 1, -1]))
def test_what_cannot_fit_is_jumped_over_and_nothing_else(
    rows: list[Document], query: Document, pattern: Document, direction: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "READ_BEFORE_SEEK", 0)
        test_an_index_finds_what_a_scan_finds.hypothesis.inner_test(rows, query, pattern, direction)


@pytest.mark.parametrize("pattern", [{"a": 1, "b": 1}, {"a": 1, "b": -1}, {"a": -1, "b": 1}])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_scan_does_not_read_what_lies_between(pattern: Document, direction: int) -> None:
    database = Database()
    database.insert("c", *({"_id": n, "a": n % 10, "b": n // 10} for n in range(10_000)))
    database.run({"createIndexes": "c", "indexes": [{"key": pattern, "name": "ab"}]})
    query = {"a": {"$gt": 2, "$lte": 8}, "b": {"$in": [300, 301, 700], "$gt": 300}}
    command = {"find": "c", "filter": query, "sort": {"a": direction}, "hint": "ab"}
    found = [(document["a"], document["b"]) for document in database.documents(command)]
    assert sorted(found) == [(a, b) for a in range(3, 9) for b in (301, 700)]
    assert [a for a, _ in found] == sorted((a for a, _ in found), reverse=direction < 0)
    stats = database.run({"explain": command})["executionStats"]
    assert stats["totalDocsExamined"] == stats["nReturned"] == 12
    assert stats["totalKeysExamined"] < 600  # Of the 6,000 that these six have.


def filled() -> Database:
    database = Database()
    rows = ({"_id": n, "a": n % 10, "b": n, "s": f"t{n:02}", "m": [n, n + 1]} for n in range(100))
    database.insert("c", *rows)
    keys = [{"b": 1}, {"a": 1, "b": -1}, {"s": -1}, {"m": 1}, {"a": 1, "s": 1, "b": 1}]
    specs = [{"key": key, "name": "_".join(key)} for key in keys]
    database.run({"createIndexes": "c", "indexes": specs})
    return database


CASES = [
    # hint, filter, keys, documents, results, bounds
    ("b", {"b": {"$gt": 90}}, 9, 9, 9, {"b": ["(90, inf]"]}),
    ("b", {"b": {"$gt": 90, "$lt": 95}}, 4, 4, 4, {"b": ["(90, 95)"]}),
    ("b", {"b": {"$gte": 90, "$lte": 95}}, 6, 6, 6, {"b": ["[90, 95]"]}),
    ("b", {"b": {"$gt": 90, "$gte": 90}}, 9, 9, 9, {"b": ["(90, inf]"]}),
    ("b", {"b": {"$in": [3, 5, 8], "$gt": 3}}, 2, 2, 2, {"b": ["[5, 5]", "[8, 8]"]}),
    ("b", {"b": {"$gt": 9, "$lt": 3}}, 0, 0, 0, {"b": []}),
    ("b", {"b": {"$lt": math.nan}}, 0, 0, 0, {"b": []}),
    ("b", {"b": {"$gt": MIN_KEY}}, 100, 100, 100, {"b": ["(MinKey, MaxKey]"]}),
    ("a_b", {"a": 3, "b": {"$gt": 83}}, 1, 1, 1, {"a": ["[3, 3]"], "b": ["[inf, 83)"]}),
    ("a_b", {"a": {"$in": [3, 4]}, "b": {"$lt": 14}}, 3, 3, 3,
     {"a": ["[3, 3]", "[4, 4]"], "b": ["(14, -inf]"]}),
    ("a_b", {"a": {"$gt": 7}, "b": 28}, 20, 1, 1, {"a": ["(7, inf]"], "b": ["[28, 28]"]}),
    ("a_s_b", {"a": 3, "b": {"$gt": 83}}, 10, 1, 1,
     {"a": ["[3, 3]"], "s": ["[MinKey, MaxKey]"], "b": ["(83, inf]"]}),
    ("s", {"s": {"$gt": "t98"}}, 1, 1, 1, {"s": ['({}, "t98")']}),
    ("s", {"s": {"$regex": "^t9"}}, 10, 10, 10, {"s": ["[/^t9/, /^t9/]", '("t:", "t9"]']}),
    ("m", {"m": {"$gt": 99}}, 1, 1, 1, {"m": ["(99, inf]"]}),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "query", "keys", "looked_at", "found", "bounds"), CASES, ids=str)
def test_explain_shows_what_is_read(
    hint: str, query: Document, keys: int, looked_at: int, found: int, bounds: Document
) -> None:
    command = {"find": "c", "filter": query, "hint": hint}
    stats = filled().run({"explain": command})["executionStats"]
    stage = stats["executionStages"]
    assert stage["stage"] == "FETCH"
    assert "filter" not in stage
    assert stage["inputStage"]["indexBounds"] == bounds
    counts = stats["totalKeysExamined"], stats["totalDocsExamined"], stats["nReturned"]
    assert counts == (keys, looked_at, found)
    assert stage["inputStage"]["keysExamined"] == keys
    assert stage["inputStage"]["nReturned"] == looked_at


def test_of_an_array_one_condition_is_in_the_bounds_and_the_other_is_asked() -> None:
    database = filled()
    command = {"find": "c", "filter": {"m": {"$gt": 3, "$lt": 6}}, "hint": "m"}
    stage = database.run({"explain": command})["executionStats"]["executionStages"]
    assert stage["filter"] == {"m": {"$lt": 6}}
    assert stage["inputStage"]["indexBounds"] == {"m": ["(3, inf]"]}


@pytest.mark.parametrize("direction", [1, -1])
def test_several_scans_come_in_the_order_of_the_index(direction: int) -> None:
    database = filled()
    key = {"a": direction, "_id": 1}
    database.run({"createIndexes": "c", "indexes": [{"key": key, "name": "it"}]})
    found = database.find("c", {"a": {"$in": [3, 7, 5]}}, hint="it")
    assert [it["a"] for it in found] == sorted((it["a"] for it in found), reverse=direction < 0)


def test_conditions_may_be_met_by_different_elements() -> None:
    database = Database()
    document = {"_id": 1, "a": [{"b": 1, "c": 9}, {"b": 9, "c": 2}]}
    database.insert("c", document)
    database.run({"createIndexes": "c", "indexes": [{"key": {"a.b": 1, "a.c": 1}, "name": "bc"}]})
    assert database.find("c", {"a.b": 1, "a.c": 2}, hint="bc") == [document]


def test_a_beginning_is_followed_by_any_character() -> None:
    database = Database()
    texts = ["a", "ab", "ab\U0010ffff", "ab\U0010ffffx", "ac", "b", "\U0010ffff", "\U0010ffffx"]
    database.insert("c", *({"_id": text} for text in texts))
    for beginning in ("ab", "ab\U0010ffff", "\U0010ffff", "a"):
        found = database.find("c", {"_id": Regex("^" + beginning, "")}, hint="_id_")
        assert [it["_id"] for it in found] == sorted(it for it in texts if it.startswith(beginning))

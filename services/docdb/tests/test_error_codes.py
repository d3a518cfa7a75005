"""What goes wrong in ways of MongoDB's own, and what it says then."""

import pytest

from services.docdb.tests.support import Database


@pytest.fixture
def database() -> Database:
    database = Database()
    database.insert("c", {"_id": 1, "word": "h\u00e9llo", "n": 5})
    return database


def value_of(database: Database, expression: object) -> object:
    pipeline = [{"$project": {"r": expression}}]
    reply = database.run({"aggregate": "c", "pipeline": pipeline, "cursor": {}})
    return reply["cursor"]["firstBatch"][0]["r"] if reply["ok"] else reply["code"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"$toUpper": "$word"}, "H\u00e9LLO"),
        ({"$toLower": "\u00c9A"}, "\u00c9a"),
        ({"$strcasecmp": ["\u00e9", "\u00c9"]}, 1),
        ({"$substrBytes": ["$word", 0, 2]}, 28657),
        ({"$substrBytes": ["$word", 2, 2]}, 28656),
        ({"$substrBytes": ["$word", 1, 2]}, "\u00e9"),
        ({"$substrBytes": ["$word", 3, -1]}, "llo"),
        ({"$substrBytes": ["$word", 99, 3]}, ""),
        ({"$rand": {"a": 1}}, 3040501),
    ],
)
def test_expressions(database: Database, expression: object, expected: object) -> None:
    assert value_of(database, expression) == expected


def test_a_result_larger_than_a_document_may_be(database: Database) -> None:
    large = "x" * 6_000_000
    database.insert("large", *({"_id": n, "x": large} for n in range(3)))
    pipeline = [{"$group": {"_id": None, "all": {"$push": "$x"}}}]
    reply = database.run({"aggregate": "large", "pipeline": pipeline, "cursor": {}})
    assert (reply["ok"], reply["code"]) == (0.0, 10334)
    counted = [*pipeline, {"$project": {"n": {"$size": "$all"}}}]
    assert database.documents({"aggregate": "large", "pipeline": counted, "cursor": {}}) == [
        {"_id": None, "n": 3}
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"find": "c", "sort": {"n": "x"}}, 15974),
        ({"find": "c", "sort": {"n": 2}}, 15975),
        ({"collMod": "c", "nonsense": 1}, 40415),
        ({"grantRolesToUser": "nobody", "roles": []}, 11),
        ({"revokeRolesFromUser": "nobody", "roles": []}, 11),
    ],
)
def test_commands(database: Database, command: dict, code: int) -> None:
    assert database.run(command)["code"] == code


def test_all_elements_of_what_is_no_array(database: Database) -> None:
    update = {"q": {}, "u": {"$inc": {"n.$[]": 1}}}
    reply = database.run({"update": "c", "updates": [update]})
    assert reply["writeErrors"][0]["code"] == 2
    assert database.find("c", {"n": 5}, projection={"n": 1}) == [{"_id": 1, "n": 5}]


def test_a_view_cannot_lie_over_itself(database: Database) -> None:
    assert database.run({"create": "one", "viewOn": "two", "pipeline": []})["ok"] == 1.0
    assert database.run({"create": "two", "viewOn": "one", "pipeline": []})["code"] == 5
    assert database.run({"create": "self", "viewOn": "self", "pipeline": []})["code"] == 5
    assert database.run({"create": "two", "viewOn": "c", "pipeline": []})["ok"] == 1.0
    assert database.run({"collMod": "two", "viewOn": "one", "pipeline": []})["code"] == 5


def test_roles_are_granted_and_revoked(database: Database) -> None:
    def roles() -> list[str]:
        return [role["role"] for role in database.run({"usersInfo": "eva"})["users"][0]["roles"]]

    database.run({"createUser": "eva", "pwd": "p", "roles": ["read"]})
    database.run({"grantRolesToUser": "eva", "roles": ["dbAdmin", "read"]})
    assert roles() == ["read", "dbAdmin"]
    database.run({"revokeRolesFromUser": "eva", "roles": ["read"]})
    assert roles() == ["dbAdmin"]
    assert database.run({"grantRolesToUser": "eva", "roles": ["nonsense"]})["code"] == 31


def test_the_plan_cache_can_be_emptied(database: Database) -> None:
    for field in ("a", "b"):
        index = {"key": {field: 1}, "name": field}
        assert database.run({"createIndexes": "c", "indexes": [index]})["ok"] == 1.0
    database.find("c", {"a": 1, "b": 1})
    collection = database.engine.catalog.find("test", "c")
    assert collection.plan_cache
    assert database.run({"planCacheClear": "c"})["ok"] == 1.0
    assert not collection.plan_cache


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"p": [1], "q": [2]}, 171),
        ({"p": [], "q": [1, 2]}, 171),
        ({"p": [1, 2], "q": 3}, None),
        ({"r": [{"a": 1, "b": 1}, {"a": 2}]}, None),
        ({"r": []}, None),
        ({"r": [{"a": [1, 2], "b": [3]}]}, 171),
    ],
)
def test_two_arrays_are_not_indexed_side_by_side(
    database: Database, document: dict, code: int | None
) -> None:
    specs = [{"key": {"p": 1, "q": 1}, "name": "pq"}, {"key": {"r.a": 1, "r.b": 1}, "name": "r"}]
    assert database.run({"createIndexes": "i", "indexes": specs})["ok"] == 1.0
    reply = database.run({"insert": "i", "documents": [document]})
    assert [error["code"] for error in reply.get("writeErrors", [])] == ([code] if code else [])
    assert database.run({"validate": "i"})["valid"]
    assert len(database.find("i", document)) == (code is None)


def test_a_cursor_has_a_number_of_64_bits(database: Database) -> None:
    assert database.run({"getMore": 1, "collection": "c"})["code"] == 14


@pytest.mark.parametrize(("locale", "is_known"), [("de", True), ("de_AT", True), ("de@collation=phonebook", True), ("xx", False), ("english", False), ("EN", False)])  # fmt: skip  # noqa: E501
def test_locales(database: Database, locale: str, is_known: bool) -> None:
    reply = database.run({"find": "c", "collation": {"locale": locale}})
    assert reply.get("code") == (None if is_known else 2)


def test_the_command_that_is_in_no_version() -> None:
    with_tests = Database(test_commands=True)
    strict = {"testVersion2": 1, "apiVersion": "1", "apiStrict": True}
    assert with_tests.run(strict)["code"] == 323
    assert with_tests.run({"testVersion2": 1})["ok"] == 1.0
    assert Database().run({"testVersion2": 1})["code"] == 59

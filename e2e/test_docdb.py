"""docdb as a MongoDB: pymongo, GridFS, and what a crash leaves."""

import datetime
import uuid
from collections.abc import Iterator

import gridfs
import pymongo
import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from e2e.stack import Stack


@pytest.fixture
def client(stack: Stack) -> Iterator[pymongo.MongoClient]:
    host, port = stack.address("docdb")
    with pymongo.MongoClient(host, port, serverSelectionTimeoutMS=20_000) as client:
        yield client


@pytest.fixture
def people(stack: Stack, client: pymongo.MongoClient) -> Iterator[Collection]:
    """A collection of its own, dropped afterwards."""
    database = f"e2e_{uuid.uuid4().hex[:12]}"
    yield client[database].people
    # The connections of the test's own client may be those to a server that was killed.
    with pymongo.MongoClient(*stack.address("docdb"), serverSelectionTimeoutMS=20_000) as fresh:
        fresh.drop_database(database)


def test_the_client_connects(client: pymongo.MongoClient):
    assert client.admin.command("ping") == {"ok": 1.0}
    assert client.server_info()["version"].startswith("7.")


def test_documents_come_back_as_they_went(people: Collection):
    document = {
        "_id": ObjectId(),
        "int": 5,
        "long": Int64(5),
        "double": 2.5,
        "decimal": Decimal128("1.20"),
        "text": "Grüße",
        "date": datetime.datetime(2024, 5, 1, 12, 30, 0, 250_000),
        "nested": {"list": [1, "two", None, True], "empty": {}},
        "bytes": b"\0\xff",
    }
    people.insert_one(document)
    assert people.find_one({"nested.list": "two"}) == document


def test_crud(people: Collection):
    people.insert_many(
        {"_id": n, "age": n % 10, "tags": ["even"] * (n % 2 == 0)} for n in range(300)
    )
    assert people.count_documents({"age": {"$gte": 8}}) == 60
    ages = [p["age"] for p in people.find({"tags": "even"}).sort([("age", -1), ("_id", 1)])]
    assert len(ages) == 150 and ages == sorted(ages, reverse=True)
    assert people.update_many({"age": 3}, {"$set": {"seen": True}}).modified_count == 30
    after = people.find_one_and_update({"_id": 999}, {"$inc": {"n": 1}}, upsert=True,
                                       return_document=pymongo.ReturnDocument.AFTER)  # fmt: skip
    assert after == {"_id": 999, "n": 1}
    assert people.delete_many({"age": {"$lt": 5}}).deleted_count == 150
    assert people.distinct("age") == [5, 6, 7, 8, 9]


def test_bulk_writes_and_their_errors(people: Collection):
    people.create_index("email", unique=True, sparse=True)
    people.insert_one({"_id": 1, "email": "a@x"})
    with pytest.raises(DuplicateKeyError):
        people.insert_one({"email": "a@x"})
    with pytest.raises(BulkWriteError) as caught:
        people.bulk_write(
            [
                InsertOne({"_id": 2}),
                InsertOne({"_id": 1}),
                UpdateOne({"_id": 2}, {"$set": {"x": 1}}),
                DeleteOne({"_id": 1}),
            ],
            ordered=False,
        )
    details = caught.value.details
    assert (details["nInserted"], details["nModified"], details["nRemoved"]) == (1, 1, 1)
    assert [error["index"] for error in details["writeErrors"]] == [1]
    with pytest.raises(OperationFailure):
        people.find_one({"$nope": 1})


def test_an_index_serves_filter_and_order(people: Collection):
    people.insert_many({"_id": n, "city": f"c{n % 20}", "n": n} for n in range(500))
    people.create_index([("city", 1), ("n", -1)], name="by_city")
    found = people.find({"city": "c7"}).sort("n", -1)
    plan = found.explain()
    stats = plan["executionStats"]
    assert plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "by_city"
    assert stats["totalDocsExamined"] == stats["nReturned"] == 25


def test_aggregation(people: Collection):
    people.insert_many({"city": f"c{n % 3}", "n": n} for n in range(30))
    people.database.cities.insert_many({"_id": f"c{n}", "name": f"City {n}"} for n in range(3))
    rows = people.aggregate(
        [
            {"$match": {"n": {"$lt": 20}}},
            {"$group": {"_id": "$city", "total": {"$sum": "$n"}, "most": {"$max": "$n"}}},
            {"$lookup": {"from": "cities", "localField": "_id", "foreignField": "_id", "as": "c"}},
            {"$set": {"name": {"$first": "$c.name"}}},
            {"$unset": "c"},
            {"$sort": {"total": -1}},
        ]
    )
    assert list(rows) == [
        {"_id": "c1", "total": 70, "most": 19, "name": "City 1"},
        {"_id": "c0", "total": 63, "most": 18, "name": "City 0"},
        {"_id": "c2", "total": 57, "most": 17, "name": "City 2"},
    ]


def test_gridfs(people: Collection):
    files = gridfs.GridFS(people.database)
    content = bytes(range(256)) * 3000
    number = files.put(content, filename="blob")
    assert files.get(number).read() == content
    files.delete(number)
    assert not files.exists(number)


def test_compression(stack: Stack, people: Collection):
    host, port = stack.address("docdb")
    with pymongo.MongoClient(host, port, compressors="zlib") as client:
        client[people.database.name].people.insert_one({"_id": 1, "text": "x" * 10_000})
    assert len(people.find_one()["text"]) == 10_000


@pytest.mark.faults
def test_what_was_acknowledged_survives_kill_9(stack: Stack, people: Collection):
    journaled = people.with_options(write_concern=pymongo.WriteConcern(j=True))
    for number in range(50):
        journaled.insert_one({"_id": number})
    with stack.killed("docdb"):
        pass
    host, port = stack.address("docdb")
    with pymongo.MongoClient(host, port, serverSelectionTimeoutMS=20_000) as client:
        again = client[people.database.name].people
        assert again.count_documents({}) == 50
        assert [d["_id"] for d in again.find().sort("_id")] == list(range(50))

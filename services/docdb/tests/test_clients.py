"""Real clients do their ordinary work: mongoengine, motor, Celery's result backend, GridFS."""

import asyncio
import datetime
import json
from collections.abc import Iterator

import gridfs
import mongoengine
import motor.motor_asyncio
import pymongo
import pytest
from celery import Celery, states

from services.docdb.tests.support import running_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server() as (host, port, _):
        yield f"mongodb://{host}:{port}"


# mongoengine.


class Author(mongoengine.Document):
    name = mongoengine.StringField(required=True, unique=True)
    born = mongoengine.DateTimeField()
    home = mongoengine.PointField()
    meta = {"indexes": ["-born"]}  # noqa: RUF012


class Comment(mongoengine.EmbeddedDocument):
    text = mongoengine.StringField()
    stars = mongoengine.IntField(default=0)


class Book(mongoengine.Document):
    number = mongoengine.SequenceField(primary_key=True)
    title = mongoengine.StringField()
    author = mongoengine.ReferenceField(Author)
    tags = mongoengine.ListField(mongoengine.StringField())
    comments = mongoengine.EmbeddedDocumentListField(Comment)
    price = mongoengine.DecimalField()
    more = mongoengine.DictField()
    cover = mongoengine.FileField()
    meta = {"indexes": [{"fields": ["$title"], "default_language": "english"}, "tags"]}  # noqa: RUF012


@pytest.fixture
def engine(url: str) -> Iterator[None]:
    connection = mongoengine.connect("library", host=url, uuidRepresentation="standard")
    yield
    connection.drop_database("library")
    mongoengine.disconnect()


@pytest.mark.usefixtures("engine")
def test_mongoengine_keeps_and_finds_documents() -> None:
    ann = Author(name="Ann", born=datetime.datetime(1970, 1, 2), home=[12.5, 41.9]).save()
    Author(name="Bob", home=[9.2, 45.5]).save()
    with pytest.raises(mongoengine.NotUniqueError):
        Author(name="Ann").save()
    for place, title in enumerate(["The running dog", "A dog's life", "Cats"]):
        Book(title=title, author=ann, tags=["pets", f"t{place}"], price=f"{place}.50",
             comments=[Comment(text="nice", stars=place)]).save()  # fmt: skip
    assert [book.number for book in Book.objects.order_by("number")] == [1, 2, 3]
    assert Book.objects(author=ann, price__gte=1).count() == 2
    assert Book.objects(comments__stars=2).get().title == "Cats"
    assert Book.objects(tags__in=["t0", "t2"]).distinct("title") == ["Cats", "The running dog"]
    assert {book.title for book in Book.objects.search_text("dogs").order_by("$text_score")} == {
        "The running dog", "A dog's life"}  # fmt: skip
    assert [a.name for a in Author.objects(home__near=[9, 45], home__max_distance=700_000)] == [
        "Bob", "Ann"]  # fmt: skip


@pytest.mark.usefixtures("engine")
def test_mongoengine_changes_documents() -> None:
    Book(title="One", tags=["a"], price="2").save()
    Book.objects(title="One").update_one(push__tags="b", inc__price=1, set__more__x=5)
    book = Book.objects.get(title="One")
    assert (book.tags, book.price, book.more) == (["a", "b"], 3, {"x": 5})
    book.comments.create(text="first", stars=4)
    book.title = "Two"
    book.cover.put(b"image", content_type="image/png")
    book.save()
    book.reload()
    assert (book.title, book.comments[0].stars, book.cover.read()) == ("Two", 4, b"image")
    changed = Book.objects(title="Two").modify(set__title="Three", new=True)
    assert changed.title == "Three"
    assert Book.objects.aggregate([{"$unwind": "$tags"}, {"$count": "n"}]).next() == {"n": 2}
    assert (Book.objects.sum("price"), Book.objects.average("price")) == (3, 3)
    assert Book.objects(title="Three").delete() == 1
    assert Author.objects(name="New").upsert_one(set__name="New").name == "New"


def test_motor_awaits(url: str) -> None:
    async def work() -> None:
        client = motor.motor_asyncio.AsyncIOMotorClient(url)
        collection = client.motor.things
        await collection.create_index([("n", -1)])
        await collection.insert_many([{"_id": n, "n": n % 3} for n in range(250)])
        assert await collection.count_documents({"n": 1}) == 83
        found = [d["_id"] async for d in collection.find({"n": 2}).sort("_id", 1)]
        assert found == list(range(2, 250, 3))
        await asyncio.gather(*(
            collection.update_one({"_id": n}, {"$inc": {"n": 10}}) for n in range(20)
        ))  # fmt: skip
        assert (await collection.find_one_and_delete({"n": {"$gte": 12}}, sort=[("_id", 1)]))[
            "_id"
        ] == 2
        grouped = collection.aggregate([{"$group": {"_id": None, "most": {"$max": "$n"}}}])
        assert await grouped.to_list(None) == [{"_id": None, "most": 12}]
        bucket = motor.motor_asyncio.AsyncIOMotorGridFSBucket(client.motor)
        number = await bucket.upload_from_stream("file", b"x" * 300_000)
        stream = await bucket.open_download_stream(number)
        assert len(await stream.read()) == 300_000
        await client.drop_database("motor")
        client.close()

    asyncio.run(work())


# Celery.


@pytest.fixture
def celery(url: str) -> Iterator[Celery]:
    application = Celery("test", backend=f"{url}/results", broker="memory://")
    application.conf.update(result_extended=True, result_expires=60)
    yield application
    with pymongo.MongoClient(url) as client:
        client.drop_database("results")


def test_celery_keeps_results(celery: Celery, url: str) -> None:
    backend = celery.backend
    backend.store_result("one", {"sum": 3}, states.SUCCESS)
    assert backend.get_state("one") == states.SUCCESS
    assert backend.get_result("one") == {"sum": 3}
    assert backend.get_state("nobody") == states.PENDING
    backend.store_result("two", ValueError("no"), states.FAILURE, traceback="here")
    assert isinstance(backend.get_result("two"), ValueError)
    backend.forget("one")
    assert backend.get_state("one") == states.PENDING
    group = celery.GroupResult("three", [celery.AsyncResult("two")])
    group.save()
    assert [result.id for result in backend.restore_group("three")] == ["two"]
    backend.delete_group("three")
    assert backend.restore_group("three") is None
    with pymongo.MongoClient(url) as client:
        stored = client.results.celery_taskmeta.find_one("two")
        assert json.loads(stored["result"])["exc_message"] == ["no"]
    backend.cleanup()


def test_celery_runs_a_chord_by_polling(celery: Celery) -> None:
    backend = celery.backend
    for number in range(3):
        backend.store_result(f"part {number}", number, states.SUCCESS)
    group = celery.GroupResult("chord", [celery.AsyncResult(f"part {n}") for n in range(3)])
    assert group.ready()
    assert group.join(timeout=5, disable_sync_subtasks=False) == [0, 1, 2]


def test_gridfs_keeps_files(url: str) -> None:
    with pymongo.MongoClient(url) as client:
        files = gridfs.GridFS(client.grid)
        first = files.put(b"one" * 100_000, filename="f", kind="a")
        second = files.put(b"two", filename="f", kind="b")
        assert files.get_last_version("f").read() == b"two"
        assert files.get_version("f", 0)._id == first
        part = files.get(first)
        part.seek(255 * 1024 - 1)
        assert part.read(4) == (b"one" * 100_000)[255 * 1024 - 1 :][:4]
        assert [f._id for f in files.find({"metadata": None, "kind": "b"})] == [second]
        files.delete(first)
        assert not files.exists(first)
        assert files.list() == ["f"]
        client.drop_database("grid")

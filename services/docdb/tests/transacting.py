"""What tests of transactions share: three documents, and statements that change them."""

from services.docdb.tests.support import Database

TRANSIENT = ["TransientTransactionError"]


def with_three_documents() -> Database:
    """A replica set with documents 1 to 3, the `v` of which is ten times as much."""
    database = Database(replset="rs")
    database.insert("c", *({"_id": n, "v": n * 10} for n in range(1, 4)))
    return database


def insert(*documents: dict) -> dict:
    return {"insert": "c", "documents": list(documents)}


def update(filters: dict, change: dict, **options: object) -> dict:
    return {"update": "c", "updates": [{"q": filters, "u": change, **options}]}


def ids(documents: list[dict]) -> list[object]:
    return [document["_id"] for document in documents]

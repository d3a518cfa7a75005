"""Databases, collections, documents and indexes, as the routes ask for them.

Documents go to the browser as canonical extended JSON, which keeps every type; what a person
writes is read the same way. A document is changed only as long as it is what was shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from services.docdb.client import CommandError, DocumentClient, from_json, to_json
from services.web.errors import HTTPError

PAGE = 20
MAX_PAGE = 200
MAX_COLLECTIONS = 300
COUNT_LIMIT = 100_000
MAX_TIME_MS = 4000

Json = dict[str, object]


def parse_object(text: str, name: str) -> dict:
    """Extended JSON that has to be an object; nothing is the empty one. Raises HTTPError."""
    value = parse_value(text, name) if text.strip() else {}
    if type(value) is not dict:
        raise HTTPError(400, f"{name} must be a JSON object")
    return value


def parse_value(text: str, name: str) -> object:
    try:
        return from_json(text)
    except ValueError as error:
        raise HTTPError(400, f"{name} is not extended JSON: {error}") from None


class Place:
    """One collection of one database."""

    def __init__(self, client: DocumentClient, database: str, collection: str):
        self._client = client
        self.database = database
        self.collection = collection

    # Documents.

    def page(self, filters: dict, sort: dict, skip: int, limit: int) -> Json:
        """Some documents, and how many there are; None where that takes too long to count."""
        command: dict = {
            "find": self.collection,
            "filter": filters,
            "limit": limit,
            "batchSize": limit,
            "singleBatch": True,
            "maxTimeMS": MAX_TIME_MS,
        }
        if skip:
            command["skip"] = skip
        if sort:
            command["sort"] = sort
        found = self._client.run(self.database, command)["cursor"]["firstBatch"]
        return {
            "documents": [to_json(document) for document in found],
            "skip": skip,
            "total": self._count(filters),
        }

    def _count(self, filters: dict) -> int | None:
        command: dict = {"count": self.collection, "maxTimeMS": 1000}
        if filters:
            command |= {"query": filters, "limit": COUNT_LIMIT}
        try:
            return int(self._client.run(self.database, command)["n"])
        except CommandError:
            return None

    def insert(self, document: dict) -> None:
        """Raises HTTPError or CommandError."""
        reply = self._client.run(
            self.database, {"insert": self.collection, "documents": [document]}
        )
        _check_written(reply)

    def replace(self, before: dict, after: dict) -> None:
        """Put one document in the place of another. Raises HTTPError or CommandError."""
        unchanged = {"$expr": {"$eq": ["$$ROOT", {"$literal": before}]}}
        statement = {"q": {**self._by_id(before), **unchanged}, "u": after, "multi": False}
        reply = self._client.run(self.database, {"update": self.collection, "updates": [statement]})
        _check_written(reply)
        if not reply["n"]:
            raise self._moved(before)

    def delete(self, before: dict) -> None:
        """Raises HTTPError or CommandError."""
        statement = {"q": self._by_id(before), "limit": 1}
        reply = self._client.run(self.database, {"delete": self.collection, "deletes": [statement]})
        _check_written(reply)
        if not reply["n"]:
            raise HTTPError(404, "the document is gone already")

    def _by_id(self, document: dict) -> dict:
        if "_id" not in document:
            raise HTTPError(400, "the document has no _id")
        return {"_id": {"$eq": document["_id"]}}

    def _moved(self, before: dict) -> HTTPError:
        if self._client.find(self.database, self.collection, self._by_id(before), limit=1):
            return HTTPError(409, "somebody else has changed the document: look at it again")
        return HTTPError(404, "the document is gone")

    # Indexes.

    def indexes(self) -> list[Json]:
        """With their sizes, and how often each has been used."""
        listed = self._client.documents(self.database, {"listIndexes": self.collection})
        found = {str(spec["name"]): spec for spec in listed}
        uses = {str(entry["name"]): entry["accesses"] for entry in self._aggregate("$indexStats")}
        sizes: Mapping = {}
        for entry in self._aggregate("$collStats", {"storageStats": {}}):
            sizes = entry["storageStats"].get("indexSizes", {})
        return [
            {
                "name": name,
                "key": to_json(spec["key"], relaxed=True),
                "options": to_json(
                    {k: v for k, v in spec.items() if k not in ("v", "key", "name", "ns")},
                    relaxed=True,
                ),
                "uses": int(uses[name]["ops"]) if name in uses else None,
                "since": to_json(uses[name]["since"], relaxed=True) if name in uses else None,
                "size_bytes": int(sizes[name]) if name in sizes else None,
            }
            for name, spec in found.items()
        ]

    def _aggregate(self, stage: str, operand: dict | None = None) -> list[dict]:
        command = {"aggregate": self.collection, "pipeline": [{stage: operand or {}}], "cursor": {}}
        return list(self._client.documents(self.database, command))

    def create_index(self, key: dict, options: dict) -> None:
        name = options.pop("name", None) or "_".join(f"{p}_{_shown(d)}" for p, d in key.items())
        spec = {"key": key, "name": name, **options}
        self._client.run(self.database, {"createIndexes": self.collection, "indexes": [spec]})

    def drop_index(self, name: str) -> None:
        self._client.run(self.database, {"dropIndexes": self.collection, "index": name})

    # The collection itself.

    def create(self, options: dict) -> None:
        self._client.run(self.database, {"create": self.collection, **options})

    def drop(self) -> None:
        self._client.run(self.database, {"drop": self.collection})


def _shown(direction: object) -> str:
    return direction if type(direction) is str else json.dumps(to_json(direction, relaxed=True))


def _check_written(reply: dict) -> None:
    """Raises HTTPError where the server has refused a document."""
    for error in reply.get("writeErrors", ()):
        status = 409 if error.get("code") == 11000 else 400
        raise HTTPError(status, str(error.get("errmsg", "the server has refused it")))


def list_collections(client: DocumentClient) -> Json:
    """All databases with their collections and views, each with its figures."""
    databases = []
    left = MAX_COLLECTIONS
    for entry in client.run("admin", {"listDatabases": 1, "nameOnly": True})["databases"]:
        name = str(entry["name"])
        collections = [
            _collection(client, name, one)
            for one in client.documents(name, {"listCollections": 1})
            if left > 0 and not str(one["name"]).startswith("system.views")
        ]
        left -= len(collections)
        collections.sort(key=lambda one: one["name"])
        databases.append({"name": name, "collections": collections})
    return {"databases": databases, "is_cut": left <= 0}


def _collection(client: DocumentClient, database: str, entry: dict) -> Json:
    name, kind = str(entry["name"]), str(entry.get("type", "collection"))
    found: Json = {
        "name": name,
        "type": kind,
        "count": None,
        "size_bytes": None,
        "indexes": None,
        "index_bytes": None,
        "is_capped": bool(entry["options"].get("capped")),
    }
    if kind == "view":
        return found
    stats = client.run(database, {"collStats": name})
    return found | {
        "count": int(stats["count"]),
        "size_bytes": int(stats["size"]),
        "indexes": int(stats["nindexes"]),
        "index_bytes": int(stats["totalIndexSize"]),
    }

"""The catalog: which databases, collections and views there are.

A database is there as soon as something is in it, and a collection is made by the first insert.
Every change of the catalog is written to the journal as a small document.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.storage.collection import Collection
from services.docdb.storage.journal import Journal

MAX_NAMESPACE_BYTES = 255
_FORBIDDEN_IN_DATABASES = set('/\\. "$\0')


@dataclass(frozen=True, slots=True)
class View:
    """A stored pipeline under the name of a collection."""

    database: str
    name: str
    source: str
    pipeline: list
    collation: object = None

    @property
    def options(self) -> Document:
        options: Document = {"viewOn": self.source, "pipeline": self.pipeline}
        return options | ({"collation": self.collation} if self.collation else {})


@dataclass(slots=True)
class Database:
    name: str
    collections: dict[str, Collection] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)


class Catalog:
    """All databases."""

    def __init__(self, journal: Journal):
        self._journal = journal
        self.databases: dict[str, Database] = {}

    def collections(self) -> Iterator[Collection]:
        for database in self.databases.values():
            yield from database.collections.values()

    def find(self, database: str, name: str) -> Collection | None:
        found = self.databases.get(database)
        return found.collections.get(name) if found else None

    def find_view(self, database: str, name: str) -> View | None:
        found = self.databases.get(database)
        return found.views.get(name) if found else None

    def exists(self, database: str, name: str) -> bool:
        return self.find(database, name) is not None or self.find_view(database, name) is not None

    def create(self, database: str, name: str, options: Document | None = None) -> Collection:
        """A new, empty collection. Raises MongoError."""
        check_names(database, name)
        if self.exists(database, name):
            raise MongoError(48, f"Collection {database}.{name} already exists.")
        collection = Collection(database, name, self._journal, dict(options or {}))
        self._database(database).collections[name] = collection
        self._journal.changed_catalog(
            {
                "create": collection.namespace,
                "options": collection.options,
                "uuid": collection.uuid,
            }
        )
        return collection

    def get_or_create(self, database: str, name: str) -> Collection:
        found = self.find(database, name)
        if found is not None:
            return found
        if self.find_view(database, name):
            raise MongoError(166, f"Namespace {database}.{name} is a view, not a collection")
        return self.create(database, name)

    def create_view(self, view: View) -> None:
        check_names(view.database, view.name)
        if self.exists(view.database, view.name):
            raise MongoError(48, f"Namespace {view.database}.{view.name} already exists")
        self.put_view(view)

    def put_view(self, view: View) -> None:
        """Make a view, or put another one in its place."""
        self._database(view.database).views[view.name] = view
        self._journal.changed_catalog(
            {"createView": f"{view.database}.{view.name}", "options": view.options}
        )

    def drop(self, database: str, name: str) -> None:
        found = self.databases[database]
        collection = found.collections.pop(name, None)
        if collection:
            collection.is_dropped = True
        found.views.pop(name, None)
        self._journal.changed_catalog({"drop": f"{database}.{name}"})
        self._forget_if_empty(found)

    def drop_database(self, name: str) -> None:
        found = self.databases.get(name)
        for collection in list(found.collections) if found else []:
            self.drop(name, collection)
        for view in list(found.views) if found else []:
            self.drop(name, view)

    def rename(self, collection: Collection, database: str, name: str) -> None:
        check_names(database, name)
        old = self.databases[collection.database]
        self._journal.changed_catalog({"rename": collection.namespace, "to": f"{database}.{name}"})
        del old.collections[collection.name]
        collection.rename(database, name)
        self._database(database).collections[name] = collection
        self._forget_if_empty(old)

    def create_index(self, collection: Collection, spec: Document) -> None:
        collection.build_index(spec)
        self._journal.changed_catalog({"createIndex": collection.namespace, "spec": spec})

    def drop_index(self, collection: Collection, name: str) -> None:
        collection.drop_index(name)
        self._journal.changed_catalog({"dropIndex": collection.namespace, "name": name})

    def modify(self, collection: Collection, options: Document) -> None:
        collection.options = options
        collection.options_changed()
        self._journal.changed_catalog({"modify": collection.namespace, "options": options})

    def _database(self, name: str) -> Database:
        if name not in self.databases:
            for other in self.databases:
                if other.lower() == name.lower():
                    raise MongoError(13297, f"db already exists with different case already have: [{other}] trying to create [{name}]")  # fmt: skip  # noqa: E501
            self.databases[name] = Database(name)
        return self.databases[name]

    def _forget_if_empty(self, database: Database) -> None:
        if not database.collections and not database.views:
            self.databases.pop(database.name, None)


def check_database_name(name: object) -> None:
    if type(name) is not str or not 0 < len(name) < 64 or _FORBIDDEN_IN_DATABASES & set(name):
        raise MongoError(73, f"Invalid namespace specified '{name}'")


def check_names(database: str, name: object) -> None:
    """Raises MongoError where a namespace cannot be."""
    check_database_name(database)
    if type(name) is not str:
        raise MongoError(73, "collection name has invalid type")
    namespace = f"{database}.{name}"
    if not name or name.startswith(".") or name.endswith(".") or "\0" in name or ".." in name:
        raise MongoError(73, f"Invalid namespace specified '{namespace}'")
    if "$" in name and not name.startswith("$cmd"):
        raise MongoError(73, f"Invalid collection name: {name}")
    if len(namespace.encode()) > MAX_NAMESPACE_BYTES:
        raise MongoError(
            73, f"Fully qualified namespace is too long. Namespace: {namespace} Max: 255"
        )

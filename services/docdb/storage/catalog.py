"""The catalog: which databases, collections and views there are.

A database is there as soon as something is in it, and a collection is made by the first insert.
Every change of the catalog is written to the journal as a small document.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from services.docdb.bson.types import Binary, Document
from services.docdb.errors import MongoError
from services.docdb.storage.collection import Collection, Observer
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


class Snapshot(Observer, Protocol):
    """An open snapshot, as far as the catalog knows it."""

    outdated: set[str]
    """Namespaces that are not what they were when it was taken."""


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
        self.snapshots: list[Snapshot] = []
        """The open ones; they are told of each change before it is made."""
        self.shown: dict[tuple[str, str], Callable[[], Collection]] = {}
        """What looks like a collection, and is made when somebody asks."""

    def collections(self) -> Iterator[Collection]:
        for database in self.databases.values():
            yield from database.collections.values()

    def find(self, database: str, name: str) -> Collection | None:
        found = self.databases.get(database)
        if found is None:
            make = self.shown.get((database, name))
            return make() if make is not None else None
        return found.collections.get(name)

    def find_view(self, database: str, name: str) -> View | None:
        found = self.databases.get(database)
        return found.views.get(name) if found else None

    def exists(self, database: str, name: str) -> bool:
        return self.find(database, name) is not None or self.find_view(database, name) is not None

    def create(
        self, database: str, name: str, options: Document | None = None, uuid: Binary | None = None
    ) -> Collection:
        """A new, empty collection. Raises MongoError."""
        check_names(database, name)
        if self.exists(database, name):
            raise MongoError(48, f"Collection {database}.{name} already exists.")
        collection = Collection(database, name, self._journal, dict(options or {}))
        if uuid is not None:
            collection.uuid = uuid
        self.adopt(collection)
        return collection

    def adopt(self, collection: Collection) -> None:
        """A collection that was made elsewhere, and is empty, is here from now on."""
        collection.observers = self.snapshots
        self._database(collection.database).collections[collection.name] = collection
        self._changes(collection.namespace)
        self._journal.changed_catalog(
            {
                "create": collection.namespace,
                "options": collection.options,
                "uuid": collection.uuid,
            },
            collection.uuid,
        )

    def _changes(self, namespace: str) -> None:
        """A snapshot keeps documents, and no catalogs: what it has of this is of no use now."""
        for snapshot in self.snapshots:
            snapshot.outdated.add(namespace)

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
        self._changes(f"{view.database}.{view.name}")
        self._journal.changed_catalog(
            {"createView": f"{view.database}.{view.name}", "options": view.options}
        )

    def drop(self, database: str, name: str) -> None:
        found = self.databases[database]
        collection = found.collections.pop(name, None)
        if collection:
            collection.is_dropped = True
        found.views.pop(name, None)
        self._changes(f"{database}.{name}")
        uuid = collection.uuid if collection else None
        self._journal.changed_catalog({"drop": f"{database}.{name}"}, uuid)
        self._forget_if_empty(found)

    def drop_database(self, name: str) -> None:
        found = self.databases.get(name)
        if found is None:
            return
        for collection in [*found.collections, *found.views]:
            self.drop(name, collection)
        self.dropped_database(name)

    def dropped_database(self, name: str) -> None:
        """All that was in it has been dropped, one by one."""
        self._journal.changed_catalog({"dropDatabase": name})

    def rename(
        self, collection: Collection, database: str, name: str, *, drops_target: bool = False
    ) -> None:
        """Raises MongoError. What has the new name already goes, where the caller says so."""
        check_names(database, name)
        old = self.databases[collection.database]
        change: Document = {"rename": collection.namespace, "to": f"{database}.{name}"}
        target = self.find(database, name)
        if target is not None and drops_target:
            target.is_dropped = True
            change["dropTarget"] = target.uuid
        self._changes(collection.namespace)
        self._changes(f"{database}.{name}")
        self._journal.changed_catalog(change, collection.uuid)
        del old.collections[collection.name]
        collection.rename(database, name)
        self._database(database).collections[name] = collection
        self._forget_if_empty(old)

    def create_index(self, collection: Collection, spec: Document) -> None:
        collection.build_index(spec)
        self._changes(collection.namespace)
        change = {"createIndex": collection.namespace, "spec": spec}
        self._journal.changed_catalog(change, collection.uuid)

    def drop_index(self, collection: Collection, name: str) -> None:
        spec = collection.indexes[name].spec if name in collection.indexes else None
        collection.drop_index(name)
        self._changes(collection.namespace)
        change = {"dropIndex": collection.namespace, "name": name, "spec": spec}
        self._journal.changed_catalog(change, collection.uuid)

    def modify_index(self, collection: Collection, name: str, spec: Document) -> None:
        """Put another specification in the place of an index's. Raises MongoError."""
        index = collection.indexes.pop(name)
        try:
            collection.build_index(spec)
        except MongoError:
            collection.indexes[name] = index
            raise
        self._changes(collection.namespace)
        change = {"modify": collection.namespace, "index": spec, "before": index.spec}
        self._journal.changed_catalog(change, collection.uuid)

    def modify(self, collection: Collection, options: Document) -> None:
        change: Document = {"modify": collection.namespace, "options": options}
        change["before"] = collection.options
        collection.options = options
        collection.options_changed()
        self._changes(collection.namespace)
        self._journal.changed_catalog(change, collection.uuid)

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


_SYSTEM_NAMES = frozenset({"system.profile", "system.users", "system.roles", "system.version",
                           "system.js", "system.views", "system.sessions",
                           "system.backup_users"})  # fmt: skip


def check_names(database: str, name: object) -> None:
    """Raises MongoError where a namespace cannot be."""
    check_database_name(database)
    if type(name) is not str:
        raise MongoError(73, "collection name has invalid type")
    namespace = f"{database}.{name}"
    if not name or name.startswith(".") or name.endswith(".") or "\0" in name or ".." in name:
        raise MongoError(73, f"Invalid namespace specified '{namespace}'")
    if name.startswith("system.") and name not in _SYSTEM_NAMES:
        raise MongoError(73, f"Invalid system namespace: {namespace}")
    if "$" in name and not name.startswith("$cmd"):
        raise MongoError(73, f"Invalid collection name: {name}")
    if len(namespace.encode()) > MAX_NAMESPACE_BYTES:
        raise MongoError(
            73, f"Fully qualified namespace is too long. Namespace: {namespace} Max: 255"
        )

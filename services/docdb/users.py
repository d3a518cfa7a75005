"""Users: who may log in, with what they may do. They are kept in `admin.system.users`.

A password is never kept: only the salted keys of SCRAM (`services.common.scram`), for both of
its hashes. The user of `--password` has all rights and is not stored.

    role                       read   write   create, drop, indexes   users, other databases
    read                       x
    readWrite                  x      x       x
    dbAdmin, dbOwner           x (dbOwner)    x
    …AnyDatabase, root         the same in all databases               root
"""

from services.common.scram import SHA1, SHA256, Credentials, derive_credentials
from services.docdb.bson.encoder import RawDocument, encode_document
from services.docdb.bson.types import Binary, Document
from services.docdb.errors import MongoError
from services.docdb.passwords import sha1_password
from services.docdb.storage.catalog import Catalog
from services.docdb.storage.collection import Collection

MECHANISMS = {"SCRAM-SHA-1": SHA1, "SCRAM-SHA-256": SHA256}
ITERATIONS = {"SCRAM-SHA-1": 10_000, "SCRAM-SHA-256": 15_000}

GRANTS: dict[str, set[str]] = {
    "read": {"any", "read"},
    "readWrite": {"any", "read", "write"},
    "dbAdmin": {"any", "write", "admin"},
    "dbOwner": {"any", "read", "write", "admin"},
    "userAdmin": {"any", "admin"},
    "clusterAdmin": {"any", "read", "admin"},
    "clusterMonitor": {"any"},
    "backup": {"any", "read"},
    "restore": {"any", "write"},
    "root": {"any", "read", "write", "admin"},
}


ROLES = tuple(GRANTS)


class Users:
    """Everybody who can log in."""

    def __init__(self, catalog: Catalog):
        self._catalog = catalog
        self._root: tuple[str, dict[str, Credentials]] | None = None

    @property
    def are_asked_for(self) -> bool:
        """Whether clients have to log in: when the server was started with a password."""
        return self._root is not None

    def set_root(self, name: str, password: str) -> None:
        self._root = (name, all_credentials(name, password, list(MECHANISMS)))

    def _collection(self) -> Collection | None:
        return self._catalog.find("admin", "system.users")

    def find(self, database: str, name: str) -> Document | None:
        collection = self._collection()
        record = collection.find_by_id(f"{database}.{name}") if collection else None
        return record.document if record else None

    def all(self, database: str | None = None) -> list[Document]:
        collection = self._collection()
        found = [r.document for r in collection.records.values()] if collection else []
        return [user for user in found if database in (None, user["db"])]

    def credentials(self, database: str, name: str, mechanism: str) -> Credentials | None:
        if self._root and (database, name) == ("admin", self._root[0]):
            return self._root[1][mechanism]
        user = self.find(database, name)
        stored = user["credentials"].get(mechanism) if user else None
        return _decode(stored, mechanism) if stored else None

    def mechanisms(self, database: str, name: str) -> list[str] | None:
        """By which a user can log in; None where there is no such user."""
        if self._root and (database, name) == ("admin", self._root[0]):
            return list(MECHANISMS)
        user = self.find(database, name)
        return list(user["credentials"]) if user else None

    def roles(self, database: str, name: str) -> tuple[str, ...]:
        if self._root and (database, name) == ("admin", self._root[0]):
            return ("admin.root",)
        user = self.find(database, name)
        return tuple(f"{r['db']}.{r['role']}" for r in user["roles"]) if user else ()

    def may(self, users: dict[str, tuple[str, ...]], right: str, database: str) -> bool:
        """Whether somebody who is logged in has a right on a database."""
        for roles in users.values():
            for role in roles:
                owner, _, name = role.partition(".")
                everywhere = owner == "admin" and (
                    name.endswith("AnyDatabase") or name in ("root", "clusterAdmin")
                )
                plain = name.removesuffix("AnyDatabase")
                if (everywhere or owner == database) and right in GRANTS.get(plain, ()):
                    return True
        return right == "any" and bool(users)

    # Changes.

    def put(self, user: Document) -> None:
        """Store a user, new or changed."""
        collection = self._collection() or self._catalog.create("admin", "system.users")
        raw = RawDocument(encode_document(user))
        record = collection.find_by_id(user["_id"])
        if record:
            collection.replace(record, user, raw)
        else:
            collection.insert(user, raw)

    def remove(self, database: str, name: str) -> bool:
        collection = self._collection()
        record = collection.find_by_id(f"{database}.{name}") if collection else None
        if record:
            collection.delete(record)
        return record is not None


def check_roles(roles: object, database: str) -> list[Document]:
    """Roles as they are stored. Raises MongoError."""
    if type(roles) is not list:
        raise MongoError(9, '"roles" had the wrong type. Expected array')
    stored = []
    for role in roles:
        if type(role) is str:
            role = {"role": role, "db": database}
        if type(role) is not dict or set(role) != {"role", "db"}:
            raise MongoError(2, "a role is a name, or a document of role and db")
        if type(role["role"]) is not str or type(role["db"]) is not str:
            raise MongoError(2, "a role's name and database are strings")
        if role["role"].removesuffix("AnyDatabase") not in GRANTS:
            raise MongoError(31, f"Could not find role: {role['role']}@{role['db']}")
        stored.append({"role": role["role"], "db": role["db"]})
    return stored


def all_credentials(name: str, password: str, mechanisms: list[str]) -> dict[str, Credentials]:
    """The salted keys of a password, for each mechanism."""
    made = {}
    for mechanism in mechanisms:
        text = sha1_password(name, password) if mechanism == "SCRAM-SHA-1" else password
        made[mechanism] = derive_credentials(text, MECHANISMS[mechanism], ITERATIONS[mechanism])
    return made


def encode_credentials(credentials: dict[str, Credentials]) -> Document:
    return {
        mechanism: {
            "iterationCount": it.iterations,
            "salt": Binary(it.salt),
            "storedKey": Binary(it.stored_key),
            "serverKey": Binary(it.server_key),
        }
        for mechanism, it in credentials.items()
    }


def _decode(stored: Document, mechanism: str) -> Credentials:
    return Credentials(
        MECHANISMS[mechanism],
        stored["iterationCount"],
        stored["salt"].data,
        stored["storedKey"].data,
        stored["serverKey"].data,
    )

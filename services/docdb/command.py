"""What a command is: its name, its function, and which fields it knows.

A handler gets the engine and a Request and returns the reply without `ok`, or raises a
MongoError. It may return Pending instead: then the client waits until there is something.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, type_mismatch
from services.docdb.expressions.numbers import as_int
from services.docdb.query.type_names import type_name

if TYPE_CHECKING:
    from services.docdb.clients import Client
    from services.docdb.engine import Engine
    from services.docdb.transactions.retryable import RetryableWrite
    from services.docdb.transactions.session_fields import SessionFields

GENERIC_FIELDS = frozenset(
    [
        "$db",
        "$readPreference",
        "$clusterTime",
        "$client",
        "$audit",
        "$tenant",
        "$configServerState",
        "lsid",
        "txnNumber",
        "autocommit",
        "startTransaction",
        "writeConcern",
        "readConcern",
        "maxTimeMS",
        "comment",
        "apiVersion",
        "apiStrict",
        "apiDeprecationErrors",
        "mayBypassWriteBlocking",
        "helloOk",
        "databaseVersion",
        "shardVersion",
        "maxTimeMSOpOnly",
        "$replData",
        "$oplogQueryData",
        "requestGossipRoutingCache",
    ]
)


@dataclass(slots=True)
class Request:
    """One command of one client."""

    name: str
    database: str
    body: Document
    client: "Client"
    raws: dict[str, list[bytes]] = field(default_factory=dict)
    fields: "SessionFields | None" = None
    """Of which session it is, and what it is there."""
    retry: "RetryableWrite | None" = None
    is_in_transaction: bool = False
    received_at_s: float = field(default_factory=time.monotonic)
    executions: list = field(default_factory=list)
    """The plans that it has run, for the profiler."""

    @property
    def target(self) -> object:
        """The value of the command's own field: mostly the name of a collection."""
        return self.body[self.name]

    @property
    def collection_name(self) -> str:
        name = self.target
        if type(name) is not str:
            raise MongoError(73, f"collection name has invalid type {type_name(name)}")
        if not name:
            raise MongoError(73, f"Invalid namespace specified '{self.database}.'")
        return name

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.collection_name}"

    def get(self, name: str, default: object = None) -> object:
        return self.body.get(name, default)

    def document(self, name: str) -> Document | None:
        """A field that has to be a document where it is given."""
        value = self.body.get(name)
        if value is not None and type(value) is not dict:
            raise self._wrong_type(name, value, "object")
        return value

    def array(self, name: str) -> list:
        """A field that has to be there, and an array."""
        if name not in self.body:
            raise MongoError(
                40414, f"BSON field '{self.name}.{name}' is missing but a required field"
            )
        value = self.body[name]
        if type(value) is not list:
            raise self._wrong_type(name, value, "array")
        return value

    def whole_number(self, name: str, default: int | None = None) -> int | None:
        """A field that has to be a whole number, not below zero, where it is given."""
        value = self.body.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong_type(name, value, "long")
        number = as_int(value)
        number = int(value) if number is None else number
        if number < 0:
            raise MongoError(
                51024, f"BSON field '{name}' value must be >= 0, actual value '{number}'"
            )
        return number

    def batch_size(self) -> int | None:
        """How many documents the first batch shall have, as `cursor: {batchSize: …}` says."""
        value = (self.document("cursor") or {}).get("batchSize")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise self._wrong_type("cursor.batchSize", value, "long")
        if value < 0:
            raise MongoError(51024, "BSON field 'batchSize' value must be >= 0")
        return int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.body.get(name, default)
        if not isinstance(value, bool | int | float):
            raise self._wrong_type(name, value, "bool")
        return bool(value)

    def text(self, name: str, default: str | None = None) -> str | None:
        value = self.body.get(name, default)
        if value is not None and type(value) is not str:
            raise self._wrong_type(name, value, "string")
        return value

    def _wrong_type(self, name: str, value: object, wanted: str) -> MongoError:
        return type_mismatch(
            f"BSON field '{self.name}.{name}' is the wrong type '{type_name(value)}', "
            f"expected type '{wanted}'"
        )


@dataclass(slots=True)
class Pending:
    """No reply yet: `retry` is asked again whenever data has changed, and at the end."""

    retry: Callable[[bool], Document | None]
    timeout_s: float


class _Close(Enum):
    CLOSE_CONNECTION = "close the connection"


CLOSE_CONNECTION = _Close.CLOSE_CONNECTION
"""In the place of a reply: there shall be none."""

Answer = Document | Pending | _Close | None
"""What a request gets; None where it still waits."""

Handler = Callable[["Engine", Request], "Document | Pending"]


@dataclass(slots=True)
class Command:
    """One row of the command table."""

    name: str
    handler: Handler
    fields: frozenset[str] | None = None
    """What may stand beside the command's own name; None lets anything through."""
    needs_login: bool = True
    role: str = "any"
    """Which of the client's roles lets it: any, read, write, admin."""
    on_admin: bool = False
    calls: int = 0

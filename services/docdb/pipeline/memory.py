"""How much a stage may hold: those that have to see all documents before they give the first.

MongoDB lets a stage hold 100 MB, and then writes to the disk, unless the client has said
`allowDiskUse: false`. Here nothing goes to the disk: the limit is another, larger one
(`--stage-memory-mb`), and beyond it the query ends. Who says `allowDiskUse: false` gets
MongoDB's limit and its error.

To measure each document would cost more than to sort it. So every 64th is measured, and those
behind it count the same.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Request
from services.docdb.errors import MongoError

if TYPE_CHECKING:
    from services.docdb.engine import Engine

WITHOUT_DISK_BYTES = 100 * 1024 * 1024
MEASURED = 64
_SCALAR_BYTES = 16


class MemoryUse:
    """What one stage holds, in bytes, about as many as BSON would take."""

    __slots__ = ("_bytes", "_each_bytes", "_left", "_limit_bytes", "_stage")

    def __init__(self, stage: str, limit_bytes: int):
        self._stage = stage
        self._limit_bytes = limit_bytes
        self._bytes = self._each_bytes = self._left = 0

    def add(self, value: object) -> None:
        """One more. Raises MongoError 292."""
        if not self._left:
            self._left = MEASURED
            self._each_bytes = size_of(value)
        self._left -= 1
        self._bytes += self._each_bytes
        if self._bytes > self._limit_bytes:
            raise too_much(self._stage, self._limit_bytes)

    def of(self, documents: Iterator[Document]) -> Iterator[Document]:
        """Documents on their way into the stage."""
        for document in documents:
            self.add(document)
            yield document


def size_of(value: object) -> int:
    """About the bytes of a value."""
    if type(value) is dict:
        return _SCALAR_BYTES + sum(len(name) + size_of(item) for name, item in value.items())
    if type(value) in (list, tuple):
        return _SCALAR_BYTES + sum(map(size_of, value))
    if type(value) in (str, bytes):
        return _SCALAR_BYTES + len(value)
    return _SCALAR_BYTES


def too_much(stage: str, limit_bytes: int) -> MongoError:
    return MongoError(
        292,
        f"{stage} exceeded memory limit of {limit_bytes} bytes, but did not opt in to external "
        "sorting or spilling, which this server does not have",
    )


def limit_of(engine: "Engine", request: Request) -> int:
    """How many bytes a stage of a request may hold."""
    limit_bytes = engine.settings.stage_memory_bytes
    if request.get("allowDiskUse") is False:
        return min(limit_bytes, WITHOUT_DISK_BYTES)
    return limit_bytes

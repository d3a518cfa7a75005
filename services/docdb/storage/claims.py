"""Claims: what open transactions have written in a collection, and nobody else may write.

A record or a unique key that a transaction has written belongs to it until it ends. Another
writer meets a write conflict: the first writer wins. A transaction that meets one is aborted,
and its client begins again; a write outside of transactions waits until the record is free.
# Real: WT_ROLLBACK of WiredTiger, which becomes WriteConflict.
"""

from services.docdb.errors import MongoError
from services.docdb.storage.index import Index

WRITE_CONFLICT = 112


def write_conflict() -> MongoError:
    return MongoError(
        WRITE_CONFLICT,
        "Caused by :: Write conflict during plan execution and yielding is disabled. :: Please "
        "retry your operation or multi-document transaction.",
    )


class Claims:
    """Of one collection: record ids and unique keys, with the transaction that has each."""

    __slots__ = ("keys", "records")

    def __init__(self) -> None:
        self.records: dict[int, object] = {}
        self.keys: dict[tuple[str, tuple], object] = {}

    @property
    def are_held(self) -> bool:
        return bool(self.records)

    def check_record(self, record_id: int, owner: object = None) -> None:
        """Raises MongoError 112 where it is somebody else's."""
        if self.records.get(record_id, owner) is not owner:
            raise write_conflict()

    def check_keys(
        self, index: Index, keys: list[tuple], own_id: int, owner: object = None
    ) -> None:
        """Raises MongoError 112 where somebody else has written or taken away one of the keys."""
        for key in keys:
            if self.keys.get((index.name, key), owner) is not owner:
                raise write_conflict()
            for record_id in index.record_ids(key):
                if record_id != own_id:
                    self.check_record(record_id, owner)

    def take(self, record_id: int, owner: object) -> None:
        self.records[record_id] = owner

    def take_keys(self, index: Index, keys: list[tuple], owner: object) -> None:
        for key in keys:
            self.keys[index.name, key] = owner

    def release(self, owner: object) -> None:
        """The transaction has ended."""
        self.records = {k: v for k, v in self.records.items() if v is not owner}
        self.keys = {k: v for k, v in self.keys.items() if v is not owner}

"""Tailable cursors: they stay at the end of a capped collection, and get what is added."""

from typing import TYPE_CHECKING

from services.docdb.errors import MongoError
from services.docdb.storage.collection import Record

if TYPE_CHECKING:
    from services.docdb.commands.reading import Find


class Tail:
    """An iterator that can come to an end and go on later."""

    def __init__(self, parsed: "Find"):
        self._parsed = parsed
        self._predicate = parsed.condition.compile()
        self._last_id = 0
        self._to_skip = parsed.skip
        self._left = parsed.limit or -1

    @property
    def is_over(self) -> bool:
        """As many as were asked for have been given."""
        return self._left == 0

    def __iter__(self) -> "Tail":
        return self

    def __next__(self) -> object:
        if self.is_over:
            raise StopIteration
        collection = self._parsed.collection
        if collection.is_dropped:
            raise MongoError(175, "collection dropped")
        if self._last_id and self._last_id not in collection.records:
            raise MongoError(136, "CollectionScan died due to position in capped collection being "
                             "deleted.")  # fmt: skip
        for record in list(collection.records.values()):
            if record.id > self._last_id:
                self._last_id = record.id
                if self._predicate(record.document):
                    if self._to_skip:
                        self._to_skip -= 1
                        continue
                    self._left -= 1
                    return self._shown(record)
        raise StopIteration

    def _shown(self, record: Record) -> object:
        project = self._parsed.project
        if project is None:
            return record.raw
        return project(record.document, self._parsed.context.variables)

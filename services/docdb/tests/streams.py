"""Change streams in tests: a client that watches, and one that changes something."""

from services.docdb.bson.types import Document
from services.docdb.command import Pending
from services.docdb.tests.support import Database


class Stream:
    """A change stream of a client."""

    def __init__(
        self,
        database: Database,
        target: object = "c",
        *stages: Document,
        on: str = "test",
        **options: object,
    ):
        self._database = database
        self._on = on
        pipeline = [{"$changeStream": options}, *stages]
        self.reply = database.run({"aggregate": target, "pipeline": pipeline, "cursor": {}}, on)
        if self.reply["ok"]:
            self._cursor = self.reply["cursor"]
            self.token = self._cursor["postBatchResumeToken"]

    def more(self) -> Document:
        name = self._cursor["ns"].partition(".")[2]
        reply = self._database.run({"getMore": self._cursor["id"], "collection": name}, self._on)
        if type(reply) is Pending:
            reply = self._database.travelled(reply.retry(True))
        return reply

    def events(self) -> list[Document]:
        cursor = self.more()["cursor"]
        self.token = cursor["postBatchResumeToken"]
        self._cursor = cursor
        return cursor["nextBatch"]

    @property
    def is_open(self) -> bool:
        return self._cursor["id"] != 0


def change(database: Database, *statements: Document, collection: str = "c") -> None:
    assert database.run({"update": collection, "updates": list(statements)})["ok"] == 1.0


def types(events: list[Document]) -> list[object]:
    return [event["operationType"] for event in events]

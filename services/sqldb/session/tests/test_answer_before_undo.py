"""The client is told of an error before what its statement has written is taken back."""

from services.sqldb.optimizer.tests.database import database
from services.sqldb.protocol.frontend import Query
from services.sqldb.session import conversation
from services.sqldb.session.conversation import Conversation
from services.sqldb.session.session import Session


class Recorder:
    """A connection, and a session's end, as one list of what has happened."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def write(self, data: bytes) -> None:
        self.events.append(data[:1].decode())

    def flush(self) -> None:
        self.events.append("flush")


def failed(monkeypatch, sql: str, least: int) -> list[str]:
    recorder = Recorder()
    fail = Session.fail

    def note(session):
        recorder.events.append("undo")
        fail(session)

    monkeypatch.setattr(conversation, "_MANY_WRITES", least)
    monkeypatch.setattr(Session, "fail", note)
    with database() as made:
        made.run("CREATE TABLE t (a int)")
        session = made.new_session()
        with made.engine.latch:
            Conversation(session, recorder, made.engine.log)._answer(Query(sql))
        assert made.run("SELECT count(*) FROM t") == [(0,)]
    return recorder.events[: recorder.events.index("undo") + 1]


INSERT = "INSERT INTO t SELECT 1 / (5 - n) FROM generate_series(1, 10) n"


def test_much_to_undo(monkeypatch):
    assert failed(monkeypatch, INSERT, 3) == ["E", "flush", "undo"]


def test_little_to_undo(monkeypatch):
    assert failed(monkeypatch, INSERT, 1000) == ["E", "undo"]

"""What the tests of kvdb share: an engine without a server, and a running server."""

from services.common.logs import Log
from services.common.resp import ReplyError
from services.kvdb.clients import Client
from services.kvdb.clock import Clock
from services.kvdb.engine import Engine
from services.kvdb.settings import Settings


class HandClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self, now_s: float = 1_000_000.0):
        self.now_s = now_s
        super().__init__(lambda: self.now_s)

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        self.tick()


def new_engine(*, clock: Clock | None = None, **settings: object) -> Engine:
    return Engine(Settings(**settings), Log("kvdb"), clock=clock)


class Console:
    """One client of an engine: `console("SET", "a", 1)` answers the reply, errors as text."""

    def __init__(self, engine: Engine | None = None, *, resp: int = 2, **settings: object):
        self.clock = HandClock()
        self.engine = engine or new_engine(clock=self.clock, **settings)
        self.client: Client = self.engine.clients.connect()
        self.client.resp = resp

    def __call__(self, *words: object) -> object:
        request = [_word(word) for word in words]
        reply = self.engine.dispatcher.execute(self.client, request)
        return str(reply) if isinstance(reply, ReplyError) else reply


def _word(word: object) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()

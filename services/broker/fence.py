"""The fence: how a session writes to kvdb, and why one that was given up cannot.

The fence is a key that exists as long as the session does, watched at every transaction of the
session: the EXEC of one whose fence has fallen fails (`delivery` has the whole story).

WATCH costs no round trip of its own. EXEC ends it, so each transaction goes out together with
the next WATCH and the look at the fence, in one write, and with what is to be read for the next
transaction:

    MULTI … EXEC │ WATCH fence records │ MGET fence records     one round trip, armed for the
                                                                next one

The way to kvdb is awaited, so that the worker's event loop can do something else meanwhile.
Whoever has no loop gives a connection whose `pipeline` never waits (`Blocking`).

Left out: commands outside a transaction (`ask`) are not fenced. They read, or write what does no
harm when it comes too late.
# Real: the fencing tokens of Chubby and ZooKeeper, which the storage compares at each write.
"""

from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from services.broker import keys
from services.common.logs import Log
from services.common.resp import ReplyError
from services.common.resp_client import RespConnection
from services.kvdb.client import Command

T = TypeVar("T")


class Fenced(Exception):
    """The session was given up by the scheduler: nothing of it may be written any more."""


class Pipeline(Protocol):
    """A way to kvdb."""

    async def pipeline(self, requests: list[Command]) -> list[object]:
        """Several requests in one write; their replies, errors among them. ConnectionLost."""


class Blocking:
    """A connection that answers before it returns: its coroutines never have to wait."""

    def __init__(self, connection: RespConnection):
        self.connection = connection

    async def pipeline(self, requests: list[Command]) -> list[object]:
        return self.connection.pipeline(requests)


def completed(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine comes to that never waits, because its connection is `Blocking`."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("a coroutine had to wait where there is no event loop")


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """What is to be read behind a transaction, and watched from then on."""

    strings: Sequence[str] = ()
    """Keys whose values are read by one MGET."""
    others: Sequence[Command] = ()
    """Reads of keys of other types; the second word of each is the key."""

    @property
    def watched(self) -> list[str]:
        return [*self.strings, *(read[1] for read in self.others)]


NOTHING_AHEAD = ReadAhead()


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction went through: the replies to its commands, and what was read behind it."""

    replies: list[object]
    ahead: list[object]
    """The list of the strings, then the replies to the other reads."""


class FencedConnection:
    """A connection to kvdb whose transactions go through while the fence of a session stands."""

    def __init__(self, connection: Pipeline, session: str, log: Log):
        self.connection = connection
        self._session = session
        self._log = log
        self._is_fenced = False

    async def commit(
        self, commands: Iterable[Command], ahead: ReadAhead = NOTHING_AHEAD
    ) -> Committed | None:
        """One transaction under the fence; None where a watched record has changed.

        The same write arms the fence for the next one. Raises Fenced when this one failed for it.
        """
        if self._is_fenced:
            raise Fenced(self._session)
        fence = keys.fence(self._session)
        body = [("MULTI",), *commands, ("EXEC",)]
        look = [("WATCH", fence, *ahead.watched), ("MGET", fence, *ahead.strings), *ahead.others]
        answers = await self.connection.pipeline([*body, *look])
        for reply in answers:
            if isinstance(reply, ReplyError):
                raise reply
        replies, _, (facts, *strings), *others = answers[len(body) - 1 :]
        # Where this transaction went through and the fence fell right behind it, the WATCH came
        # too late: the next EXEC would succeed, so it must not be sent.
        self._is_fenced = facts is None
        if replies is None and self._is_fenced:
            raise Fenced(self._session)
        if replies is None:
            return None
        return Committed([self._unless_error(reply) for reply in replies], [strings, *others])

    async def ask(self, *commands: Command) -> list[object]:
        """Commands outside a transaction, in one round trip. Raises ReplyError."""
        replies = await self.connection.pipeline(list(commands)) if commands else []
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise reply
        return replies

    def _unless_error(self, reply: object) -> object:
        if isinstance(reply, ReplyError):
            self._log.error(
                "a command of a transaction failed", session=self._session, reason=reply
            )
            return None
        return reply

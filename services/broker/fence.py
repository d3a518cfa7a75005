"""The fence: how a session writes to kvdb, and why one that was given up cannot.

The fence is a key that exists as long as the session does, watched at every transaction of the
session: the EXEC of one whose fence has fallen fails (`delivery` has the whole story).

WATCH costs no round trip of its own. EXEC ends it, so each transaction goes out together with
the next WATCH and the look at the fence, in one write:

    MULTI … EXEC │ WATCH fence │ EXISTS fence        one round trip, armed for the next one

Left out: commands outside a transaction (`ask`) are not fenced. They read, or write what does no
harm when it comes too late.
# Real: the fencing tokens of Chubby and ZooKeeper, which the storage compares at each write.
"""

from collections.abc import Callable, Iterable

from services.broker import keys
from services.broker.conflicts import MAX_CONFLICTS
from services.common.logs import Log
from services.common.resp import ReplyError
from services.common.resp_client import RespConnection
from services.kvdb.client import Command


class Fenced(Exception):
    """The session was given up by the scheduler: nothing of it may be written any more."""


class FencedConnection:
    """A connection to kvdb whose transactions go through while the fence of a session stands."""

    def __init__(self, connection: RespConnection, session: str, log: Log):
        self.connection = connection
        self._session = session
        self._log = log
        self._is_fenced = False

    def repeat(self, commands: Callable[[], list[Command]]) -> None:
        """Commit what `commands` makes of the present state, until it goes through."""
        for _ in range(MAX_CONFLICTS):
            if self.commit(commands()) is not None:
                return
        raise TimeoutError("the transaction never went through: other programs keep interfering")

    def commit(self, commands: Iterable[Command]) -> list[object] | None:
        """One transaction under the fence; None where a watched record has changed.

        The same write arms the fence for the next one. Raises Fenced when this one failed for it.
        """
        if self._is_fenced:
            raise Fenced(self._session)
        fence = keys.fence(self._session)
        requests = [("MULTI",), *commands, ("EXEC",), ("WATCH", fence), ("EXISTS", fence)]
        *queued, replies, _, exists = self.connection.pipeline(requests)
        refused = next((reply for reply in queued if isinstance(reply, ReplyError)), None)
        if refused is not None:
            raise refused
        # Where this transaction went through and the fence fell right behind it, the WATCH came
        # too late: the next EXEC would succeed, so it must not be sent.
        self._is_fenced = not exists
        if replies is None and self._is_fenced:
            raise Fenced(self._session)
        return replies if replies is None else [self._unless_error(reply) for reply in replies]

    def ask(self, *commands: Command) -> list[object]:
        """Commands outside a transaction, in one round trip. Raises ReplyError."""
        replies = self.connection.pipeline(list(commands)) if commands else []
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

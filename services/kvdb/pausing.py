"""CLIENT PAUSE: clients wait for a while, as for a failover; then they go on as if nothing was.

    CLIENT PAUSE 1000 WRITE    who writes waits; who reads goes on
    CLIENT PAUSE 1000          everybody waits
    CLIENT UNPAUSE

A command that comes in meanwhile has passed its guards, but is not run: its client keeps it and
takes no further requests. When the pause is over, or ended, the kept commands run in the order
in which they came. Meanwhile nothing changes, so keys do not expire either: what is due counts
as gone, but is removed only afterwards.

A pause that a transaction asks for begins when the transaction has ended.
# Real: pauseClients() and blockPostponeClient() in Redis.
"""

from typing import TYPE_CHECKING

from services.common.resp import OK, ReplyError
from services.kvdb import errors
from services.kvdb.arguments import integer
from services.kvdb.clients import NO_REPLY, RESUME, Client
from services.kvdb.command import Command

if TYPE_CHECKING:
    from services.kvdb.engine import Engine


class Pause:
    """Whether there is one, until when, for whom; and who waits for its end."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self._until_ms = 0
        self._for_all = False
        self.is_active = False
        self.postponed: dict[Client, None] = {}

    def begin(self, until_ms: int, for_all: bool) -> None:
        """Begin, or prolong: the later end and the stricter kind hold."""
        self._until_ms = max(self._until_ms, until_ms)
        self._for_all |= for_all

    def apply(self) -> None:
        """Take up what `begin` has asked for: called when the command, or EXEC, has ended."""
        if self._until_ms and not self.is_active:
            self._switch(True)

    def end(self) -> None:
        self._until_ms, self._for_all = 0, False
        self._switch(False)
        postponed, self.postponed = self.postponed, {}
        self._engine.dispatcher.deliveries.extend((client, RESUME) for client in postponed)

    def tick(self) -> None:
        if self._until_ms and self._engine.clock.now_ms >= self._until_ms:
            self.end()

    def _switch(self, is_active: bool) -> None:
        self.is_active = self._engine.keyspace.keeps_expired = is_active
        for client in self._engine.clients:
            client.update_guard()

    def concerns(self, client: Client, command: Command) -> bool:
        """Whether this command has to wait."""
        if not self.is_active:
            return False
        if self._for_all or _may_write(command):
            return True
        queue = client.transaction.queue or ()
        return command.name == "exec" and any(_may_write(queued) for queued, _ in queue)

    def postpone(self, client: Client, request: list[bytes]) -> object:
        """Keep a request for later."""
        client.postponed = request
        client.is_halted = True
        self.postponed[client] = None
        return NO_REPLY

    def forget(self, client: Client) -> None:
        """A client has gone."""
        self.postponed.pop(client, None)


def _may_write(command: Command) -> bool:
    # Redis sends messages and merged HyperLogLogs to its replicas, so they count as writes.
    return command.is_write or "may_replicate" in command.flags


def client_pause(client: Client, request: list[bytes]) -> object:
    _, _, timeout, *mode = request
    timeout_ms = integer(timeout, "ERR timeout is not an integer or out of range")
    if timeout_ms < 0:
        raise ReplyError("ERR timeout is negative")
    if len(mode) > 1:
        raise errors.unusable_subcommand(request)
    if mode and mode[0].upper() not in (b"ALL", b"WRITE"):
        raise ReplyError("ERR CLIENT PAUSE mode must be WRITE or ALL")
    for_all = not mode or mode[0].upper() == b"ALL"
    pause = client.engine.pause
    pause.begin(client.engine.clock.now_ms + timeout_ms, for_all)
    if not client.is_executing:
        pause.apply()
    return OK


def client_unpause(client: Client, request: list[bytes]) -> object:
    client.engine.pause.end()
    return OK

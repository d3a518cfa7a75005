"""From a request to its reply: find the command, climb the ladder of guards, call the handler.

    request ─▶ is there such a command, and has it the right number of words?
            ─▶ is the client logged in?
            ─▶ is it in a transaction? Then queue
            ─▶ is there memory for it? Else evict, or refuse
            ─▶ handler(client, request) ─▶ reply
            ─▶ has a key come into being that somebody waits for? Then serve them

Most requests are of clients that are logged in and in no transaction, while memory is free:
two comparisons tell (`client.is_guarded`, the memory limit), and the ladder is left out.
# Real: processCommand() and call() in Redis's server.c.

What a handler raises becomes the reply here and nowhere else.
"""

from typing import TYPE_CHECKING

from services.common.logs import Log
from services.common.resp import ReplyError
from services.kvdb import errors
from services.kvdb.blocking import Delivery
from services.kvdb.clients import NO_REPLY, Client
from services.kvdb.command import Command
from services.kvdb.transactions import QUEUED

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

INTERNAL_ERROR = "ERR internal error"


class Dispatcher:
    """Executes requests. `deliveries` are replies for others, for the server to send."""

    def __init__(self, engine: "Engine", commands: dict[bytes, Command], log: Log):
        self.commands = commands
        """The command table, by name in upper case."""
        self.has_memory_limit = False
        self.deliveries: list[Delivery] = []
        self.errors_total = 0
        self._engine = engine
        self._keyspace = engine.keyspace
        self._ready = engine.keyspace.ready
        self._log = log
        # What clients usually write, so that the case need not be changed for each request.
        self._as_written = commands | {name.lower(): it for name, it in commands.items()}

    def execute(self, client: Client, request: list[bytes]) -> object:
        """The reply to one request; an error is a ReplyError, returned."""
        try:
            command = self._as_written.get(request[0])
            if command is None or command.subcommands:
                command = self.find(request)
            words = len(request)
            if words != command.arity and not command.accepts(words):
                raise errors.wrong_arity(command.name)
            client.last_command = command
            if client.is_guarded or (command.denies_oom and self.has_memory_limit):
                reply = self._climb(client, command, request)
            else:
                command.calls += 1
                reply = command.handler(client, request)
        except ReplyError as error:
            return self._refuse(client, command, error)
        except Exception:
            self._log.exception("a command failed", command=request[0])
            return ReplyError(INTERNAL_ERROR)
        if self._ready:
            self.deliveries += self._engine.blocking.serve_ready()
        return reply

    def find(self, request: list[bytes]) -> Command:
        """The command of a request, or its subcommand. Raises ReplyError."""
        command = self.commands.get(request[0].upper())
        if command is None:
            raise errors.unknown_command(request)
        if command.subcommands and len(request) > 1:
            subcommand = command.subcommands.get(request[1].upper())
            if subcommand is None:
                raise errors.unknown_subcommand(request)
            return subcommand
        return command

    def call(self, client: Client, command: Command, request: list[bytes]) -> object:
        """Run one command of a transaction, past all guards; an error is its reply."""
        command.calls += 1
        try:
            return command.handler(client, request)
        except ReplyError as error:
            self.errors_total += 1
            return error
        except Exception:
            self._log.exception("a command failed", command=request[0])
            return ReplyError(INTERNAL_ERROR)

    # --- the ladder --------------------------------------------------------------------

    def _climb(self, client: Client, command: Command, request: list[bytes]) -> object:
        if not client.is_authenticated and "no_auth" not in command.flags:
            raise ReplyError(errors.NO_AUTH)
        queues = client.is_in_transaction and "immediate" not in command.flags
        if queues and "no_multi" in command.flags:
            raise ReplyError("ERR Command not allowed inside a transaction")
        if self.has_memory_limit:
            self._make_room(client, command, request)
        if queues:
            client.transaction.queue.append((command, request))
            return self._audible(client, QUEUED)
        command.calls += 1
        reply = command.handler(client, request)
        if self.has_memory_limit:
            # A command may have made more than it was sent: SETRANGE, SUNIONSTORE, COPY.
            self._engine.eviction.make_room(0)
        return self._audible(client, reply)

    def _make_room(self, client: Client, command: Command, request: list[bytes]) -> None:
        """Evict, so that what the request brings fits under the limit; or refuse it.

        Redis evicts when the limit has been passed, and so may be over it by one command.
        """
        queue = client.transaction.queue or ()
        if command.name == "exec":
            requests = [queued for it, queued in queue if it.denies_oom]
            text = f"EXECABORT Transaction discarded because of: {errors.OUT_OF_MEMORY}"
        else:
            requests = [request] if command.denies_oom else []
            text = errors.OUT_OF_MEMORY
        if not requests:
            return
        size_bytes = sum(sum(map(len, words)) for words in requests)
        if not self._engine.eviction.make_room(size_bytes):
            if command.name == "exec":
                client.end_transaction()
            raise ReplyError(text)

    def _refuse(self, client: Client, command: Command | None, error: ReplyError) -> object:
        """An error; inside MULTI, that of a command that would have been queued aborts EXEC."""
        self.errors_total += 1
        if client.is_in_transaction and (command is None or "immediate" not in command.flags):
            client.transaction.is_refused = True
        return self._audible(client, error)

    def _audible(self, client: Client, reply: object) -> object:
        """The reply, or nothing where CLIENT REPLY asked for silence."""
        if client.reply_mode == "on":
            return reply
        if client.reply_mode == "skip":
            client.reply_mode = "on"
            client.update_guard()
        return NO_REPLY

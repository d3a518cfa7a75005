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

import collections
from time import perf_counter
from typing import TYPE_CHECKING

from services.common.logs import Log
from services.common.resp import ReplyError, Several
from services.common.subscribing import not_for_subscribers
from services.kvdb import errors
from services.kvdb.blocking import Delivery
from services.kvdb.clients import NO_REPLY, Client
from services.kvdb.command import Command
from services.kvdb.errors import Rejection
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
        self.deliveries: collections.deque[Delivery] = collections.deque()
        self.errors_total = 0
        self.slow_s = 0.0
        """From which duration on a command is slow; `Observation` says so."""
        self.is_observed = False
        """Whether somebody wants to see what commands do; `Observation` says so."""
        self.keeps_journal = False
        """Whether what is written goes into the append-only file; `Persistence` says so."""
        self._engine = engine
        self._keyspace = engine.keyspace
        self._journal = engine.journal
        self._ready = engine.keyspace.ready
        self._log = log
        # What clients usually write, so that the case need not be changed for each request.
        simple = {name: it for name, it in commands.items() if not it.subcommands}
        self._as_written = simple | {name.lower(): it for name, it in simple.items()}

    def execute(self, client: Client, request: list[bytes]) -> object:
        """The reply to one request; an error is a ReplyError, returned."""
        try:
            command = self._as_written.get(request[0])
            if command is None:
                command = self.find(request)
            words = len(request)
            if words != command.arity and not command.accepts(words):
                raise errors.wrong_arity(command.name, Rejection)
            client.last_command = command
            if client.is_guarded or (command.denies_oom and self.has_memory_limit):
                reply = self._climb(client, command, request)
            elif self.is_observed or self.keeps_journal:
                reply = self._run_observed(client, command, request)
            elif command.is_timed:
                reply = self._run_timed(client, command, request)
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
        try:
            return self._run_observed(client, command, request)
        except ReplyError as error:
            self.errors_total += 1
            command.failed += 1
            return error
        except Exception:
            self._log.exception("a command failed", command=request[0])
            return ReplyError(INTERNAL_ERROR)

    def _run_observed(self, client: Client, command: Command, request: list[bytes]) -> object:
        """Run it, under the eyes of those who want to see."""
        if self.is_observed:
            return self._engine.observation.run(self._run, client, command, request)
        if command.is_timed:
            return self._run_timed(client, command, request)
        return self._run(client, command, request)

    def _run_timed(self, client: Client, command: Command, request: list[bytes]) -> object:
        """Run it, and have it in the slow log where it took long."""
        started_s = perf_counter()
        try:
            return self._run(client, command, request)
        finally:
            duration_s = perf_counter() - started_s
            if duration_s >= self.slow_s:
                self._engine.slow_log.note(client, command, request, duration_s)

    def _run(self, client: Client, command: Command, request: list[bytes]) -> object:
        """Call the handler; what a write has changed goes into the append-only file."""
        command.calls += 1
        if not (self.keeps_journal and command.is_write):
            return command.handler(client, request)
        if self._journal.is_refusing:
            raise Rejection(errors.DISK_REFUSES)
        # The database is chosen before the command: none that writes chooses another one.
        database, dirty = client.database, self._keyspace.dirty
        reply = command.handler(client, request)
        if self._keyspace.dirty != dirty:
            self._journal.note(database, request)
        return reply

    # --- the ladder --------------------------------------------------------------------

    def _climb(self, client: Client, command: Command, request: list[bytes]) -> object:
        if not client.is_authenticated and "no_auth" not in command.flags:
            raise Rejection(errors.NO_AUTH)
        if client.is_resp2_subscriber and "subscriber" not in command.flags:
            raise Rejection(f"ERR {not_for_subscribers(command.name)}")
        if self._engine.pause.concerns(client, command):
            return self._engine.pause.postpone(client, request)
        queues = client.is_in_transaction and "immediate" not in command.flags
        if queues and "no_multi" in command.flags:
            raise Rejection("ERR Command not allowed inside a transaction")
        if self.has_memory_limit:
            self._make_room(client, command, request)
        if queues:
            if command.is_write and self._journal.is_refusing:
                raise Rejection(errors.DISK_REFUSES)
            client.transaction.queue.append((command, request))
            return self._audible(client, QUEUED)
        reply = self._run_observed(client, command, request)
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
            raise Rejection(text)

    def _refuse(self, client: Client, command: Command | None, error: ReplyError) -> object:
        """The reply to what could not be run, or failed while it ran."""
        self.errors_total += 1
        if isinstance(error, Rejection):
            if client.is_in_transaction:
                client.transaction.is_refused = True
            if command:
                command.rejected += 1
        else:
            command.failed += 1
        return self._audible(client, ReplyError(str(error)))

    def _audible(self, client: Client, reply: object) -> object:
        """The reply, or nothing where CLIENT REPLY asked for silence."""
        if client.reply_mode == "on":
            return reply
        if client.reply_mode == "skip":
            client.reply_mode = "on"
            client.update_guard()
        # Acknowledgements of SUBSCRIBE are messages, which silence does not concern.
        return reply if type(reply) is Several else NO_REPLY

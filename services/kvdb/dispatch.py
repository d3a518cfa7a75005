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
from services.kvdb import errors, memory
from services.kvdb.blocking import Delivery
from services.kvdb.clients import NO_REPLY, Client
from services.kvdb.command import Command
from services.kvdb.errors import Rejection
from services.kvdb.transactions import QUEUED

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

INTERNAL_ERROR = "ERR internal error"


class _Switch:
    """An attribute of the dispatcher that decides which commands need a second look."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, dispatcher: "Dispatcher", owner: type) -> bool:
        return getattr(dispatcher, self._name, False)

    def __set__(self, dispatcher: "Dispatcher", is_on: bool) -> None:
        setattr(dispatcher, self._name, is_on)
        dispatcher.mark_direct_commands()


class Dispatcher:
    """Executes requests. `deliveries` are replies for others, for the server to send."""

    has_memory_limit = _Switch()
    """Whether commands that need memory have to ask for it; `Engine` says so."""
    is_observed = _Switch()
    """Whether somebody wants to see what commands do; `Observation` says so."""
    keeps_journal = _Switch()
    """Whether what is written goes into the append-only file; `Persistence` says so."""

    def __init__(self, engine: "Engine", commands: dict[bytes, Command], log: Log):
        self.commands = commands
        """The command table, by name in upper case."""
        self.deliveries: collections.deque[Delivery] = collections.deque()
        self.errors: collections.Counter[str] = collections.Counter()
        """The error replies that were given, by their codes."""
        self.slow_s = 0.0
        """From which duration on a command is slow; `Observation` says so."""
        self._engine = engine
        self._keyspace = engine.keyspace
        self._journal = engine.journal
        self._ready = engine.keyspace.ready
        self._log = log
        self._every = [
            it for entry in commands.values() for it in (entry, *entry.subcommands.values())
        ]
        self.has_memory_limit = self.is_observed = self.keeps_journal = False
        # What clients usually write, so that the case need not be changed for each request.
        simple = {name: it for name, it in commands.items() if not it.subcommands}
        self._as_written = simple | {name.lower(): it for name, it in simple.items()}

    def mark_direct_commands(self) -> None:
        """Mark the commands that are called without a second look, as things stand.

        One mark for each command, instead of asking each time for the memory limit, the
        append-only file, the slow log and those who watch: a GET takes a tenth less.
        """
        for command in self._every:
            command.is_direct = not (
                self.is_observed
                or command.is_timed
                or (self.has_memory_limit and command.denies_oom)
                or (self.keeps_journal and command.is_write)
            )

    def execute(self, client: Client, request: list[bytes]) -> object:
        """The reply to one request; an error is a ReplyError, returned."""
        try:
            command = self._as_written.get(request[0])
            if command is None:
                self._refuse_http(client, request)
                command = self.find(request)
            words = len(request)
            if words != command.arity and not command.accepts(words):
                raise errors.wrong_arity(command.name, Rejection)
            client.last_command = command
            if command.is_direct and not client.is_guarded:
                command.calls += 1
                reply = command.handler(client, request)
            elif client.is_guarded or (command.denies_oom and self.has_memory_limit):
                reply = self._climb(client, command, request)
            else:
                reply = self._run_observed(client, command, request)
        except ReplyError as error:
            return self._refuse(client, command, error)
        except Exception:
            self._log.exception("a command failed", command=request[0])
            return ReplyError(INTERNAL_ERROR)
        if self._ready:
            self.deliveries += self._engine.blocking.serve_ready()
            self.deliveries += self._engine.tracking.release()
        return reply

    def _refuse_http(self, client: Client, request: list[bytes]) -> None:
        """A page may make a browser send HTTP here, with commands in its body.

        # Real: securityWarningCommand() in Redis.
        """
        if request[0].upper() in (b"POST", b"HOST:"):
            self._engine.disconnect(client)
            raise Rejection("ERR this port does not speak HTTP")

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
            self.count_failure(command, error)
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
            command.total_s += duration_s
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
        size_bytes = sum(memory.KEY_BYTES + sum(map(len, words)) for words in requests)
        if not self._engine.eviction.make_room(size_bytes):
            if command.name == "exec":
                client.end_transaction()
            raise Rejection(text)

    def _refuse(self, client: Client, command: Command | None, error: ReplyError) -> object:
        """The reply to what could not be run, or failed while it ran."""
        if isinstance(error, Rejection):
            self.errors[error.code] += 1
            if client.is_in_transaction:
                client.transaction.is_refused = True
            if command:
                command.rejected += 1
        else:
            self.count_failure(command, error)
        return self._audible(client, ReplyError(str(error)))

    def count_failure(self, command: Command, error: ReplyError) -> None:
        """A command has failed while it ran, or while its client waited."""
        command.failed += 1
        self.errors[error.code] += 1

    def _audible(self, client: Client, reply: object) -> object:
        """The reply, or nothing where CLIENT REPLY asked for silence."""
        if client.reply_mode == "on":
            return reply
        if client.reply_mode == "skip":
            client.reply_mode = "on"
            client.update_guard()
        # Acknowledgements of SUBSCRIBE are messages, which silence does not concern.
        return reply if type(reply) is Several else NO_REPLY

"""From a request to its reply: find the command, climb the ladder of guards, call the handler.

    request ─▶ is there such a command, and has it the right number of words?
            ─▶ is the client logged in, and may its user do this?
            ─▶ has it subscriptions, or is there a pause, that forbid it now?
            ─▶ is there memory for it? Else evict, or refuse
            ─▶ is it in a transaction? Then queue
            ─▶ handler(client, request) ─▶ reply
            ─▶ has a key come into being that somebody waits for? Then serve them

Most requests are of clients that are logged in and in no transaction, while memory is free:
two comparisons tell (`client.is_guarded`, the memory limit), and the ladder is left out.
# Real: processCommand() and call() in Redis's server.c.

A pipeline is mostly a *run*, the same command again and again. What holds for the first of its
requests holds for all of them, so `execute_run` looks once, and then calls the handler in a loop;
or, for what fills a list or a stream, a joint handler, which looks at the key only once as well.

What a handler raises becomes the reply here and nowhere else.
"""

import collections
from time import perf_counter
from typing import TYPE_CHECKING

from services.common.logs import Log
from services.common.resp import PairMap, Pairs, ReplyError, SetReply, Several
from services.common.resp_runs import Run
from services.common.subscribing import not_for_subscribers
from services.kvdb import errors, memory
from services.kvdb.blocking import Delivery
from services.kvdb.clients import NO_REPLY, Client
from services.kvdb.command import LARGE_REPLY_BYTES, Command
from services.kvdb.errors import Rejection
from services.kvdb.transactions import QUEUED

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

INTERNAL_ERROR = "ERR internal error"

_CONTAINERS = {list, tuple, dict, set, Pairs, PairMap, SetReply}


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
            needs_look = (
                self.is_observed
                or command.is_timed
                or (self.has_memory_limit and command.denies_oom)
            )
            is_journaled = self.keeps_journal and command.is_write
            command.is_direct = not (needs_look or is_journaled)
            command.is_plain = (
                not needs_look
                and not command.flags.isdisjoint(("write", "readonly"))
                and "blocking" not in command.flags
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
            elif command.is_plain and not client.is_guarded:
                reply = self._run(client, command, request)
            elif client.is_guarded or (command.denies_oom and self.has_memory_limit):
                reply = self._climb(client, command, request)
            else:
                reply = self._run_observed(client, command, request)
        except ReplyError as error:
            return self._refuse(client, command, error)
        except Exception:
            return self._internal_error(request)
        if self._ready:
            self._serve_ready()
        return reply

    def execute_run(self, client: Client, run: Run) -> list[object]:
        """The replies to a run, or to the first of its requests; the others are for `execute`.

        A run has one name and one number of words, so that one look at both, and at client and
        server, is good for all of it; and its record in the append-only file is its own bytes,
        with those of its requests that have changed nothing and will change nothing again. A
        pipeline of GETs takes a fourth less time, and one of SETs half with the file.
        """
        command = self._as_written.get(run.name)
        if (
            command is None
            or not command.is_plain
            or client.is_guarded
            or not command.accepts(1 + len(run.columns))
            or client.database.waiting  # Who waits for a key is served before the next request.
        ):
            return []
        is_journaled = self.keeps_journal and command.is_write
        if is_journaled and self._journal.is_refusing:
            return []
        client.last_command = command
        dirty = self._keyspace.dirty
        replies, failure = self._run_all(client, command, run)
        if is_journaled and self._keyspace.dirty != dirty:
            if len(replies) == run.count and self._journal.instead is None:
                self._journal.note_run(client.database, run.data)
            else:
                self._journal.note_all(client.database, run.requests()[: len(replies)])
        if failure is not None:
            replies.append(failure)
        command.calls += len(replies)
        if self._ready:
            self._serve_ready()
        return replies

    def _run_all(self, client: Client, command: Command, run: Run) -> tuple[list[object], object]:
        """The replies as far as all is usual, and that of the request which failed."""
        handler, journal = command.handler, self._journal
        replies: list[object] = []
        try:
            if command.joint_handler and (joint := command.joint_handler(client, run)):
                return joint, None
            for request in run.requests():
                reply = handler(client, request)
                replies.append(reply)
                kind = type(reply)
                if kind is bytes:
                    if len(reply) > LARGE_REPLY_BYTES:
                        break  # A hundred of them may be more than a client should be sent.
                elif kind in _CONTAINERS:
                    break
                if journal.instead is not None:
                    break  # This one is not written down as it came.
        except ReplyError as error:
            journal.instead = None
            return replies, self._refuse(client, command, error)
        except Exception:
            journal.instead = None
            return replies, self._internal_error([run.name])
        return replies, None

    def _serve_ready(self) -> None:
        """Serve those who waited for what the last command has made."""
        self.deliveries += self._engine.blocking.serve_ready()
        self.deliveries += self._engine.tracking.release()

    def _internal_error(self, request: list[bytes]) -> ReplyError:
        """The reply where it is our bug; called while the exception is handled."""
        self._log.exception("a command failed", command=request[0])
        return ReplyError(INTERNAL_ERROR)

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
            self._engine.access.admit_again(client, command, request)
            return self._run_observed(client, command, request)
        except ReplyError as error:
            self.count_failure(command, error)
            return error
        except Exception:
            return self._internal_error(request)

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

    # The ladder.

    def _climb(self, client: Client, command: Command, request: list[bytes]) -> object:
        self._engine.access.admit(client, command, request)
        if client.is_resp2_subscriber and "subscriber" not in command.flags:
            raise Rejection(f"ERR {not_for_subscribers(command.name)}")
        if self._engine.pause.concerns(client, command):
            return self._engine.pause.postpone(client, request)
        queues = client.is_in_transaction and "immediate" not in command.flags
        if queues and "no_multi" in command.flags:
            raise Rejection("ERR Command not allowed inside a transaction")
        if self._engine.settings.min_replicas_to_write and _writes(client, command):
            raise Rejection(errors.NO_REPLICAS)  # There are none, and some are asked for.
        if self.has_memory_limit:
            self._make_room(client, command, request)
        if self._journal.is_refusing and _writes(client, command):
            raise Rejection(errors.DISK_REFUSES)
        if queues:
            client.transaction.queue.append((command, request))
            return self._audible(client, QUEUED)
        if client.no_touch and command.name != "touch":
            with self._keyspace.leaving_no_use():
                reply = self._run_observed(client, command, request)
        else:
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
        else:
            requests = [request] if command.denies_oom else []
        if not requests:
            return
        size_bytes = sum(memory.KEY_BYTES + sum(map(len, words)) for words in requests)
        if not self._engine.eviction.make_room(size_bytes):
            raise Rejection(errors.OUT_OF_MEMORY)

    def _refuse(self, client: Client, command: Command | None, error: ReplyError) -> object:
        """The reply to what could not be run, or failed while it ran."""
        if isinstance(error, Rejection):
            if command and command.name == "exec":
                # An EXEC that is refused ends its transaction all the same.
                client.end_transaction()
                error = errors.aborted_because_of(error)
            elif client.is_in_transaction:
                client.transaction.is_refused = True
            self.errors[error.code] += 1
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


def _writes(client: Client, command: Command) -> bool:
    """Whether a command writes; EXEC does where it has a write to run."""
    if command.name != "exec":
        return command.is_write
    return any(queued.is_write for queued, _ in client.transaction.queue or ())

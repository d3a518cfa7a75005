"""From a request to its reply: find the command, climb the ladder of guards, call the handler.

    request ─▶ is there such a command?              59 CommandNotFound
            ─▶ are all its fields known?             40415 IDLUnknownField
            ─▶ is the client logged in, may it?      13 Unauthorized
            ─▶ does a fail point strike?             what a test has asked for
            ─▶ a transaction, a retry, a snapshot?   `services.docdb.transactions`
            ─▶ handler ─▶ reply, with ok: 1

What a handler raises becomes the reply here and nowhere else. Any other exception is our own
mistake: it is logged, answered as an internal error, and the server goes on.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from services.common.logs import Log
from services.docdb.api_version import check_api
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Document
from services.docdb.command import (
    CLOSE_CONNECTION,
    GENERIC_FIELDS,
    Answer,
    Command,
    Pending,
    Request,
)
from services.docdb.error_labels import label, label_concern
from services.docdb.errors import MongoError
from services.docdb.fail_points import ConnectionClosed, FailPoint
from services.docdb.replication.replica_set import ELECTION_ID
from services.docdb.time_limit import run_limited
from services.docdb.transactions.retryable import RetryableWrite
from services.docdb.transactions.session_fields import ENDS, check_command, read_session_fields
from services.docdb.wire import Message
from services.docdb.write_concern import check_read_concern, check_write_concern

if TYPE_CHECKING:
    from services.docdb.clients import Client
    from services.docdb.engine import Engine


class Dispatcher:
    """Executes requests."""

    def __init__(self, engine: "Engine", commands: dict[str, Command], log: Log):
        self.commands = commands
        self._engine = engine
        self._log = log

    def execute(self, client: "Client", message: Message) -> Answer:
        """The reply to one message."""
        body = message.body
        self._engine.vitals.requests_total += 1
        name = next(iter(body), "")
        return self._answer(client, body, lambda: self._run(client, name, message))

    def _answer(
        self, client: "Client", body: Document, run: Callable[[], Document | Pending | None]
    ) -> Answer:
        """What comes of a call: a reply, also where it fails; None where it still waits."""
        try:
            reply = run()
        except ConnectionClosed:
            return CLOSE_CONNECTION
        except MongoError as error:
            reply = label(error, body).reply()
        except BsonError as error:
            reply = MongoError(22, str(error)).reply()
        except RecursionError:
            reply = MongoError(15, "the request has too many levels").reply()
        except Exception:
            self._log.exception("a command failed", command=next(iter(body), ""))
            reply = MongoError(1, "internal error").reply()
        if type(reply) is Pending:
            return self._waiting(client, body, reply)
        if reply is not None:
            client.waits_for = None
            self._finish(body, reply)
        return reply

    def _waiting(self, client: "Client", body: Document, pending: Pending) -> Pending:
        """What waits is asked again through here, so that its end is treated like any reply."""
        client.waits_for, client.waits_since_s = body, self._engine.now_s()

        def run(is_over: bool) -> Document | Pending | None:
            if client.is_killed:
                client.is_killed = False
                raise MongoError(11601, "operation was interrupted")
            reply = pending.retry(is_over)
            concern = body.get("writeConcern")
            if reply is not None and type(concern) is dict and concern.get("j"):
                self._engine.journal.needs_sync = True  # It may have written only now.
            return reply

        return Pending(
            lambda is_over: self._answer(client, body, lambda: run(is_over)), pending.timeout_s
        )

    def _finish(self, body: Document, reply: Document) -> None:
        """Add what every reply has."""
        reply.setdefault("ok", 1.0)
        replica_set = self._engine.replica_set
        if replica_set is not None:
            if next(iter(body)) in ("insert", "update", "delete") and reply["ok"]:
                reply |= {"electionId": ELECTION_ID, "opTime": replica_set.op_time}
            reply |= replica_set.times()

    def _run(self, client: "Client", name: str, message: Message) -> Document | Pending:
        body = message.body
        command = self.commands.get(name)
        if command is None:
            raise MongoError(59, f"no such command: '{name}'")
        database = body.get("$db")
        if type(database) is not str:
            raise MongoError(40571, "OP_MSG requests require a $db argument")
        if command.fields is not None:
            self._check_fields(command, body)
        if command.on_admin and database != "admin":
            raise MongoError(13, f"{name} may only be run against the admin database.")
        self._check_login(client, command, database)
        check_api(name, body)
        request = Request(name, database, body, client, message.raws)
        if self._engine.fail_points.points:
            client.learn(body)
            point = self._engine.fail_points.take(name, client, body)
            if point is not None:
                return self._fail(command, request, point)
        started_s = time.perf_counter()
        reply = self._perform(command, request)
        self._engine.profiler.note(self._engine, request, reply, time.perf_counter() - started_s)
        return reply

    def _fail(self, command: Command, request: Request, point: FailPoint) -> Document | Pending:
        """Run a command as a fail point says. Raises MongoError or ConnectionClosed."""

        def run(is_over: bool) -> Document | Pending | None:
            if not is_over:
                return None
            point.strike()
            reply = self._perform(command, request)
            if type(reply) is not Pending:
                point.finish(reply)
                label_concern(request.body, reply)
            return reply

        return Pending(run, point.block_s) if point.block_s else run(True)

    def _perform(self, command: Command, request: Request) -> Document | Pending:
        """Run a command in its session, with its concerns. Raises MongoError."""
        body, engine = request.body, self._engine
        is_replica_set = engine.replica_set is not None
        fields = request.fields = read_session_fields(body, is_replica_set=is_replica_set)
        if fields is not None:
            engine.sessions.use(fields.session)
        read = body.get("readConcern")
        if read is not None:
            check_read_concern(read, is_replica_set=is_replica_set)
        concern, unfulfilled = body.get("writeConcern"), None
        if concern is not None:
            syncs, unfulfilled = check_write_concern(concern, is_replica_set=is_replica_set)
            if syncs:
                engine.journal.needs_sync = True
        command.calls += 1
        try:
            reply = self._call(command, request, read)
        except MongoError as error:
            if unfulfilled is not None:
                error.extra = error.extra | {"writeConcernError": unfulfilled}
            raise
        if unfulfilled is not None and type(reply) is not Pending:
            reply["writeConcernError"] = unfulfilled
        return reply

    def _call(
        self, command: Command, request: Request, read: Document | None
    ) -> Document | Pending:
        engine, fields = self._engine, request.fields
        wants_snapshot = read is not None and read.get("level") == "snapshot"
        # A cursor that is there already reads what it reads.
        reads_snapshot = wants_snapshot and command.name != "getMore"
        if fields is not None and fields.number is not None:
            check_command(command.name, request.database, fields, request.body)
            if fields.in_transaction and command.name not in ENDS:
                return engine.transactions.run(command, request, fields)
            if not fields.in_transaction and not reads_snapshot:
                session = engine.sessions.use(fields.session)
                retry = RetryableWrite(session, fields.number, request.body, engine.journal)
                request.retry = retry
                if not retry.has_come_before:
                    run = lambda: command.handler(engine, request)  # noqa: E731
                    return engine.fail_points.write(run, retry.count_of(request.body))
        elif command.name in ENDS:
            raise MongoError(125, f"{command.name} must be run within a transaction")
        if reads_snapshot:
            return engine.transactions.read(command, request, read)
        return run_limited(command, engine, request)

    def _check_fields(self, command: Command, body: Document) -> None:
        unknown = body.keys() - command.fields - GENERIC_FIELDS
        for field in unknown:
            if field != command.name:
                raise MongoError(40415, f"BSON field '{command.name}.{field}' is an unknown field.")

    def _check_login(self, client: "Client", command: Command, database: str) -> None:
        if not command.needs_login or not self._engine.users.are_asked_for:
            return
        if not client.users:
            raise MongoError(13, f"Command {command.name} requires authentication")
        if not self._engine.users.may(client.users, command.role, database):
            raise MongoError(
                13, f"not authorized on {database} to execute command {{ {command.name}: … }}"
            )

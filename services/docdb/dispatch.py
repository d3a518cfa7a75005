"""From a request to its reply: find the command, climb the ladder of guards, call the handler.

    request ─▶ is there such a command?              59 CommandNotFound
            ─▶ are all its fields known?             40415 IDLUnknownField
            ─▶ is the client logged in, may it?      13 Unauthorized
            ─▶ handler ─▶ reply, with ok: 1

What a handler raises becomes the reply here and nowhere else. Any other exception is our own
mistake: it is logged, answered as an internal error, and the server goes on.
"""

from typing import TYPE_CHECKING

from services.common.logs import Log
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Binary, Document
from services.docdb.command import GENERIC_FIELDS, Command, Pending, Request
from services.docdb.errors import MongoError
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

    def execute(self, client: "Client", message: Message) -> Document | Pending:
        """The reply to one message."""
        body = message.body
        name = next(iter(body), "")
        self._engine.vitals.requests_total += 1
        try:
            return self._run(client, name, message)
        except MongoError as error:
            return error.reply()
        except BsonError as error:
            return MongoError(22, str(error)).reply()
        except RecursionError:
            return MongoError(15, "the request has too many levels").reply()
        except Exception:
            self._log.exception("a command failed", command=name)
            return MongoError(1, "internal error").reply()

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
        self._check_api(body)
        request = Request(name, database, body, client, message.raws)
        session = body.get("lsid")
        if session is not None:
            self._note_session(session)
        if "readConcern" in body:
            check_read_concern(body["readConcern"])
        concern = body.get("writeConcern")
        if concern is not None and check_write_concern(concern):
            self._engine.journal.needs_sync = True
        command.calls += 1
        reply = command.handler(self._engine, request)
        if type(reply) is Pending:
            return reply
        reply.setdefault("ok", 1.0)
        return reply

    def _note_session(self, session: object) -> None:
        number = session.get("id") if type(session) is dict else None
        if type(number) is not Binary:
            raise MongoError(14, "lsid has to be a document with an id")
        self._engine.sessions[number.data] = self._engine.now_s()

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

    def _check_api(self, body: Document) -> None:
        version = body.get("apiVersion")
        if version is None:
            if "apiStrict" in body or "apiDeprecationErrors" in body:
                raise MongoError(72, "Provided apiStrict or apiDeprecationErrors without passing "
                                 "apiVersion")  # fmt: skip
            return
        if version != "1":
            raise MongoError(322, 'API version must be "1"')

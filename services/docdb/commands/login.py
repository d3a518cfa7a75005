"""Logging in by SCRAM, and the users who can.

    saslStart      mechanism, client-first  ─▶  conversation, server-first
    saslContinue   client-final             ─▶  server-final, done

A driver may send its saslStart within hello (`speculativeAuthenticate`), which saves a round
trip. What is wrong with a login is said in the log alone: the client learns only that it failed.
"""

from typing import TYPE_CHECKING

from services.common.scram import ScramError, ServerLogin
from services.docdb.bson.types import Binary, Document
from services.docdb.clients import Client
from services.docdb.command import Request
from services.docdb.errors import MongoError
from services.docdb.users import (
    ITERATIONS,
    MECHANISMS,
    all_credentials,
    check_roles,
    encode_credentials,
)

if TYPE_CHECKING:
    from services.docdb.engine import Engine


class Conversation:
    """A login that has been begun on one connection."""

    def __init__(self, engine: "Engine", database: str, mechanism: str, skips_empty: bool):
        self.database = database
        self.skips_empty = skips_empty
        self.is_proved = False
        self.login = ServerLogin(
            MECHANISMS[mechanism],
            lambda name: engine.users.credentials(database, name, mechanism),
            iterations=ITERATIONS[mechanism],
        )


def _failed(engine: "Engine", client: Client, reason: object) -> MongoError:
    client.login = None
    engine.log.warning("login failed", client=client.address, reason=reason)
    return MongoError(18, "Authentication failed.")


def _payload(body: Document) -> str:
    payload = body.get("payload")
    if type(payload) is not Binary:
        raise MongoError(14, "BSON field 'payload' is the wrong type, expected type 'binData'")
    return payload.data.decode(errors="replace")


def sasl_start(engine: "Engine", request: Request) -> Document:
    return _start(engine, request.client, request.body, request.database)


def _start(engine: "Engine", client: Client, body: Document, database: str) -> Document:
    mechanism = body.get("mechanism")
    if type(mechanism) is not str or mechanism not in MECHANISMS:
        raise MongoError(334, f"Unsupported mechanism '{mechanism}' on database '{database}'")
    options = body.get("options")
    skips = type(options) is dict and bool(options.get("skipEmptyExchange"))
    conversation = Conversation(engine, database, mechanism, skips)
    try:
        answer = conversation.login.first(_payload(body))
    except ScramError as error:
        raise _failed(engine, client, error) from None
    client.login = conversation
    return {"conversationId": 1, "done": False, "payload": Binary(answer.encode())}


def sasl_continue(engine: "Engine", request: Request) -> Document:
    client = request.client
    conversation = client.login
    if type(conversation) is not Conversation:
        raise MongoError(17, "No SASL session state found")
    if conversation.is_proved:
        client.login = None
        return {"conversationId": 1, "done": True, "payload": Binary(b"")}
    try:
        answer = conversation.login.final(_payload(request.body))
    except ScramError as error:
        raise _failed(engine, client, error) from None
    name, database = conversation.login.name, conversation.database
    client.users[f"{database}.{name}"] = engine.users.roles(database, name)
    conversation.is_proved = True
    done = conversation.skips_empty
    if done:
        client.login = None
    return {"conversationId": 1, "done": done, "payload": Binary(answer.encode())}


def speculative(engine: "Engine", client: Client, body: Document) -> Document | None:
    """The answer to a saslStart within hello; None where it cannot be, and nothing is lost."""
    try:
        return _start(engine, client, body, body.get("db", "admin"))
    except MongoError:
        return None


def logout(engine: "Engine", request: Request) -> Document:
    for user in list(request.client.users):
        if user.startswith(f"{request.database}."):
            del request.client.users[user]
    return {}


# Users.


def create_user(engine: "Engine", request: Request) -> Document:
    name = request.text("createUser")
    if not name:
        raise MongoError(2, "User document needs 'user' field to be non-empty")
    if engine.users.find(request.database, name):
        raise MongoError(51003, f'User "{name}@{request.database}" already exists')
    if type(request.get("pwd")) is not str:
        raise MongoError(2, "Must provide a 'pwd' field for all user documents")
    _put(engine, request, name, request.get("roles", []))
    return {}


def update_user(engine: "Engine", request: Request) -> Document:
    name = request.text("updateUser")
    known = engine.users.find(request.database, name)
    if known is None:
        raise MongoError(11, f"User {name}@{request.database} not found")
    _put(engine, request, name, request.get("roles", known["roles"]), known)
    return {}


def _put(
    engine: "Engine", request: Request, name: str, roles: object, known: Document | None = None
) -> None:
    mechanisms = request.get("mechanisms") or list(MECHANISMS)
    if type(mechanisms) is not list or any(it not in list(MECHANISMS) for it in mechanisms):
        raise MongoError(2, "Unknown auth mechanism")
    password = request.text("pwd")
    if password is not None:
        credentials = encode_credentials(all_credentials(name, password, mechanisms))
    else:
        credentials = {n: c for n, c in known["credentials"].items() if n in mechanisms}
    engine.users.put(
        {
            "_id": f"{request.database}.{name}",
            "user": name,
            "db": request.database,
            "credentials": credentials,
            "roles": check_roles(roles, request.database),
            "customData": request.get("customData", {}),
        }
    )


def grant_roles(engine: "Engine", request: Request) -> Document:
    user, roles = _user_and_roles(engine, request)
    added = [role for role in roles if role not in user["roles"]]
    engine.users.put(user | {"roles": [*user["roles"], *added]})
    return {}


def revoke_roles(engine: "Engine", request: Request) -> Document:
    user, roles = _user_and_roles(engine, request)
    engine.users.put(user | {"roles": [role for role in user["roles"] if role not in roles]})
    return {}


def _user_and_roles(engine: "Engine", request: Request) -> tuple[Document, list[Document]]:
    """Whom a command is about, and which roles it names. Raises MongoError."""
    user = engine.users.find(request.database, request.target)
    if user is None:
        raise MongoError(11, f"User '{request.target}@{request.database}' not found")
    return user, check_roles(request.get("roles"), request.database)


def drop_user(engine: "Engine", request: Request) -> Document:
    name = request.text("dropUser")
    if not engine.users.remove(request.database, name):
        raise MongoError(11, f"User '{name}@{request.database}' not found")
    return {}


def drop_all_users(engine: "Engine", request: Request) -> Document:
    users = engine.users.all(request.database)
    for user in users:
        engine.users.remove(request.database, user["user"])
    return {"n": len(users)}


def users_info(engine: "Engine", request: Request) -> Document:
    wanted = request.target
    if type(wanted) is str:
        wanted = {"user": wanted, "db": request.database}
    found = engine.users.all(None if type(wanted) is dict else request.database)
    if type(wanted) is dict and "user" in wanted:
        found = [u for u in found if (u["user"], u["db"]) == (wanted["user"], wanted.get("db"))]
    return {
        "users": [
            {
                "_id": user["_id"],
                "user": user["user"],
                "db": user["db"],
                "roles": user["roles"],
                "mechanisms": list(user["credentials"]),
            }
            for user in found
        ]
    }

"""Commands about the connection itself: greeting, logging in, names, the list of clients."""

import itertools

from services.common.resp import OK, ReplyError, Simple
from services.kvdb import arguments, errors
from services.kvdb.acl_user import DEFAULT
from services.kvdb.clients import NO_REPLY, Client

REDIS_VERSION = "7.0.15"
"""The version whose commands and texts this server follows; clients look at it."""


def ping(client: Client, request: list[bytes]) -> object:
    if len(request) > 2:
        raise errors.wrong_arity("ping")
    if client.is_resp2_subscriber:
        # In the form of a message, which is all that it may get.
        return [b"pong", *(request[1:] or [b""])]
    return request[1] if len(request) == 2 else Simple("PONG")


def echo(client: Client, request: list[bytes]) -> bytes:
    return request[1]


def quit_(client: Client, request: list[bytes]) -> object:
    client.engine.disconnect(client)
    return OK


def reset(client: Client, request: list[bytes]) -> object:
    client.end_transaction()
    client.engine.pubsub.forget(client)
    client.engine.monitors.forget(client)
    client.engine.tracking.disable(client)
    client.name = b""
    client.engine.access.welcome(client)
    client.reset()
    return Simple("RESET")


# Logging in.


def auth(client: Client, request: list[bytes]) -> object:
    if len(request) > 3:
        raise errors.syntax_error()
    access = client.engine.access
    if len(request) == 2 and access.default.needs_no_password:
        raise ReplyError(
            "ERR AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?"
        )
    username = request[1] if len(request) == 3 else DEFAULT
    access.log_in(client, username, request[-1], request)
    return OK


_WORDS_OF_OPTION = {b"AUTH": 2, b"SETNAME": 1}


def _hello_options(words: list[bytes]) -> tuple[tuple[bytes, bytes] | None, bytes | None]:
    """User and password, and the name; None for what is not there."""
    credentials = name = None
    left = iter(words)
    for option in left:
        word = option.upper()
        match [word, *itertools.islice(left, _WORDS_OF_OPTION.get(word, 0))]:
            case [b"AUTH", user, password]:
                credentials = user, password
            case [b"SETNAME", wanted]:
                name = _checked_name(wanted)
            case _:
                raise ReplyError(f"ERR Syntax error in HELLO option '{errors.shown(option)}'")
    return credentials, name


def hello(client: Client, request: list[bytes]) -> dict[bytes, object]:
    """`HELLO [version [AUTH user password] [SETNAME name]]`."""
    version = client.resp
    if len(request) > 1:
        version = arguments.to_integer(request[1])
        if version is None:
            raise ReplyError("ERR Protocol version is not an integer or out of range")
        if version not in (2, 3):
            raise ReplyError("NOPROTO unsupported protocol version")
    credentials, name = _hello_options(request[2:])
    if credentials:
        client.engine.access.log_in(client, *credentials, request)
    if not client.is_authenticated:
        raise ReplyError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO AUTH <user> <pass> option can be used to authenticate the client and select "
            "the RESP protocol version at the same time"
        )
    if name is not None:
        client.name = name
    client.resp = version
    client.update_guard()
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": version,
        b"id": client.id,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": [],
    }


# CLIENT.


def client_id(client: Client, request: list[bytes]) -> int:
    return client.id


def client_getname(client: Client, request: list[bytes]) -> bytes | None:
    return client.name or None


def client_setname(client: Client, request: list[bytes]) -> object:
    client.name = _checked_name(request[2])
    return OK


def _checked_name(name: bytes) -> bytes:
    if not all(33 <= byte <= 126 for byte in name):
        raise ReplyError("ERR Client names cannot contain spaces, newlines or special characters.")
    return name


def client_setinfo(client: Client, request: list[bytes]) -> object:
    _, _, attribute, value = request
    if not all(33 <= byte <= 126 for byte in value):
        raise ReplyError(
            f"ERR {attribute.decode('utf-8', 'surrogateescape').lower()} cannot contain spaces, "
            "newlines or special characters."
        )
    match attribute.upper():
        case b"LIB-NAME":
            client.library_name = value
        case b"LIB-VER":
            client.library_version = value
        case _:
            shown = attribute.decode("utf-8", "surrogateescape")
            raise ReplyError(f"ERR Unrecognized option '{shown}'")
    return OK


def client_reply(client: Client, request: list[bytes]) -> object:
    match request[2].upper():
        case b"ON":
            client.reply_mode = "on"
        case b"OFF":
            client.reply_mode = "off"
        case b"SKIP":
            client.reply_mode = client.reply_mode if client.reply_mode == "off" else "skip"
        case _:
            raise errors.syntax_error()
    client.update_guard()
    return OK if client.reply_mode == "on" else NO_REPLY


def client_no_evict(client: Client, request: list[bytes]) -> object:
    client.no_evict = _on_or_off(request[2])
    return OK


def client_no_touch(client: Client, request: list[bytes]) -> object:
    """Whoever looks at all keys (a backup, a person) does not make them look used."""
    client.no_touch = _on_or_off(request[2])
    client.update_guard()
    return OK


def _on_or_off(choice: bytes) -> bool:
    if choice.upper() not in (b"ON", b"OFF"):
        raise errors.syntax_error()
    return choice.upper() == b"ON"

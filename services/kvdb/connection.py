"""Commands about the connection itself: greeting, logging in, names, the list of clients."""

import hmac

from services.common.resp import OK, ReplyError, Simple
from services.kvdb import arguments, errors
from services.kvdb.arguments import words
from services.kvdb.clients import NO_REPLY, Client

REDIS_VERSION = "7.0.15"
"""The version whose commands and texts this server follows; clients look at it."""

DEFAULT_USER = b"default"


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
    client.is_authenticated = not client.engine.settings.password
    client.reset()
    return Simple("RESET")


# --- logging in ------------------------------------------------------------------------


def auth(client: Client, request: list[bytes]) -> object:
    if len(request) > 3:
        raise errors.syntax_error()
    if len(request) == 2 and not client.engine.settings.password:
        raise ReplyError(
            "ERR AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?"
        )
    user = request[1] if len(request) == 3 else DEFAULT_USER
    _log_in(client, user, request[-1])
    return OK


def _log_in(client: Client, user: bytes, password: bytes) -> None:
    expected = client.engine.settings.password.encode("utf-8", "surrogateescape")
    # Compared in constant time: the time of an answer must not tell how much was right.
    is_right = hmac.compare_digest(password, expected) or not expected
    if user != DEFAULT_USER or not is_right:
        raise ReplyError("WRONGPASS invalid username-password pair or user is disabled.")
    client.is_authenticated = True
    client.update_guard()


def hello(client: Client, request: list[bytes]) -> dict[bytes, object]:
    """`HELLO [version [AUTH user password] [SETNAME name]]`."""
    version, credentials, name = client.resp, None, None
    if len(request) > 1:
        version = arguments.to_integer(request[1])
        if version is None:
            raise ReplyError("ERR Protocol version is not an integer or out of range")
        if version not in (2, 3):
            raise ReplyError("NOPROTO unsupported protocol version")
    for word, values in words(request[2:]):
        match word:
            case b"AUTH":
                credentials = arguments.following(values), arguments.following(values)
            case b"SETNAME":
                name = _checked_name(arguments.following(values))
            case _:
                shown = word.decode("utf-8", "surrogateescape").lower()
                raise ReplyError(f"ERR Syntax error in HELLO option '{shown}'")
    if credentials:
        _log_in(client, *credentials)
    if not client.is_authenticated:
        raise ReplyError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and "
            "select the RESP protocol version at the same time"
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


# --- CLIENT ----------------------------------------------------------------------------


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
    choice = request[2].upper()
    if choice not in (b"ON", b"OFF"):
        raise errors.syntax_error()
    client.no_evict = choice == b"ON"
    return OK

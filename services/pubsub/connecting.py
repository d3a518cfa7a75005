"""RESP: what a client says about its own connection.

HELLO chooses the protocol version, AUTH logs in, CLIENT names the connection and lists all of
them. SELECT is tolerated for the sixteen databases that Redis has by default: pub/sub has no
databases, and clients whose address ends in `/1` send it all the same.
"""

import re
from typing import TYPE_CHECKING

from services.common.resp import OK, Simple, Verbatim
from services.pubsub.administration import REDIS_VERSION
from services.pubsub.outcomes import Last, PubSubError

if TYPE_CHECKING:
    from services.pubsub.session import ClientSession

DATABASES = 16

_NAME = re.compile(rb"[!-~]*")


def ping(client: "ClientSession", *message: bytes) -> object:
    """PONG; a RESP2 subscriber gets it in the form of a message, which is all it may get."""
    if len(message) > 1:
        raise PubSubError("wrong number of arguments for 'ping' command")
    if client.is_resp2_subscriber:
        return [b"pong", message[0] if message else b""]
    return message[0] if message else Simple("PONG")


def echo(client: "ClientSession", message: bytes) -> bytes:
    return message


def quit_(client: "ClientSession", *ignored: bytes) -> Last:
    return Last(OK)


def reset(client: "ClientSession") -> Simple:
    client.reset()
    return Simple("RESET")


def select(client: "ClientSession", database: bytes) -> Simple:
    if not database.isdigit():
        raise PubSubError("value is not an integer or out of range")
    if int(database[:20]) >= DATABASES:
        raise PubSubError("DB index is out of range")
    return OK


def auth(client: "ClientSession", *credentials: bytes) -> Simple:
    match credentials:
        case [password]:
            if not client.broker.password:
                raise PubSubError(
                    "AUTH <password> called without any password configured for the default"
                    " user. Are you sure your configuration is correct?"
                )
            client.log_in(b"default", password)
        case [user, password]:
            client.log_in(user, password)
        case _:
            raise PubSubError("syntax error")
    return OK


def hello(client: "ClientSession", *arguments: bytes) -> dict[bytes, object]:
    """`HELLO [2|3 [AUTH user password] [SETNAME name]]`: what the server is."""
    version = _version(arguments[0]) if arguments else client.version
    name = None
    options = list(arguments[1:])
    while options:
        match options:
            case [option, user, password, *rest] if option.upper() == b"AUTH":
                client.log_in(user, password)
            case [option, name, *rest] if option.upper() == b"SETNAME":
                _check_name(name)
            case [option, *rest]:
                text = option.decode("utf-8", "surrogateescape")
                raise PubSubError(f"Syntax error in HELLO option '{text}'")
        options = rest
    if not client.is_authenticated:
        raise PubSubError(
            "HELLO must be called with the client already authenticated, otherwise the HELLO"
            " <proto> AUTH <user> <pass> option can be used to authenticate the client and"
            " select the RESP protocol version at the same time",
            "NOAUTH",
        )
    if name is not None:
        client.name = name
    client.use_version(version)
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": version,
        b"id": client.id,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": [],
    }


def _version(text: bytes) -> int:
    if not text.isdigit():
        raise PubSubError("Protocol version is not an integer or out of range")
    if text not in (b"2", b"3"):
        raise PubSubError("unsupported protocol version", "NOPROTO")
    return int(text)


# CLIENT.


def client_id(client: "ClientSession") -> int:
    return client.id


def client_getname(client: "ClientSession") -> bytes | None:
    return client.name or None


def client_setname(client: "ClientSession", name: bytes) -> Simple:
    _check_name(name)
    client.name = name
    return OK


def _check_name(name: bytes) -> None:
    if not _NAME.fullmatch(name):
        raise PubSubError("Client names cannot contain spaces, newlines or special characters.")


def client_setinfo(client: "ClientSession", option: bytes, value: bytes) -> Simple:
    """Client libraries say what they are; it shows in CLIENT LIST."""
    if not _NAME.fullmatch(value):
        raise PubSubError(f"{option.decode('ascii', 'replace')} cannot contain spaces or newlines")
    match option.upper():
        case b"LIB-NAME":
            client.library = value
        case b"LIB-VER":
            client.library_version = value
        case _:
            text = option.decode("utf-8", "surrogateescape")
            raise PubSubError(f"Unrecognized option '{text}'")
    return OK


def client_info(client: "ClientSession") -> Verbatim:
    return Verbatim(_described(client) + b"\n")


def client_list(client: "ClientSession") -> Verbatim:
    return Verbatim(b"".join(_described(other) + b"\n" for other in client.broker.clients.values()))


def _described(client: "ClientSession") -> bytes:
    """One line of CLIENT LIST: the fields of Redis that have a meaning here."""
    broker, connection = client.broker, client.connection
    now_s = broker.clock()
    channels = broker.channels
    fields = {
        b"id": client.id,
        b"addr": connection.peer,
        b"name": client.name,
        b"age": int(now_s - client.connected_at_s),
        b"idle": int(now_s - connection.last_active_s),
        b"flags": "P" if client.is_subscriber else "N",
        b"db": 0,
        b"sub": channels.channels.count_of(client),
        b"psub": channels.patterns.count_of(client),
        b"ssub": broker.shard_channels.count_of(client),
        b"multi": -1,
        b"qbuf": client.buffered_bytes,
        b"omem": connection.output_bytes,
        b"cmd": client.last_command or "NULL",
        b"user": "default",
        b"lib-name": client.library,
        b"lib-ver": client.library_version,
        b"resp": client.version,
    }
    return b" ".join(
        b"%b=%b" % (name, value if isinstance(value, bytes) else str(value).encode())
        for name, value in fields.items()
    )

"""Commands about the connection itself: greeting, logging in, names, the list of clients."""

import hmac

from services.common.resp import OK, ReplyError, Simple, Verbatim
from services.kvdb import arguments, errors
from services.kvdb.arguments import integer, words
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


def client_info(client: Client, request: list[bytes]) -> Verbatim:
    return Verbatim(_line(client) + b"\n")


def client_list(client: Client, request: list[bytes]) -> Verbatim:
    _, _, *options = request
    chosen = list(client.engine.clients)
    match [options, [word.upper() for word in options[:1]]]:
        case [[], _]:
            pass
        case [[_, kind], [b"TYPE"]]:
            if _client_type(kind) != b"normal":
                chosen = []
        case [[_, *ids], [b"ID"]] if ids:
            wanted = {integer(text, "ERR Invalid client ID") for text in ids}
            chosen = [other for other in chosen if other.id in wanted]
        case _:
            raise errors.syntax_error()
    return Verbatim(b"".join(_line(other) + b"\n" for other in chosen))


def _client_type(kind: bytes) -> bytes:
    kind = kind.lower()
    if kind not in (b"normal", b"master", b"replica", b"slave", b"pubsub"):
        raise ReplyError(f"ERR Unknown client type '{kind.decode('utf-8', 'surrogateescape')}'")
    return kind


def _line(client: Client) -> bytes:
    """One client in the form of CLIENT LIST, which several task queues parse."""
    now_ms = client.engine.clock.now_ms
    queue = client.transaction.queue
    channels, patterns, shard_channels = client.engine.pubsub.counts_of(client)
    fields = {
        "id": client.id,
        "addr": client.endpoint.peer,
        "laddr": client.endpoint.local,
        "fd": client.endpoint.fileno(),
        "name": client.name.decode(),
        "age": (now_ms - client.created_ms) // 1000,
        "idle": int(client.endpoint.idle_s),
        "flags": _flags(client),
        "db": client.database.index,
        "sub": channels,
        "psub": patterns,
        "ssub": shard_channels,
        "multi": -1 if queue is None else len(queue),
        "events": "r",
        "cmd": client.last_command.name if client.last_command else "NULL",
        "user": DEFAULT_USER.decode(),
        "redir": -1,
        "resp": client.resp,
        "lib-name": client.library_name.decode(),
        "lib-ver": client.library_version.decode(),
    }
    return " ".join(f"{name}={value}" for name, value in fields.items()).encode()


def _flags(client: Client) -> str:
    flags = (
        ("O" if client in client.engine.monitors.clients else "")
        + ("P" if client.is_subscriber else "")
        + ("x" if client.is_in_transaction else "")
        + ("b" if client.blocked or client.postponed else "")
        + ("d" if client.transaction.is_stale else "")
        + ("c" if client.is_leaving else "")
        + ("e" if client.no_evict else "")
    )
    return flags or "N"


def client_kill(client: Client, request: list[bytes]) -> object:
    """`CLIENT KILL addr`, or with filters, all of which must fit; then it answers a count."""
    _, _, *filters = request
    if len(filters) == 1:
        address = filters[0].decode("utf-8", "surrogateescape")
        victims = [other for other in client.engine.clients if other.endpoint.peer == address]
        if not victims:
            raise ReplyError("ERR No such client")
    else:
        victims = _matching(client, filters)
    for victim in victims:
        client.engine.disconnect(victim)
    return OK if len(filters) == 1 else len(victims)


def _matching(client: Client, filters: list[bytes]) -> list[Client]:
    chosen, skips_me = list(client.engine.clients), True
    for word, values in words(filters):
        value = arguments.following(values)
        text = value.decode("utf-8", "surrogateescape")
        match word:
            case b"ID":
                wanted = integer(value, "ERR client-id should be greater than 0")
                chosen = [other for other in chosen if other.id == wanted]
            case b"ADDR":
                chosen = [other for other in chosen if other.endpoint.peer == text]
            case b"LADDR":
                chosen = [other for other in chosen if other.endpoint.local == text]
            case b"TYPE":
                chosen = chosen if _client_type(value) == b"normal" else []
            case b"USER":
                if value != DEFAULT_USER:
                    raise ReplyError(f"ERR No such user '{text}'")
            case b"SKIPME" if text.lower() in ("yes", "no"):
                skips_me = text.lower() == "yes"
            case _:
                raise errors.syntax_error()
    return [other for other in chosen if not (skips_me and other is client)]


def client_unblock(client: Client, request: list[bytes]) -> int:
    _, _, id_text, *reason = request
    raises = False
    if reason:
        if reason[0].upper() not in (b"TIMEOUT", b"ERROR"):
            raise ReplyError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
        raises = reason[0].upper() == b"ERROR"
    other = client.engine.clients.get(integer(id_text))
    if other is None or not other.blocked:
        return 0
    wait = other.blocked
    client.engine.blocking.end(wait)
    text = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
    reply = ReplyError(text) if raises else wait.nothing
    client.engine.dispatcher.deliveries.append((other, reply))
    return 1


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


def client_getredir(client: Client, request: list[bytes]) -> int:
    return -1

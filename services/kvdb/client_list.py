"""CLIENT LIST, INFO, KILL, UNBLOCK: looking at the clients, and laying hands on them."""

from services.common.resp import OK, ReplyError, Simple, Verbatim, encode_request
from services.kvdb import arguments, errors
from services.kvdb.arguments import integer, words
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply

_TYPES = (b"normal", b"master", b"replica", b"slave", b"pubsub")


def client_info(client: Client, request: list[bytes]) -> Verbatim:
    return Verbatim(client_line(client, client, request) + b"\n")


def client_list(client: Client, request: list[bytes]) -> Verbatim:
    _, _, *options = request
    chosen = list(client.engine.clients)
    match [options, [word.upper() for word in options[:1]]]:
        case [[], _]:
            pass
        case [[_, kind], [b"TYPE"]]:
            wanted_type = _client_type(kind)
            chosen = [other for other in chosen if _type_of(other) == wanted_type]
        case [[_, *ids], [b"ID"]] if ids:
            wanted = {integer(text, "ERR Invalid client ID") for text in ids}
            chosen = [other for other in chosen if other.id in wanted]
        case _:
            raise errors.syntax_error()
    lines = (client_line(other, client, request) + b"\n" for other in chosen)
    return Verbatim(b"".join(lines))


def _client_type(kind: bytes) -> bytes:
    kind = kind.lower()
    if kind not in _TYPES:
        raise ReplyError(f"ERR Unknown client type '{errors.shown(kind)}'")
    return kind


def _type_of(client: Client) -> bytes:
    return b"pubsub" if client.is_subscriber else b"normal"


def client_line(client: Client, asker: Client, request: list[bytes]) -> bytes:
    """One client in the form of CLIENT LIST, which several task queues parse.

    Who asks has its own request still in its buffer, as in Redis.
    """
    engine, endpoint = client.engine, client.endpoint
    queue = client.transaction.queue
    channels, patterns, shard_channels = engine.pubsub.counts_of(client)
    is_asker = client is asker
    argument_bytes = sum(map(len, request[1:])) if is_asker else 0
    queued_bytes = sum(sum(map(len, queued)) for _, queued in queue or ())
    output_bytes = endpoint.output_bytes
    input_bytes = len(encode_request(request)) if is_asker else engine.network.input_bytes(client)
    fields = {
        "id": client.id,
        "addr": endpoint.peer,
        "laddr": endpoint.local,
        "fd": endpoint.fileno(),
        "name": client.name.decode(),
        "age": (engine.clock.now_ms - client.created_ms) // 1000,
        "idle": int(endpoint.idle_s),
        "flags": _flags(client),
        "db": client.database.index,
        "sub": channels,
        "psub": patterns,
        "ssub": shard_channels,
        "multi": -1 if queue is None else len(queue),
        "qbuf": input_bytes,
        "qbuf-free": 0,
        "argv-mem": argument_bytes,
        "multi-mem": queued_bytes,
        "rbs": 0,
        "rbp": 0,
        "obl": 0,
        "oll": 0,
        "omem": output_bytes,
        "tot-mem": input_bytes + argument_bytes + queued_bytes + output_bytes,
        "events": "r",
        "cmd": client.last_command.name if client.last_command else "NULL",
        "user": errors.shown(client.user.name) if client.user else "(superuser)",
        "redir": engine.tracking.redirection_of(client),
        "resp": client.resp,
        "lib-name": client.library_name.decode(),
        "lib-ver": client.library_version.decode(),
    }
    line = " ".join(f"{name}={value}" for name, value in fields.items())
    return line.encode("utf-8", "surrogateescape")


def _flags(client: Client) -> str:
    engine = client.engine
    flags = (
        ("O" if client in engine.monitors.clients else "")
        + ("P" if client.is_subscriber else "")
        + ("x" if client.is_in_transaction else "")
        + ("b" if client.blocked or client.postponed else "")
        + engine.tracking.flags_of(client)
        + ("d" if client.transaction.is_stale else "")
        + ("c" if client.is_leaving else "")
        + ("e" if client.no_evict else "")
        + ("T" if client.no_touch else "")
    )
    return flags or "N"


def client_kill(client: Client, request: list[bytes]) -> object:
    """`CLIENT KILL addr`, or with filters, all of which must fit; then it answers a count."""
    _, _, *filters = request
    if len(filters) == 1:
        address = errors.shown(filters[0])
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
        text = errors.shown(value)
        match word:
            case b"ID":
                wanted = arguments.to_integer(value) or 0
                if wanted <= 0:
                    raise ReplyError("ERR client-id should be greater than 0")
                chosen = [other for other in chosen if other.id == wanted]
            case b"ADDR":
                chosen = [other for other in chosen if other.endpoint.peer == text]
            case b"LADDR":
                chosen = [other for other in chosen if other.endpoint.local == text]
            case b"TYPE":
                kind = _client_type(value)
                chosen = [other for other in chosen if _type_of(other) == kind]
            case b"USER":
                user = client.engine.access.users.get(value)
                if user is None:
                    raise ReplyError(f"ERR No such user '{text}'")
                chosen = [other for other in chosen if other.user is user]
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


def client_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "CLIENT",
        "ID, INFO, GETNAME, GETREDIR, TRACKINGINFO",
        "    What this connection is.",
        "SETNAME <name>, SETINFO <LIB-NAME|LIB-VER> <value>",
        "    What it calls itself.",
        "LIST [TYPE <type>|ID <id> ...]",
        "    All connections, one a line.",
        "KILL <address>|<ID|ADDR|LADDR|TYPE|USER|SKIPME> <value> ...",
        "    Close the connections that fit.",
        "PAUSE <milliseconds> [WRITE|ALL], UNPAUSE",
        "    Have clients wait.",
        "REPLY <ON|OFF|SKIP>",
        "    Whether replies are sent.",
        "TRACKING <ON|OFF> [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]",
        "    Be told when keys change that this connection has read.",
        "CACHING <YES|NO>",
        "    Whether the next command counts as such a read.",
        "NO-EVICT <ON|OFF>, NO-TOUCH <ON|OFF>",
        "    Be spared when clients take too much memory; leave no trace in the uses of keys.",
        "UNBLOCK <id> [TIMEOUT|ERROR]",
        "    End the waiting of a blocked connection.",
    )

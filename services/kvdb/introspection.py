"""COMMAND: the command table, shown to clients. `redis-cli` and cluster clients ask for it."""

from services.common.glob import matcher
from services.common.resp import ReplyError, Simple
from services.kvdb import errors
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.help_texts import help_reply


def command(client: Client, request: list[bytes]) -> list:
    return [_describe(it) for it in client.engine.dispatcher.commands.values()]


def command_count(client: Client, request: list[bytes]) -> int:
    return len(client.engine.dispatcher.commands)


def command_info(client: Client, request: list[bytes]) -> list:
    names = request[2:]
    if not names:
        return command(client, request)
    return [_describe(it) if (it := _find(client, name)) else None for name in names]


def command_docs(client: Client, request: list[bytes]) -> dict:
    """Group and arity only: this server keeps no prose about its commands."""
    table = client.engine.dispatcher.commands
    names = request[2:] or list(table)
    found = [it for name in names if (it := _find(client, name))]
    return {it.name.encode(): {b"group": it.group.encode()} for it in found}


def command_list(client: Client, request: list[bytes]) -> list[bytes]:
    """`COMMAND LIST [FILTERBY MODULE|ACLCAT|PATTERN value]`, subcommands included."""
    table = client.engine.dispatcher.commands
    every = [it for entry in table.values() for it in (entry, *entry.subcommands.values())]
    match [request[2:], [word.upper() for word in request[2:4]]]:
        case [[], _]:
            chosen = every
        case [[_, _, pattern], [b"FILTERBY", b"PATTERN"]]:
            is_match = matcher(pattern.lower())
            chosen = [it for it in every if is_match(it.name.encode())]
        case [[_, _, category], [b"FILTERBY", b"ACLCAT"]]:
            wanted = errors.shown(category).lower()
            chosen = [it for it in every if wanted in _categories(it)]
        case [[_, _, _], [b"FILTERBY", b"MODULE"]]:
            chosen = []  # There are no modules.
        case _:
            raise errors.syntax_error()
    return [it.name.encode() for it in chosen]


def command_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "COMMAND",
        "(no subcommand)",
        "    What there is to know of every command.",
        "COUNT",
        "    How many commands there are.",
        "LIST [FILTERBY <MODULE name|ACLCAT category|PATTERN glob>]",
        "    Their names.",
        "INFO [<command> ...]",
        "    Arity, flags, keys and categories of some commands, or of all.",
        "DOCS [<command> ...]",
        "    What they are about.",
        "GETKEYS <command and arguments>",
        "    The keys in a request.",
    )


def command_getkeys(client: Client, request: list[bytes]) -> list[bytes]:
    inner = request[2:]
    try:
        it = client.engine.dispatcher.find(inner)
    except ReplyError:
        raise ReplyError("ERR Invalid command specified") from None
    if not it.accepts(len(inner)):
        raise ReplyError("ERR Invalid number of arguments specified for command")
    try:
        keys = list(it.keys.find(inner))
    except ValueError:
        raise ReplyError("ERR Invalid arguments specified for command") from None
    if not keys:
        raise ReplyError("ERR The command has no key arguments")
    return keys


def _find(client: Client, name: bytes) -> Command | None:
    """`get`, or `client|id`."""
    name, bar, subname = name.upper().partition(b"|")
    it = client.engine.dispatcher.commands.get(name)
    return it.subcommands.get(subname) if it and bar else it


def _describe(it: Command) -> list:
    """The ten elements of COMMAND INFO; key specifications and tips are left empty."""
    keys = it.keys
    movable = (
        {"movablekeys"} if keys.count_at or keys.is_behind_streams or keys.options_at else set()
    )
    shown = sorted(it.flags - {"brief", "immediate", "subscriber"} | movable)
    return [
        it.name.encode(),
        it.arity,
        [Simple(flag) for flag in shown],
        it.keys.first,
        it.keys.last,
        it.keys.step,
        [Simple(f"@{category}") for category in _categories(it)],
        [],
        [],
        [_describe(subcommand) for subcommand in it.subcommands.values()],
    ]


def _categories(it: Command) -> list[str]:
    """What ACL rules call `@read`, `@string` and so on."""
    categories = [it.group] if it.group else []
    categories += ["read"] if "readonly" in it.flags else []
    categories += ["write"] if it.is_write else []
    categories += ["fast"] if "fast" in it.flags else ["slow"]
    categories += [flag for flag in ("admin", "blocking", "dangerous") if flag in it.flags]
    return categories


def needs_subcommand(client: Client, request: list[bytes]) -> object:
    """The handler of CLIENT, CONFIG and the like, which their arity keeps from being called."""
    raise errors.wrong_arity(request[0].decode("utf-8", "surrogateescape").lower())

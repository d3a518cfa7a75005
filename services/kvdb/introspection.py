"""COMMAND: the command table, shown to clients. `redis-cli` and cluster clients ask for it."""

from collections.abc import Iterable

from services.common.glob import matcher
from services.common.resp import ReplyError, SetReply, Simple
from services.kvdb import arguments, errors
from services.kvdb.acl_categories import CATEGORIES
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.command_docs import describe as command_docs_of
from services.kvdb.help_texts import help_reply
from services.kvdb.key_specs import Access, KeySpec, Shape


def _shown(client: Client) -> list[Command]:
    """The table without what is there for this server itself."""
    return [it for it in client.engine.dispatcher.commands.values() if "hidden" not in it.flags]


def command(client: Client, request: list[bytes]) -> list:
    return list(map(_describe, _shown(client)))


def command_count(client: Client, request: list[bytes]) -> int:
    return len(_shown(client))


def command_info(client: Client, request: list[bytes]) -> list:
    names = request[2:]
    if not names:
        return command(client, request)
    return [_describe(it) if (it := _find(client, name)) else None for name in names]


def command_docs(client: Client, request: list[bytes]) -> dict:
    names = request[2:] or [it.name.encode() for it in _shown(client)]
    found = [it for name in names if (it := _find(client, name))]
    return {it.name: command_docs_of(it) for it in found}


def command_list(client: Client, request: list[bytes]) -> list[bytes]:
    """`COMMAND LIST [FILTERBY MODULE|ACLCAT|PATTERN value]`, subcommands included."""
    every = [it for entry in _shown(client) for it in (entry, *entry.subcommands.values())]
    match [request[2:], [word.upper() for word in request[2:4]]]:
        case [[], _]:
            chosen = every
        case [[_, _, pattern], [b"FILTERBY", b"PATTERN"]]:
            is_match = matcher(arguments.bounded_pattern(pattern.lower()))
            chosen = [it for it in every if is_match(it.name.encode())]
        case [[_, _, category], [b"FILTERBY", b"ACLCAT"]]:
            wanted = errors.shown(category).lower()
            chosen = [it for it in every if wanted in it.categories]
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
        "GETKEYSANDFLAGS <command and arguments>",
        "    The keys in a request, each with what happens to it.",
    )


def command_getkeys(client: Client, request: list[bytes]) -> list[bytes]:
    return [key for key, _ in _keys_of(client, request[2:])]


def command_getkeysandflags(client: Client, request: list[bytes]) -> list:
    keys = _keys_of(client, request[2:])
    return [[key, _set_of(access)] for key, access in keys]


def _keys_of(client: Client, inner: list[bytes]) -> list[tuple[bytes, Access]]:
    try:
        it = client.engine.dispatcher.find(inner)
    except ReplyError:
        raise ReplyError("ERR Invalid command specified") from None
    if not it.keys:
        raise ReplyError("ERR The command has no key arguments")
    if not it.accepts(len(inner)):
        raise ReplyError("ERR Invalid number of arguments specified for command")
    references = it.keys.references(inner)
    if not references and "no_mandatory_keys" not in it.flags:
        raise ReplyError("ERR Invalid arguments specified for command")
    return [(inner[position], access) for position, access in references]


def _find(client: Client, name: bytes) -> Command | None:
    """`get`, or `client|id`."""
    name, bar, subname = name.upper().partition(b"|")
    it = client.engine.dispatcher.commands.get(name)
    if it is None or "hidden" in it.flags:
        return None
    return it.subcommands.get(subname) if bar else it


_OURS = {"brief", "immediate", "subscriber", "dangerous", "may_replicate", "hidden"}
"""Flags of the table that clients would not know."""


def _describe(it: Command) -> list:
    """The ten elements of COMMAND INFO; there are no tips."""
    movable = {"movablekeys"} if it.keys.is_movable else set()
    flags = {flag for flag in it.flags - _OURS if not flag.startswith("@")} | movable
    return [
        it.name.encode(),
        it.arity,
        _set_of(sorted(flags)),
        *it.keys.legacy_range(),
        _set_of(f"@{category}" for category in CATEGORIES if category in it.categories),
        [],
        [_describe_keys(spec) for spec in it.keys.specs],
        [_describe(subcommand) for subcommand in it.subcommands.values()],
    ]


def _set_of(words: Iterable[str]) -> SetReply:
    return SetReply(Simple(word) for word in words)


def _describe_keys(spec: KeySpec) -> dict[bytes, object]:
    begin, find = spec.shapes()
    return {
        b"flags": _set_of(spec.access),
        b"begin_search": _describe_shape(begin),
        b"find_keys": _describe_shape(find),
    }


def _describe_shape(shape: Shape) -> dict[bytes, object]:
    kind, numbers = shape
    spec = {
        name.encode(): value.encode() if isinstance(value, str) else value
        for name, value in numbers.items()
    }
    return {b"type": kind.encode(), b"spec": spec}


def module_list(client: Client, request: list[bytes]) -> list:
    return []


def module_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply("MODULE", "LIST", "    The modules: none, as this server cannot load any.")


def needs_subcommand(client: Client, request: list[bytes]) -> object:
    """The handler of CLIENT, CONFIG and the like, which their arity keeps from being called."""
    raise errors.wrong_arity(request[0].decode("utf-8", "surrogateescape").lower())

"""Commands for the operator: CONFIG, saving, shutting down, and the time."""

import dataclasses
import time
from typing import TYPE_CHECKING

from services.common.glob import matcher
from services.common.resp import OK, ReplyError, Simple, Verbatim
from services.kvdb import arguments, errors
from services.kvdb.clients import NO_REPLY, Client
from services.kvdb.connection import REDIS_VERSION
from services.kvdb.help_texts import help_reply
from services.kvdb.parameters import PARAMETERS, ApplyError, Parameter
from services.kvdb.settings import Settings

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

# CONFIG.


def config_get(client: Client, request: list[bytes]) -> dict[bytes, bytes]:
    settings = client.engine.settings
    asked = [pattern.lower() for pattern in request[2:]]
    matchers = [matcher(arguments.bounded_pattern(pattern)) for pattern in asked]
    return {
        name.encode(): parameter.read(settings).encode("utf-8", "surrogateescape")
        for name, parameter in PARAMETERS.items()
        if name.encode() in asked
        or (not parameter.is_hidden and any(is_match(name.encode()) for is_match in matchers))
    }


def config_set(client: Client, request: list[bytes]) -> object:
    """Several parameters at once: either all are set or none."""
    pairs = request[2:]
    if len(pairs) % 2:
        raise errors.syntax_error()
    engine, settings = client.engine, client.engine.settings
    names = [errors.shown(name).lower() for name in pairs[::2]]
    if duplicate := next((name for name in names if names.count(name) > 1), None):
        raise _cannot_set(duplicate, "duplicate parameter")
    values = [errors.shown(value) for value in pairs[1::2]]
    changes = [
        (_writable(settings, name, value), value) for name, value in zip(names, values, strict=True)
    ]
    before = dataclasses.replace(settings)
    try:
        _write_all(settings, changes)
        engine.settings_changed()
    except ApplyError as error:
        _restore(settings, before)
        engine.settings_changed()
        raise _cannot_set(error.parameter, str(error)) from None
    except ReplyError:
        _restore(settings, before)
        raise
    return OK


def _write_all(settings: Settings, changes: list[tuple[Parameter, str]]) -> None:
    for parameter, value in changes:
        if parameter.write is None:
            continue  # It has this value already.
        try:
            parameter.write(settings, value)
        except ValueError as reason:
            raise _cannot_set(parameter.name, str(reason)) from None


def _cannot_set(name: str, reason: str) -> ReplyError:
    return ReplyError(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")


def _restore(settings: Settings, before: Settings) -> None:
    for field in dataclasses.fields(settings):
        setattr(settings, field.name, getattr(before, field.name))


def _writable(settings: Settings, name: str, value: str) -> Parameter:
    parameter = PARAMETERS.get(name)
    if parameter is None:
        raise ReplyError(f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
    if parameter.write is None and parameter.read(settings) != value:
        raise _cannot_set(name, "can't set immutable config")
    return parameter


def config_resetstat(client: Client, request: list[bytes]) -> object:
    engine = client.engine
    engine.vitals.requests_total = 0
    engine.dispatcher.errors.clear()
    engine.latency.histograms.clear()
    engine.keyspace.expired_total = engine.keyspace.evicted_total = 0
    for database in engine.keyspace.databases:
        database.hits = database.misses = 0
    for command in engine.dispatcher.commands.values():
        for one in (command, *command.subcommands.values()):
            one.calls = one.rejected = one.failed = 0
            one.total_s = 0
    return OK


def config_rewrite(client: Client, request: list[bytes]) -> object:
    raise ReplyError("ERR The server is running without a config file")


def config_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "CONFIG",
        "GET <pattern> [<pattern> ...]",
        "    The parameters that match, with their values.",
        "SET <name> <value> [<name> <value> ...]",
        "    Set parameters, all of them or none.",
        "RESETSTAT",
        "    Begin counting anew in INFO.",
        "REWRITE",
        "    Refused: options come from the command line and the environment.",
    )


# Saving and stopping.


def save(client: Client, request: list[bytes]) -> object:
    client.engine.persistence.save()
    return OK


def bgsave(client: Client, request: list[bytes]) -> object:
    if len(request) > 2 or (len(request) == 2 and request[1].upper() != b"SCHEDULE"):
        raise errors.syntax_error()
    if client.engine.persistence.save_in_background(may_wait=len(request) == 2):
        return Simple("Background saving started")
    return Simple("Background saving scheduled")


def bgrewriteaof(client: Client, request: list[bytes]) -> object:
    """A snapshot is the rewriting of the append-only file."""
    if client.engine.persistence.save_in_background(may_wait=True):
        return Simple("Background append only file rewriting started")
    return Simple("Background append only file rewriting scheduled")


def lastsave(client: Client, request: list[bytes]) -> int:
    return client.engine.persistence.last_save_s


def shutdown(client: Client, request: list[bytes]) -> object:
    """`SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE]`, or `SHUTDOWN ABORT` while replies are delivered."""
    words = {word.upper() for word in request[1:]}
    engine = client.engine
    if words - {b"NOSAVE", b"SAVE", b"NOW", b"FORCE", b"ABORT"} or {b"NOSAVE", b"SAVE"} <= words:
        raise errors.syntax_error()
    if b"ABORT" in words:
        if len(words) > 1:
            raise errors.syntax_error()
        if not engine.network.abort_shutdown():
            raise ReplyError("ERR No shutdown in progress.")
        return OK
    if b"SAVE" in words and not _saved(engine) and b"FORCE" not in words:
        raise ReplyError("ERR Errors trying to SHUTDOWN. Check logs.")
    saves = not words & {b"NOSAVE", b"SAVE"}  # SAVE has just done it.
    engine.network.shut_down(client, saves=saves, at_once=b"NOW" in words)
    return NO_REPLY


def _saved(engine: "Engine") -> bool:
    """Save before the end, whether something has changed or not."""
    try:
        engine.persistence.save()
    except ReplyError:
        return False
    return True


# The rest.


def time_(client: Client, request: list[bytes]) -> list[bytes]:
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return [b"%d" % seconds, b"%d" % microseconds]


def lolwut(client: Client, request: list[bytes]) -> Verbatim:
    """The version; the drawings that Redis adds in some versions are left out."""
    if len(request) > 2 and request[1].upper() == b"VERSION":
        arguments.integer(request[2])
    return Verbatim(f"Redis ver. {REDIS_VERSION}\n".encode())

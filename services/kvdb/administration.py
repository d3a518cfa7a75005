"""Commands for the operator: CONFIG, saving, shutting down, DEBUG, and the time."""

import time

from services.common.glob import matcher
from services.common.resp import OK, ReplyError, Simple
from services.kvdb import errors
from services.kvdb.clients import NO_REPLY, Client
from services.kvdb.help_texts import help_reply
from services.kvdb.settings import PARAMETERS, Parameter, Settings

# --- CONFIG ----------------------------------------------------------------------------


def config_get(client: Client, request: list[bytes]) -> dict[bytes, bytes]:
    settings = client.engine.settings
    matchers = [matcher(pattern.lower()) for pattern in request[2:]]
    return {
        name.encode(): parameter.read(settings).encode()
        for name, parameter in PARAMETERS.items()
        if any(is_match(name.encode()) for is_match in matchers)
    }


def config_set(client: Client, request: list[bytes]) -> object:
    """Several parameters at once: either all are set or none."""
    pairs = request[2:]
    if len(pairs) % 2:
        raise errors.wrong_arity("config|set")
    settings = client.engine.settings
    names = [errors.shown(name).lower() for name in pairs[::2]]
    if duplicate := next((name for name in names if names.count(name) > 1), None):
        raise ReplyError(
            f"ERR CONFIG SET failed (possibly related to argument '{duplicate}') "
            "- duplicate parameter"
        )
    values = map(errors.shown, pairs[1::2])
    changes = [
        (_writable(settings, name, value), value) for name, value in zip(names, values, strict=True)
    ]
    before = {parameter.name: parameter.read(settings) for parameter, _ in changes}
    for parameter, value in changes:
        if parameter.write is None:
            continue  # It has this value already.
        try:
            parameter.write(settings, value)
        except ValueError as reason:
            _restore(settings, before)
            raise ReplyError(
                f"ERR CONFIG SET failed (possibly related to argument '{parameter.name}') "
                f"- {reason}"
            ) from None
    client.engine.settings_changed()
    return OK


def _restore(settings: Settings, before: dict[str, str]) -> None:
    for name, old in before.items():
        if PARAMETERS[name].write is not None:
            PARAMETERS[name].write(settings, old)


def _writable(settings: Settings, name: str, value: str) -> Parameter:
    parameter = PARAMETERS.get(name)
    if parameter is None:
        raise ReplyError(f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
    if parameter.write is None and parameter.read(settings) != value:
        raise ReplyError(
            f"ERR CONFIG SET failed (possibly related to argument '{name}') "
            "- can't set immutable config"
        )
    return parameter


def config_resetstat(client: Client, request: list[bytes]) -> object:
    engine = client.engine
    engine.vitals.requests_total = 0
    engine.dispatcher.errors.clear()
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


# --- saving and stopping ---------------------------------------------------------------


def save(client: Client, request: list[bytes]) -> object:
    client.engine.persistence.save()
    return OK


def bgsave(client: Client, request: list[bytes]) -> object:
    if len(request) > 2 or (len(request) == 2 and request[1].upper() != b"SCHEDULE"):
        raise errors.syntax_error()
    client.engine.persistence.save_in_background()
    return Simple("Background saving started")


def bgrewriteaof(client: Client, request: list[bytes]) -> object:
    """A snapshot is the rewriting of the append-only file."""
    client.engine.persistence.save_in_background()
    return Simple("Background append only file rewriting started")


def lastsave(client: Client, request: list[bytes]) -> int:
    return client.engine.persistence.last_save_s


def shutdown(client: Client, request: list[bytes]) -> object:
    saves = True
    for word in request[1:]:
        match word.upper():
            case b"NOSAVE":
                saves = False
            case b"SAVE" | b"NOW" | b"FORCE":
                pass
            case _:
                raise errors.syntax_error()
    client.engine.shutdown(saves)
    return NO_REPLY


# --- the rest --------------------------------------------------------------------------


def time_(client: Client, request: list[bytes]) -> list[bytes]:
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return [b"%d" % seconds, b"%d" % microseconds]

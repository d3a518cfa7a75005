"""What Redis says when a command cannot be carried out.

The exception of this service is `ReplyError`: its text is the error reply, and the first word
of the text is the code that clients look at. A handler raises it where it sees the mistake;
`dispatch` turns it into the reply. Texts that more than one handler needs are here, in the
words of Redis, because client libraries match on them.
"""

from services.common.resp import ReplyError

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
NOT_A_FLOAT = "ERR value is not a valid float"
NOT_POSITIVE = "ERR value is out of range, must be positive"
SYNTAX = "ERR syntax error"
NO_SUCH_KEY = "ERR no such key"
INDEX_OUT_OF_RANGE = "ERR index out of range"
OVERFLOW = "ERR increment or decrement would overflow"
SAME_OBJECT = "ERR source and destination objects are the same"
STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
INVALID_CURSOR = "ERR invalid cursor"
NUMKEYS = "ERR numkeys should be greater than 0"
OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'."
DISK_REFUSES = (
    "MISCONF Errors writing to the AOF file: the disk takes no records, so writes are refused "
    "until it does"
)
NO_REPLICAS = "NOREPLICAS Not enough good replicas to write."
NO_AUTH = "NOAUTH Authentication required."
EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors."

MAX_SHOWN = 128
"""Characters of what the client sent that an error text repeats."""


class Rejection(ReplyError):
    """A command that has not been run: raised by the dispatcher alone, before the handler."""


def syntax_error() -> ReplyError:
    return ReplyError(SYNTAX)


def wrong_type() -> ReplyError:
    return ReplyError(WRONG_TYPE)


def wrong_arity(name: str, kind: type[ReplyError] = ReplyError) -> ReplyError:
    return kind(f"ERR wrong number of arguments for '{name}' command")


def aborted_because_of(reason: ReplyError) -> Rejection:
    """EXEC was not run; a plain ERR does not stand in the middle of a text."""
    text = str(reason).removeprefix("ERR ")
    return Rejection(f"EXECABORT Transaction discarded because of: {text}")


def unknown_command(request: list[bytes]) -> Rejection:
    """The name, and the first arguments as far as they fit."""
    beginning = ""
    for argument in request[1:]:
        if len(beginning) >= MAX_SHOWN:
            break
        beginning += f"'{shown(argument[: MAX_SHOWN - len(beginning)])}' "
    name = shown(request[0][:MAX_SHOWN])
    return Rejection(f"ERR unknown command '{name}', with args beginning with: {beginning}")


def unknown_subcommand(request: list[bytes]) -> Rejection:
    name, subcommand = shown(request[0]).upper(), shown(request[1][:MAX_SHOWN])
    return Rejection(f"ERR unknown subcommand '{subcommand}'. Try {name} HELP.")


def unusable_subcommand(request: list[bytes]) -> ReplyError:
    """A subcommand that there is, with arguments that it has no use for."""
    name, subcommand = shown(request[0]).upper(), shown(request[1][:MAX_SHOWN])
    return ReplyError(
        f"ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {name} HELP."
    )


def shown(argument: bytes) -> str:
    """What the client sent, as a part of an error text."""
    return argument.decode("utf-8", "surrogateescape")


_NO_PERMISSION = {
    "COMMAND": "run the '{}' command",
    "KEY": "access one of the keys used as arguments",
    "CHANNEL": "access one of the channels used as arguments",
}


def no_permission(reason: str, command: str) -> Rejection:
    what = _NO_PERMISSION[reason].format(command)
    return Rejection(f"NOPERM this user has no permissions to {what}")


def invalid_expire_time(command: str) -> ReplyError:
    return ReplyError(f"ERR invalid expire time in '{command}' command")

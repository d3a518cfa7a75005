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
NO_AUTH = "NOAUTH Authentication required."
EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors."


class Rejection(ReplyError):
    """A command that has not been run: raised by the dispatcher alone, before the handler."""


def syntax_error() -> ReplyError:
    return ReplyError(SYNTAX)


def wrong_type() -> ReplyError:
    return ReplyError(WRONG_TYPE)


def wrong_arity(name: str, kind: type[ReplyError] = ReplyError) -> ReplyError:
    return kind(f"ERR wrong number of arguments for '{name}' command")


def unknown_command(request: list[bytes]) -> Rejection:
    """The name, and the first arguments as far as they fit into about 128 characters."""
    shown, room = "", 128
    for argument in request[1:]:
        if len(shown) >= room:
            break
        text = argument[: room - len(shown)].decode("utf-8", "surrogateescape")
        shown += f"'{text}' "
    name = request[0][:128].decode("utf-8", "surrogateescape")
    return Rejection(f"ERR unknown command '{name}', with args beginning with: {shown}")


def unknown_subcommand(request: list[bytes]) -> Rejection:
    name = request[0].decode("utf-8", "surrogateescape").upper()
    subcommand = request[1][:128].decode("utf-8", "surrogateescape")
    return Rejection(f"ERR unknown subcommand '{subcommand}'. Try {name} HELP.")


def unusable_subcommand(request: list[bytes]) -> ReplyError:
    """A subcommand that there is, with arguments that it has no use for."""
    name, subcommand = shown(request[0]).upper(), shown(request[1][:128])
    return ReplyError(
        f"ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {name} HELP."
    )


def shown(argument: bytes) -> str:
    """What the client sent, as a part of an error text."""
    return argument.decode("utf-8", "surrogateescape")


def invalid_expire_time(command: str) -> ReplyError:
    return ReplyError(f"ERR invalid expire time in '{command}' command")

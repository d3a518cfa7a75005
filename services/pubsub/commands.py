"""The RESP commands: one table, and the guards that every request passes before its handler.

A handler gets the client's session and the arguments as byte strings, and returns the reply as
a value (`services.common.resp` lists them) or an outcome (`outcomes`). It raises PubSubError
where the client did something wrong. Names, arities and error texts are those of Redis, because
clients and their tests compare them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.common.resp import NIL_ARRAY, ReplyError, Simple
from services.common.subscribing import not_for_subscribers
from services.pubsub import administration, connecting, subscribing
from services.pubsub.outcomes import Last, PubSubError

if TYPE_CHECKING:
    from services.pubsub.session import ClientSession


@dataclass(frozen=True, slots=True)
class Command:
    """One command or subcommand (`client|setname`).

    `arity` counts the name: 3 is exactly three words, -2 is two or more.
    """

    name: str
    arity: int
    handler: Callable[..., object] | None
    summary: str = ""
    in_subscriber_mode: bool = False
    """A RESP2 subscriber may send it: its reply cannot be taken for a message."""
    without_login: bool = False
    subcommands: Mapping[bytes, "Command"] | None = None

    def accepts(self, word_count: int) -> bool:
        return word_count == self.arity if self.arity > 0 else word_count >= -self.arity


def execute(client: "ClientSession", request: list[bytes]) -> object:
    """Carry out one request: find the command, pass the guards, call its handler.

    Real: processCommand() in Redis.
    """
    command = COMMANDS.get(request[0].upper())
    if command is None:
        return _refuse_unknown(client, request)
    words = 1
    if command.subcommands is not None and len(request) > 1:
        command, words = _subcommand(command, request[1]), 2
    if not command.accepts(len(request)) or command.handler is None:
        raise PubSubError(f"wrong number of arguments for '{command.name}' command")
    if not (client.is_authenticated or command.without_login):
        raise PubSubError("Authentication required.", "NOAUTH")
    if not command.in_subscriber_mode and client.is_resp2_subscriber:
        raise PubSubError(not_for_subscribers(command.name))
    client.last_command = command.name
    return command.handler(client, *request[words:])


def is_command(word: bytes) -> bool:
    """Whether an upper-case word is one of our commands."""
    return word in COMMANDS


def _subcommand(command: Command, word: bytes) -> Command:
    subcommand = command.subcommands.get(word.upper())
    if subcommand is None:
        raise PubSubError(
            f"unknown subcommand '{_shown(word[:128])}'. Try {command.name.upper()} HELP."
        )
    return subcommand


def _refuse_unknown(client: "ClientSession", request: list[bytes]) -> Last:
    if request[0].upper() in (b"POST", b"HOST:"):
        # A web page made a browser send this, and the lines of its body could be commands.
        # Real: securityWarningCommand()
        return Last(ReplyError("ERR this port does not speak HTTP"))
    name = _shown(request[0][:128])
    if client.is_resp2_subscriber:
        # Redis knows many commands more, and this is what it says of them to a subscriber.
        raise PubSubError(not_for_subscribers(name.lower()))
    arguments = ""
    for argument in request[1:]:
        if len(arguments) >= 128:
            break
        arguments += f"'{_shown(argument[: 128 - len(arguments)])}' "
    raise PubSubError(f"unknown command '{name}', with args beginning with: {arguments}")


def _shown(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


# The table's description of itself.


def _command(client: "ClientSession") -> list[object]:
    return [_described(command) for command in COMMANDS.values()]


def _command_count(client: "ClientSession") -> int:
    return len(COMMANDS)


def _command_list(client: "ClientSession") -> list[bytes]:
    return [command.name.encode() for command in COMMANDS.values()]


def _command_info(client: "ClientSession", *names: bytes) -> list[object]:
    if not names:
        return _command(client)
    found = [COMMANDS.get(name.upper()) for name in names]
    return [_described(command) if command else NIL_ARRAY for command in found]


def _command_docs(client: "ClientSession", *names: bytes) -> dict[bytes, object]:
    wanted = [name.upper() for name in names] or list(COMMANDS)
    return {
        COMMANDS[name].name.encode(): {
            b"summary": COMMANDS[name].summary.encode(),
            b"group": b"pubsub",
        }
        for name in wanted
        if name in COMMANDS
    }


def _described(command: Command) -> list[object]:
    """Name, arity, flags, positions of keys (there are none), categories, tips, and below."""
    flags = [Simple("loading"), Simple("stale")]
    if command.in_subscriber_mode:
        flags.insert(0, Simple("pubsub"))
    if command.without_login:
        flags.append(Simple("no_auth"))
    below = [_described(subcommand) for subcommand in (command.subcommands or {}).values()]
    return [command.name.encode(), command.arity, flags, 0, 0, 0, [], [], [], below]


# The table.


def _with_subcommands(name: str, summary: str, *subcommands: Command, **options) -> Command:
    by_word = {command.name.partition("|")[2].upper().encode(): command for command in subcommands}
    options = {"arity": -2, "handler": None} | options
    return Command(name, summary=summary, subcommands=by_word, **options)


def _subscriber(name: str, arity: int, handler: Callable[..., object], summary: str) -> Command:
    return Command(name, arity, handler, summary, in_subscriber_mode=True)


_PUBSUB = _with_subcommands(
    "pubsub",
    "Tells who is subscribed",
    Command("pubsub|channels", -2, subscribing.pubsub_channels),
    Command("pubsub|numsub", -2, subscribing.pubsub_numsub),
    Command("pubsub|numpat", 2, subscribing.pubsub_numpat),
    Command("pubsub|shardchannels", -2, subscribing.pubsub_shardchannels),
    Command("pubsub|shardnumsub", -2, subscribing.pubsub_shardnumsub),
    Command("pubsub|help", 2, subscribing.pubsub_help),
)

_CLIENT = _with_subcommands(
    "client",
    "Names connections and lists them",
    Command("client|id", 2, connecting.client_id),
    Command("client|getname", 2, connecting.client_getname),
    Command("client|setname", 3, connecting.client_setname),
    Command("client|setinfo", 4, connecting.client_setinfo),
    Command("client|info", 2, connecting.client_info),
    Command("client|list", 2, connecting.client_list),
)

_COMMAND = _with_subcommands(
    "command",
    "Describes the commands",
    Command("command|count", 2, _command_count),
    Command("command|list", 2, _command_list),
    Command("command|info", -2, _command_info),
    Command("command|docs", -2, _command_docs),
    arity=-1,
    handler=_command,
)


def _table(*commands: Command) -> dict[bytes, Command]:
    return {command.name.upper().encode(): command for command in commands}


_SUBSCRIBING: Sequence[Command] = (
    _subscriber("subscribe", -2, subscribing.subscribe, "Listens to channels"),
    _subscriber("unsubscribe", -1, subscribing.unsubscribe, "Stops listening to channels"),
    _subscriber("psubscribe", -2, subscribing.psubscribe, "Listens to channels like a pattern"),
    _subscriber("punsubscribe", -1, subscribing.punsubscribe, "Stops listening to patterns"),
    _subscriber("ssubscribe", -2, subscribing.ssubscribe, "Listens to shard channels"),
    _subscriber("sunsubscribe", -1, subscribing.sunsubscribe, "Stops listening to shard channels"),
    Command("publish", 3, subscribing.publish, "Posts a message to a channel"),
    Command("spublish", 3, subscribing.spublish, "Posts a message to a shard channel"),
    _PUBSUB,
)

_CONNECTING: Sequence[Command] = (
    _subscriber("ping", -1, connecting.ping, "Answers PONG, or what it was given"),
    Command("echo", 2, connecting.echo, "Answers what it was given"),
    Command("hello", -1, connecting.hello, "Chooses the protocol version", without_login=True),
    Command("auth", -2, connecting.auth, "Logs in", without_login=True),
    Command("select", 2, connecting.select, "Does nothing: pub/sub has no databases"),
    Command(
        "reset",
        1,
        connecting.reset,
        "Puts the connection back to its beginning",
        in_subscriber_mode=True,
        without_login=True,
    ),
    Command(
        "quit",
        -1,
        connecting.quit_,
        "Closes the connection",
        in_subscriber_mode=True,
        without_login=True,
    ),
    _CLIENT,
)

_ADMINISTRATION: Sequence[Command] = (
    Command("info", -1, administration.info, "Tells how the server is"),
    _COMMAND,
)

COMMANDS: Mapping[bytes, Command] = _table(*_SUBSCRIBING, *_CONNECTING, *_ADMINISTRATION)

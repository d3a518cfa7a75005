"""The agreed JSON protocol of the challenge: what each command does and answers.

    {"command": "SUBSCRIBE", "args": {"channel": "foo"}}
                        ─▶ {"type": "SUBSCRIBE", "channel": "foo", "count": 1}
    {"command": "PUBLISH", "args": {"channel": "foo", "message": "hello"}}
                        ─▶ nothing to the publisher, and to each subscriber of foo:
                           {"type": "MESSAGE", "channel": "foo", "message": "hello"}

The arguments stand inside `args` or beside `command`; both forms work. A channel is a string
that is not empty. A message is a string; a number is taken as its JSON text, as the key-value
protocol does with values; anything else is an error, because a subscriber could not tell
`true` from `"true"`.

Three commands go beyond the agreed page, and no client of it needs them: PING (answered by
`{"type": "PONG"}`), AUTH with `password` where the server asks for one, and LINK and FORWARD,
by which brokers talk to each other (`hub`).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.common.json_lines import JsonNumber
from services.pubsub.deliveries import bytes_of
from services.pubsub.hub import decode_forward, encode_forward
from services.pubsub.outcomes import Published, PubSubError

if TYPE_CHECKING:
    from services.pubsub.session import ClientSession

Arguments = Mapping[str, object]
Outcome = dict[str, object] | Published | None
"""A line for the client, deliveries for others, or nothing at all."""


def execute(client: "ClientSession", request: dict[str, object]) -> Outcome:
    """Carry out one request. Raises PubSubError."""
    name = request.get("command")
    if not isinstance(name, str):
        raise PubSubError("'command' must be a string")
    name = name.upper() if name.isascii() else name
    command = _COMMANDS.get(name)
    if command is None:
        raise PubSubError(f"Unknown command {name[:64]!r}")
    if not client.is_authenticated and name != "AUTH":
        raise PubSubError("Authentication required", "NOAUTH")
    if client.is_link and name not in _LINK_COMMANDS:
        raise PubSubError("A linked broker only forwards")
    return command(client, _arguments(request))


def _arguments(request: dict[str, object]) -> Arguments:
    arguments = request.get("args")
    if arguments is None:
        return request
    if not isinstance(arguments, dict):
        raise PubSubError("'args' must be an object")
    return arguments


def _channel(arguments: Arguments) -> str:
    channel = arguments.get("channel")
    if not isinstance(channel, str) or isinstance(channel, JsonNumber) or not channel:
        raise PubSubError("'channel' must be a string that is not empty")
    return channel


def _message(arguments: Arguments) -> str:
    message = arguments.get("message")
    if not isinstance(message, str):  # A JsonNumber is a str: its own text.
        raise PubSubError("'message' must be a string")
    return message


def _subscribe(client: "ClientSession", arguments: Arguments) -> Outcome:
    channel = _channel(arguments)
    client.check_room(1)
    client.broker.channels.channels.add(client, bytes_of(channel))
    return _acknowledgement(client, "SUBSCRIBE", channel)


def _unsubscribe(client: "ClientSession", arguments: Arguments) -> Outcome:
    channel = _channel(arguments)
    client.broker.channels.channels.remove(client, bytes_of(channel))
    return _acknowledgement(client, "UNSUBSCRIBE", channel)


def _acknowledgement(client: "ClientSession", kind: str, channel: str) -> dict[str, object]:
    client.note_subscriptions()
    count = client.broker.channels.channels.count_of(client)
    return {"type": kind, "channel": channel, "count": count}


def _publish(client: "ClientSession", arguments: Arguments) -> Outcome:
    channel, message = _channel(arguments), _message(arguments)
    return client.broker.publish(bytes_of(channel), bytes_of(message))


def _ping(client: "ClientSession", arguments: Arguments) -> Outcome:
    return {"type": "PONG"}


def _auth(client: "ClientSession", arguments: Arguments) -> Outcome:
    password = arguments.get("password")
    if not isinstance(password, str):
        raise PubSubError("'password' must be a string")
    if not client.broker.is_password(bytes_of(password)):
        raise PubSubError("Wrong password", "WRONGPASS")
    client.is_authenticated = True
    return {"type": "AUTH"}


def _link(client: "ClientSession", arguments: Arguments) -> Outcome:
    if client.broker.subscription_count(client):
        raise PubSubError("A subscriber cannot become a link")
    client.become_link(encode_forward)
    return {"type": "LINK", "broker": client.broker.id}


def _forward(client: "ClientSession", arguments: Arguments) -> Outcome:
    if not client.is_link:
        raise PubSubError("FORWARD is for linked brokers; LINK comes first")
    return client.broker.publish_forwarded(decode_forward(arguments), client)


_LINK_COMMANDS = {"FORWARD", "PING", "LINK"}

_COMMANDS: dict[str, Callable[["ClientSession", Arguments], Outcome]] = {
    "SUBSCRIBE": _subscribe,
    "UNSUBSCRIBE": _unsubscribe,
    "PUBLISH": _publish,
    "PING": _ping,
    "AUTH": _auth,
    "LINK": _link,
    "FORWARD": _forward,
}

"""RESP: subscribing, publishing, and asking who is subscribed.

There are three families, which differ in what a name is and in the words of the messages:

    SUBSCRIBE    a channel        message   channel payload
    PSUBSCRIBE   a glob pattern   pmessage  pattern channel payload
    SSUBSCRIBE   a shard channel  smessage  channel payload

Each name of a command is acknowledged by itself, with the number of subscriptions that the
client now has: channels and patterns together, shard channels apart. To unsubscribe from
nothing in particular is to unsubscribe from everything, and when that is nothing, one
acknowledgement says so with a null.
# Real: pubsub.c in Redis.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.common.channels import Subscriptions
from services.common.glob import matcher
from services.common.resp import Push, Simple
from services.pubsub.outcomes import Published, PubSubError, Several

if TYPE_CHECKING:
    from services.pubsub.broker import Broker
    from services.pubsub.session import ClientSession

MAX_PATTERN_BYTES = 1024
"""Compiling a pattern and matching it take time for each of its bytes, at everyone's expense."""


def subscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _channels_of(client.broker).subscribe(client, channels)


def unsubscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _channels_of(client.broker).unsubscribe(client, channels)


def psubscribe(client: "ClientSession", *patterns: bytes) -> Several:
    for pattern in patterns:
        _check_pattern(pattern)
    return _patterns_of(client.broker).subscribe(client, patterns)


def punsubscribe(client: "ClientSession", *patterns: bytes) -> Several:
    return _patterns_of(client.broker).unsubscribe(client, patterns)


def ssubscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _shard_channels_of(client.broker).subscribe(client, channels)


def sunsubscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _shard_channels_of(client.broker).unsubscribe(client, channels)


def _check_pattern(pattern: bytes) -> None:
    if len(pattern) > MAX_PATTERN_BYTES:
        raise PubSubError(f"pattern is longer than {MAX_PATTERN_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class _Family:
    """One kind of subscription: where it is kept, its words' first letter, what is counted."""

    subscriptions: Subscriptions
    letter: bytes
    counted: tuple[Subscriptions, ...]

    def subscribe(self, client: "ClientSession", names: tuple[bytes, ...]) -> Several:
        client.check_room(len(names))
        replies = Several()
        for name in names:
            self.subscriptions.add(client, name)
            replies.append(Push([self.letter + b"subscribe", name, self._count(client)]))
        client.note_subscriptions()
        return replies

    def unsubscribe(self, client: "ClientSession", names: tuple[bytes, ...]) -> Several:
        replies = Several()
        for name in names or self.subscriptions.names_of(client) or [None]:
            if name is not None:
                self.subscriptions.remove(client, name)
            replies.append(Push([self.letter + b"unsubscribe", name, self._count(client)]))
        client.note_subscriptions()
        return replies

    def _count(self, client: "ClientSession") -> int:
        return sum(subscriptions.count_of(client) for subscriptions in self.counted)


def _channels_of(broker: "Broker") -> _Family:
    channels = broker.channels
    return _Family(channels.channels, b"", (channels.channels, channels.patterns))


def _patterns_of(broker: "Broker") -> _Family:
    channels = broker.channels
    return _Family(channels.patterns, b"p", (channels.channels, channels.patterns))


def _shard_channels_of(broker: "Broker") -> _Family:
    return _Family(broker.shard_channels, b"s", (broker.shard_channels,))


def publish(client: "ClientSession", channel: bytes, payload: bytes) -> Published:
    """Answered with the number of subscriptions of this broker that the message met."""
    return client.broker.publish(channel, payload)


def spublish(client: "ClientSession", channel: bytes, payload: bytes) -> Published:
    return client.broker.publish_on_shard(channel, payload)


# --- PUBSUB ----------------------------------------------------------------------------


def pubsub_channels(client: "ClientSession", *pattern: bytes) -> list[bytes]:
    return _names_like(client.broker.channels.channels, pattern, "CHANNELS")


def pubsub_shardchannels(client: "ClientSession", *pattern: bytes) -> list[bytes]:
    return _names_like(client.broker.shard_channels, pattern, "SHARDCHANNELS")


def _names_like(
    subscriptions: Subscriptions, pattern: tuple[bytes, ...], subcommand: str
) -> list[bytes]:
    match pattern:
        case []:
            return list(subscriptions.by_name)
        case [glob]:
            _check_pattern(glob)
            return list(filter(matcher(glob), subscriptions.by_name))
    raise PubSubError(
        f"unknown subcommand or wrong number of arguments for '{subcommand}'. Try PUBSUB HELP."
    )


def pubsub_numsub(client: "ClientSession", *channels: bytes) -> list[bytes | int]:
    return _subscriber_counts(client.broker.channels.channels, channels)


def pubsub_shardnumsub(client: "ClientSession", *channels: bytes) -> list[bytes | int]:
    return _subscriber_counts(client.broker.shard_channels, channels)


def _subscriber_counts(subscriptions: Subscriptions, names: tuple[bytes, ...]) -> list[bytes | int]:
    counts: list[bytes | int] = []
    for name in names:
        counts += [name, len(subscriptions.by_name.get(name, ()))]
    return counts


def pubsub_numpat(client: "ClientSession") -> int:
    return len(client.broker.channels.patterns.by_name)


def pubsub_help(client: "ClientSession") -> list[Simple]:
    return [
        Simple(line)
        for line in (
            "PUBSUB <subcommand> [<arg> ...]. Subcommands are:",
            "CHANNELS [<pattern>]",
            "    Channels that somebody is subscribed to.",
            "NUMSUB [<channel> ...]",
            "    How many are subscribed to each channel, patterns not counted.",
            "NUMPAT",
            "    How many different patterns are subscribed to.",
            "SHARDCHANNELS [<pattern>]",
            "    Shard channels that somebody is subscribed to.",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    How many are subscribed to each shard channel.",
        )
    ]

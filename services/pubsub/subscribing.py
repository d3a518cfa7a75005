"""RESP: subscribing, publishing, and asking who is subscribed.

The words of the three families (channels, patterns, shard channels) are in
`services.common.subscribing`, because kvdb speaks them, too.
# Real: pubsub.c in Redis.
"""

from typing import TYPE_CHECKING

from services.common.channels import Subscriptions
from services.common.resp import Several, Simple
from services.common.subscribing import (
    PUBSUB_HELP,
    Family,
    channel_family,
    names_like,
    pattern_family,
    shard_family,
    subscriber_counts,
)
from services.pubsub.outcomes import Published, PubSubError

if TYPE_CHECKING:
    from services.pubsub.session import ClientSession

MAX_PATTERN_BYTES = 1024
"""Compiling a pattern and matching it take time for each of its bytes, at everyone's expense."""


def subscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _subscribe(client, channel_family(client.broker.channels), channels)


def unsubscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _unsubscribe(client, channel_family(client.broker.channels), channels)


def psubscribe(client: "ClientSession", *patterns: bytes) -> Several:
    for pattern in patterns:
        _check_pattern(pattern)
    return _subscribe(client, pattern_family(client.broker.channels), patterns)


def punsubscribe(client: "ClientSession", *patterns: bytes) -> Several:
    return _unsubscribe(client, pattern_family(client.broker.channels), patterns)


def ssubscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _subscribe(client, shard_family(client.broker.shard_channels), channels)


def sunsubscribe(client: "ClientSession", *channels: bytes) -> Several:
    return _unsubscribe(client, shard_family(client.broker.shard_channels), channels)


def _check_pattern(pattern: bytes) -> None:
    if len(pattern) > MAX_PATTERN_BYTES:
        raise PubSubError(f"pattern is longer than {MAX_PATTERN_BYTES} bytes")


def _subscribe(client: "ClientSession", family: Family, names: tuple[bytes, ...]) -> Several:
    client.check_room(len(names))
    acknowledgements = family.subscribe(client, names)
    client.note_subscriptions()
    return acknowledgements


def _unsubscribe(client: "ClientSession", family: Family, names: tuple[bytes, ...]) -> Several:
    acknowledgements = family.unsubscribe(client, names)
    client.note_subscriptions()
    return acknowledgements


def publish(client: "ClientSession", channel: bytes, payload: bytes) -> Published:
    """Answered with the number of subscriptions of this broker that the message met."""
    return client.broker.publish(channel, payload)


def spublish(client: "ClientSession", channel: bytes, payload: bytes) -> Published:
    return client.broker.publish_on_shard(channel, payload)


# PUBSUB.


def pubsub_channels(client: "ClientSession", *pattern: bytes) -> list[bytes]:
    return _names_like(client.broker.channels.channels, pattern, "CHANNELS")


def pubsub_shardchannels(client: "ClientSession", *pattern: bytes) -> list[bytes]:
    return _names_like(client.broker.shard_channels, pattern, "SHARDCHANNELS")


def _names_like(
    subscriptions: Subscriptions, pattern: tuple[bytes, ...], subcommand: str
) -> list[bytes]:
    match pattern:
        case []:
            return names_like(subscriptions, None)
        case [glob]:
            _check_pattern(glob)
            return names_like(subscriptions, glob)
    raise PubSubError(
        f"unknown subcommand or wrong number of arguments for '{subcommand}'. Try PUBSUB HELP."
    )


def pubsub_numsub(client: "ClientSession", *channels: bytes) -> list[bytes | int]:
    return subscriber_counts(client.broker.channels.channels, channels)


def pubsub_shardnumsub(client: "ClientSession", *channels: bytes) -> list[bytes | int]:
    return subscriber_counts(client.broker.shard_channels, channels)


def pubsub_numpat(client: "ClientSession") -> int:
    return len(client.broker.channels.patterns.by_name)


def pubsub_help(client: "ClientSession") -> list[Simple]:
    heading = "PUBSUB <subcommand> [<arg> ...]. Subcommands are:"
    return [Simple(line) for line in (heading, *PUBSUB_HELP)]

"""Pub/sub: SUBSCRIBE and its kin, PUBLISH, PUBSUB.

Channels have nothing to do with keys: no database, no memory, no disk. A message goes to those
who are subscribed at this moment, and is forgotten. Programs use them all the same on the
server that they keep their keys on; Celery is one.

    PUBLISH news hello ─▶ channels: who has `news`? who has a pattern that matches it?
                       ─▶ deliveries: (client, message) for each ─▶ the server sends them
                       ─▶ reply: how many

The relation and the words of the acknowledgements are shared with the service `pubsub`
(`common.channels`, `common.subscribing`). A message goes the way of every delivery, but unlike
a reply it may find a client that does not read: then it counts against the output limit.

In RESP2 a message looks like a reply, so a client with subscriptions may send nothing but what
is flagged `subscriber` in the command table. In RESP3 messages are pushes, and a subscriber may
do whatever it likes.
# Real: pubsub.c in Redis.
"""

from typing import TYPE_CHECKING

from services.common.channels import Channels, Subscriptions
from services.common.resp import Push, Several, Simple, encode_reply
from services.common.subscribing import (
    PUBSUB_HELP,
    Family,
    channel_family,
    names_like,
    pattern_family,
    shard_family,
    subscriber_counts,
)
from services.kvdb import errors
from services.kvdb.arguments import bounded_pattern
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply

if TYPE_CHECKING:
    import collections

MAX_SUBSCRIPTIONS = 100_000
"""Of one client, of all kinds together."""

MAX_CHANNEL_BYTES = 64 * 1024

MAX_PATTERN_BYTES = 1024
"""Every message is compared with every pattern."""


class Message:
    """What clients get without having asked at this moment; encoded once for each protocol."""

    __slots__ = ("_encoded", "push")

    def __init__(self, push: Push | Simple):
        self.push = push
        self._encoded: dict[int, bytes] = {}

    def encode(self, version: int) -> bytes:
        data = self._encoded.get(version)
        if data is None:
            data = self._encoded[version] = encode_reply(self.push, version)
        return data


class PubSub:
    """Who is subscribed to what, and what is on its way to them."""

    def __init__(self, deliveries: "collections.deque"):
        self._deliveries = deliveries
        self.channels: Channels[Client] = Channels()
        self.shard_channels: Subscriptions[Client] = Subscriptions()

    def publish(self, channel: bytes, payload: bytes) -> int:
        """How many got the message; one with a channel and a pattern counts twice."""
        receivers = 0
        for pattern, clients in self.channels.receivers(channel):
            words = [b"message"] if pattern is None else [b"pmessage", pattern]
            receivers += self._send(clients, Push([*words, channel, payload]))
        return receivers

    def publish_on_shard(self, channel: bytes, payload: bytes) -> int:
        clients = self.shard_channels.subscribers_of(channel)
        return self._send(clients, Push([b"smessage", channel, payload]))

    def _send(self, clients: tuple[Client, ...], push: Push) -> int:
        message = Message(push)
        self._deliveries.extend((client, message) for client in clients)
        return len(clients)

    def counts_of(self, client: Client) -> tuple[int, int, int]:
        """The channels, patterns and shard channels of a client."""
        channels = self.channels
        counts = (channels.channels, channels.patterns, self.shard_channels)
        channels, patterns, shards = (subscriptions.count_of(client) for subscriptions in counts)
        return channels, patterns, shards

    def names_of(self, client: Client) -> list[tuple[bytes, bool]]:
        """All that a client is subscribed to, and whether it is a pattern."""
        channels = self.channels
        plain = (*channels.channels.names_of(client), *self.shard_channels.names_of(client))
        patterns = channels.patterns.names_of(client)
        return [*((name, False) for name in plain), *((name, True) for name in patterns)]

    def forget(self, client: Client) -> None:
        """A client that has gone, or that has sent RESET."""
        self.channels.forget(client)
        for name in self.shard_channels.names_of(client):
            self.shard_channels.remove(client, name)
        self.note_subscriptions(client)

    def note_subscriptions(self, client: Client) -> None:
        """Called after each change: a subscriber waits by right, whatever the idle timeout."""
        client.is_subscriber = any(self.counts_of(client))
        client.endpoint.may_be_idle = client.is_subscriber
        client.update_guard()


# Subscribing.


def subscribe(client: Client, request: list[bytes]) -> Several:
    return _subscribe(client, channel_family(client.engine.pubsub.channels), request)


def unsubscribe(client: Client, request: list[bytes]) -> Several:
    return _unsubscribe(client, channel_family(client.engine.pubsub.channels), request)


def psubscribe(client: Client, request: list[bytes]) -> Several:
    for name in request[1:]:
        bounded_pattern(name, MAX_PATTERN_BYTES)
    return _subscribe(client, pattern_family(client.engine.pubsub.channels), request)


def punsubscribe(client: Client, request: list[bytes]) -> Several:
    return _unsubscribe(client, pattern_family(client.engine.pubsub.channels), request)


def ssubscribe(client: Client, request: list[bytes]) -> Several:
    return _subscribe(client, shard_family(client.engine.pubsub.shard_channels), request)


def sunsubscribe(client: Client, request: list[bytes]) -> Several:
    return _unsubscribe(client, shard_family(client.engine.pubsub.shard_channels), request)


def _subscribe(client: Client, family: Family, request: list[bytes]) -> Several:
    pubsub, names = client.engine.pubsub, request[1:]
    if sum(pubsub.counts_of(client)) + len(names) > MAX_SUBSCRIPTIONS:
        raise errors.ReplyError(f"ERR a client may have {MAX_SUBSCRIPTIONS} subscriptions")
    if any(len(name) > MAX_CHANNEL_BYTES for name in names):
        raise errors.ReplyError(f"ERR the name is longer than {MAX_CHANNEL_BYTES} bytes")
    acknowledgements = family.subscribe(client, request[1:])
    client.engine.pubsub.note_subscriptions(client)
    return acknowledgements


def _unsubscribe(client: Client, family: Family, request: list[bytes]) -> Several:
    acknowledgements = family.unsubscribe(client, request[1:])
    client.engine.pubsub.note_subscriptions(client)
    return acknowledgements


# Publishing.


def publish(client: Client, request: list[bytes]) -> int:
    _, channel, payload = request
    return client.engine.pubsub.publish(channel, payload)


def spublish(client: Client, request: list[bytes]) -> int:
    _, channel, payload = request
    return client.engine.pubsub.publish_on_shard(channel, payload)


# PUBSUB.


def pubsub_channels(client: Client, request: list[bytes]) -> list[bytes]:
    return names_like(client.engine.pubsub.channels.channels, _pattern(request))


def pubsub_shardchannels(client: Client, request: list[bytes]) -> list[bytes]:
    return names_like(client.engine.pubsub.shard_channels, _pattern(request))


def _pattern(request: list[bytes]) -> bytes | None:
    if len(request) > 3:
        raise errors.unusable_subcommand(request)
    return request[2] if len(request) == 3 else None


def pubsub_numsub(client: Client, request: list[bytes]) -> list[bytes | int]:
    return subscriber_counts(client.engine.pubsub.channels.channels, request[2:])


def pubsub_shardnumsub(client: Client, request: list[bytes]) -> list[bytes | int]:
    return subscriber_counts(client.engine.pubsub.shard_channels, request[2:])


def pubsub_numpat(client: Client, request: list[bytes]) -> int:
    return len(client.engine.pubsub.channels.patterns.by_name)


def pubsub_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply("PUBSUB", *PUBSUB_HELP)

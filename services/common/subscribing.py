"""The RESP side of pub/sub: what subscribers are answered, and who is subscribed to what.

`channels` knows the relation between names and subscribers; this file puts it into the words
of Redis. Both services use it: pubsub, and kvdb, which carries Redis's own pub/sub.

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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from services.common.channels import Channels, Subscriber, Subscriptions
from services.common.glob import matcher
from services.common.resp import Push, Several


@dataclass(frozen=True, slots=True)
class Family(Generic[Subscriber]):
    """One kind of subscription: where it is kept, its words' first letter, what is counted."""

    subscriptions: Subscriptions[Subscriber]
    letter: bytes
    counted: tuple[Subscriptions[Subscriber], ...]

    def subscribe(self, subscriber: Subscriber, names: Sequence[bytes]) -> Several:
        """Add each; the acknowledgements, in order."""
        acknowledgements = Several()
        for name in names:
            self.subscriptions.add(subscriber, name)
            acknowledgements.append(self._acknowledge(b"subscribe", subscriber, name))
        return acknowledgements

    def unsubscribe(self, subscriber: Subscriber, names: Sequence[bytes]) -> Several:
        """Remove each, or all where none is named; the acknowledgements, in order."""
        acknowledgements = Several()
        for name in names or self.subscriptions.names_of(subscriber) or [None]:
            if name is not None:
                self.subscriptions.remove(subscriber, name)
            acknowledgements.append(self._acknowledge(b"unsubscribe", subscriber, name))
        return acknowledgements

    def _acknowledge(self, verb: bytes, subscriber: Subscriber, name: bytes | None) -> Push:
        count = sum(subscriptions.count_of(subscriber) for subscriptions in self.counted)
        return Push([self.letter + verb, name, count])


def channel_family(channels: Channels[Subscriber]) -> Family[Subscriber]:
    return Family(channels.channels, b"", (channels.channels, channels.patterns))


def pattern_family(channels: Channels[Subscriber]) -> Family[Subscriber]:
    return Family(channels.patterns, b"p", (channels.channels, channels.patterns))


def shard_family(shard_channels: Subscriptions[Subscriber]) -> Family[Subscriber]:
    return Family(shard_channels, b"s", (shard_channels,))


def names_like(subscriptions: Subscriptions[Subscriber], pattern: bytes | None) -> list[bytes]:
    """The names that somebody is subscribed to: all, or those that match.  # PUBSUB CHANNELS"""
    if pattern is None:
        return list(subscriptions.by_name)
    return list(filter(matcher(pattern), subscriptions.by_name))


def subscriber_counts(
    subscriptions: Subscriptions[Subscriber], names: Sequence[bytes]
) -> list[bytes | int]:
    """Each name with the number of its subscribers, in one flat list.  # PUBSUB NUMSUB"""
    counts: list[bytes | int] = []
    for name in names:
        counts += [name, len(subscriptions.by_name.get(name, ()))]
    return counts


def not_for_subscribers(command: str) -> str:
    """Why a RESP2 subscriber may not send `command`.

    RESP2 cannot tell a reply from a message: a subscriber may send few commands only.
    """
    return (
        f"Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET"
        " are allowed in this context"
    )


PUBSUB_HELP = (
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
"""What PUBSUB HELP says, between its heading and the last line."""

"""Channels: who is subscribed to what, and who gets a message.

One copy for two services: pubsub is built on it, and kvdb carries Redis's own pub/sub.

    subscriber ──▶ {channels}            what this one is subscribed to
    channel    ──▶ {subscribers}         whom a message on this channel reaches
    pattern    ──▶ {subscribers}         … and whom by a glob pattern over channel names

`publish` sends nothing: it answers with the deliveries, and the server queues each on its
connection. A message reaches a subscriber once for its channel, however often it subscribed,
and once more for each pattern of its that matches (as in Redis).

Both directions are kept as dicts, for their order: deliveries go out in the order of
subscription, and nothing depends on hashing. Publishing costs the subscribers of the channel
plus one match for each pattern there is. A channel without subscribers takes no memory.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from services.common.glob import matcher

Subscriber = TypeVar("Subscriber", bound=Hashable)


class Subscriptions(Generic[Subscriber]):
    """A relation between names and subscribers, kept in both directions."""

    __slots__ = ("_by_subscriber", "_snapshots", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[bytes, dict[Subscriber, None]] = {}
        self._snapshots: dict[bytes, tuple[Subscriber, ...]] = {}
        self._by_subscriber: dict[Subscriber, dict[bytes, None]] = {}

    def add(self, subscriber: Subscriber, name: bytes) -> bool:
        """True where the subscriber did not have `name` yet."""
        names = self._by_subscriber.setdefault(subscriber, {})
        if name in names:
            return False
        names[name] = None
        self._snapshots.pop(name, None)
        self.by_name.setdefault(name, {})[subscriber] = None
        return True

    def remove(self, subscriber: Subscriber, name: bytes) -> bool:
        """True where the subscriber had `name`."""
        names = self._by_subscriber.get(subscriber)
        if not names or name not in names:
            return False
        del names[name]
        if not names:
            del self._by_subscriber[subscriber]
        self._snapshots.pop(name, None)
        subscribers = self.by_name[name]
        del subscribers[subscriber]
        if not subscribers:
            del self.by_name[name]
        return True

    def names_of(self, subscriber: Subscriber) -> list[bytes]:
        """What one subscriber has, in the order it subscribed."""
        return list(self._by_subscriber.get(subscriber, ()))

    def count_of(self, subscriber: Subscriber) -> int:
        return len(self._by_subscriber.get(subscriber, ()))

    def subscribers_of(self, name: bytes) -> tuple[Subscriber, ...]:
        """A snapshot: subscribers may come and go while it is read.

        It is the same object until one does, so messages for the same receivers are easy to tell.
        """
        snapshot = self._snapshots.get(name)
        if snapshot is None:
            snapshot = tuple(self.by_name.get(name, ()))
            if snapshot:
                self._snapshots[name] = snapshot
        return snapshot


class Channels(Generic[Subscriber]):
    """The channels and patterns of one server."""

    def __init__(self) -> None:
        self.channels: Subscriptions[Subscriber] = Subscriptions()
        self.patterns: Subscriptions[Subscriber] = Subscriptions()
        self._matchers: dict[bytes, Callable[[bytes], object]] = {}

    def count_of(self, subscriber: Subscriber) -> int:
        """Channels and patterns of one subscriber: what Redis's acknowledgements count."""
        return self.channels.count_of(subscriber) + self.patterns.count_of(subscriber)

    def matching_patterns(self, channel: bytes) -> Iterator[bytes]:
        """The patterns that somebody is subscribed to and that match `channel`."""
        matchers, patterns = self._matchers, self.patterns.by_name
        for pattern in patterns:
            matches = matchers.get(pattern)
            if matches is None:
                # Kept here, because `matcher` remembers a thousand patterns only, and to compile
                # one takes a hundred times as long as to match it.
                matches = matchers[pattern] = matcher(pattern)
            if matches(channel):
                yield pattern
        if len(matchers) > 2 * len(patterns):
            for pattern in matchers.keys() - patterns.keys():
                del matchers[pattern]

    def receivers(self, channel: bytes) -> list[tuple[bytes | None, tuple[Subscriber, ...]]]:
        """Who gets a message on `channel`: (None, subscribers), then (pattern, subscribers) each.

        One message is encoded once for each entry, not once for each subscriber.
        """
        groups: list[tuple[bytes | None, tuple[Subscriber, ...]]] = []
        if channel in self.channels.by_name:
            groups.append((None, self.channels.subscribers_of(channel)))
        for pattern in self.matching_patterns(channel):
            groups.append((pattern, self.patterns.subscribers_of(pattern)))
        return groups

    def forget(self, subscriber: Subscriber) -> None:
        """Drop all subscriptions of one that has disconnected."""
        for subscriptions in (self.channels, self.patterns):
            for name in subscriptions.names_of(subscriber):
                subscriptions.remove(subscriber, name)

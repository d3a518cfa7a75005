"""The broker's state: who is connected, who is subscribed to what, and whom a message reaches.

It knows no sockets and sends nothing. A session asks it to publish, and gets deliveries back:

    publish("news", "hi")
      │  the next sequence number of this broker makes the message known in the hub
      ├─▶ receivers of the channel "news"           Delivery
      ├─▶ receivers of each pattern that matches    Delivery for each pattern
      └─▶ linked brokers                            Delivery, never back where it came from

Nothing is stored: who is not subscribed at this moment never gets the message, and a
subscriber that went away is forgotten with all its subscriptions. That is the bargain of
pub/sub, here as in Redis: at most once, in exchange for no queues that somebody must empty.
"""

import hmac
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.common.channels import Channels, Subscriptions
from services.common.health import Vitals
from services.pubsub.deliveries import Delivery, Message, Outbox, Receiver
from services.pubsub.hub import Origins
from services.pubsub.outcomes import Published

if TYPE_CHECKING:
    from services.pubsub.session import ClientSession


@dataclass(slots=True)
class Counters:
    """What INFO counts, since the start."""

    connections: int = 0
    refused_connections: int = 0
    messages_in: int = 0
    messages_out: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What strangers may ask of the server."""

    max_connections: int = 10_000
    max_request_bytes: int = 8 * 1024 * 1024
    max_depth: int = 64
    max_subscriptions: int = 100_000
    """Channels, patterns and shard channels of one client."""
    max_output_bytes: int = 32 * 1024 * 1024
    """What may wait for one slow reader. Real: client-output-buffer-limit pubsub."""
    idle_timeout_s: float = 0
    """0 for never; subscribers and linked brokers wait by right."""


class Broker:
    """Channels, patterns, shard channels, linked brokers, and the clients that have them."""

    def __init__(
        self,
        broker_id: str,
        vitals: Vitals,
        limits: Limits,
        *,
        password: str = "",
        clock: Callable[[], float] = time.monotonic,
    ):
        """`broker_id`: unique among all brokers of a hub, and new at each start."""
        self.id = broker_id
        self.clock = clock
        self.vitals = vitals
        self.limits = limits
        self.password = password
        self.counters = Counters()
        self.commands_per_s = 0.0
        self.channels: Channels[Receiver] = Channels()
        # Real: SSUBSCRIBE. A cluster of Redis keeps such a channel within one shard; here it
        # never leaves the broker.
        self.shard_channels: Subscriptions[Receiver] = Subscriptions()
        self.links: dict[Receiver, None] = {}
        self.clients: dict[int, ClientSession] = {}
        self._client_ids = itertools.count(1)
        self.outbox = Outbox()
        self._origins = Origins(broker_id)
        self._sequence = 0

    def admit(self, client: "ClientSession") -> int:
        """A client has connected; its id."""
        client_id = next(self._client_ids)
        self.clients[client_id] = client
        self.counters.connections += 1
        return client_id

    def is_password(self, text: bytes) -> bool:
        """Whether it is the password; any text is where none is asked for. In constant time."""
        return not self.password or hmac.compare_digest(
            text, self.password.encode("utf-8", "surrogateescape")
        )

    def publish(self, channel: bytes, payload: bytes) -> Published:
        """Publish a message of one of our own clients."""
        self._sequence += 1
        return self._published(Message(channel, payload, self.id, self._sequence), None)

    def publish_forwarded(self, message: Message, link: Receiver) -> Published | None:
        """Publish what another broker passed on over `link`; None where it is no news."""
        if not self._origins.is_news(message.origin, message.sequence):
            return None
        return self._published(message, link)

    def publish_on_shard(self, channel: bytes, payload: bytes) -> Published:
        """Publish on a shard channel: no patterns, no other brokers."""
        receivers = self.shard_channels.subscribers_of(channel)
        deliveries = []
        if receivers:
            message = Message(channel, payload, kind=b"smessage")
            deliveries.append(Delivery(message, receivers))
        return self._counted(deliveries)

    def _published(self, message: Message, arrived_over: Receiver | None) -> Published:
        deliveries = [
            Delivery(message, receivers, pattern)
            for pattern, receivers in self.channels.receivers(message.channel)
        ]
        published = self._counted(deliveries)
        # Split horizon: a message does not go back over the link on which it came.
        links = [link for link in self.links if link is not arrived_over]
        if links:
            deliveries.append(Delivery(message, links))
        return published

    def _counted(self, deliveries: list[Delivery]) -> Published:
        count = sum([len(delivery.receivers) for delivery in deliveries])
        self.counters.messages_in += 1
        self.counters.messages_out += count
        return Published(count, deliveries)

    def subscription_count(self, receiver: Receiver) -> int:
        """All that a client is subscribed to; above zero, it is in subscriber mode."""
        return self.channels.count_of(receiver) + self.shard_channels.count_of(receiver)

    def forget_subscriptions(self, receiver: Receiver) -> None:
        """Unsubscribe a client from everything."""
        self.channels.forget(receiver)
        for channel in self.shard_channels.names_of(receiver):
            self.shard_channels.remove(receiver, channel)

    def forget(self, client: "ClientSession") -> None:
        """A client is gone, and with it all that it was subscribed to."""
        self.forget_subscriptions(client)
        self.links.pop(client, None)
        self.clients.pop(client.id, None)

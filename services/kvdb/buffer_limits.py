"""Buffer limits: how much memory clients may take that send much and read little.

Replies and messages that a client does not read have to wait here. Whoever lets too much wait is
disconnected, because its memory is taken from the data of all others:

    client-output-buffer-limit   for each class of clients: at once beyond the hard limit, or after
                                 some seconds beyond the soft one
    maxmemory-clients            for all clients together: who takes most goes first, as long as it
                                 is too much; CLIENT NO-EVICT ON spares a client

A message that passes the hard limit is noticed as it is queued (`hard_bytes`), everything else a
few times a second (`Server`). A client that asks for more than it reads is hardly ever met here:
it is not served until it has read.
# Real: checkClientOutputBufferLimits() and evictClients() in Redis's networking.c and server.c.
"""

from collections.abc import Callable, Iterable

from services.kvdb.clients import Client
from services.kvdb.settings import OutputLimit, Settings


class BufferLimits:
    """Tells which clients take too much."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._beyond_soft: dict[Client, float] = {}
        """Since when, in seconds."""
        self.evicted_total = 0

    def _limit_of(self, client: Client) -> OutputLimit:
        return self._settings.output_limits["pubsub" if client.is_subscriber else "normal"]

    def hard_bytes(self, client: Client) -> int:
        """How much may wait for this client when a message comes that it has not asked for.

        There is always such a limit, unlike for replies: their number is up to the client.
        """
        return self._limit_of(client).hard_bytes or self._settings.max_output_bytes

    def slow_readers(self, clients: Iterable[Client], now_s: float) -> list[Client]:
        """Those that are beyond the limit of their class; called now and then."""
        limits = self._settings.output_limits
        if not limits["normal"].hard_bytes and not any(it.soft_bytes for it in limits.values()):
            return []  # The usual settings; subscribers are met as their messages are queued.
        before, self._beyond_soft = self._beyond_soft, {}
        return [
            client
            for client in clients
            if (waiting := client.endpoint.output_bytes)
            and self._is_beyond(client, waiting, before.get(client, now_s), now_s)
        ]

    def _is_beyond(self, client: Client, waiting: int, since_s: float, now_s: float) -> bool:
        limit = self._limit_of(client)
        if limit.soft_bytes and waiting > limit.soft_bytes:
            self._beyond_soft[client] = since_s
            if now_s - since_s >= limit.soft_s:
                return True
        return bool(limit.hard_bytes) and waiting > limit.hard_bytes

    def to_evict(
        self, clients: Iterable[Client], input_bytes: Callable[[Client], int]
    ) -> list[Client]:
        """Those that have to go, so that all others stay within `maxmemory-clients`."""
        limit = self._settings.max_clients_memory
        if limit < 0:
            limit = self._settings.maxmemory * -limit // 100
        if not limit:
            return []
        sizes = {client: memory_of(client, input_bytes(client)) for client in clients}
        total = sum(sizes.values())
        chosen = []
        for client in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if total <= limit:
                break
            if not client.no_evict:
                chosen.append(client)
                total -= sizes[client]
        self.evicted_total += len(chosen)
        return chosen


def memory_of(client: Client, input_bytes: int) -> int:
    """The bytes that wait on a client's behalf: to be read, to be sent, and to be executed."""
    queue = client.transaction.queue or ()
    queued_bytes = sum(sum(map(len, request)) for _, request in queue)
    return client.endpoint.output_bytes + input_bytes + queued_bytes

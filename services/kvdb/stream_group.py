"""A consumer group: several consumers share a stream, and each entry is given to one of them.

    stream     1-0    2-0    3-0    4-0    5-0
    group      ──────────────────▶ last ID 3-0           read up to here, by all together
    pending    1-0 → ann   2-0 → bob   3-0 → ann         given, and not acknowledged yet

    XREADGROUP … >    the next entries behind the last ID go to this consumer, and are pending
    XACK              it is done: the entry is pending no longer
    XREADGROUP … 0    what is pending at this consumer, after it has come back from a crash
    XAUTOCLAIM        take over what has been pending too long, from whoever has it

An entry is delivered at least once: it stays pending, with the time and the number of its
deliveries, until somebody acknowledges it. That is all that a task queue needs to lose nothing.

A pending entry is kept twice, by ID: with the group, where XACK and XCLAIM look for it, and with
its consumer. Both refer to one `Pending`. It may outlast the entry itself, which XDEL or XTRIM
have removed meanwhile.
# Real: streamCG, streamConsumer and streamNACK; the pending entries list is the PEL.
"""

from dataclasses import dataclass, field

from services.kvdb import memory
from services.kvdb.stream_index import Index


@dataclass(slots=True, eq=False)
class Consumer:
    """One consumer of a group."""

    name: bytes
    seen_ms: int
    """When it last asked for something."""
    pending: Index["Pending"] = field(default_factory=Index)


@dataclass(slots=True, eq=False)
class Pending:
    """An entry that was delivered and not acknowledged."""

    consumer: Consumer
    delivered_ms: int
    deliveries: int


class Group:
    """One group. Only its own methods change who has what."""

    __slots__ = (
        "_names_bytes",
        "accounted_bytes",
        "consumers",
        "entries_read",
        "last_id",
        "name",
        "pending",
    )

    def __init__(self, name: bytes, last_id: int, entries_read: int | None):
        self.name = name
        self.last_id = last_id
        """The last entry that was delivered to any of the consumers."""
        self.entries_read = entries_read
        """How many entries of the stream lie up to there; None for unknown."""
        self.consumers: dict[bytes, Consumer] = {}
        self.pending: Index[Pending] = Index()
        self.accounted_bytes = 0
        self._names_bytes = len(name)

    @property
    def size_bytes(self) -> int:
        return (
            memory.STREAM_GROUP_BYTES
            + len(self.consumers) * memory.STREAM_CONSUMER_BYTES
            + len(self.pending) * memory.STREAM_PENDING_BYTES
            + self._names_bytes
        )

    def copy(self) -> "Group":
        twin = Group(self.name, self.last_id, self.entries_read)
        for consumer in self.consumers.values():
            twin.create_consumer(consumer.name, consumer.seen_ms)
        for entry_id, pending in self.pending.ascending():
            consumer = twin.consumers[pending.consumer.name]
            twin.restore(entry_id, Pending(consumer, pending.delivered_ms, pending.deliveries))
        return twin

    # Consumers.

    def create_consumer(self, name: bytes, now_ms: int) -> bool:
        """True where there was none of this name."""
        if name in self.consumers:
            return False
        self.consumers[name] = Consumer(name, now_ms)
        self._names_bytes += len(name)
        return True

    def consumer(self, name: bytes, now_ms: int) -> Consumer:
        """The consumer who asks for something; it comes into being with that."""
        self.create_consumer(name, now_ms)
        consumer = self.consumers[name]
        consumer.seen_ms = now_ms
        return consumer

    def delete_consumer(self, name: bytes) -> int:
        """Forget one who is there, with all that is pending there; how much that was."""
        consumer = self.consumers.pop(name)
        for entry_id, _ in consumer.pending.ascending():
            self.pending.remove(entry_id)
        self._names_bytes -= len(name)
        return len(consumer.pending)

    # Pending entries.

    def deliver(self, entry_id: int, consumer: Consumer, now_ms: int) -> None:
        """Note that a consumer has been given an entry.

        It may be pending already, at whoever had it before XGROUP SETID set the group back.
        """
        pending = None if self.pending.is_beyond(entry_id) else self.pending.get(entry_id)
        if pending is None:
            self.restore(entry_id, Pending(consumer, now_ms, 1))
        else:
            self.hand_over(entry_id, pending, consumer)
            pending.delivered_ms, pending.deliveries = now_ms, 1

    def restore(self, entry_id: int, pending: Pending) -> None:
        """Add an entry that is not pending."""
        self.pending.insert(entry_id, pending)
        pending.consumer.pending.insert(entry_id, pending)

    def hand_over(self, entry_id: int, pending: Pending, consumer: Consumer) -> None:
        """Make what is pending anywhere pending at `consumer`."""
        if pending.consumer is not consumer:
            pending.consumer.pending.remove(entry_id)
            consumer.pending.insert(entry_id, pending)
            pending.consumer = consumer

    def acknowledge(self, entry_id: int) -> bool:
        """True where the entry was pending; now it no longer is."""
        pending = self.pending.remove(entry_id)
        if pending is None:
            return False
        pending.consumer.pending.remove(entry_id)
        return True

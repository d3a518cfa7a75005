"""ACL LOG: what was refused lately, so that an operator sees a wrong rule, or an attack.

The same again within a minute only counts up its entry and brings it to the front. Who guesses
passwords therefore fills one entry, and does not push the others out.
# Real: addACLLogEntry() in Redis.
"""

from dataclasses import dataclass

_SAME_WITHIN_MS = 60_000
_LOOKED_THROUGH = 10
"""Among so many of the newest entries the same one is looked for."""


@dataclass(slots=True)
class Entry:
    """One kind of refusal."""

    reason: str
    context: str
    """`toplevel`, or `multi`."""
    item: bytes
    """The command, the key or the channel."""
    username: bytes
    at_ms: int
    client: bytes
    """The last client, in the form of CLIENT LIST."""
    count: int = 1

    def is_like(self, other: "Entry") -> bool:
        return (self.reason, self.context, self.item, self.username) == (
            other.reason,
            other.context,
            other.item,
            other.username,
        ) and abs(self.at_ms - other.at_ms) <= _SAME_WITHIN_MS


class AclLog:
    """The entries, the newest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, entry: Entry, max_length: int) -> None:
        for known in self.entries[:_LOOKED_THROUGH]:
            if known.is_like(entry):
                self.entries.remove(known)
                entry.count = known.count + 1
                break
        self.entries.insert(0, entry)
        del self.entries[max(max_length, 0) :]

    def clear(self) -> None:
        self.entries.clear()

    def newest(self, count: int, now_ms: int) -> list[dict[bytes, object]]:
        return [
            {
                b"count": entry.count,
                b"reason": entry.reason.encode(),
                b"context": entry.context.encode(),
                b"object": entry.item,
                b"username": entry.username,
                b"age-seconds": (now_ms - entry.at_ms) / 1000,
                b"client-info": entry.client,
            }
            for entry in self.entries[: max(count, 0)]
        ]

"""An item: a string together with what a memcached client expects to find beside it.

A memcached client stores 32 bits of its own with each value (how it serialised it), and gets a
number that changes with each write (CAS: "store this only if nobody wrote since I read"). Redis's
strings have neither, and should not pay for them. So a value that a memcached client has stored is
kept in a form of its own, next to `bytes` and `RawString`:

    SET a 1              ─▶  b"1"                             a plain string
    set b 5 0 1 ⏎ 1      ─▶  Item(b"1", flags=5, cas=…)       GET b reads "1" all the same
    gets a               ─▶  Item(b"1", flags=0, cas=…)       when a number is first asked for
    SET b 2              ─▶  b"2"                             flags are 0 again; the number is gone

Whatever a Redis client does to the value replaces the item by a plain string (SET, INCR) or by one
that grows in place (APPEND), and the number goes with it: who comes with the old one has lost. What
leaves the value as it is (EXPIRE, RENAME, COPY, MOVE) leaves the item as it is. So flags and number
live and die with the key, through the same doors as any value, and no table has to follow them.

Numbers begin with the time, so that none comes twice, not even after a restart.
"""

ITEM_BYTES = 170
"""What an item costs beyond its content: the object with its eight places, and two integers."""


class Item:
    """A string with flags, a CAS number, and what the meta commands tell of it.

    Its content and its number are never changed: another write makes another item.
    """

    __slots__ = (
        "accessed_ms",
        "accounted_bytes",
        "cas",
        "content",
        "flags",
        "has_winner",
        "is_fetched",
        "is_stale",
    )
    is_container = False

    def __init__(self, content: bytes, flags: int, cas: int, *, is_stale: bool = False):
        self.content = content
        self.flags = flags
        self.cas = cas
        self.is_stale = is_stale
        """It has been invalidated: it may be shown until a client has made a new one."""
        self.has_winner = False
        """One client has been told to make a new one; the others need not."""
        self.is_fetched = False
        self.accessed_ms = 0
        """When a memcached client last read it, or stored it."""
        self.accounted_bytes = 0

    @property
    def size_bytes(self) -> int:
        return ITEM_BYTES + len(self.content)

    def copy(self) -> "Item":
        """For COPY: the same content and flags, under the same number."""
        return Item(self.content, self.flags, self.cas, is_stale=self.is_stale)

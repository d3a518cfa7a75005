"""What a key and its value cost in memory: the figures behind the memory limit.

Python tells the size of an object (`sys.getsizeof`), but not what the allocator rounds it up
to, nor a share of the dict that holds it; and walking a list of a million elements to weigh
it would stop the server. So each value keeps the bytes of its payload as it changes, and the
constants here add what each element costs on top. They were fitted to the resident memory of
a process that held many of each kind (`python3 -m bench.kvdb --only model` measures it again):

    a short string   key object 33 + value object 33, both rounded up to 16; a dict slot
    its expiry       a second dict slot and an integer of 32 bytes
    its last use     nothing here: `uses` has one array for all

A dict takes more room than it needs when it grows, so that a slot costs between 33 and 105 bytes;
and while it grows, the old one and the new one are there together. A database is one large dict
whose keys come and go at the memory limit, and the limit is a promise: its slots are taken at 140.
Those of hashes and sets are taken at 60, for the many in a store are not all at their worst.
What is counted is therefore rarely less than what is resident, and often more.
"""

SLOT_BYTES = 140
MEMBER_SLOT_BYTES = 60
OBJECT_BYTES = 41
"""A bytes object without its content: 33 bytes, and 8 for rounding up to 16 on average."""

KEY_BYTES = SLOT_BYTES + 9 + 2 * OBJECT_BYTES
"""What a key costs beyond the bytes of key and value: its slot, its place in the order for
SCAN, the two objects."""

EXPIRY_BYTES = SLOT_BYTES + 9 + 32

LIST_BYTES = 760
LIST_ELEMENT_BYTES = OBJECT_BYTES + 9

TABLE_BYTES = 300
FIELD_BYTES = MEMBER_SLOT_BYTES + 2 * OBJECT_BYTES
MEMBER_BYTES = MEMBER_SLOT_BYTES + OBJECT_BYTES
TIMED_BYTES = SLOT_BYTES + 9
"""The place of a hash among those with fields that expire."""
FIELD_TIMES_BYTES = 250
FIELD_EXPIRY_BYTES = MEMBER_SLOT_BYTES + 32 + 56 + 2 * 9
"""The expiry of a field: a slot, the moment, the pair in the heap with its place (twice, for what
is left over in it)."""

SORTED_SET_BYTES = 700
SCORE_BYTES = MEMBER_SLOT_BYTES + OBJECT_BYTES + 24 + OBJECT_BYTES + 9 + 9
"""A member of a sorted set: slot, member, score, and its key in the order (nine bytes longer than
the member) with its place."""

STREAM_BYTES = 300
STREAM_NODE_BYTES = 400
STREAM_ENTRY_BYTES = 48 + 48 + 2 * 9
"""An entry without what it consists of: its ID, its tuple, and the two places in its node."""
STREAM_PART_BYTES = 8
"""The place of a name or a value in the tuple."""
STREAM_GROUP_BYTES = 420
STREAM_CONSUMER_BYTES = 340
STREAM_PENDING_BYTES = 64 + 32 + 4 * 12
"""A pending entry: what is known of it, and its places with the group and the consumer."""


def size_of(value: object) -> int:
    """The bytes of a stored value, without its key; takes the same time for any size."""
    return len(value) if type(value) is bytes else value.size_bytes

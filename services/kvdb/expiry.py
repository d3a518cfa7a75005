"""Expiry: a key whose time has come is gone.

Two ways lead there, and a client cannot tell which was taken:

*Lazily.* Whoever looks a key up first looks at the clock (`Database.read`, `modify`, `peek`),
and removes it where it is due. That alone would be right, but a key that nobody asks for would
keep its memory for ever.

*Actively.* Ten times a second a cycle walks over the keys that expire and removes those that
are due. It must not stop the server: it looks at a page of keys, and goes on to the next page
only while a good part of what it sees is due, and while its share of time lasts:

    page of 20 keys ─▶ more than 10 % were due?  ── yes ─▶ next page
                                │ no                        │
                                ▼                           ▼  25 ms are over
                        next database               stop; go on from here next time

The hashes with fields that expire are walked over in the same way, and of each the fields that
are due are removed, a page of them at a time.

So an idle store costs next to nothing, and a million keys that expire in the same second are
removed over a few seconds, with the server answering in between. At most about a tenth of the
keys that are due wait to be found.
# Real: activeExpireCycle() in Redis's expire.c.

Times are kept as the moment, not as the time left: a snapshot that is loaded an hour later
loads keys that are an hour closer to their end, or past it.
"""

import time
from collections.abc import Callable

from services.kvdb.database import Database
from services.kvdb.keyspace import DATABASES, Keyspace

PERIOD_S = 0.1
SHARE_S = 0.025
"""A quarter of the time at the most."""

PAGE_KEYS = 20
ACCEPTABLE_PERCENT = 10


class ExpiryCycle:
    """Walks over the databases; remembers where it stopped."""

    def __init__(self, keyspace: Keyspace, timer_s: Callable[[], float] = time.monotonic):
        self._keyspace = keyspace
        self._timer_s = timer_s
        self._next = 0
        self._cursors = [0] * DATABASES
        self._hash_cursors = [0] * DATABASES

    def run(self, share_s: float = SHARE_S) -> int:
        """One cycle, of about `share_s` seconds at the most; how many keys it removed."""
        deadline_s = self._timer_s() + share_s
        removed = 0
        for _ in range(DATABASES):
            database = self._keyspace.databases[self._next]
            removed += self._clean(database, deadline_s)
            self._clean_hashes(database, deadline_s)
            if self._timer_s() >= deadline_s:
                break  # This database goes on next time.
            self._next = (self._next + 1) % DATABASES
        return removed

    def _clean(self, database: Database, deadline_s: float) -> int:
        removed = 0
        while database.expires:
            cursor, keys = database.expires.scan(self._cursors[database.index], PAGE_KEYS)
            self._cursors[database.index] = cursor
            removed_here = database.remove_due(keys)
            removed += removed_here
            if removed_here * 100 <= len(keys) * ACCEPTABLE_PERCENT:
                break
            if self._timer_s() >= deadline_s:
                break
        return removed

    def _clean_hashes(self, database: Database, deadline_s: float) -> None:
        """The same for the fields of hashes."""
        while database.timed:
            cursor, keys = database.timed.scan(self._hash_cursors[database.index], PAGE_KEYS)
            due = 0
            for key in keys:
                while removed := database.remove_due_fields_of(key, PAGE_KEYS):
                    due += 1
                    if removed < PAGE_KEYS or self._timer_s() >= deadline_s:
                        break
            is_late = self._timer_s() >= deadline_s
            if not is_late:  # Else look at these again next time: one may have more to remove.
                self._hash_cursors[database.index] = cursor
            if is_late or due * 100 <= len(keys) * ACCEPTABLE_PERCENT:
                break

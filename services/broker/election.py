"""Election: of several brokers, one runs the scheduler.

The leader is whoever could write its name under `tasks:leader` while nobody's was there; the key
expires unless its owner renews it. One that dies is followed by another within one lease.

Two may believe for a moment that they lead: one that was stopped and goes on does not know yet
that its lease is gone. So the lease only saves work, and correctness never rests on it: whatever
the scheduler does is a transaction that fails when somebody else has done it already.
# Real: SET NX PX locks (Redlock's single-instance part); leader election by lease in Kubernetes.
"""

from services.broker import keys
from services.kvdb.client import KVClient

LEASE_MS = 3_000


class Election:
    """One candidate, by its name; call `campaign` again and again."""

    def __init__(self, kv: KVClient, name: str, lease_ms: int = LEASE_MS):
        self._kv = kv
        self._name = name.encode()
        self._lease_ms = lease_ms

    def campaign(self) -> bool:
        """Whether this candidate leads from now on, for the length of a lease."""
        with self._kv.watch(keys.LEADER) as watch:
            leader = watch.execute("GET", keys.LEADER)
            if leader not in (None, self._name):
                return False
            won = watch.commit(("SET", keys.LEADER, self._name, "PX", self._lease_ms))
            return won is not None

    def resign(self) -> None:
        """Let another one lead at once."""
        with self._kv.watch(keys.LEADER) as watch:
            if watch.execute("GET", keys.LEADER) == self._name:
                watch.commit(("DEL", keys.LEADER))

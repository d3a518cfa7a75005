"""The engine: all that a command can reach, and no socket among it.

Engine
  ├─ settings, log, now_s    what was set; where to tell; what time it is
  ├─ catalog                 databases, collections, indexes
  ├─ cursors                 what clients read batch by batch
  ├─ journal, persistence    how changes get to the disk
  ├─ users                   who may log in, and what they may do
  ├─ sessions, transactions  what clients do under a number; `snapshot`: what this one reads
  ├─ profiler                which operations were slow
  ├─ fail_points             errors on request, for the tests of drivers
  ├─ object_ids              for documents that come without `_id`
  ├─ dispatcher              from a request to its reply
  └─ vitals                  health
"""

import copy
import itertools
import time
from collections.abc import Callable

from services.common.health import Vitals
from services.common.logs import Log
from services.docdb.bson.types import ObjectIdSource
from services.docdb.clients import Client
from services.docdb.commands.table import command_table
from services.docdb.dispatch import Dispatcher
from services.docdb.fail_points import FailPoints
from services.docdb.profiler import Profiler
from services.docdb.replication.clock import ClusterClock
from services.docdb.replication.oplog import Oplog
from services.docdb.replication.oplog_view import NAMESPACE as OPLOG_NAMESPACE
from services.docdb.replication.oplog_view import oplog_collection
from services.docdb.replication.replica_set import ReplicaSet
from services.docdb.settings import Settings
from services.docdb.storage.catalog import Catalog
from services.docdb.storage.cursors import Cursors
from services.docdb.storage.expiry import remove_expired
from services.docdb.storage.journal import FileJournal
from services.docdb.storage.persistence import Persistence
from services.docdb.transactions.running import Transactions
from services.docdb.transactions.sessions import Sessions
from services.docdb.transactions.snapshot import Snapshot, SnapshotCatalog
from services.docdb.users import Users


class Engine:
    """The state of one docdb."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        *,
        address: str = "",
        now_s: Callable[[], float] = time.time,
    ):
        self.settings = settings
        self.log = log
        self.now_s = now_s
        self.vitals = Vitals("docdb", address=address)
        self.journal = FileJournal()
        self.catalog = Catalog(self.journal)
        self.users = Users(self.catalog)
        self.cursors = Cursors(now_s)
        self.object_ids = ObjectIdSource()
        self.sessions = Sessions(now_s)
        self.replica_set: ReplicaSet | None = None
        if settings.replset:
            clock = ClusterClock(now_s)
            oplog = self.journal.oplog = Oplog(clock, settings.oplog_bytes)
            self.catalog.shown[OPLOG_NAMESPACE] = lambda: oplog_collection(oplog)
            self.replica_set = ReplicaSet(settings, clock, address)
        self.transactions = Transactions(self)
        self.snapshot: Snapshot | None = None
        """What is read here, where this is the engine within a snapshot."""
        self.fail_points = FailPoints()
        self.profiler = Profiler()
        self.persistence = Persistence(
            self.catalog, self.journal, self.sessions, settings, self.vitals, log
        )
        self.dispatcher = Dispatcher(self, command_table(), log)
        self.clients: dict[int, Client] = {}
        self._client_ids = itertools.count(1)
        self._next_expiry_s = 0.0
        if settings.password:
            self.users.set_root(settings.user, settings.password)

    @property
    def now_ms(self) -> int:
        return int(self.now_s() * 1000)

    def connect(self, address: str = "") -> Client:
        client = Client(next(self._client_ids), address)
        self.clients[client.id] = client
        return client

    def disconnect(self, client: Client) -> None:
        self.clients.pop(client.id, None)

    def inside(self, catalog: SnapshotCatalog, snapshot: Snapshot) -> "Engine":
        """This engine, with a snapshot in the place of what is there now."""
        inside = copy.copy(self)
        inside.catalog, inside.snapshot = catalog, snapshot
        return inside

    def tick(self) -> None:
        """What has to be done now and then."""
        self.cursors.expire()
        for session in self.sessions.expire():
            self.cursors.end_session(session)
        self.transactions.expire()
        self.persistence.tick()
        now_s = self.now_s()
        if now_s >= self._next_expiry_s:
            self._next_expiry_s = now_s + self.settings.ttl_interval_s
            remove_expired(self.catalog, int(now_s * 1000))

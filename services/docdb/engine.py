"""The engine: all that a command can reach, and no socket among it.

Engine
  ├─ settings, log, now_s    what was set; where to tell; what time it is
  ├─ catalog                 databases, collections, indexes
  ├─ cursors                 what clients read batch by batch
  ├─ journal, persistence    how changes get to the disk
  ├─ users                   who may log in, and what they may do
  ├─ object_ids              for documents that come without `_id`
  ├─ dispatcher              from a request to its reply
  └─ vitals                  health
"""

import itertools
import time
from collections.abc import Callable

from services.common.health import Vitals
from services.common.logs import Log
from services.docdb.bson.types import ObjectIdSource
from services.docdb.clients import Client
from services.docdb.commands.table import command_table
from services.docdb.dispatch import Dispatcher
from services.docdb.settings import Settings
from services.docdb.storage.catalog import Catalog
from services.docdb.storage.cursors import Cursors
from services.docdb.storage.expiry import remove_expired
from services.docdb.storage.journal import FileJournal
from services.docdb.storage.persistence import Persistence
from services.docdb.users import Users

MANY_SESSIONS = 10_000
SESSION_S = 30 * 60


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
        self.persistence = Persistence(self.catalog, self.journal, settings, self.vitals, log)
        self.dispatcher = Dispatcher(self, command_table(), log)
        self.clients: dict[int, Client] = {}
        self.sessions: dict[bytes, float] = {}
        """Logical sessions, by when they were last used: clients name them, nobody opens them."""
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

    def _forget_sessions(self) -> None:
        if len(self.sessions) > MANY_SESSIONS:
            limit_s = self.now_s() - SESSION_S
            self.sessions = {k: at_s for k, at_s in self.sessions.items() if at_s > limit_s}

    def tick(self) -> None:
        """What has to be done now and then."""
        self.cursors.expire()
        self._forget_sessions()
        self.persistence.tick()
        now_s = self.now_s()
        if now_s >= self._next_expiry_s:
            self._next_expiry_s = now_s + self.settings.ttl_interval_s
            remove_expired(self.catalog, int(now_s * 1000))

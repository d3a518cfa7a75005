"""The engine: all that a command can reach, and no socket among it.

    Engine
      ├─ settings      what can be set
      ├─ clock         the time, as commands see it
      ├─ keyspace      the data
      ├─ clients       who is connected
      ├─ blocking      who waits for what
      ├─ eviction      making room at the memory limit
      ├─ journal       the append-only file
      ├─ persistence   snapshots, and when the append-only file goes on in a new one
      ├─ pubsub        who is subscribed to what
      ├─ notifications, monitors, slow_log   what others learn of commands,
      ├─ observation                         by looking over their shoulder
      ├─ tracking      who has which keys in a cache of its own
      ├─ pause         CLIENT PAUSE
      ├─ dispatcher    from a request to its reply
      └─ vitals        health

The server makes one, gives each session a client of it, and calls `tick` ten times a second.
What a command wants done to connections (CLIENT KILL, SHUTDOWN) it leaves here for the server
to see to when the command has ended.
"""

from collections.abc import Callable
from typing import Protocol

from services.common.health import Vitals
from services.common.logs import Log
from services.kvdb.blocking import Blocking
from services.kvdb.clients import FAREWELL, Client, Clients
from services.kvdb.clock import Clock
from services.kvdb.commands import command_table
from services.kvdb.dispatch import Dispatcher
from services.kvdb.eviction import Eviction
from services.kvdb.expiry import ExpiryCycle
from services.kvdb.journal import Journal
from services.kvdb.keyspace import Keyspace
from services.kvdb.monitor import Monitors
from services.kvdb.notifications import Notifications
from services.kvdb.observation import Observation
from services.kvdb.pausing import Pause
from services.kvdb.persistence import Persistence
from services.kvdb.pubsub import PubSub
from services.kvdb.settings import Settings
from services.kvdb.slow_log import SlowLog
from services.kvdb.tracking import TrackingTable


class Traffic(Protocol):
    """What INFO tells of the connections; the server counts it."""

    accepted_total: int
    refused_total: int


class NoTraffic:
    """An engine without a server, as in tests."""

    accepted_total = 0
    refused_total = 0


class Engine:
    """The state of one kvdb."""

    def __init__(
        self, settings: Settings, log: Log, *, clock: Clock | None = None, address: str = ""
    ):
        self.settings = settings
        self.log = log
        self.clock = clock or Clock()
        self.vitals = Vitals("kvdb", address=address)
        self.traffic: Traffic = NoTraffic()
        self.keyspace = Keyspace(self.clock)
        self.clients = Clients(self)
        self.journal = Journal(self.clock, self.vitals, log)
        self.blocking = Blocking(self.keyspace, self.journal)
        self.eviction = Eviction(self.keyspace, settings, self.journal)
        self.expiry = ExpiryCycle(self.keyspace)
        self.persistence = Persistence(self.keyspace, self.journal, settings, self.vitals, log)
        self.dispatcher = Dispatcher(self, command_table(), log)
        self.pubsub = PubSub(self.dispatcher.deliveries)
        self.notifications = Notifications(self.pubsub)
        self.monitors = Monitors(self.dispatcher.deliveries)
        self.slow_log = SlowLog(self)
        self.tracking = TrackingTable(self)
        self.pause = Pause(self)
        self.observation = Observation(self)
        self.shutdown: Callable[[bool], None] = lambda saves: None
        """Ends the process after the current turn; the server sets it."""
        self.settings_changed()

    def settings_changed(self) -> None:
        """Bring in line what follows from the settings; CONFIG SET calls it."""
        self.dispatcher.has_memory_limit = bool(self.settings.maxmemory)
        self.notifications.want(self.settings.notify_keyspace_events)
        self.slow_log.trim()
        self.tracking.trim()
        self.observation.update()
        self.keyspace.track_access(self.eviction.access_places)
        self.journal.policy = self.settings.append_fsync
        self.persistence.set_append_only(self, self.settings.append_only)
        if self.settings.maxmemory:
            self.eviction.make_room(0)

    def disconnect(self, client: Client) -> None:
        """Have a client's connection closed when the current command has ended."""
        client.is_leaving = client.is_halted = True
        self.dispatcher.deliveries.append((client, FAREWELL))

    def tick(self) -> None:
        """What has to be done now and then.  # Real: serverCron() in Redis."""
        self.clock.tick()
        self.pause.tick()
        if self.settings.active_expiry and not self.pause.is_active:
            self.expiry.run()
        if self.keyspace.ready:  # Somebody may have waited for what has just expired.
            self.dispatcher.deliveries += self.blocking.serve_ready()
            self.dispatcher.deliveries += self.tracking.release()
        self.persistence.tick()

"""The engine: all that a command can reach, and no socket among it.

    Engine
      ├─ settings      what can be set
      ├─ clock         the time, as commands see it
      ├─ keyspace      the data
      ├─ clients       who is connected
      ├─ blocking      who waits for what
      ├─ eviction      making room at the memory limit (`memory_budget`: of the process)
      ├─ buffer_limits which clients take too much memory
      ├─ journal       the append-only file
      ├─ persistence   snapshots, and when the append-only file goes on in a new one
      ├─ pubsub        who is subscribed to what
      ├─ notifications, monitors, slow_log,  what others learn of commands,
      ├─ latency, observation                by looking over their shoulder
      ├─ tracking      who has which keys in a cache of its own
      ├─ pause         CLIENT PAUSE
      ├─ memcached     what memcached clients share
      ├─ dispatcher    from a request to its reply
      ├─ access        users, and who may do what
      └─ vitals        health

The server makes one, gives each session a client of it, and calls `tick` ten times a second.
What a command wants done to connections (CLIENT KILL, SHUTDOWN) it leaves here for the server
to see to when the command has ended.
"""

import secrets
from time import perf_counter
from typing import Protocol

from services.common.health import Vitals
from services.common.logs import Log
from services.kvdb.access import Access
from services.kvdb.blocking import Blocking
from services.kvdb.buffer_limits import BufferLimits
from services.kvdb.clients import FAREWELL, Client, Clients
from services.kvdb.clock import Clock
from services.kvdb.commands import command_table
from services.kvdb.dispatch import Dispatcher
from services.kvdb.eviction import Eviction
from services.kvdb.expiry import ExpiryCycle
from services.kvdb.journal import Journal
from services.kvdb.keyspace import Keyspace
from services.kvdb.latency import Latency
from services.kvdb.memcached_store import Memcached
from services.kvdb.monitor import Monitors
from services.kvdb.notifications import Notifications
from services.kvdb.observation import Observation
from services.kvdb.pausing import Pause
from services.kvdb.persistence import Persistence
from services.kvdb.pubsub import PubSub
from services.kvdb.rates import Rate
from services.kvdb.settings import Settings
from services.kvdb.slow_log import SlowLog
from services.kvdb.tracking import TrackingTable


class Network(Protocol):
    """What the engine needs of the connections; the server has them."""

    accepted_total: int
    refused_total: int

    def input_bytes(self, client: Client) -> int:
        """How much a client has sent that is not executed yet."""

    def settings_changed(self) -> None:
        """Bring the sockets in line with the settings. Raises ApplyError."""

    def shut_down(self, client: Client, *, saves: bool, at_once: bool) -> None:
        """End the process after the current turn, or when all replies have been read."""

    def abort_shutdown(self) -> bool:
        """Go on serving; false where nothing was going to end."""


class NoNetwork:
    """An engine without a server, as in tests."""

    accepted_total = 0
    refused_total = 0

    def input_bytes(self, client: Client) -> int:
        return 0

    def settings_changed(self) -> None:
        """There are no sockets."""

    def shut_down(self, client: Client, *, saves: bool, at_once: bool) -> None:
        """There is nothing to end."""

    def abort_shutdown(self) -> bool:
        return False


class Engine:
    """The state of one kvdb."""

    def __init__(
        self, settings: Settings, log: Log, *, clock: Clock | None = None, address: str = ""
    ):
        self.settings = settings
        self.log = log
        self.clock = clock or Clock()
        self.vitals = Vitals("kvdb", address=address)
        self.run_id = secrets.token_hex(20)
        """Another one with each start, so that clients see that there was one."""
        self.is_resting = False
        """`tick` does nothing: DEBUG PAUSE-CRON."""
        self.network: Network = NoNetwork()
        self.requests_rate = Rate(lambda: self.vitals.requests_total)
        self.keyspace = Keyspace(self.clock)
        self.clients = Clients(self)
        self.journal = Journal(self.clock, self.vitals, log)
        self.keyspace.note_gone = lambda database, key: self.journal.note(database, [b"DEL", key])
        self.blocking = Blocking(self.keyspace, self.journal)
        self.buffer_limits = BufferLimits(settings)
        self.eviction = Eviction(self.keyspace, settings, self.journal)
        self.expiry = ExpiryCycle(self.keyspace)
        self.persistence = Persistence(self.keyspace, self.journal, settings, self.vitals, log)
        self.dispatcher = Dispatcher(self, command_table(), log)
        self.access = Access(self)
        self.pubsub = PubSub(self.dispatcher.deliveries)
        self.notifications = Notifications(self.pubsub)
        self.monitors = Monitors(self.dispatcher.deliveries)
        self.slow_log = SlowLog(self)
        self.latency = Latency(self)
        self.tracking = TrackingTable(self)
        self.pause = Pause(self)
        self.observation = Observation(self)
        self.memcached = Memcached(self)
        self.settings_changed()

    def settings_changed(self) -> None:
        """Bring in line what follows from the settings; CONFIG SET calls it.

        Raises ApplyError where a setting cannot be put into force.
        """
        self.network.settings_changed()
        self.access.settings_changed()
        self.dispatcher.has_memory_limit = bool(self.settings.maxmemory)
        self.notifications.want(self.settings.notify_keyspace_events)
        self.slow_log.trim()
        self.tracking.trim()
        self.observation.update()
        self.keyspace.track_uses(self.settings)
        self.journal.policy = self.settings.append_fsync
        self.persistence.set_append_only(self, self.settings.append_only)
        for client in self.clients:
            client.update_guard()
        if self.settings.maxmemory:
            self.eviction.make_room(0)

    def disconnect(self, client: Client) -> None:
        """Have a client's connection closed when the current command has ended."""
        client.is_leaving = client.is_halted = True
        self.dispatcher.deliveries.append((client, FAREWELL))

    def tick(self) -> None:
        """What has to be done now and then.  # Real: serverCron() in Redis."""
        self.clock.tick()
        if self.is_resting:
            return
        self.requests_rate.sample(self.clock.now_ms)
        self.keyspace.note_peak()
        self.eviction.tick()
        self.pause.tick()
        self.memcached.tick()
        if self.settings.active_expiry and not self.pause.is_active:
            started_s = perf_counter()
            self.expiry.run()
            self.latency.note(b"expire-cycle", perf_counter() - started_s)
        if self.keyspace.ready:  # Somebody may have waited for what has just expired.
            self.dispatcher.deliveries += self.blocking.serve_ready()
            self.dispatcher.deliveries += self.tracking.release()
        self.keyspace.settle_uses()
        self.persistence.tick()

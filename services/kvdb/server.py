"""The server: the one file that knows both the engine and the sockets.

It gives each connection a session, and sees to what sessions and commands leave for it:
deliveries to clients that were waiting, clients that have to leave, timeouts, the ten ticks a
second, and the end.
"""

import socket
import time

from services.common.event_loop import EventLoop, Timer
from services.common.logs import Log
from services.common.stream_server import Connection, StreamServer
from services.kvdb.clients import FAREWELL, RESUME, Client
from services.kvdb.engine import Engine
from services.kvdb.expiry import PERIOD_S
from services.kvdb.pubsub import Message
from services.kvdb.session import Session

REFUSAL = b"-ERR max number of clients reached\r\n"


class Server:
    """Serves one engine on one listening socket, until `stop`."""

    def __init__(self, engine: Engine, listener: socket.socket, log: Log, *, grace_s: float = 10):
        self.engine = engine
        self.loop = EventLoop(log)
        self._log = log
        self._grace_s = grace_s
        self._sessions: dict[Client, Session] = {}
        self._timers: dict[Client, Timer] = {}
        self._saves_at_end = True
        self._stop_at_s = 0.0
        settings = engine.settings
        # Before the streams: no reply leaves before the record of what it acknowledges.
        self.loop.before_sleep(self._write_journal)
        self._streams = StreamServer(
            self.loop,
            listener,
            self._new_session,
            log,
            max_connections=settings.max_connections,
            max_output_bytes=settings.max_output_bytes,
            idle_timeout_s=settings.idle_timeout_s,
            refusal=REFUSAL,
        )
        engine.traffic = self._streams
        engine.shutdown = self._shut_down
        self.loop.after_wake(engine.clock.tick)
        self.loop.call_every(PERIOD_S, self._tick)

    def _new_session(self, connection: Connection) -> Session:
        session = Session(self, connection)
        self._sessions[session.client] = session
        return session

    def forget(self, session: Session) -> None:
        """A connection is closed."""
        client = session.client
        self._sessions.pop(client, None)
        self._cancel_timer(client)
        self.engine.clients.disconnect(client)

    def _write_journal(self) -> None:
        """Append what this turn has written; what cannot be promised is not acknowledged."""
        journal = self.engine.journal
        if not journal.flush() and journal.policy == "always":
            self._streams.drop_unsent()

    # --- what commands leave to do -------------------------------------------------------

    def settle(self) -> None:
        """See to what the last commands have left: called when a session ends a batch."""
        deliveries = self.engine.dispatcher.deliveries
        while deliveries:
            client, reply = deliveries.popleft()
            session = self._sessions.get(client)
            if session is None:
                continue
            if type(reply) is Message:
                session.push(reply)
            elif reply is FAREWELL:
                session.close()
                # It is no client any more, while its connection delivers its last reply.
                self.engine.clients.disconnect(client)
            elif reply is RESUME:
                session.resume()
            else:
                self._cancel_timer(client)
                session.deliver(reply)

    def watch_timeout(self, client: Client) -> None:
        """Set the timer of a client that has begun to wait."""
        wait = client.blocked
        if wait.timeout_s > 0:
            self._timers[client] = self.loop.call_later(
                wait.timeout_s, lambda: self._time_out(client)
            )

    def _time_out(self, client: Client) -> None:
        del self._timers[client]
        wait = client.blocked
        self.engine.blocking.end(wait)
        self._sessions[client].deliver(wait.nothing)

    def _cancel_timer(self, client: Client) -> None:
        timer = self._timers.pop(client, None)
        if timer:
            timer.cancel()

    # --- running -------------------------------------------------------------------------

    def _tick(self) -> None:
        self.engine.tick()
        self.settle()

    def run(self) -> bool:
        """Serve until stopped; false where the last save failed."""
        self.loop.run()
        self._streams.close_all()
        return self.engine.persistence.close(saves=self._saves_at_end)

    def stop(self) -> None:
        """End as soon as all replies have been read, or when the grace is over."""
        if self._stop_at_s:
            return
        self._log.info("stopping")
        self._stop_at_s = time.monotonic() + self._grace_s
        self._streams.stop_accepting()
        self.loop.call_every(0.02, self._stop_when_drained)
        self._stop_when_drained()

    def _stop_when_drained(self) -> None:
        waiting = any(connection.output_bytes for connection in self._streams.connections)
        if not waiting or time.monotonic() >= self._stop_at_s:
            self.loop.stop()

    def _shut_down(self, saves: bool) -> None:
        self._saves_at_end = saves
        self.stop()

"""The server: the one file that knows both the engine and the sockets.

It gives each connection a session, and sees to what sessions and commands leave for it:
deliveries to clients that were waiting, clients that have to leave, timeouts, the ten ticks a
second, and the end.
"""

import socket
import time

from services.common.descriptors import fit_connections
from services.common.event_loop import EventLoop, Timer
from services.common.lifecycle import listen
from services.common.logs import Log
from services.common.resp import ReplyError
from services.common.stream_server import Connection, StreamServer
from services.kvdb.clients import FAREWELL, RESUME, Client
from services.kvdb.engine import Engine
from services.kvdb.expiry import PERIOD_S
from services.kvdb.memcached_session import MemcachedSession
from services.kvdb.parameters import ApplyError
from services.kvdb.pubsub import Message
from services.kvdb.session import Session

REFUSAL = b"-ERR max number of clients reached\r\n"
MEMCACHED_REFUSAL = b"ERROR Too many open connections\r\n"

DRAIN_PERIOD_S = 0.02
"""How often an ending server looks whether all replies have been read."""


class Server:
    """Serves one engine on one listening socket, until `stop`."""

    def __init__(
        self,
        engine: Engine,
        listener: socket.socket,
        log: Log,
        *,
        grace_s: float = 10,
        memcached_listener: socket.socket | None = None,
    ):
        self.engine = engine
        self.loop = EventLoop(log)
        self._log = log
        self._grace_s = grace_s
        self._sessions: dict[Client, Session | MemcachedSession] = {}
        self._timers: dict[Client, Timer] = {}
        self._saves_at_end = True
        settings = engine.settings
        self._address = settings.host, settings.port = listener.getsockname()[:2]
        self._idle_timeout_s = settings.idle_timeout_s
        self._stop_at_s = 0.0
        self._asked_to_stop: list[Client] = []
        # Before the streams: no reply leaves before the record of what it acknowledges.
        self.loop.before_sleep(self._write_journal)
        self._streams = self._listen(listener, Session, REFUSAL)
        self._doors = [self._streams]
        if memcached_listener is not None:
            self._doors.append(
                self._listen(memcached_listener, MemcachedSession, MEMCACHED_REFUSAL)
            )
        engine.network = self
        self.loop.after_wake(engine.clock.tick)
        self.loop.call_every(PERIOD_S, self._tick)

    def _listen(
        self, listener: socket.socket, kind: type[Session | MemcachedSession], refusal: bytes
    ) -> StreamServer:
        """Accept clients at a listener, whose sessions are of a kind."""
        settings = self.engine.settings

        def new_session(connection: Connection) -> Session | MemcachedSession:
            session = kind(self, connection)
            self._sessions[session.client] = session
            return session

        return StreamServer(
            self.loop,
            listener,
            new_session,
            self._log,
            max_connections=settings.max_connections,
            max_output_bytes=settings.max_output_bytes,
            idle_timeout_s=settings.idle_timeout_s,
            refusal=refusal,
        )

    def forget(self, session: Session | MemcachedSession) -> None:
        """A connection is closed."""
        client = session.client
        self._sessions.pop(client, None)
        self._cancel_timer(client)
        self.engine.clients.disconnect(client)

    def _write_journal(self) -> None:
        """Append what this turn has written; what cannot be promised is not acknowledged."""
        journal = self.engine.journal
        if not journal.flush() and journal.policy == "always":
            for streams in self._doors:
                streams.drop_unsent()

    # What the engine asks of the network.

    @property
    def accepted_total(self) -> int:
        return sum(streams.accepted_total for streams in self._doors)

    @property
    def refused_total(self) -> int:
        return sum(streams.refused_total for streams in self._doors)

    def input_bytes(self, client: Client) -> int:
        session = self._sessions.get(client)
        return session.input_bytes if session else 0

    def settings_changed(self) -> None:
        """Bring the sockets in line with the settings. Raises ApplyError."""
        settings = self.engine.settings
        if settings.max_connections > self._streams.max_connections:
            self._make_sure_of_descriptors(settings.max_connections)
        self._move(settings.host, settings.port)
        for streams in self._doors:
            streams.max_connections = settings.max_connections
            streams.keepalive_s = settings.keepalive_s
            if settings.idle_timeout_s != self._idle_timeout_s:
                streams.set_idle_timeout(settings.idle_timeout_s)
        self._idle_timeout_s = settings.idle_timeout_s

    def _make_sure_of_descriptors(self, wanted: int) -> None:
        """More clients than before need more open files."""
        possible = fit_connections(wanted, self._log)
        if possible < wanted:
            raise ApplyError(
                "maxclients",
                "The operating system is not able to handle the specified number of clients, try "
                f"with {possible}",
            )

    def _move(self, host: str, port: int) -> None:
        """Listen elsewhere, where the address has changed."""
        if (host, port) == self._address or self._stop_at_s:
            return
        if not port:
            raise ApplyError("port", "this server always listens")
        is_other_port = port != self._address[1]
        try:
            self._streams.listen_on(listen(host, port))
        except OSError as error:
            if is_other_port:
                raise ApplyError(
                    "port", "Unable to listen on this port. Check server logs."
                ) from error
            raise ApplyError("bind", "Failed to bind to specified addresses.") from error
        self._address = (host, port)
        self._log.info("listening", host=host, port=port)

    def _drop_greedy_clients(self) -> None:
        """Disconnect those whose buffers take too much."""
        limits, clients = self.engine.buffer_limits, self.engine.clients
        for client in limits.slow_readers(clients, self.loop.now_s):
            self._sessions[client].drop()
        for client in limits.to_evict(clients, self.input_bytes):
            self._log.warning("evicted a client", client=client.endpoint.peer)
            self._sessions[client].drop()

    # What commands leave to do.

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

    # Running.

    def _tick(self) -> None:
        self.engine.tick()
        self.settle()
        self._drop_greedy_clients()

    def run(self) -> bool:
        """Serve until stopped; false where the last save failed."""
        self.loop.run()
        for streams in self._doors:
            streams.stop_accepting()
            streams.close_all()
        return self.engine.persistence.close(saves=self._saves_at_end)

    def stop(self) -> None:
        """End as soon as all replies have been read, or when the grace is over."""
        if self._stop_at_s:
            return
        self._log.info("stopping")
        self._stop_at_s = time.monotonic() + self._grace_s
        for streams in self._doors:
            streams.pause_accepting()
        self._draining = self.loop.call_every(DRAIN_PERIOD_S, self._stop_when_drained)
        self._stop_when_drained()

    def shut_down(self, client: Client, *, saves: bool, at_once: bool) -> None:
        """SHUTDOWN, which `client` has sent."""
        self._saves_at_end = saves
        self._asked_to_stop.append(client)
        if at_once:
            self._grace_s = 0
        self.stop()

    def abort_shutdown(self) -> bool:
        """SHUTDOWN ABORT; false where nothing was going to end."""
        if not self._stop_at_s:
            return False
        self._log.info("not stopping after all")
        self._stop_at_s, self._saves_at_end = 0.0, True
        self._draining.cancel()
        for streams in self._doors:
            streams.accept_again()
        error = ReplyError("ERR Errors trying to SHUTDOWN. Check logs.")
        self.engine.dispatcher.deliveries.extend((asker, error) for asker in self._asked_to_stop)
        self._asked_to_stop.clear()
        return True

    def _stop_when_drained(self) -> None:
        waiting = any(
            connection.output_bytes for streams in self._doors for connection in streams.connections
        )
        if not waiting or time.monotonic() >= self._stop_at_s:
            self.loop.stop()

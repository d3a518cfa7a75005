"""The server: the one file that knows both the engine and the sockets.

It gives each connection a session, keeps those that wait for data, and sees to the journal
before replies leave, the ticks, and the end.
"""

import socket
import time

from services.common.event_loop import EventLoop, Timer
from services.common.logs import Log
from services.common.stream_server import Connection, StreamServer
from services.docdb.engine import Engine
from services.docdb.session import Session

TICK_S = 0.25


class Server:
    """Serves one engine on one listening socket, until `stop`."""

    def __init__(self, engine: Engine, listener: socket.socket, log: Log, *, grace_s: float = 10):
        self.engine = engine
        self.log = log
        self.loop = EventLoop(log)
        self._grace_s = grace_s
        self._stop_at_s = 0.0
        self._waiting: dict[Session, Timer] = {}
        settings = engine.settings
        # Before the streams: no reply leaves before the record of what it acknowledges.
        self.loop.before_sleep(self._end_turn)
        self._streams = StreamServer(
            self.loop,
            listener,
            self._new_session,
            log,
            max_connections=settings.max_connections,
            max_output_bytes=settings.max_output_bytes,
            idle_timeout_s=settings.idle_timeout_s,
        )
        self.loop.call_every(TICK_S, engine.tick)

    def _new_session(self, connection: Connection) -> Session:
        return Session(self, connection)

    def forget(self, session: Session) -> None:
        """A connection is closed."""
        self._end_wait(session)
        self.engine.disconnect(session.client)

    def _end_turn(self) -> None:
        """What this turn has changed goes to the disk, and wakes who waits for it.

        What cannot be promised is not acknowledged: where the disk refuses the record, the
        clients whose replies would go out now are disconnected.
        """
        journal, transactions = self.engine.journal, self.engine.transactions
        has_changes = journal.has_pending or journal.file is None or transactions.wakes_waiting
        transactions.wakes_waiting = False
        self._flush()
        while has_changes and self._waiting:
            served = [it for it in list(self._waiting) if it.retry(is_over=False)]
            for session in served:
                self._end_wait(session)
            # Who waited for a record may have written it now, and others wait for that.
            has_changes = bool(served)
            self._flush()

    def _flush(self) -> None:
        if not self.engine.persistence.flush():
            self._streams.drop_unsent()

    # Waiting.

    def wait(self, session: Session, timeout_s: float) -> None:
        """A client waits for data, so long."""
        self._waiting[session] = self.loop.call_later(timeout_s, lambda: self._time_out(session))

    def _time_out(self, session: Session) -> None:
        self._end_wait(session)
        session.retry(is_over=True)

    def _end_wait(self, session: Session) -> None:
        timer = self._waiting.pop(session, None)
        if timer:
            timer.cancel()

    # Running.

    def run(self) -> bool:
        """Serve until stopped; false where the end could not be written."""
        self.loop.run()
        self._streams.close_all()
        return self.engine.persistence.close()

    def stop(self) -> None:
        """End as soon as all replies have been read, or when the grace is over."""
        if self._stop_at_s:
            return
        self.log.info("stopping")
        self._stop_at_s = time.monotonic() + self._grace_s
        self._streams.stop_accepting()
        self.loop.call_every(0.02, self._stop_when_drained)
        self._stop_when_drained()

    def _stop_when_drained(self) -> None:
        waiting = any(connection.output_bytes for connection in self._streams.connections)
        if not waiting or time.monotonic() >= self._stop_at_s:
            self.loop.stop()

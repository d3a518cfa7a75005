"""The server: a listening socket, and a thread for each connection.

PostgreSQL forks a process for each client; we start a thread, and the engine's latch takes the
place of the locks in shared memory. The main thread accepts, looks after the clock (checkpoints,
vacuum) and ends everything in order.

    main thread     event loop: accept ─▶ start a thread;  ticks;  stop
    client thread   startup, login, then message by message (`session.conversation`)
# Real: postmaster.c
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

from services.common.accepting import Acceptor
from services.common.event_loop import EventLoop
from services.common.logs import Log
from services.sqldb import errors
from services.sqldb.connection import Connection, ConnectionLost
from services.sqldb.engine import Engine
from services.sqldb.errors import SqlError
from services.sqldb.protocol import backend, frontend
from services.sqldb.session.conversation import Conversation
from services.sqldb.session.login import Cancel, authenticate, await_startup, fatal
from services.sqldb.session.session import Session

TICK_S = 0.25
_STARTUP_TIMEOUT_S = 60.0
# Deep expressions recurse in the parser, the binder and the generated code.
STACK_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 10_000


class Server:
    """Serves one engine on one listening socket, until `stop`."""

    def __init__(self, engine: Engine, listener: socket.socket, log: Log, *, grace_s: float = 10):
        self.engine = engine
        self.loop = EventLoop(log)
        self._log = log
        self._grace_s = grace_s
        self._clients: dict[threading.Thread, Client] = {}
        self._is_stopping = False
        threading.stack_size(STACK_BYTES)
        sys.setrecursionlimit(MAX_DEPTH)
        self._acceptor = Acceptor(self.loop, listener, self._take, log)
        self.loop.call_every(TICK_S, engine.tick)

    def _take(self, sock: socket.socket, address: tuple) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(self, sock, self._log)
        thread = threading.Thread(target=client.run, daemon=True)
        self._clients[thread] = client
        thread.start()

    def left(self) -> None:
        """From the thread of a client that ends."""
        self._clients.pop(threading.current_thread(), None)

    @property
    def is_full(self) -> bool:
        return len(self._clients) > self.engine.settings.max_connections

    def run(self) -> None:
        """Serve until stopped."""
        self.loop.run()
        self.engine.close()

    def stop(self) -> None:
        """Accept no more, let statements finish, end sessions; after the grace in any case."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._log.info("stopping")
        self._acceptor.close()
        for client in list(self._clients.values()):
            client.stop()
        self.loop.call_later(self._grace_s, self._interrupt)
        self.loop.call_every(0.02, self._stop_when_empty)
        self._stop_when_empty()

    def _interrupt(self) -> None:
        for client in list(self._clients.values()):
            client.terminate()
        self.loop.call_later(1.0, self.loop.stop)

    def _stop_when_empty(self) -> None:
        if not self._clients:
            self.loop.stop()


class Client:
    """One connection from its first byte to its last, in a thread of its own."""

    def __init__(self, server: Server, sock: socket.socket, log: Log):
        self._server = server
        self._engine = server.engine
        self._log = log
        limit = server.engine.settings.max_message_bytes
        self._connection = Connection(sock, server.engine.latch, limit)
        self._session: Session | None = None

    def run(self) -> None:
        try:
            self._serve()
        except ConnectionLost:
            pass
        except SqlError as error:
            # FATAL: the client is told, and the connection ends.
            error.severity = "FATAL"
            self._connection.write(backend.error_response(error))
        except Exception:
            self._log.exception("a connection has ended by a mistake of ours")
        finally:
            self._end()

    def _serve(self) -> None:
        connection = self._connection
        settings = self._engine.settings
        try:
            startup = await_startup(connection, settings.tls, _STARTUP_TIMEOUT_S)
        except SqlError as error:
            if isinstance(error, frontend.ProtocolError) and "startup packet" in error.message:
                # Something that speaks another protocol: it would not understand the answer.
                self._log.info("not a client of ours", reason=error.message)
                raise ConnectionLost from None
            raise
        if isinstance(startup, Cancel):
            self._engine.cancel(startup.process_id, startup.secret_key)
            return
        self._session = self._log_in(startup)
        Conversation(self._session, connection, self._log).run()

    def _log_in(self, startup: frontend.Startup) -> Session:
        engine, connection = self._engine, self._connection
        if self._server.is_full:
            raise fatal(errors.TOO_MANY_CONNECTIONS, "sorry, too many clients already")
        if startup.options or startup.minor_version:
            connection.write(backend.negotiate_protocol_version(startup.options))
        parameters = dict(startup.parameters)
        name = parameters.pop("user", "")
        if not name:
            message = "no PostgreSQL user name specified in startup packet"
            raise fatal(errors.INVALID_AUTHORIZATION_SPECIFICATION, message)
        database = parameters.pop("database", "") or name
        with engine.latch:
            role = engine.role_to_log_in(name)
        authenticate(
            connection,
            role,
            name,
            needs_password=engine.needs_password(role),
            timeout_s=_STARTUP_TIMEOUT_S,
        )
        with engine.latch:
            session = engine.new_session(role, database, parameters)
            session.peer = connection.peer()
            session.wake = connection.wake
            session.disconnect = self.stop
        connection.write(backend.backend_key_data(session.pid, session.secret_key))
        return session

    def _end(self) -> None:
        try:
            if self._session is not None:
                with self._engine.latch:
                    self._session.close()
        except Exception:
            self._log.exception("a session could not be closed in order")
        self._connection.close()
        self._server.left()

    # From the main thread, and from other sessions.

    def stop(self) -> None:
        """End when the running statement is over."""
        self._connection.stop()

    def terminate(self) -> None:
        """End now: the running statement is cancelled."""
        if self._session is not None:
            with contextlib.suppress(Exception):
                self._session.terminate()
        self._connection.stop()

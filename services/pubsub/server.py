"""The server: the event loop, the sockets, the clients on them. Only this file touches sockets.

    listener ─▶ StreamServer ─▶ Connection + ClientSession     a client
    upstream ─▶ StreamServer ─▶ Connection + UpstreamSession   another broker (`hub`)

One thread does everything. What one turn of the loop published waits on the connections of its
receivers and leaves when the turn ends, one send for each of them. A client that does not read
fills its output up to the limit, and is dropped then; nobody else notices.
"""

import secrets
import socket
import threading
import time
from collections.abc import Sequence

from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.common.lifecycle import address_of
from services.common.logs import Log
from services.common.resp import ReplyError, encode_reply
from services.common.stream_server import Connection, StreamServer
from services.pubsub.broker import Broker, Limits
from services.pubsub.hub import Upstream
from services.pubsub.session import ClientSession

SAMPLE_INTERVAL_S = 1.0
DRAIN_CHECK_S = 0.02

CONNECT_TIMEOUT_S = 5.0

Address = tuple[str, int]


class PubSubServer:
    """One broker on one listening socket. `run` serves until `stop` is called."""

    def __init__(
        self,
        listener: socket.socket,
        limits: Limits,
        log: Log,
        *,
        password: str = "",
        upstreams: Sequence[Address] = (),
        grace_s: float = 10,
    ):
        self.loop = EventLoop(log)
        self._log = log
        self._grace_s = grace_s
        self.address = address_of(listener)
        self.broker = Broker(
            secrets.token_hex(8),
            Vitals("pubsub", address=self.address),
            limits,
            password=password,
        )
        # Before the hook of the stream server, which sends: what a turn published leaves with it.
        self.loop.before_sleep(self.broker.outbox.flush)
        self._stream_server = StreamServer(
            self.loop,
            listener,
            self._new_session,
            log,
            max_connections=limits.max_connections,
            max_output_bytes=limits.max_output_bytes,
            idle_timeout_s=limits.idle_timeout_s,
            refusal=encode_reply(ReplyError("ERR max number of clients reached")),
        )
        self._upstreams = [
            Upstream(address, self.broker, self.loop, self._connect, log) for address in upstreams
        ]
        for upstream in self._upstreams:
            upstream.start()
        self._sampled_total = 0
        self._sampled_at_s = time.monotonic()
        self.loop.call_every(SAMPLE_INTERVAL_S, self._sample)

    def _new_session(self, connection: Connection) -> ClientSession:
        return ClientSession(connection, self.broker, self._log)

    def _connect(self, upstream: Upstream) -> None:
        """Open a connection to another broker, in a thread: looking up its name may block."""

        def connect() -> None:
            try:
                sock = socket.create_connection(upstream.address, timeout=CONNECT_TIMEOUT_S)
            except OSError as error:
                reason = error.strerror or str(error)
                self.loop.call_from_thread(lambda: upstream.lost(reason))
            else:
                adopt = self._stream_server.adopt
                self.loop.call_from_thread(lambda: adopt(sock, upstream.connected))

        threading.Thread(target=connect, name="connect", daemon=True).start()

    def run(self) -> None:
        self.loop.run()

    def stop(self) -> None:
        """Stop gracefully, from any thread or a signal: what is queued is sent, then all close."""
        self.loop.call_from_thread(self._stop)

    def _stop(self) -> None:
        self._log.info("stopping")
        self._stream_server.stop_accepting()
        for upstream in self._upstreams:
            upstream.stop()
        deadline_s = time.monotonic() + self._grace_s

        def check() -> None:
            waiting = any(connection.output_bytes for connection in self._stream_server.connections)
            if not waiting or time.monotonic() >= deadline_s:
                self._stream_server.close_all()
                self.loop.stop()
            else:
                self.loop.call_later(DRAIN_CHECK_S, check)

        check()

    def _sample(self) -> None:
        """Once a second: how busy the last one was, for INFO."""
        total, now_s = self.broker.vitals.requests_total, time.monotonic()
        elapsed_s = max(now_s - self._sampled_at_s, 0.001)
        self.broker.commands_per_s = (total - self._sampled_total) / elapsed_s
        self._sampled_total, self._sampled_at_s = total, now_s
        self.broker.counters.refused_connections = self._stream_server.refused_total

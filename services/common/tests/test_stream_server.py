"""Buffered connections on real sockets: back-pressure both ways, limits, vanishing clients."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from services.common.event_loop import EventLoop
from services.common.stream_server import PAUSE_BYTES, Connection, StreamServer
from services.common.tests.test_event_loop import RecordingLog

MB = 1024 * 1024


class LineSession:
    """A tiny protocol to test with: a line is a command, as the methods below say."""

    def __init__(self, connection: Connection, serving: "Serving"):
        self.connection = connection
        self.serving = serving
        self.waiting = b""
        self.losses = 0
        serving.sessions.append(self)

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        self.process()

    def process(self) -> None:
        while not self.connection.is_blocked and b"\n" in self.waiting:
            line, _, self.waiting = self.waiting.partition(b"\n")
            self.serve(line)

    def serve(self, line: bytes) -> None:
        self.serving.served.append(line)
        word, _, rest = line.partition(b" ")
        match word:
            case b"echo":
                self.connection.send(rest + b"\n")
            case b"give":
                self.connection.send(b"x" * int(rest))
            case b"tell":
                for session in self.serving.sessions:
                    session.connection.push(rest + b"\n")
            case b"bye":
                self.connection.send(b"bye\n")
                self.connection.close_after_flush()
                self.connection.send(b"not this\n")
            case b"drop":
                self.connection.close()
            case b"fail":
                raise RuntimeError("a bug of ours")
            case b"peer":
                self.connection.keeps_reading = True
                self.connection.send(b"go on\n")
            case b"stay":
                self.connection.may_be_idle = True
                self.connection.send(b"staying\n")

    def connection_lost(self) -> None:
        self.losses += 1
        self.serving.sessions.remove(self)
        self.serving.lost.set()
        if self.serving.fails_at_loss:
            raise RuntimeError("a bug of ours")


class Serving:
    """A server in a thread of its own, and what its sessions did."""

    def __init__(self, **limits: object):
        self.log = RecordingLog()
        self.sessions: list[LineSession] = []
        self.served: list[bytes] = []
        self.lost = threading.Event()
        self.fails_at_loss = False
        self.loop = EventLoop(self.log)
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        options = {"max_connections": 100, "max_output_bytes": 8 * MB} | limits
        self.server = StreamServer(
            self.loop, listener, lambda c: LineSession(c, self), self.log, **options
        )
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()

    def in_loop(self, call: Callable[[], object]) -> object:
        """The value of a call made in the loop's thread, between two turns."""
        done, values = threading.Event(), []

        def run() -> None:
            try:
                values.append(call())
            finally:
                done.set()

        self.loop.call_from_thread(run)
        assert done.wait(20)
        return values[0]

    def close(self) -> None:
        self.loop.call_from_thread(self.server.close_all)
        self.loop.call_from_thread(self.loop.stop)
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.server.stop_accepting()


class Client:
    """A blocking client whose every wait ends within twenty seconds."""

    def __init__(self, address: tuple, receive_buffer_bytes: int = 0):
        self.sock = socket.socket()
        if receive_buffer_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.settimeout(20)
        self.sock.connect(address)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(self, line: bytes) -> bytes:
        self.send(line + b"\n")
        return self.file.readline()

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        return self.file.read()

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def reset(self) -> None:
        """Vanish the hard way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


@contextlib.contextmanager
def serving(**limits: object) -> Iterator[Serving]:
    server = Serving(**limits)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving() as server:
        yield server


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    with contextlib.ExitStack() as stack:

        def make(server: Serving, receive_buffer_bytes: int = 0) -> Client:
            client = Client(server.address, receive_buffer_bytes)
            stack.callback(client.close)
            return client

        yield make


def test_replies_come_in_order_also_to_a_pipeline(server: Serving, connect: Callable) -> None:
    client = connect(server)
    client.send(b"".join(b"echo %d\n" % number for number in range(1000)))
    assert [int(client.file.readline()) for _ in range(1000)] == list(range(1000))


def test_a_burst_of_clients_is_served(server: Serving, connect: Callable) -> None:
    clients = [connect(server) for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(b"echo %d\n" % number)
    assert [int(client.file.readline()) for client in clients] == list(range(50))
    assert server.in_loop(lambda: server.server.accepted_total) == 50


def test_a_turn_sends_once_to_a_client(server: Serving, connect: Callable) -> None:
    client = connect(server)
    assert client.ask(b"echo ready") == b"ready\n"
    (session,) = server.sessions
    sends = []

    class CountingSocket:
        def __init__(self, sock: socket.socket):
            self._sock = sock

        def send(self, data: bytes) -> int:
            sends.append(bytes(data))
            return self._sock.send(data)

        def __getattr__(self, name: str) -> object:
            return getattr(self._sock, name)

    def queue_three() -> None:
        session.connection._sock = CountingSocket(session.connection._sock)
        for word in (b"a\n", b"b\n", b"c\n"):
            session.connection.send(word)

    server.in_loop(queue_three)
    assert [client.file.readline() for _ in range(3)] == [b"a\n", b"b\n", b"c\n"]
    assert sends == [b"a\nb\nc\n"]


# Clients that read slowly.


def test_a_large_value_reaches_a_slow_reader_whole(server: Serving, connect: Callable) -> None:
    """Forty megabytes are over the output limit: that is for pushed messages, not for replies."""
    client = connect(server, receive_buffer_bytes=4096)
    client.send(b"give 40000000\necho done\n")
    received = 0
    while received < 40_000_000:
        received += len(client.file.read1(min(1 << 20, 40_000_000 - received)))
    assert client.file.readline() == b"done\n"
    assert client.ask(b"echo alive") == b"alive\n"


def test_a_pipeline_of_large_replies_pauses_and_goes_on(server: Serving, connect: Callable) -> None:
    client = connect(server, receive_buffer_bytes=4096)
    count, size = 200, MB // 4
    client.send(b"give %d\n" % size * count + b"echo done\n")
    # The client reads nothing yet: the server stops serving it with about PAUSE_BYTES queued.
    other = connect(server)
    assert other.ask(b"echo me") == b"me\n"
    waiting = server.in_loop(lambda: server.sessions[0].connection.output_bytes)
    assert waiting < PAUSE_BYTES + size + 1
    assert len(server.served) < count
    assert len(client.file.read(size * count)) == size * count
    assert client.file.readline() == b"done\n"
    assert server.in_loop(lambda: server.sessions[0].connection.output_bytes) == 0


def test_a_peer_is_read_while_output_waits_for_it(server: Serving, connect: Callable) -> None:
    peer, client = connect(server, receive_buffer_bytes=4096), connect(server)
    assert peer.ask(b"peer") == b"go on\n"
    for waiting in (peer, client):
        waiting.send(b"give 30000000\n")
        assert waiting.sock.recv(1) == b"x"
    client.send(b"echo client\n")
    peer.send(b"echo peer\n")
    other = connect(server)
    while b"echo peer" not in server.served:
        assert other.ask(b"echo are you there?") == b"are you there?\n"
    assert b"echo client" not in server.served


def test_a_subscriber_that_does_not_read_is_dropped_and_nobody_else(connect: Callable) -> None:
    with serving(max_output_bytes=MB) as server:
        sleeper = connect(server, receive_buffer_bytes=4096)
        assert sleeper.ask(b"echo here") == b"here\n"
        reader, teller = connect(server), connect(server)
        assert reader.ask(b"echo here") == b"here\n"
        text, told = b"m" * 100_000, 0
        while not server.lost.is_set():
            assert told < 1000, "the sleeper was never dropped"
            assert teller.ask(b"tell " + text) == text + b"\n"
            assert reader.file.readline() == text + b"\n"
            told += 1
            assert max(s.connection.output_bytes for s in list(server.sessions)) <= MB + 100_001
        assert "dropped a client that does not read" in server.log.lines
        assert len(server.in_loop(lambda: list(server.sessions))) == 2
        # The sleeper wakes up: what the kernel had, then the end.
        with contextlib.suppress(ConnectionResetError):
            while sleeper.sock.recv(1 << 20):
                pass
        assert teller.ask(b"echo alive") == b"alive\n"


def test_a_large_push_to_a_client_that_reads_is_no_reason_to_drop_it(connect: Callable) -> None:
    with serving(max_output_bytes=MB) as server:
        client = connect(server)
        for _ in range(20):
            assert len(client.ask(b"tell " + b"m" * (MB // 2))) == MB // 2 + 1


# Ends.


def test_close_after_flush_sends_what_was_queued_and_nothing_after(
    server: Serving, connect: Callable
) -> None:
    client = connect(server)
    client.send(b"echo a\nbye\necho b\n")
    assert client.rest() == b"a\nbye\n"
    client.close()
    assert server.lost.wait(20)


def test_the_last_reply_arrives_although_the_client_was_still_sending(
    server: Serving, connect: Callable
) -> None:
    """A close with unread bytes would reset the connection and take the reply with it."""
    for _ in range(10):
        client = connect(server)
        client.send(b"bye\n" + b"z" * 3_000_000)
        assert client.rest() == b"bye\n"
        client.close()


def test_a_client_that_stays_after_the_end_is_closed(
    server: Serving, connect: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.common.stream_server.LINGER_S", 0.05)
    client = connect(server)
    assert client.ask(b"bye") == b"bye\n"
    assert server.lost.wait(20)


def test_close_tells_the_session_once(server: Serving, connect: Callable) -> None:
    client = connect(server)
    client.ask(b"echo here")
    (session,) = server.sessions
    client.send(b"drop\n")
    assert client.rest() == b""
    server.in_loop(session.connection.close)
    assert session.losses == 1
    assert server.in_loop(lambda: len(server.server.connections)) == 0


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_vanishes_is_forgotten(how: str, server: Serving, connect: Callable) -> None:
    client = connect(server)
    client.ask(b"echo here")
    client.send(b"half a li")
    getattr(client, how)()
    assert server.lost.wait(20)
    assert server.in_loop(lambda: len(server.server.connections)) == 0


def test_a_client_that_vanishes_with_output_waiting_is_forgotten(
    server: Serving, connect: Callable
) -> None:
    client = connect(server, receive_buffer_bytes=4096)
    client.send(b"give 30000000\n")
    client.sock.recv(1)
    client.reset()
    assert server.lost.wait(20)


def test_a_session_that_fails_hurts_nobody_else(server: Serving, connect: Callable) -> None:
    client, other = connect(server), connect(server)
    client.send(b"fail\n")
    assert other.ask(b"echo alive") == b"alive\n"
    assert client.ask(b"echo alive") == b"alive\n"
    assert server.log.lines == ["a socket callback failed"]


def test_a_session_that_fails_at_its_end_hurts_nobody_else(
    server: Serving, connect: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fails_at_loss = True
    client, other = connect(server, receive_buffer_bytes=4096), connect(server)
    client.send(b"give 9000000\n")
    client.sock.recv(1)
    monkeypatch.setattr(server.server, "max_output_bytes", 100)
    assert other.ask(b"tell me") == b"me\n"
    assert server.lost.wait(20)
    assert other.ask(b"echo alive") == b"alive\n"
    server.fails_at_loss = False


# Limits.


def test_clients_over_the_limit_are_refused_with_a_word(connect: Callable) -> None:
    with serving(max_connections=2, refusal=b"no room\n") as server:
        first, second = connect(server), connect(server)
        assert first.ask(b"echo 1") == b"1\n"
        assert second.ask(b"echo 2") == b"2\n"
        third = connect(server)
        assert third.rest() == b"no room\n"
        assert server.in_loop(lambda: server.server.refused_total) == 1
        first.close()
        assert server.lost.wait(20)
        fourth = connect(server)
        assert fourth.ask(b"echo 4") == b"4\n"


def test_an_idle_client_is_closed_and_one_that_waits_by_right_is_not(connect: Callable) -> None:
    with serving(idle_timeout_s=0.2) as server:
        idle, waiting = connect(server), connect(server)
        assert waiting.ask(b"stay") == b"staying\n"
        assert idle.rest() == b""
        # The waiting one is older than the idle one was when it was closed.
        assert idle.rest() == b""
        again = connect(server)
        assert again.rest() == b""
        assert waiting.ask(b"echo alive") == b"alive\n"


def test_without_descriptors_clients_wait_instead_of_spinning_the_loop(
    server: Serving, connect: Callable
) -> None:
    class Exhausted:
        """A listener that is out of descriptors once."""

        def __init__(self, listener: socket.socket):
            self._listener = listener
            self.failures = 0

        def accept(self) -> tuple:
            if not self.failures:
                self.failures += 1
                raise OSError(24, "Too many open files")
            return self._listener.accept()

        def fileno(self) -> int:
            return self._listener.fileno()

        def close(self) -> None:
            self._listener.close()

    def exhaust() -> None:
        acceptor = server.server._acceptor
        acceptor._listener = Exhausted(acceptor._listener)

    server.in_loop(exhaust)
    client = connect(server)
    assert client.ask(b"echo patient") == b"patient\n"
    assert server.log.lines == ["cannot accept connections for a second"]


def test_stop_accepting_keeps_the_clients_that_are_there(
    server: Serving, connect: Callable
) -> None:
    client = connect(server)
    assert client.ask(b"echo here") == b"here\n"
    server.in_loop(server.server.stop_accepting)
    with pytest.raises(OSError):
        Client(server.address)
    assert client.ask(b"echo still") == b"still\n"


def test_close_all_sends_what_is_queued(server: Serving, connect: Callable) -> None:
    client = connect(server)
    client.ask(b"echo here")
    (session,) = server.sessions

    def say_and_close() -> None:
        session.connection.send(b"last words\n")
        server.server.close_all()

    server.in_loop(say_and_close)
    assert client.rest() == b"last words\n"


def test_reading_can_be_paused(server: Serving, connect: Callable) -> None:
    client = connect(server)
    client.ask(b"echo here")
    (session,) = server.sessions
    server.in_loop(session.connection.pause_reading)
    client.send(b"echo later\n")
    other = connect(server)
    assert other.ask(b"echo now") == b"now\n"
    assert b"echo later" not in server.served
    server.in_loop(session.connection.resume_reading)
    assert client.file.readline() == b"later\n"


def test_the_peer_is_an_address_also_after_the_end(server: Serving, connect: Callable) -> None:
    client = connect(server)
    client.ask(b"echo here")
    (session,) = server.sessions
    host, port = client.sock.getsockname()
    assert server.in_loop(lambda: session.connection.peer) == f"{host}:{port}"
    server.in_loop(session.connection.close)
    assert session.connection.peer == "?"

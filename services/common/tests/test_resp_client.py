"""The blocking Redis client against a small server that says what the test tells it to."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError, RespRequestDecoder
from services.common.resp_client import ConnectionLost, RespConnection, RespPool


class FakeServer:
    """Answers each request with what `answer` makes of it; None closes the connection.

    One thread for each connection; `close_clients` plays a restart.
    """

    def __init__(self, answer: Callable[[list[bytes]], bytes | None]):
        self.answer = answer
        self.requests: list[list[bytes]] = []
        self.accepted = 0
        self._clients: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = RedisURL(*self._listener.getsockname())
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._clients.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        decoder = RespRequestDecoder(max_request_bytes=1 << 20)
        with client:
            while True:
                try:
                    data = client.recv(65536)
                except OSError:
                    return
                if not data:
                    return
                decoder.receive_data(data)
                while (request := decoder.next_request()) is not None:
                    self.requests.append(request)
                    reply = self.answer(request)
                    if reply is None:
                        return
                    client.sendall(reply)

    def close_clients(self) -> None:
        for client in self._clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # Closed already, by its own thread.
        self._clients.clear()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_clients()
        for thread in self._threads:
            thread.join(10)


def echo(request: list[bytes]) -> bytes | None:
    match request:
        case [b"ECHO", text]:
            return b"$%d\r\n%b\r\n" % (len(text), text)
        case [b"BAD"]:
            return b"-ERR bad\r\n"
        case [b"QUIT"]:
            return None
        case [b"SILENCE"]:
            return b""
        case [b"NONSENSE"]:
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"
        case [b"TWICE"]:
            return b"+one\r\n+two\r\n"
        case [b"AUTH", *_, password] if password != b"secret":
            return b"-WRONGPASS no\r\n"
    return b"+OK\r\n"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer(echo)
    yield server
    server.close()


@pytest.fixture
def connection(server: FakeServer) -> Iterator[RespConnection]:
    connection = RespConnection(server.url, timeout_s=10)
    yield connection
    connection.close()


def with_login(url: RedisURL, **login: object) -> RedisURL:
    return RedisURL(url.host, url.port, **login)


def test_a_request_and_its_reply(connection: RespConnection) -> None:
    assert connection.execute("ECHO", b"\xff\r\n") == b"\xff\r\n"
    assert connection.execute("ECHO", 7) == b"7"
    assert connection.execute("SET", "a", "b") == "OK"


def test_an_error_reply_is_raised_and_the_connection_goes_on(connection: RespConnection) -> None:
    with pytest.raises(ReplyError, match="ERR bad"):
        connection.execute("BAD")
    assert connection.execute("ECHO", "still") == b"still"


def test_a_pipeline_gives_errors_as_values(connection: RespConnection) -> None:
    first, error, last = connection.pipeline([("ECHO", "a"), ("BAD",), ("ECHO", "b")])
    assert (first, last) == (b"a", b"b")
    assert isinstance(error, ReplyError)


def test_replies_that_came_together_are_taken_one_by_one_or_all_at_once(
    connection: RespConnection,
) -> None:
    assert connection.execute("TWICE") == "one"
    assert connection.take_replies() == ["two"]
    assert connection.take_replies() == []


def test_login_and_database_come_first(server: FakeServer) -> None:
    RespConnection(with_login(server.url, db=3, password="secret")).close()
    RespConnection(with_login(server.url, user="ann", password="secret")).close()
    assert server.requests == [
        [b"AUTH", b"secret"],
        [b"SELECT", b"3"],
        [b"AUTH", b"ann", b"secret"],
    ]


def test_a_wrong_password_is_a_reply_error_and_no_connection_is_left(server: FakeServer) -> None:
    with pytest.raises(ReplyError, match="WRONGPASS"):
        RespConnection(with_login(server.url, password="wrong"))


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = RedisURL(*listener.getsockname())
    with pytest.raises(ConnectionLost, match=f"{url.address}: Connection refused"):
        RespConnection(url)


def test_a_server_that_goes_away_before_it_answers(connection: RespConnection) -> None:
    with pytest.raises(ConnectionLost, match="closed"):
        connection.execute("QUIT")
    assert connection.fileno() == -1
    with pytest.raises(ConnectionLost):
        connection.execute("ECHO", "a")


def test_an_answer_that_does_not_come_in_time_ends_the_connection(
    connection: RespConnection,
) -> None:
    """The late reply would otherwise be taken for that of the next request."""
    with pytest.raises(ConnectionLost, match="timed out"):
        connection.execute("SILENCE", timeout_s=0.05)
    assert connection.fileno() == -1


def test_receive_can_wait_for_nothing_and_stay_connected(connection: RespConnection) -> None:
    assert connection.receive(timeout_s=0.01) is False
    assert connection.receive(timeout_s=0) is False
    assert connection.execute("ECHO", "a") == b"a"


def test_a_server_that_speaks_something_else(connection: RespConnection) -> None:
    with pytest.raises(ConnectionLost, match="does not speak RESP"):
        connection.execute("NONSENSE")
    assert connection.fileno() == -1


# The pool; `test_connection_pool` has what does not depend on the protocol.


@pytest.fixture
def pool(server: FakeServer) -> Iterator[RespPool]:
    pool = RespPool(server.url, timeout_s=10, max_idle=2)
    yield pool
    pool.close()


def say(pool: RespPool, *words: str) -> object:
    with pool.connection() as connection:
        return connection.execute(*words)


def test_a_connection_is_lent_again(server: FakeServer, pool: RespPool) -> None:
    for _ in range(5):
        assert say(pool, "ECHO", "a") == b"a"
    assert server.accepted == 1


def test_an_error_reply_does_not_cost_the_connection(server: FakeServer, pool: RespPool) -> None:
    with pytest.raises(ReplyError):
        say(pool, "BAD")
    assert say(pool, "ECHO", "a") == b"a"
    assert server.accepted == 1


def test_a_connection_that_failed_is_not_lent_again(server: FakeServer, pool: RespPool) -> None:
    with pytest.raises(ConnectionLost):
        say(pool, "QUIT")
    assert say(pool, "ECHO", "a") == b"a"
    assert server.accepted == 2


def test_after_a_restart_of_the_server_the_next_loan_simply_connects_anew(
    server: FakeServer, pool: RespPool
) -> None:
    with pool.connection() as connection:
        connection.execute("ECHO", "a")
        sock = connection._sock
    server.close_clients()
    sock.settimeout(10)
    assert sock.recv(1, socket.MSG_PEEK) == b""  # It is there, and still to be read.
    assert say(pool, "ECHO", "b") == b"b"
    assert server.accepted == 2

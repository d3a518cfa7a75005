"""Pools of connections: what is lent again, and what is not."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from services.common.connection_pool import ConnectionPool


class Refused(Exception):
    """The server's error reply."""


class Line:
    """A connection, and the server's end of it."""

    def __init__(self) -> None:
        self._socket, self.server = socket.socketpair()
        self.server.settimeout(10)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    @property
    def is_open(self) -> bool:
        return self.fileno() >= 0


class Exchange:
    """Makes lines, and keeps all that it has made."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def connect(self) -> Line:
        self.lines.append(Line())
        return self.lines[-1]


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    exchange = Exchange()
    yield exchange
    for line in exchange.lines:
        line.close()
        line.server.close()


@pytest.fixture
def pool(exchange: Exchange) -> ConnectionPool[Line]:
    return ConnectionPool(exchange.connect, harmless=Refused, max_idle=2)


def lend(pool: ConnectionPool[Line]) -> Line:
    with pool.connection() as line:
        return line


def test_one_line_serves_one_loan_after_the_other(
    exchange: Exchange, pool: ConnectionPool[Line]
) -> None:
    assert len({lend(pool) for _ in range(5)}) == len(exchange.lines) == 1


def test_two_loans_at_a_time_have_two_lines(pool: ConnectionPool[Line]) -> None:
    with pool.connection() as one, pool.connection() as other:
        assert one is not other


def test_a_refusal_leaves_a_line_as_it_was(pool: ConnectionPool[Line]) -> None:
    with pytest.raises(Refused), pool.connection() as line:
        raise Refused
    assert lend(pool) is line


@pytest.mark.parametrize("reason", [KeyError("the caller's own affair"), KeyboardInterrupt()])
def test_a_loan_that_was_broken_off_is_not_lent_again(
    pool: ConnectionPool[Line], reason: BaseException
) -> None:
    """A reply may still be under way, and would be taken for that of the next loan."""
    with pytest.raises(type(reason)), pool.connection() as line:
        raise reason
    assert not line.is_open
    assert lend(pool) is not line


def test_what_its_borrower_has_closed_is_not_lent_again(pool: ConnectionPool[Line]) -> None:
    with pool.connection() as line:
        line.close()
    assert lend(pool) is not line


@pytest.mark.parametrize("end", [lambda line: line.server.close(),
                                 lambda line: line.server.send(b"too late")])  # fmt: skip
def test_what_the_server_has_ended_is_not_lent_again(
    pool: ConnectionPool[Line], end: object
) -> None:
    line = lend(pool)
    end(line)
    assert lend(pool) is not line
    assert not line.is_open


def test_where_there_is_nothing_to_connect_to() -> None:
    def connect() -> Line:
        raise ConnectionRefusedError

    pool = ConnectionPool(connect, harmless=Refused)
    with pytest.raises(ConnectionRefusedError), pool.connection():
        pass


def test_few_lines_wait_idle(exchange: Exchange, pool: ConnectionPool[Line]) -> None:
    with contextlib.ExitStack() as loans:
        for _ in range(5):
            loans.enter_context(pool.connection())
    assert [line.is_open for line in exchange.lines].count(True) == 2


def test_a_closed_pool_closes_what_is_idle_and_what_comes_back(pool: ConnectionPool[Line]) -> None:
    with pool.connection() as borrowed:
        idle = lend(pool)
        pool.close()
        assert (idle.is_open, borrowed.is_open) == (False, True)
    assert not borrowed.is_open


def test_a_process_with_more_than_a_thousand_open_files(pool: ConnectionPool[Line]) -> None:
    with contextlib.ExitStack() as stack:
        while stack.enter_context(open(os.devnull)).fileno() < 1100:
            pass
        line = lend(pool)
        assert line.fileno() > 1023
        assert lend(pool) is line


def test_no_two_threads_have_the_same_line(pool: ConnectionPool[Line]) -> None:
    mixed_up: list[bytes] = []

    def talk(name: bytes) -> None:
        for _ in range(200):
            with pool.connection() as line:
                line.server.send(name)
                found = os.read(line.fileno(), 10)
                if found != name:
                    mixed_up.append(found)

    threads = [threading.Thread(target=talk, args=(name,)) for name in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert mixed_up == []

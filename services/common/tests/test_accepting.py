"""Accepting: all who have come at once, pauses, and a process without descriptors."""

import socket
from collections.abc import Iterator

import pytest

from services.common.accepting import REST_S, Acceptor
from services.common.event_loop import EventLoop
from services.common.tests.test_event_loop import Clock, RecordingLog, turn_without_waiting


class Listener:
    """A listening socket that can be out of descriptors."""

    def __init__(self) -> None:
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.address = self._sock.getsockname()
        self.is_exhausted = False

    def accept(self) -> tuple:
        if self.is_exhausted:
            raise OSError(24, "Too many open files")
        return self._sock.accept()

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


class House:
    """An acceptor on a loop that a test turns by hand."""

    def __init__(self) -> None:
        self.clock, self.log = Clock(), RecordingLog()
        self.loop = EventLoop(self.log, self.clock)
        self.listener = Listener()
        self.taken: list[socket.socket] = []
        self.acceptor = Acceptor(self.loop, self.listener, self._take, self.log)
        self.sockets: list[socket.socket] = []

    def _take(self, sock: socket.socket, address: tuple) -> None:
        assert address == self.sockets[len(self.taken)].getsockname()
        self.taken.append(sock)

    def connect(self) -> None:
        self.sockets.append(socket.create_connection(self.listener.address, timeout=10))

    def turn(self) -> int:
        """How many have been taken in, after one turn."""
        turn_without_waiting(self.loop)
        return len(self.taken)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.acceptor.close()
    for sock in house.sockets + house.taken:
        sock.close()


def test_all_who_have_come_are_taken_in_one_turn(house: House) -> None:
    for _ in range(20):
        house.connect()
    assert house.turn() == 20


def test_during_a_pause_clients_wait(house: House) -> None:
    house.acceptor.pause()
    house.connect()
    assert house.turn() == 0
    house.acceptor.resume()
    assert house.turn() == 1


def test_without_descriptors_it_rests_for_a_second(house: House) -> None:
    house.listener.is_exhausted = True
    house.connect()
    house.turn()
    house.listener.is_exhausted = False
    assert house.turn() == 0
    assert house.log.lines == ["cannot accept connections for a second"]
    house.clock.now_s += REST_S
    house.turn()  # The rest is over …
    assert house.turn() == 1  # … and in the next turn the listener is seen to be ready.


def test_a_rest_does_not_end_a_pause(house: House) -> None:
    house.listener.is_exhausted = True
    house.connect()
    house.turn()
    house.listener.is_exhausted = False
    house.acceptor.pause()
    house.clock.now_s += REST_S
    house.turn()
    assert house.turn() == 0


def test_nobody_is_taken_after_the_end(house: House) -> None:
    house.listener.is_exhausted = True
    house.connect()
    house.turn()
    house.acceptor.close()
    house.clock.now_s += REST_S
    assert house.turn() == 0
    assert house.log.lines == ["cannot accept connections for a second"]

"""The output of a connection: order, files, and what the kernel does not take."""

import io
import socket

import pytest

from services.web.output import Output


class Pipe:
    """Takes `room_bytes` at a time, then blocks until it is given room again."""

    def __init__(self, room_bytes: int) -> None:
        self.room_bytes = room_bytes
        self.taken = b""

    def send(self, data: memoryview) -> int:
        if not self.room_bytes:
            raise BlockingIOError
        piece = bytes(data[: self.room_bytes])
        self.room_bytes -= len(piece)
        self.taken += piece
        return len(piece)


def test_bytes_and_files_are_sent_in_their_order():
    output, pipe, file = Output(), Pipe(100), io.BytesIO(b"0123456789")
    output.append(b"head ")
    output.append_file(file, 7)
    output.append(b" tail")
    assert output.send(pipe) == 17
    assert pipe.taken == b"head 0123456 tail"
    assert not output
    assert file.closed


@pytest.mark.parametrize("room_bytes", [1, 2, 5, 6])
def test_what_the_kernel_does_not_take_waits(room_bytes: int):
    output, pipe = Output(), Pipe(0)
    output.append(b"head ")
    output.append_file(io.BytesIO(b"0123456789"), 10)
    assert output.waiting_bytes == 5
    while output:
        pipe.room_bytes = room_bytes
        assert 0 < output.send(pipe) <= room_bytes
    assert pipe.taken == b"head 0123456789"


def test_one_turn_sends_a_megabyte_or_so():
    output, pipe = Output(), Pipe(10 * 2**20)
    output.append_file(io.BytesIO(bytes(8 * 2**20)), 8 * 2**20)
    assert output.send(pipe) == 2**20
    assert output


def test_an_empty_file_sends_nothing():
    output, pipe = Output(), Pipe(100)
    output.append_file(io.BytesIO(b""), 0)
    assert output.send(pipe) == 0
    assert not output


def test_a_file_that_became_shorter_is_an_error():
    output, pipe = Output(), Pipe(100)
    output.append_file(io.BytesIO(b"short"), 6)
    with pytest.raises(OSError, match="shorter"):
        output.send(pipe)


def test_a_client_that_is_gone_is_an_error():
    ours, theirs = socket.socketpair()
    theirs.close()
    output = Output()
    output.append(b"hello")
    with ours, pytest.raises(OSError):
        output.send(ours)


def test_what_is_discarded_closes_its_files():
    output, file = Output(), io.BytesIO(b"0123456789")
    output.append_file(file, 10)
    output.discard()
    assert file.closed
    assert not output

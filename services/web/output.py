"""What a connection still has to send: bytes, and the rest of files, in their order.

The kernel takes what fits into its buffer; the rest waits here until the loop can send again. A
file is read block by block only as the client takes it, so a large one costs no memory.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import BinaryIO

_FILE_BLOCK_BYTES = 256 * 1024
# A fast reader of a large file must not keep the loop from everybody else.
_MAX_SEND_BYTES = 1024 * 1024


class Output:
    """The output of one connection; true while there is any."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: deque[memoryview | _FilePart] = deque()

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait in memory; a file waits on the disk."""
        return sum(len(part) for part in self._parts if isinstance(part, memoryview))

    def append(self, data: bytes | memoryview) -> None:
        """Bytes to send behind what waits already."""
        self._parts.append(memoryview(data))

    def append_file(self, file: BinaryIO, size: int) -> None:
        """`size` bytes of a file, from where it stands; it is closed when they are read."""
        self._parts.append(_FilePart(file, size))

    def send(self, sock: socket.socket) -> int:
        """Send until the kernel takes no more, or enough for one turn; how many bytes it took.

        Errors: OSError, where the client is gone or a file became shorter.
        """
        parts, sent_bytes = self._parts, 0
        while parts and sent_bytes < _MAX_SEND_BYTES:
            part = parts[0]
            if isinstance(part, _FilePart):
                block = part.read_block()
                if part.remaining_bytes == 0:
                    part.file.close()
                    parts.popleft()
                parts.appendleft(memoryview(block))
                continue
            try:
                sent = sock.send(part)
            except (BlockingIOError, InterruptedError):
                break
            sent_bytes += sent
            if sent < len(part):
                parts[0] = part[sent:]
                break
            parts.popleft()
        return sent_bytes

    def discard(self) -> None:
        """Forget what waits, and close its files."""
        for part in self._parts:
            if isinstance(part, _FilePart):
                part.file.close()
        self._parts.clear()


class _FilePart:
    """The rest of a file that is being sent."""

    __slots__ = ("file", "remaining_bytes")

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file = file
        self.remaining_bytes = size

    def read_block(self) -> bytes:
        block = self.file.read(min(self.remaining_bytes, _FILE_BLOCK_BYTES))
        if not block and self.remaining_bytes:
            raise OSError("the file became shorter while it was sent")
        self.remaining_bytes -= len(block)
        return block

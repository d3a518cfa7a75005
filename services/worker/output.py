"""What a task prints: kept with its record, up to a limit, and told to the worker's log by line."""

from collections.abc import Callable

MAX_KEPT_BYTES = 64 * 1024
MAX_LOGGED_LINES = 50
MAX_LINE_BYTES = 1024


class Output:
    """The output of the task under way; `take` ends it."""

    def __init__(self, on_line: Callable[[str], None]):
        self._on_line = on_line
        self._kept = bytearray()
        self._line = bytearray()
        self._size_bytes = 0
        self._logged_lines = 0

    def receive_data(self, data: bytes) -> None:
        self._size_bytes += len(data)
        self._kept += data[: MAX_KEPT_BYTES - len(self._kept)]
        if self._logged_lines >= MAX_LOGGED_LINES:
            return
        *lines, rest = (bytes(self._line) + data).split(b"\n")
        for line in lines:
            self._log(line)
        self._line[:] = rest[:MAX_LINE_BYTES]

    def take(self) -> str | None:
        """Everything since the last call, as text; None for nothing."""
        if self._line:
            self._log(bytes(self._line))
        text = self._kept.decode("utf-8", "replace")
        if self._size_bytes > len(self._kept):
            text += f"\n… and {self._size_bytes - len(self._kept)} bytes more"
        self._kept.clear()
        self._line.clear()
        self._size_bytes = self._logged_lines = 0
        return text or None

    def _log(self, line: bytes) -> None:
        if self._logged_lines < MAX_LOGGED_LINES:
            self._logged_lines += 1
            self._on_line(line[:MAX_LINE_BYTES].decode("utf-8", "replace"))

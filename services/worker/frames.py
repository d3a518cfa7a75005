"""The codec between a worker and its children: frames of JSON, each with its length in front.

    ┌──────────────┬───────────────────────┐
    │ length       │ JSON, UTF-8           │
    │ 4 bytes, big │ length bytes          │
    └──────────────┴───────────────────────┘

    child ─▶ worker   {"hello": {"tasks": {NAME: OPTIONS}, "problems": {MODULE: TEXT}}}
                      {"progress": {"fraction": 0.4, "message": TEXT}}
                      {"done": RESULT}   {"failed": {"error": {…}, "give_up": BOOL}}
                      either of them with "spent": WHY, where the child is to be replaced
    worker ─▶ child   {"run": {"id": …, "task": …, "args": […], "kwargs": {…}, "attempt": 1,
                       "soft_timeout_s": 5.0}}

JSON and not pickle: what a task returns is shown to people and other programs, and a child that
runs foreign code must not be able to run some in the worker.
# Real: billiard's pipes of pickles under Celery's prefork pool.
"""

import json
import struct

MAX_FRAME_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_as_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class FrameError(Exception):
    """The other end does not speak this protocol; nothing more of it can be understood."""


class FrameDecoder:
    """Bytes in, messages out."""

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES):
        self._buffer = bytearray()
        self._max_frame_bytes = max_frame_bytes

    def receive_data(self, data: bytes) -> None:
        self._buffer += data

    def next_request(self) -> dict[str, object] | None:
        """The next message; None when more bytes are needed. Raises FrameError."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > self._max_frame_bytes:
            raise FrameError(f"a frame of {length} bytes is too large")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        try:
            message = json.loads(self._buffer[_LENGTH.size : end])
        except (ValueError, RecursionError) as error:
            raise FrameError(f"a frame that is not JSON: {error}") from error
        if not isinstance(message, dict):
            raise FrameError("a frame that is no object")
        del self._buffer[:end]
        return message


def encode_frame(message: dict[str, object]) -> bytes:
    """Raises ValueError or TypeError for what is no JSON, FrameError for what is too large."""
    body = _as_json(message).encode()
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(body)} bytes is too large")
    return _LENGTH.pack(len(body)) + body

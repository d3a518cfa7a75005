"""What the tests of memcached share: an engine asked in its text protocol, without sockets."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator

from services.common.lifecycle import bind
from services.kvdb import memcached_commands
from services.kvdb.memcached_codec import MemcachedDecoder, MemcachedError
from services.kvdb.memcached_store import ItemStore
from services.kvdb.tests.support import Console

MAX_VALUE_BYTES = 1024 * 1024
IS_INSTALLED = shutil.which("memcached") is not None


def new_decoder() -> MemcachedDecoder:
    return MemcachedDecoder(max_value_bytes=MAX_VALUE_BYTES, max_line_bytes=64 * 1024)


class MemcachedConsole:
    """A memcached client beside a Redis client of the same engine, `redis`."""

    def __init__(self, redis: Console | None = None, **settings: object):
        self.redis = redis or Console(**settings)
        self.clock = self.redis.clock
        self.engine = self.redis.engine
        self._decoder = new_decoder()
        self.store = ItemStore(self.engine.clients.connect())

    def __call__(self, text: bytes | str) -> str:
        """What comes back, as one text: `;` stands between its lines."""
        data = text.encode() if isinstance(text, str) else text
        self._decoder.receive_data(data.replace(b"\n", b"\r\n") + b"\r\n")
        replies = []
        while True:
            try:
                request = self._decoder.next_request()
                if request is None:
                    break
                replies.append(memcached_commands.execute(self.store, request))
            except MemcachedError as error:
                replies.append(error.reply + b"\r\n" if error.reply else b"")
        return b"".join(replies).decode().removesuffix("\r\n").replace("\r\n", ";")

    def cas_of(self, key: str) -> int:
        return int(self(f"mg {key} c").removeprefix("HD c"))


@contextlib.contextmanager
def real_memcached() -> Iterator[int]:
    """Start a memcached on a free port, which is given; end it afterwards."""
    listener = bind("memcached", "127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    process = subprocess.Popen(
        ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "memcached has ended"
        yield port
    finally:
        process.kill()
        process.wait()

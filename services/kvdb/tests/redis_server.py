"""A real redis-server to compare with, where one is installed."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator

from services.common.redis_url import RedisURL
from services.common.resp_client import ConnectionLost, RespConnection

IS_INSTALLED = shutil.which("redis-server") is not None


@contextlib.contextmanager
def real_redis(*options: str) -> Iterator[RedisURL]:
    """Start one on a free port, without persistence; end it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [
                "redis-server",
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                directory,
                *options,
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            url = RedisURL("127.0.0.1", port)
            _wait_for(url, process)
            yield url
        finally:
            process.kill()
            process.wait()


def _wait_for(url: RedisURL, process: subprocess.Popen) -> None:
    while True:
        try:
            RespConnection(url).close()
            return
        except ConnectionLost:
            if process.poll() is not None:
                raise

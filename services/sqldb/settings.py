"""What can be set when sqldb starts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """The options of `__main__`, in the units that the code uses."""

    data_dir: str = ""
    user: str = "postgres"
    password: str = ""
    database: str = "glassbox"
    max_connections: int = 100
    max_message_bytes: int = 1 << 28
    fsync: bool = True
    checkpoint_interval_s: float = 300.0
    checkpoint_bytes: int = 64 * 1024 * 1024
    work_mem_kb: int = 4096
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = 0

"""What can be set when docdb starts."""

from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """The options of `__main__`, in the units that the code uses."""

    data_dir: str = ""
    password: str = ""
    user: str = "admin"
    snapshot_interval_s: float = 60.0
    max_connections: int = 5000
    max_output_bytes: int = 64 * 1024 * 1024
    idle_timeout_s: float = 0.0
    ttl_interval_s: float = 60.0
    port: int = 0
    host: str = "127.0.0.1"
    replset: str = ""
    replset_host: str = ""
    oplog_bytes: int = 64 * 1024 * 1024
    transaction_lifetime_s: float = 60.0
    stage_memory_bytes: int = 1024 * 1024 * 1024
    read_limit_s: float = 0.0
    test_commands: bool = False

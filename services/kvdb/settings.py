"""What can be set: by options at the start, and by CONFIG SET while the server runs.

These are the values; the names under which CONFIG shows them are in `parameters`.
"""

from dataclasses import dataclass, field

POLICIES = (
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
)

FSYNC_POLICIES = ("everysec", "always", "no")

CLIENT_CLASSES = ("normal", "slave", "pubsub")
"""The kinds of clients that have limits of their own; replicas there are none."""


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """How much may wait for a client that does not read; 0 is without end."""

    hard_bytes: int
    soft_bytes: int = 0
    """More than this for `soft_s` on end is too much, too."""
    soft_s: int = 0


@dataclass(slots=True)
class Settings:
    """The values in force. Sizes in bytes, times in seconds."""

    password: str = ""
    acl_file: str = ""
    acl_pubsub_default: str = "resetchannels"
    """Where the channels of new users begin: with none, or with `allchannels`."""
    acllog_max_len: int = 128
    maxmemory: int = 0
    """0 is no limit."""
    maxmemory_policy: str = "allkeys-lru"
    maxmemory_samples: int = 10
    lfu_log_factor: int = 10
    """The higher, the more uses it takes for a key to count as often used."""
    lfu_decay_time: int = 1
    """Minutes after which a key counts as used once less; 0 is never."""
    save_points: tuple[tuple[float, int], ...] = ((60, 1),)
    """A snapshot after so many seconds with so many changes; none is never."""
    rewrite_growth_percent: int = 100
    """By how much the append-only file may outgrow the snapshot before it begins anew."""
    rewrite_min_bytes: int = 64 * 1024 * 1024
    """A file that is smaller is not worth it."""
    data_dir: str = ""
    append_only: bool = False
    append_fsync: str = "everysec"
    host: str = "127.0.0.1"
    port: int = 0
    memcached_port: int = 0
    """0 is none."""
    memcached_max_value_bytes: int = 1024 * 1024
    max_connections: int = 10_000
    idle_timeout_s: float = 0
    keepalive_s: int = 300
    """After so much silence the kernel asks whether a client is still there."""
    max_request_bytes: int = 512 * 1024 * 1024
    max_output_bytes: int = 64 * 1024 * 1024
    """Messages that a client has not asked for are limited to that, whatever its class."""
    output_limits: dict[str, OutputLimit] = field(default_factory=dict)
    max_clients_memory: int = 0
    """Of all buffers together: bytes; negative is percent of `maxmemory`; 0 is no limit."""
    min_replicas_to_write: int = 0
    """With fewer replicas no write is accepted; there are none, so 0 or nothing is written."""
    max_depth: int = 64
    hash_max_listpack_entries: int = 512
    hash_max_listpack_value: int = 64
    zset_max_listpack_entries: int = 128
    zset_max_listpack_value: int = 64
    set_max_intset_entries: int = 512
    stream_node_max_entries: int = 100
    stream_node_max_bytes: int = 4096
    hll_sparse_max_bytes: int = 3000
    active_expiry: bool = True
    notify_keyspace_events: str = ""
    slowlog_log_slower_than: int = 10_000
    """Microseconds; negative is never."""
    slowlog_max_len: int = 128
    tracking_table_max_keys: int = 1_000_000
    """0 is no limit."""
    latency_monitor_threshold: int = 0
    """Milliseconds; 0 is never."""
    latency_tracking: bool = False
    """Count for each command how long it takes, by powers of two."""
    latency_percentiles: tuple[float, ...] = (50.0, 99.0, 99.9)
    """What INFO latencystats tells of that."""
    without_effect: dict[str, str] = field(default_factory=dict)
    """What was set of what this server does not have; see `parameters`."""

    def __post_init__(self) -> None:
        defaults = OutputLimit(0), OutputLimit(0), OutputLimit(self.max_output_bytes)
        for name, limit in zip(CLIENT_CLASSES, defaults, strict=True):
            self.output_limits.setdefault(name, limit)

"""What can be set: by options at the start, and by CONFIG SET while the server runs.

`Settings` are the values. `PARAMETERS` is the table behind CONFIG GET and CONFIG SET: the name
that Redis gives to a parameter, how it is read and how it is written. A parameter that is in
the table works; what this server does not have is not in it, except for a few constants that
client programs read (`save`, `appendonly`, `databases`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.kvdb import notifications
from services.kvdb.keyspace import DATABASES

POLICIES = (
    "allkeys-lru",
    "volatile-lru",
    "allkeys-random",
    "volatile-random",
    "volatile-ttl",
    "noeviction",
)

FSYNC_POLICIES = ("always", "everysec", "no")


@dataclass(slots=True)
class Settings:
    """The values in force. Sizes in bytes, times in seconds."""

    password: str = ""
    maxmemory: int = 0
    """0 is no limit."""
    maxmemory_policy: str = "allkeys-lru"
    maxmemory_samples: int = 10
    snapshot_interval_s: float = 60
    """0 is never."""
    data_dir: str = ""
    append_only: bool = False
    append_fsync: str = "everysec"
    port: int = 0
    max_connections: int = 10_000
    idle_timeout_s: float = 0
    max_request_bytes: int = 512 * 1024 * 1024
    max_output_bytes: int = 64 * 1024 * 1024
    max_depth: int = 64
    hash_max_listpack_entries: int = 512
    hash_max_listpack_value: int = 64
    zset_max_listpack_entries: int = 128
    zset_max_listpack_value: int = 64
    set_max_intset_entries: int = 512
    list_max_listpack_size: int = -2
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


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of CONFIG; `write` raises ValueError with a reason, None makes it a constant."""

    name: str
    read: Callable[[Settings], str]
    write: Callable[[Settings, str], None] | None = None


def _attribute(name: str) -> str:
    return name.replace("-", "_")


def _integer(name: str, minimum: int, attribute: str = "") -> Parameter:
    attribute = attribute or _attribute(name)

    def write(settings: Settings, text: str) -> None:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("argument couldn't be parsed into an integer") from None
        if value < minimum:
            raise ValueError(f"argument must be between {minimum} and {2**63 - 1} inclusive")
        setattr(settings, attribute, value)

    return Parameter(name, lambda settings: str(getattr(settings, attribute)), write)


_UNITS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1 << 10,
    "m": 10**6,
    "mb": 1 << 20,
    "g": 10**9,
    "gb": 1 << 30,
}


def _memory(name: str) -> Parameter:
    attribute = _attribute(name)

    def write(settings: Settings, text: str) -> None:
        digits = text.rstrip("bkmgBKMG")
        unit = _UNITS.get(text[len(digits) :].lower())
        if not (digits.isascii() and digits.isdigit()) or unit is None:
            raise ValueError("argument must be a memory value")
        setattr(settings, attribute, int(digits) * unit)

    return Parameter(name, lambda settings: str(getattr(settings, attribute)), write)


def _choice(name: str, choices: tuple[str, ...], attribute: str = "") -> Parameter:
    attribute = attribute or _attribute(name)

    def write(settings: Settings, text: str) -> None:
        if text.lower() not in choices:
            raise ValueError(f"argument(s) must be one of the following: {', '.join(choices)}")
        setattr(settings, attribute, text.lower())

    return Parameter(name, lambda settings: getattr(settings, attribute), write)


def _switch(name: str, attribute: str) -> Parameter:
    def write(settings: Settings, text: str) -> None:
        if text.lower() not in ("yes", "no"):
            raise ValueError("argument must be 'yes' or 'no'")
        setattr(settings, attribute, text.lower() == "yes")

    return Parameter(name, lambda settings: "yes" if getattr(settings, attribute) else "no", write)


def _text(name: str, attribute: str) -> Parameter:
    def write(settings: Settings, text: str) -> None:
        setattr(settings, attribute, text)

    return Parameter(name, lambda settings: getattr(settings, attribute), write)


def _constant(name: str, value: str) -> Parameter:
    return Parameter(name, lambda _: value)


def _write_save(settings: Settings, text: str) -> None:
    """`save "60 1"`: the shortest of the intervals; `save ""` is never. # Real: save points"""
    words = text.split()
    if len(words) % 2 or not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError("Invalid save parameters")
    settings.snapshot_interval_s = min((float(word) for word in words[::2]), default=0)


def _read_save(settings: Settings) -> str:
    interval_s = settings.snapshot_interval_s
    return f"{interval_s:.0f} 1" if interval_s and settings.data_dir else ""


def _write_events(settings: Settings, text: str) -> None:
    settings.notify_keyspace_events = notifications.normalized(text)


PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        _text("requirepass", "password"),
        _memory("maxmemory"),
        _choice("maxmemory-policy", POLICIES),
        _integer("slowlog-log-slower-than", -1),
        _integer("slowlog-max-len", 0),
        _integer("latency-monitor-threshold", 0),
        _integer("tracking-table-max-keys", 0),
        Parameter(
            "notify-keyspace-events",
            lambda settings: settings.notify_keyspace_events,
            _write_events,
        ),
        _integer("maxmemory-samples", 1),
        Parameter("save", _read_save, _write_save),
        Parameter("dir", lambda settings: settings.data_dir),
        Parameter("port", lambda settings: str(settings.port)),
        Parameter("maxclients", lambda settings: str(settings.max_connections)),
        Parameter("timeout", lambda settings: f"{settings.idle_timeout_s:.0f}"),
        Parameter("proto-max-bulk-len", lambda settings: str(settings.max_request_bytes)),
        _integer("hash-max-listpack-entries", 0),
        _integer("hash-max-listpack-value", 0),
        _integer("hash-max-ziplist-entries", 0, "hash_max_listpack_entries"),
        _integer("hash-max-ziplist-value", 0, "hash_max_listpack_value"),
        _integer("zset-max-listpack-entries", 0),
        _integer("zset-max-listpack-value", 0),
        _integer("zset-max-ziplist-entries", 0, "zset_max_listpack_entries"),
        _integer("zset-max-ziplist-value", 0, "zset_max_listpack_value"),
        _integer("set-max-intset-entries", 0),
        _integer("list-max-listpack-size", -5),
        _integer("stream-node-max-entries", 0),
        _memory("stream-node-max-bytes"),
        _memory("hll-sparse-max-bytes"),
        _integer("list-max-ziplist-size", -5, "list_max_listpack_size"),
        _switch("appendonly", "append_only"),
        _choice("appendfsync", FSYNC_POLICIES, "append_fsync"),
        _constant("databases", str(DATABASES)),
        _constant("daemonize", "no"),
    )
}

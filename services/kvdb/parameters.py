"""The parameters of CONFIG: under which names the settings are shown, and how they are set.

`PARAMETERS` is the table behind CONFIG GET and CONFIG SET: the name that Redis gives to a
parameter, how it is read and how it is written. There are three kinds:

    _WORKING        work, at once: `CONFIG SET maxmemory 100mb`
    _CONSTANT       are shown, because programs read them, and cannot be set (`databases`)
    WITHOUT_EFFECT  are kept and shown, and change nothing: they are about what this server does
                    not have (replicas, a cluster, threads), and scripts that set up a Redis for a
                    program would stop at an error

A value is checked when it is written here; what has to follow from it (a new listening socket,
fewer keys in memory) happens afterwards, in `Engine.settings_changed`.
# Real: config.c in Redis.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from services.kvdb import notifications
from services.kvdb.arguments import MAX_INTEGER
from services.kvdb.keyspace import DATABASES
from services.kvdb.settings import (
    CLIENT_CLASSES,
    FSYNC_POLICIES,
    POLICIES,
    OutputLimit,
    Settings,
)

MIN_INT, MAX_INT = -(2**31), 2**31 - 1
"""Real: of an int in C."""

MB = 1 << 20


class ApplyError(Exception):
    """A setting that was well formed could not be put into force: its name, and why."""

    def __init__(self, parameter: str, reason: str):
        super().__init__(reason)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of CONFIG; `write` raises ValueError with a reason, None makes it a constant."""

    name: str
    read: Callable[[Settings], str]
    write: Callable[[Settings, str], None] | None = None
    is_hidden: bool = False
    """Shown only to who asks for it by its full name."""


def _attribute(name: str) -> str:
    return name.replace("-", "_")


# Kinds of values.


def _integer(
    name: str, minimum: int, attribute: str = "", *, maximum: int = MAX_INTEGER
) -> Parameter:
    attribute = attribute or _attribute(name)

    def write(settings: Settings, text: str) -> None:
        setattr(settings, attribute, parse_integer(text, minimum, maximum))

    return Parameter(name, lambda settings: f"{getattr(settings, attribute):.0f}", write)


def parse_integer(text: str, minimum: int, maximum: int = MAX_INTEGER) -> int:
    """A whole number within limits. Raises ValueError."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise ValueError("argument couldn't be parsed into an integer")
    if not minimum <= int(text) <= maximum:
        raise ValueError(f"argument must be between {minimum} and {maximum} inclusive")
    return int(text)


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


def parse_memory(text: str, error: str = "argument must be a memory value") -> int:
    """`100`, `64kb`, `1g`: in bytes. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,19})([a-z]*)", text.lower())
    if not found or found[2] not in _UNITS:
        raise ValueError(error)
    return int(found[1]) * _UNITS[found[2]]


def _memory(name: str, attribute: str = "", *, minimum: int = 0) -> Parameter:
    attribute = attribute or _attribute(name)

    def write(settings: Settings, text: str) -> None:
        size_bytes = parse_memory(text)
        if size_bytes < minimum:
            raise ValueError(f"argument must be between {minimum} and {MAX_INTEGER} inclusive")
        setattr(settings, attribute, size_bytes)

    return Parameter(name, lambda settings: str(getattr(settings, attribute)), write)


def _choice(name: str, choices: tuple[str, ...], attribute: str = "") -> Parameter:
    attribute = attribute or _attribute(name)

    def write(settings: Settings, text: str) -> None:
        if text.lower() not in choices:
            raise ValueError(f"argument(s) must be one of the following: {', '.join(choices)}")
        setattr(settings, attribute, text.lower())

    return Parameter(name, lambda settings: getattr(settings, attribute), write)


def _switch(name: str, attribute: str = "") -> Parameter:
    attribute = attribute or _attribute(name)

    def write(settings: Settings, text: str) -> None:
        setattr(settings, attribute, _yes_or_no(text) == "yes")

    return Parameter(name, lambda settings: "yes" if getattr(settings, attribute) else "no", write)


def _yes_or_no(text: str) -> str:
    if text.lower() not in ("yes", "no"):
        raise ValueError("argument must be 'yes' or 'no'")
    return text.lower()


def _text(name: str, attribute: str = "") -> Parameter:
    attribute = attribute or _attribute(name)

    def write(settings: Settings, text: str) -> None:
        setattr(settings, attribute, text)

    return Parameter(name, lambda settings: getattr(settings, attribute), write)


def _constant(name: str, value: str) -> Parameter:
    return Parameter(name, lambda _: value)


# Values with a form of their own.


def _write_save(settings: Settings, text: str) -> None:
    """`3600 1 300 100`: after an hour with one change, or five minutes with a hundred."""
    words = text.split()
    if len(words) % 2 or not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError("Invalid save parameters")
    numbers = [int(word) for word in words]
    points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if any(seconds < 1 for seconds, _ in points):
        raise ValueError("Invalid save parameters")
    settings.save_points = points


def _read_save(settings: Settings) -> str:
    if not settings.data_dir:
        return ""  # Nothing is ever saved.
    return " ".join(f"{seconds:g} {changes}" for seconds, changes in settings.save_points)


def _write_events(settings: Settings, text: str) -> None:
    settings.notify_keyspace_events = notifications.normalized(text)


def _write_output_limits(settings: Settings, text: str) -> None:
    """`pubsub 32mb 8mb 60`: class, hard limit, soft limit, seconds; for one class or several."""
    words = text.split()
    if len(words) % 4:
        raise ValueError("Wrong number of arguments in buffer limit configuration.")
    limits = dict(settings.output_limits)
    for at in range(0, len(words), 4):
        kind = {"replica": "slave"}.get(words[at].lower(), words[at].lower())
        if kind not in CLIENT_CLASSES:
            raise ValueError("Invalid client class specified in buffer limit configuration.")
        error = "Error in hard, soft or soft_seconds setting in buffer limit configuration."
        hard, soft = (parse_memory(word, error) for word in words[at + 1 : at + 3])
        if not words[at + 3].isascii() or not words[at + 3].isdigit():
            raise ValueError(error)
        limits[kind] = OutputLimit(hard, soft, int(words[at + 3]))
    settings.output_limits = limits


def _read_output_limits(settings: Settings) -> str:
    limits = ((name, settings.output_limits[name]) for name in CLIENT_CLASSES)
    return " ".join(f"{name} {it.hard_bytes} {it.soft_bytes} {it.soft_s}" for name, it in limits)


def _write_clients_memory(settings: Settings, text: str) -> None:
    """Bytes, or percent of `maxmemory`."""
    if not text.endswith("%"):
        error = "argument must be a memory or percent value"
        settings.max_clients_memory = parse_memory(text, error)
        return
    digits = text[:-1]
    if not digits.isascii() or not digits.isdigit():
        raise ValueError("argument must be a memory or percent value")
    if int(digits) > 100:
        raise ValueError("percentage argument must be less or equal to 100")
    settings.max_clients_memory = -int(digits)


def _read_clients_memory(settings: Settings) -> str:
    limit = settings.max_clients_memory
    return f"{-limit}%" if limit < 0 else str(limit)


def _write_percentiles(settings: Settings, text: str) -> None:
    try:
        percentiles = tuple(float(word) for word in text.split())
    except ValueError:
        percentiles = (math.nan,)
    if not all(0 <= percentile <= 100 for percentile in percentiles):
        raise ValueError("Invalid latency-tracking-info-percentiles parameters")
    settings.latency_percentiles = percentiles


def _read_percentiles(settings: Settings) -> str:
    return " ".join(f"{percentile:g}" for percentile in settings.latency_percentiles)


# What changes nothing.

WITHOUT_EFFECT = {
    # Replicas.
    "masterauth": "",
    "masteruser": "",
    "min-replicas-max-lag": "10",
    "repl-backlog-size": "1048576",
    "repl-backlog-ttl": "3600",
    "repl-disable-tcp-nodelay": "no",
    "repl-diskless-load": "disabled",
    "repl-diskless-sync": "yes",
    "repl-diskless-sync-delay": "5",
    "repl-ping-replica-period": "10",
    "repl-timeout": "60",
    "replica-announce-ip": "",
    "replica-announce-port": "0",
    "replica-announced": "yes",
    "replica-ignore-maxmemory": "yes",
    "replica-lazy-flush": "no",
    "replica-priority": "100",
    "replica-read-only": "yes",
    "replica-serve-stale-data": "yes",
    # Scripts and a cluster.
    "busy-reply-threshold": "5000",
    "cluster-announce-hostname": "",
    "cluster-announce-ip": "",
    "cluster-node-timeout": "15000",
    "cluster-require-full-coverage": "yes",
    # Allocating, threads, and tables that grow step by step: Python's matter here.
    "activedefrag": "no",
    "active-expire-effort": "1",
    "activerehashing": "yes",
    "dynamic-hz": "yes",
    "hz": "10",
    "jemalloc-bg-thread": "yes",
    "lazyfree-lazy-eviction": "no",
    "lazyfree-lazy-expire": "no",
    "lazyfree-lazy-server-del": "no",
    "lazyfree-lazy-user-del": "no",
    "lazyfree-lazy-user-flush": "no",
    "list-compress-depth": "0",
    "list-max-listpack-size": "-2",
    # The forms of the files on the disk, which are ours.
    "aof-load-truncated": "yes",
    "aof-rewrite-incremental-fsync": "yes",
    "aof-use-rdb-preamble": "yes",
    "no-appendfsync-on-rewrite": "no",
    "rdb-save-incremental-fsync": "yes",
    "rdbcompression": "yes",
    "sanitize-dump-payload": "no",
    "stop-writes-on-bgsave-error": "yes",
    # Refusing who comes from elsewhere: this server listens where it is told to.
    "protected-mode": "yes",
    "loglevel": "notice",
}
"""Names and Redis's own values. What looks like a number or a switch has to stay one."""

_TESTERS_WITHOUT_EFFECT = {"key-load-delay": "0", "rdb-key-save-delay": "0"}
"""Likewise, and hidden: Redis has them for its own tests."""

_ALIASES = {
    "busy-reply-threshold": "lua-time-limit",
    "hash-max-listpack-entries": "hash-max-ziplist-entries",
    "hash-max-listpack-value": "hash-max-ziplist-value",
    "list-max-listpack-size": "list-max-ziplist-size",
    "min-replicas-max-lag": "min-slaves-max-lag",
    "min-replicas-to-write": "min-slaves-to-write",
    "repl-ping-replica-period": "repl-ping-slave-period",
    "replica-announce-ip": "slave-announce-ip",
    "replica-announce-port": "slave-announce-port",
    "replica-ignore-maxmemory": "slave-ignore-maxmemory",
    "replica-lazy-flush": "slave-lazy-flush",
    "replica-priority": "slave-priority",
    "replica-read-only": "slave-read-only",
    "replica-serve-stale-data": "slave-serve-stale-data",
    "replicaof": "slaveof",
    "zset-max-listpack-entries": "zset-max-ziplist-entries",
    "zset-max-listpack-value": "zset-max-ziplist-value",
}
"""What parameters were called before."""


def _without_effect(name: str, default: str, *, is_hidden: bool = False) -> Parameter:
    def read(settings: Settings) -> str:
        return settings.without_effect.get(name, default)

    def write(settings: Settings, text: str) -> None:
        if default in ("yes", "no"):
            text = _yes_or_no(text)
        elif default.startswith("-"):
            text = str(parse_integer(text, MIN_INT, MAX_INT))
        elif default.isdigit():
            text = str(parse_memory(text))
        settings.without_effect = settings.without_effect | {name: text}

    return Parameter(name, read, write, is_hidden)


# The table.

_WORKING = (
    _text("requirepass", "password"),
    Parameter("aclfile", lambda settings: settings.acl_file),
    _choice("acl-pubsub-default", ("allchannels", "resetchannels")),
    _integer("acllog-max-len", 0),
    _memory("maxmemory"),
    _choice("maxmemory-policy", POLICIES),
    _integer("maxmemory-samples", 1, maximum=MAX_INT),
    _integer("lfu-log-factor", 0, maximum=MAX_INT),
    _integer("lfu-decay-time", 0, maximum=MAX_INT),
    _integer("slowlog-log-slower-than", -1),
    _integer("slowlog-max-len", 0),
    _integer("latency-monitor-threshold", 0),
    _switch("latency-tracking"),
    Parameter("latency-tracking-info-percentiles", _read_percentiles, _write_percentiles),
    _integer("tracking-table-max-keys", 0),
    Parameter(
        "notify-keyspace-events", lambda settings: settings.notify_keyspace_events, _write_events
    ),
    Parameter("save", _read_save, _write_save),
    _switch("appendonly", "append_only"),
    _choice("appendfsync", FSYNC_POLICIES, "append_fsync"),
    _integer("auto-aof-rewrite-percentage", 0, "rewrite_growth_percent", maximum=MAX_INT),
    _memory("auto-aof-rewrite-min-size", "rewrite_min_bytes"),
    _text("bind", "host"),
    _integer("port", 0, maximum=65535),
    _integer("maxclients", 1, "max_connections", maximum=MAX_INT),
    _integer("timeout", 0, "idle_timeout_s", maximum=MAX_INT),
    _integer("tcp-keepalive", 0, "keepalive_s", maximum=MAX_INT),
    # One limit for a request and all that it holds, where Redis has two; for new connections.
    _memory("proto-max-bulk-len", "max_request_bytes", minimum=MB),
    _memory("client-query-buffer-limit", "max_request_bytes", minimum=MB),
    Parameter("client-output-buffer-limit", _read_output_limits, _write_output_limits),
    Parameter("maxmemory-clients", _read_clients_memory, _write_clients_memory),
    _integer("min-replicas-to-write", 0, maximum=MAX_INT),
    _integer("hash-max-listpack-entries", 0),
    _memory("hash-max-listpack-value"),
    _integer("zset-max-listpack-entries", 0),
    _memory("zset-max-listpack-value"),
    _integer("set-max-intset-entries", 0),
    _integer("stream-node-max-entries", 0),
    _memory("stream-node-max-bytes"),
    _memory("hll-sparse-max-bytes"),
)

_CONSTANT = (
    Parameter("dir", lambda settings: settings.data_dir),
    _constant("databases", str(DATABASES)),
    _constant("daemonize", "no"),
    _constant("supervised", "no"),
    _constant("cluster-enabled", "no"),
    _constant("enable-debug-command", "yes"),
    _constant("enable-module-command", "no"),
    _constant("enable-protected-configs", "no"),
    _constant("io-threads", "1"),
    _constant("logfile", ""),
    _constant("pidfile", ""),
    _constant("replicaof", ""),
    _constant("unixsocket", ""),
    _constant("tls-port", "0"),
)


def _table() -> dict[str, Parameter]:
    every = [
        *_WORKING,
        *_CONSTANT,
        *(_without_effect(*pair) for pair in WITHOUT_EFFECT.items()),
        *(_without_effect(*pair, is_hidden=True) for pair in _TESTERS_WITHOUT_EFFECT.items()),
    ]
    table = {parameter.name: parameter for parameter in every}
    for name, alias in _ALIASES.items():
        table[alias] = Parameter(alias, table[name].read, table[name].write)
    return table


PARAMETERS = _table()

"""What text input and output, and the functions of date and time, need to know of a session.

The session of the server is richer; here stands the part that types and functions look at, so that
they can be used (and tested) without a server. # Real: the GUC variables DateStyle, TimeZone …
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from random import Random
from typing import Protocol

# Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's calendar begins.
EPOCH_OFFSET_US = 946_684_800 * 1_000_000


class SessionContext(Protocol):
    """The settings of a session as the functions of types and of the library read them."""

    time_zone: tzinfo  # TimeZone
    time_zone_name: str
    date_style: str  # "ISO", "SQL", "Postgres" or "German"
    date_order: str  # "MDY", "DMY" or "YMD"
    interval_style: str  # "postgres", "postgres_verbose", "sql_standard" or "iso_8601"
    bytea_output: str  # "hex" or "escape"
    extra_float_digits: int
    transaction_timestamp_us: int  # now(); microseconds since 2000-01-01 UTC
    statement_timestamp_us: int
    random: Random


def clock_timestamp_us() -> int:
    """The time of this moment, in microseconds since 2000-01-01 UTC."""
    return time.time_ns() // 1000 - EPOCH_OFFSET_US


@dataclass(slots=True)
class PlainContext:
    """A SessionContext with the defaults of a new session."""

    time_zone: tzinfo = UTC
    time_zone_name: str = "UTC"
    date_style: str = "ISO"
    date_order: str = "MDY"
    interval_style: str = "postgres"
    bytea_output: str = "hex"
    extra_float_digits: int = 1
    transaction_timestamp_us: int = field(default_factory=clock_timestamp_us)
    statement_timestamp_us: int = field(default_factory=clock_timestamp_us)
    random: Random = field(default_factory=Random)

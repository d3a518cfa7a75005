"""The clock of records: milliseconds since 1970, on whichever machine looks.

Every part is given a `Clock` and asks no other, so tests have it stand still or run ahead. What
only measures how long something takes uses `time.monotonic`, which nobody can set back.
"""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def clock_ms() -> int:
    """The time now."""
    return time.time_ns() // 1_000_000

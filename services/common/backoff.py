"""Waiting longer after each failure: how a service treats a dependency that is down.

    attempt    1     2     3     4     5    …
    delay   0.1 s  0.2 s  0.4 s  0.8 s  1.6 s … 5 s   (each less a random part of up to a half)

The random part spreads the clients of a server that has just come back.
"""

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays that double from `first_s` to `limit_s`; `reset` after a success."""

    first_s: float = 0.1
    limit_s: float = 5.0
    failures: int = 0

    def next_delay_s(self) -> float:
        """How long to wait now, after one more failure."""
        delay_s = min(self.limit_s, self.first_s * 2 ** min(self.failures, 32))
        self.failures += 1
        return delay_s * (1 - random.random() / 2)

    def reset(self) -> None:
        self.failures = 0

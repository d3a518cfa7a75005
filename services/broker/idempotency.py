"""Idempotency keys: submitting the same thing twice gives the same task.

A client that did not hear the answer to its submission cannot know whether the task exists. With
a key of its own choosing it may simply ask again: while the task that was first submitted under
that key is known, the answer is that task, and nothing is submitted (`once`).
# Real: the Idempotency-Key header of payment APIs.
"""

from services.broker import keys
from services.broker.once import Once

KEPT_MS = 24 * 3600 * 1000


def once_for(idempotency_key: str) -> Once:
    return Once(keys.idempotent(idempotency_key), KEPT_MS, is_until_end=False)

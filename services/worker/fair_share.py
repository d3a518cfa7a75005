"""Fair share: from which queues the next tasks are claimed.

Between queues, by weight: with `--queues mail=3,reports=1` three tasks come from `mail` for each
one from `reports`, as long as both have some; a queue that is empty costs the others nothing.
Within a queue, by priority: the list with the highest number that is not empty.

The order is *smooth weighted round robin*: each queue gains its weight at each choice, the richest
is chosen and pays the sum of all weights. With weights 3 and 1:

    choice         1     2     3     4     5
    mail           3→-1  2→-2  1     4→0   3→-1
    reports        1     2     3→-1  0     1
    chosen         mail  mail  reports  mail  mail

# Real: nginx's upstream balancing; Celery asks its queues in turn, dramatiq and Sidekiq by weight.
"""

from collections.abc import Mapping


class FairShare:
    """Chooses lists; `weights` by queue, empty for every queue with the same weight."""

    def __init__(self, weights: Mapping[str, int] | None = None):
        self._weights = dict(weights or {})
        self._credit: dict[str, int] = {}

    def has_work(self, backlog: Mapping[str, int]) -> bool:
        """Whether there is a task in a list that we take tasks from."""
        return any(
            count > 0 and self._weight(name.rpartition("/")[0]) for name, count in backlog.items()
        )

    def plan(self, backlog: Mapping[str, int], free: int) -> list[str]:
        """The lists to claim from, one task each, at most `free`; `backlog` as list → length."""
        waiting = self._by_queue(backlog)
        chosen: list[str] = []
        while waiting and len(chosen) < free:
            queue = self._next_queue(list(waiting))
            lists = waiting[queue]
            name, left = lists[-1]
            chosen.append(name)
            if left > 1:
                lists[-1] = (name, left - 1)
            else:
                lists.pop()
            if not lists:
                del waiting[queue]
        return chosen

    def _by_queue(self, backlog: Mapping[str, int]) -> dict[str, list[tuple[str, int]]]:
        """The lists of each queue that are not empty, the highest priority last."""
        waiting: dict[str, list[tuple[str, int]]] = {}
        for name in sorted(backlog, key=_priority):
            queue = name.rpartition("/")[0]
            if backlog[name] > 0 and self._weight(queue):
                waiting.setdefault(queue, []).append((name, backlog[name]))
        return waiting

    def _next_queue(self, queues: list[str]) -> str:
        total = 0
        for queue in queues:
            weight = self._weight(queue)
            total += weight
            self._credit[queue] = self._credit.get(queue, 0) + weight
        chosen = max(queues, key=lambda queue: self._credit[queue])
        self._credit[chosen] -= total
        return chosen

    def _weight(self, queue: str) -> int:
        """0 for a queue that we take no tasks from."""
        return self._weights.get(queue, 0) if self._weights else 1


def _priority(list_name: str) -> int:
    priority = list_name.rpartition("/")[2]
    return int(priority) if priority.isdecimal() else 0


def parse_weights(text: str) -> dict[str, int]:
    """`mail=3,reports` as weights, 1 where none is given. Raises ValueError with the reason."""
    weights: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, _, weight = part.strip().partition("=")
        if not name or not (weight or "1").isdecimal() or not 0 < int(weight or 1) <= 1000:
            raise ValueError("is not of the form NAME=WEIGHT,NAME, with weights from 1 to 1000")
        weights[name] = int(weight or 1)
    return weights

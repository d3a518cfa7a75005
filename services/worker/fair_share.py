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

from services.broker.client import MAX_WEIGHT, parse_options


class FairShare:
    """Chooses lists. `served` are the queues to serve, by weight; empty for all of them.

    A weight of None there is open: it is the one that people have given to the queue (see
    `queue_settings` in the broker), or 1.
    """

    def __init__(self, served: Mapping[str, int | None] | None = None):
        self._served = dict(served or {})
        self._given: Mapping[str, int] = {}
        self._credit: dict[str, int] = {}

    def set_weights(self, given: Mapping[str, int]) -> None:
        """The weights that people have given to queues."""
        self._given = given

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
        if self._served and queue not in self._served:
            return 0
        return self._served.get(queue) or self._given.get(queue, 1)


def _priority(list_name: str) -> int:
    priority = list_name.rpartition("/")[2]
    return int(priority) if priority.isdecimal() else 0


def parse_weights(text: str) -> dict[str, int | None]:
    """`mail=3,reports` as weights, None where none is given. Raises ValueError with the reason."""
    weights: dict[str, int | None] = {}
    for part in filter(None, text.split(",")):
        name, _, weight = part.strip().partition("=")
        if not name or not (weight or "1").isdecimal() or not 0 < int(weight or 1) <= MAX_WEIGHT:
            raise ValueError(
                f"is not of the form NAME=WEIGHT,NAME, with weights from 1 to {MAX_WEIGHT}"
            )
        parse_options({"queue": name})  # Raises where a queue cannot be called so.
        weights[name] = int(weight) if weight else None
    return weights

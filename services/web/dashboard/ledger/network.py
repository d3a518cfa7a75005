"""The nodes of the ledger seen from outside: asked each by itself, and then compared.

Each node says of itself and its peers whether they agree. The dashboard does not take its word:
it compares what the nodes answer.

    agree         all nodes answer, and are at the same place of the list with the same state
    catching-up   some are behind, and those at the same place have the same state
    partial       some do not answer; the others agree or are catching up
    disagree      two nodes at the same place of the list have different states
    unknown       fewer than two nodes answer: there is nothing to compare

A state is the root (a hash over round and balances) that a node has after `index` messages.
"""

from __future__ import annotations

import enum
import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.web.dashboard.questions import Questions
from services.web.dashboard.upstream import Refused, Unreachable, Upstream

ANSWER_TIMEOUT_S = 1.5
MAX_GROUPS = 12
MAX_ACCOUNTS = 500
MAX_MESSAGE_CHARACTERS = 4000


class Agreement(enum.Enum):
    """What the nodes' answers, laid side by side, say."""

    AGREE = "agree"
    CATCHING_UP = "catching-up"
    PARTIAL = "partial"
    DISAGREE = "disagree"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The answer of one node; `error` instead of the rest where there was none."""

    name: str
    address: str
    state: str = ""
    round: int | None = None
    index: int | None = None
    state_root: str = ""
    list_digest: str = ""
    error: str = ""

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "address": self.address,
            "state": self.state,
            "round": self.round,
            "index": self.index,
            "state_root": self.state_root,
            "error": self.error,
        }


def compare(statuses: Iterable[NodeStatus]) -> Agreement:
    """Whether the nodes agree; see the table above."""
    statuses = list(statuses)
    answering = [status for status in statuses if not status.error]
    roots: dict[int | None, set[tuple[int | None, str]]] = {}
    for status in answering:
        roots.setdefault(status.index, set()).add((status.round, status.state_root))
    if any(len(states) > 1 for states in roots.values()):
        return Agreement.DISAGREE
    if len(answering) < 2:
        return Agreement.UNKNOWN
    if len(answering) < len(statuses):
        return Agreement.PARTIAL
    return Agreement.AGREE if len(roots) == 1 else Agreement.CATCHING_UP


class Network:
    """Every node of `urls`; for any thread."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.nodes = {f"ledger-{number}": Upstream(url) for number, url in enumerate(urls, 1)}
        self._questions: Questions[NodeStatus] = Questions(ANSWER_TIMEOUT_S)
        self._lock = threading.Lock()
        self._groups: dict[int, dict[str, object]] = {}
        self._groups_of: tuple[int, str] = (0, "")

    def look(self) -> dict[str, object]:
        """All that the page shows. Balances and groups are those of the node that is furthest."""
        with self._lock:
            return self._look()

    def _look(self) -> dict[str, object]:
        statuses = self._ask_statuses()
        shown: dict[str, object] = {
            "nodes": [status.as_json() for status in statuses],
            "agreement": compare(statuses).value,
            "round": None,
            "balances": None,
            "groups": None,
        }
        answering = [status for status in statuses if not status.error]
        if answering:
            furthest = max(answering, key=lambda status: status.index or 0)
            shown["round"] = furthest.round
            shown |= _if_answered(lambda: self._balances(self.nodes[furthest.name]))
            # The node reads these from the list in kvdb, which may be away while the node is not.
            shown |= _if_answered(lambda: self._last_groups(self.nodes[furthest.name], furthest))
        return shown

    def submit(self, name: str, group: object) -> object:
        """Hand a group to one node; its answer. Raises Unreachable, Refused, KeyError."""
        return self.nodes[name].post("/groups", group)

    def _ask_statuses(self) -> list[NodeStatus]:
        answers = self._questions.ask(
            {name: functools.partial(_status, name, node) for name, node in self.nodes.items()}
        )
        return [
            answer.value or NodeStatus(name, self.nodes[name].address, error=answer.error)
            for name, answer in answers.items()
        ]

    def _balances(self, node: Upstream) -> dict[str, object]:
        answer = node.get("/balances")
        balances = answer.get("balances", {}) if isinstance(answer, dict) else {}
        accounts = sorted(balances.items(), key=lambda account: (account[0] != "HIPO", account[0]))
        return {
            "balances": [[name, str(balance)] for name, balance in accounts[:MAX_ACCOUNTS]],
            "accounts_total": len(accounts),
        }

    def _last_groups(self, node: Upstream, status: NodeStatus) -> dict[str, object]:
        """The newest messages of the list with their verdicts, the newest first.

        A verdict never changes, so each is asked for once; a list that is shorter than it was, or
        another one of the same length, is a new list.
        """
        index = status.index or 0
        known_index, known_digest = self._groups_of
        if index < known_index or (index == known_index and status.list_digest != known_digest):
            self._groups.clear()
        self._groups_of = (index, status.list_digest)
        wanted = range(index - 1, max(-1, index - 1 - MAX_GROUPS), -1)
        self._groups = {
            number: self._groups.get(number) or self._group(node, number) for number in wanted
        }
        return {"groups": list(self._groups.values())}

    def _group(self, node: Upstream, index: int) -> dict[str, object]:
        answer = node.get(f"/groups/{index}")
        group = dict(answer) if isinstance(answer, dict) else {}
        message = str(group.get("message", ""))
        group["is_cut"] = len(message) > MAX_MESSAGE_CHARACTERS
        group["message"] = message[:MAX_MESSAGE_CHARACTERS]
        return group


def _status(name: str, node: Upstream) -> NodeStatus:
    """What a node says of itself. Raises Unreachable, Refused."""
    status = node.get("/status")
    if not isinstance(status, dict):
        raise Unreachable("the answer is no status")
    return NodeStatus(
        name,
        node.address,
        state=str(status.get("state", "")),
        round=_count(status.get("round")),
        index=_count(status.get("index")),
        state_root=str(status.get("state_root", "")),
        list_digest=str(status.get("list_digest", "")),
    )


def _if_answered(ask: Callable[[], dict[str, object]]) -> dict[str, object]:
    """The answer; nothing where there is none, and the next look will say what has become of it."""
    try:
        return ask()
    except (Unreachable, Refused):
        return {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

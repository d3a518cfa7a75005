"""Asking several services at once, when any of them may hang.

Each question has a thread of its own, and whoever asks waits for all of them together, but not
longer than the timeout. A question that is still under way then counts as unanswered, and is not
asked again before it has come back: a service that hangs holds one thread, however long it hangs.

The threads are daemons, so that one that hangs (in a look-up of a name, which knows no timeout)
does not keep the process from stopping.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What came back: a value, or the reason why there is none."""

    value: Value | None = None
    error: str = ""


@dataclass(slots=True)
class _UnderWay(Generic[Value]):
    answer: Answer[Value] = field(default_factory=Answer)
    is_done: threading.Event = field(default_factory=threading.Event)

    def run(self, question: Callable[[], Value]) -> None:
        try:
            self.answer = Answer(question())
        except Exception as error:
            self.answer = Answer(error=str(error) or type(error).__name__)
        self.is_done.set()


class Questions(Generic[Value]):
    """Questions by name, asked again and again, by one thread at a time."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._under_way: dict[str, _UnderWay[Value]] = {}

    def ask(self, questions: Mapping[str, Callable[[], Value]]) -> dict[str, Answer[Value]]:
        """The answer to each; an exception of a question is its error."""
        asked = {
            name: _start(name, question)
            for name, question in questions.items()
            if name not in self._under_way
        }
        self._under_way |= asked
        deadline_s = time.monotonic() + self._timeout_s
        for one in asked.values():
            one.is_done.wait(max(0.0, deadline_s - time.monotonic()))
        return {name: self._take(name) for name in questions}

    def _take(self, name: str) -> Answer[Value]:
        if not self._under_way[name].is_done.is_set():
            return Answer(error=f"no answer within {self._timeout_s:g} s")
        return self._under_way.pop(name).answer


def _start(name: str, question: Callable[[], Value]) -> _UnderWay[Value]:
    under_way: _UnderWay[Value] = _UnderWay()
    threading.Thread(
        target=under_way.run, args=(question,), name=f"ask {name}", daemon=True
    ).start()
    return under_way

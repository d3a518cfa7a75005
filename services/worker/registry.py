"""The registry: the tasks that a worker knows, gathered from the modules of `--import`.

A module that cannot be imported is no reason for a worker not to start: the others' tasks run,
the worker says that it is degraded, and whoever asks for one of the missing tasks is told why.
"""

import importlib
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.broker.client import Task


@dataclass(slots=True)
class Registry:
    """Tasks by name, and what went wrong in gathering them, by module."""

    tasks: dict[str, Task] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def import_module(self, name: str) -> None:
        """Import a module and take its tasks; what it raises becomes a problem."""
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:
            # Any code may run while a module is imported, so anything may be raised.
            last = traceback.format_exception_only(error)[-1].strip()
            self.problems[name] = f"cannot be imported: {last}"
            return
        for value in vars(module).values():
            if isinstance(value, Task):
                self._add(name, value)

    def _add(self, module: str, task: Task) -> None:
        known = self.tasks.setdefault(task.name, task)
        if known is not task:
            self.problems[module] = f"defines {task.name!r}, which another module defines too"

    def definitions(self) -> dict[str, dict[str, object]]:
        """The options of each task, by the names of the API."""
        return {name: task.options.as_json() for name, task in self.tasks.items()}


def load(modules: Iterable[str]) -> Registry:
    registry = Registry()
    for name in modules:
        registry.import_module(name)
    return registry


def unknown_task(name: str, tasks: Iterable[str], problems: Mapping[str, str]) -> str:
    """Why a worker cannot run a task of this name, in words."""
    reasons = "".join(f"; {module} {problem}" for module, problem in problems.items())
    return f"this worker knows no task {name!r}, only {', '.join(sorted(tasks)) or 'none'}{reasons}"

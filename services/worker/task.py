"""Defining tasks: what a module of tasks imports.

    from services.worker.task import current_task, task

    @task(retries=3, timeout=60, give_up_on=(ValueError,))
    def resize(path: str, *, width: int) -> str:
        ...

A task is still a function: calling it runs it here and now. `@task` registers it nowhere; a worker
that is started with `--import shop.tasks` finds the tasks among the names of that module. So a
module of tasks can be imported by anybody, without side effects, and there is no global registry.
# Real: Celery's @app.task and dramatiq's @actor, which register with a global app or broker.
"""

import contextvars
from collections.abc import Callable
from dataclasses import dataclass, field

from services.broker.client import TaskOptions, parse_options


class SoftTimeout(Exception):
    """Raised inside a task when its `soft_timeout` is over: time to clean up, and to end."""


@dataclass(frozen=True, slots=True)
class Task:
    """A function with a name and the options of its definition."""

    function: Callable[..., object]
    name: str
    options: TaskOptions = field(default_factory=TaskOptions)
    retry_on: tuple[type[BaseException], ...] = (BaseException,)
    give_up_on: tuple[type[BaseException], ...] = ()

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.function(*args, **kwargs)

    def is_hopeless(self, error: BaseException) -> bool:
        """Whether no further attempt is to follow an error of this kind."""
        return isinstance(error, self.give_up_on) or not isinstance(error, self.retry_on)


def task(
    function: Callable[..., object] | None = None,
    *,
    name: str | None = None,
    retry_on: tuple[type[BaseException], ...] = (BaseException,),
    give_up_on: tuple[type[BaseException], ...] = (),
    **options: object,
) -> Task | Callable[[Callable[..., object]], Task]:
    """Decorator: make a task of a function; its name is the function's unless one is given.

    The options are those of the API: `@task(retries=3, timeout=60)`. Raises OptionError.
    """

    def define(function: Callable[..., object]) -> Task:
        return Task(
            function, name or function.__name__, parse_options(options), retry_on, give_up_on
        )

    return define if function is None else define(function)


@dataclass(frozen=True, slots=True)
class Execution:
    """The attempt under way, for the code inside a task."""

    task_id: str
    attempt: int


_current: contextvars.ContextVar[Execution] = contextvars.ContextVar("execution")


def current_task() -> Execution | None:
    """The attempt that this code is running in; None outside of a worker."""
    return _current.get(None)


def run_task(task: Task, execution: Execution, args: list[object], kwargs: dict) -> object:
    """Call the function, with `current_task` set."""
    token = _current.set(execution)
    try:
        return task.function(*args, **kwargs)
    finally:
        _current.reset(token)

"""Defining tasks, and calling them: what a module of tasks imports.

    from services.broker.client import task

    @task(retries=3, timeout=60, give_up_on=(ValueError,))
    def resize(path: str, *, width: int) -> str: ...

    resize("cat.png", width=200)                    runs it here and now
    resize.delay("cat.png", width=200)              lets a worker run it: a `Result`
    resize.apply(["cat.png"], {"width": 200}, countdown=10, priority=9)

A task is still a function. `@task` registers it nowhere: a worker that is started with `--import
shop.tasks` finds the tasks among the names of that module. So a module of tasks can be imported by
anybody, without side effects; and where the queue is (see `connections`) is asked at the first
call and not at the import.

A call that cannot work fails at once and in the caller: TypeError for arguments that do not fit the
function or are no JSON, OptionError for an option that is none.
# Real: Celery's @app.task and dramatiq's @actor, which register with a global app or broker.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from services.broker import connections
from services.broker.json_values import check_json
from services.broker.result import Result
from services.broker.signatures import Signature
from services.broker.task_options import TaskOptions, parse_options


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

    def delay(self, *args: object, **kwargs: object) -> Result:
        """Let a worker call the function with these arguments."""
        return self.apply(args, kwargs)

    def apply(
        self,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        **options: object,
    ) -> Result:
        """The same, with options of this call: `countdown`, `eta`, and those of the definition."""
        kwargs = kwargs or {}
        self.check(args, kwargs)
        queue = connections.current()
        call = {"task": self.name, "args": list(args), "kwargs": dict(kwargs)}
        return queue.result(queue.submit_for_id(call | {"options": as_options(options)}))

    def signature(self, *args: object, **kwargs: object) -> Signature:
        """This call, not made yet: for `chain`, `group` and `chord`."""
        check_json(args, f"{self.name}() args")
        check_json(kwargs, f"{self.name}() kwargs")
        return Signature(self.name, args, kwargs)

    def check(self, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
        """Raises TypeError for arguments that the function or JSON would not take."""
        try:
            _signature(self.function).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}() {error}") from None
        check_json(args, f"{self.name}() args")
        check_json(kwargs, f"{self.name}() kwargs")

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


@lru_cache(maxsize=1000)
def _signature(function: Callable[..., object]) -> inspect.Signature:
    # To find it costs as much as all else that is done before a task is sent.
    return inspect.signature(function)


def as_options(given: Mapping[str, object]) -> dict[str, object]:
    """Options of a call as JSON: a `datetime` may stand for its text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in given.items()
    }

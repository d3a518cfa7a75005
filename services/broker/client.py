"""What other programs use of the task queue: the door to this package.

A program that defines tasks and calls them:

    from services.broker.client import connect, task

    @task(retries=3)
    def resize(path: str, *, width: int) -> str: ...

    connect("http://127.0.0.1:4246")
    resize.delay("cat.png", width=200).get(timeout=10)

    `task`          definitions and calls          `result`       futures, and what they raise
    `connections`   where the queue is             `signatures`   chain, group, chord
    `execution`     inside a task: progress, current_task, SoftTimeout

A program that has none of the tasks' code, or only looks on, uses `BrokerClient` (HTTP).

A worker is a client of another kind. It asks no broker, it shares the queue in kvdb with it, by the
same code: the session that claims and finishes tasks, the records, the rules, the messages. What
it needs of them is named here, and nothing else of the broker is its business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.broker.announcer import MAX_PENDING, Outlet, Trouble
from services.broker.clock import clock_ms
from services.broker.connections import connect, open_connection
from services.broker.delivery import Session
from services.broker.errors import BrokerError
from services.broker.events import (
    Message,
    decode_wake,
    message_of_progress,
    messages_to_act_upon,
    messages_to_watch,
)
from services.broker.execution import (
    REPORTS_PER_S,
    Execution,
    SoftTimeout,
    current_task,
    executing,
    progress,
)
from services.broker.fence import Fenced
from services.broker.keys import ORDERS_CHANNEL, SESSIONS, WAKE_CHANNEL, lease
from services.broker.outcomes import Cancelled, Failed, HandedBack, Outcome, Succeeded
from services.broker.progress import Progress
from services.broker.queue_settings import MAX_WEIGHT
from services.broker.result import (
    NoResult,
    Result,
    TaskCancelled,
    TaskExpired,
    TaskFailed,
    WorkflowFailed,
    WorkflowResult,
    gather,
)
from services.broker.rules import standard_rules
from services.broker.signatures import Signature, chain, chord, group
from services.broker.states import State
from services.broker.store import kvdb_url, pubsub_url, store_options
from services.broker.task import Task, task
from services.broker.task_options import OptionError, TaskOptions, parse_options
from services.broker.task_record import TaskError, TaskRecord

if TYPE_CHECKING:
    from services.broker.http_client import BrokerClient

__all__ = [
    "MAX_PENDING",
    "MAX_WEIGHT",
    "ORDERS_CHANNEL",
    "REPORTS_PER_S",
    "SESSIONS",
    "WAKE_CHANNEL",
    "BrokerClient",
    "BrokerError",
    "Cancelled",
    "Execution",
    "Failed",
    "Fenced",
    "HandedBack",
    "Message",
    "NoResult",
    "OptionError",
    "Outcome",
    "Outlet",
    "Progress",
    "Result",
    "Session",
    "Signature",
    "SoftTimeout",
    "State",
    "Succeeded",
    "Task",
    "TaskCancelled",
    "TaskError",
    "TaskExpired",
    "TaskFailed",
    "TaskOptions",
    "TaskRecord",
    "Trouble",
    "WorkflowFailed",
    "WorkflowResult",
    "chain",
    "chord",
    "clock_ms",
    "connect",
    "current_task",
    "decode_wake",
    "executing",
    "gather",
    "group",
    "kvdb_url",
    "lease",
    "message_of_progress",
    "messages_to_act_upon",
    "messages_to_watch",
    "open_connection",
    "parse_options",
    "progress",
    "pubsub_url",
    "standard_rules",
    "store_options",
    "task",
]


def __getattr__(name: str) -> object:
    """The client on demand: the children of a worker start without HTTP."""
    if name == "BrokerClient":
        from services.broker.http_client import BrokerClient

        return BrokerClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

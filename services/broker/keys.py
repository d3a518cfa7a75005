"""The layout of the task queue in kvdb: every key, and what it holds.

    tasks:record:ID            string   the record of one task, JSON; expires after its end

    Where a task that is not finished is, at every moment exactly one of these:

    tasks:queue:NAME/PRIORITY  list     ids that wait for a worker, the oldest at the left
    tasks:due                  zset     ids that wait for their time (score: when, in ms)
    tasks:claimed:SESSION      list     ids that one worker session holds
    tasks:lane:KEY             zset     ids that wait for a slot (score: priority, then age)

         submit                                LMOVE
        ────────▶ tasks:queue:default/5 ───────────────▶ tasks:claimed:worker-1@5f0c
           │            ▲          ▲                        │            │
           │   its time │          │ handed back, or        │ failed,    │ finished:
           └──▶ tasks:due          │ the lease ran out      │ try again  ▼ in no place,
                     ▲             └────────────────────────┤            the record stays
                     └──────────────────────────────────────┘

    Who works:

    tasks:sessions             set      the worker sessions that exist
    tasks:session:SESSION      string   the fence: while it exists, the session may write
    tasks:lease:SESSION        string   the worker's vital signs; expires when not renewed
    tasks:leader               string   the broker that runs the scheduler; expires when not renewed

    Limits and settings:

    tasks:slots:KEY            set      ids that run under this concurrency key
    tasks:blocked              hash     queue name → how many of its tasks wait in lanes
    tasks:lanes                set      keys of lanes in which there may be somebody
    tasks:released             set      keys that have just lost a holder
    tasks:rate:TASK            string   when the next start of this task is free, in ms; expires
    tasks:unique:HASH          string   id of the task submitted with these arguments; expires
    tasks:queue-settings       hash     queue name → {"weight": 3, "paused": true}

    Schedules and workflows:

    tasks:schedule:NAME        string   one schedule, JSON
    tasks:schedules            zset     names by the time of their next run
    tasks:workflow:ID          string   one workflow with its steps, JSON; expires after its end
    tasks:workflow-results:ID  hash     path of a step → its result, JSON; expires with it
    tasks:workflows            zset     ids by the time of their submission
    tasks:steps                zset     "WORKFLOW TASK": steps that have ended, still to be followed

    Indexes and memory:

    tasks:queues               set      NAME/PRIORITY of every list that was ever used
    tasks:state:STATE          zset     ids by when they entered the state: listing and counting
    tasks:expiring             zset     ids that must have started by then (score: when, in ms)
    tasks:cancel:ID            string   somebody wants this running task to stop; expires
    tasks:idempotent:KEY       string   id of the task that was submitted under this key; expires
    tasks:progress:ID          string   how far a running task has come, JSON; expires
    tasks:definitions          hash     task name → the options of its definition, JSON

A queue is one list for each priority in use, because LMOVE, which takes an id out of one list
and puts it into another in one step, knows lists alone. Everything else here follows from the
record, and can be repaired from it.

Channels of pub/sub, which keep nothing (whoever was away looks at the keys):

    tasks:wake                 something was queued: {"list": "default/5", "count": 1, "ids": […]}
    tasks:events               steps of tasks: [{"id": …, "task": …, "state": …, "at_ms": …}, …]
    tasks:news                 of these, again, those that a scheduler acts upon: times to come,
                               steps of workflows that have ended, slots that are free
    tasks:orders               to the workers: {"cancel": ID} or {"look": "queues"}
    tasks:progress             [{"id": …, "fraction": 0.4, "message": …, "at_ms": …}, …]
    tasks:workflows            {"id": …, "state": …, "at_ms": …}, when one starts and ends

    tasks:ends                 the event of a task that has ended, with its record where that is
                               short: for those who wait. This one is kvdb's own (see `events`)
"""

from services.broker.states import State

QUEUES = "tasks:queues"
DUE = "tasks:due"
EXPIRING = "tasks:expiring"
SESSIONS = "tasks:sessions"
LEADER = "tasks:leader"
DEFINITIONS = "tasks:definitions"
LANES = "tasks:lanes"
BLOCKED = "tasks:blocked"
RELEASED = "tasks:released"
QUEUE_SETTINGS = "tasks:queue-settings"
SCHEDULES = "tasks:schedules"
WORKFLOWS = "tasks:workflows"
STEPS = "tasks:steps"

WAKE_CHANNEL = "tasks:wake"
EVENTS_CHANNEL = "tasks:events"
ENDS_CHANNEL = "tasks:ends"
NEWS_CHANNEL = "tasks:news"
ORDERS_CHANNEL = "tasks:orders"
PROGRESS_CHANNEL = "tasks:progress"
WORKFLOWS_CHANNEL = "tasks:workflows"


def record(task_id: str) -> str:
    return f"tasks:record:{task_id}"


def queue(list_name: str) -> str:
    return f"tasks:queue:{list_name}"


def claimed(session: str) -> str:
    return f"tasks:claimed:{session}"


def fence(session: str) -> str:
    return f"tasks:session:{session}"


def lease(session: str) -> str:
    return f"tasks:lease:{session}"


def in_state(state: State) -> str:
    return f"tasks:state:{state.value}"


def idempotent(idempotency_key: str) -> str:
    return f"tasks:idempotent:{idempotency_key}"


def unique(digest: str) -> str:
    return f"tasks:unique:{digest}"


def rate(task: str) -> str:
    return f"tasks:rate:{task}"


def slots(concurrency_key: str) -> str:
    return f"tasks:slots:{concurrency_key}"


def lane(concurrency_key: str) -> str:
    return f"tasks:lane:{concurrency_key}"


def schedule(name: str) -> str:
    return f"tasks:schedule:{name}"


def workflow(workflow_id: str) -> str:
    return f"tasks:workflow:{workflow_id}"


def workflow_results(workflow_id: str) -> str:
    return f"tasks:workflow-results:{workflow_id}"


def progress(task_id: str) -> str:
    return f"tasks:progress:{task_id}"


def cancel(task_id: str) -> str:
    return f"tasks:cancel:{task_id}"


def list_name(queue_name: str, priority: int) -> str:
    """The list of one queue and one priority: `default/5`."""
    return f"{queue_name}/{priority}"

"""Many tasks changed at a time, while others change them too."""

from services.broker import keys
from services.broker.batch import Change, change_each
from services.broker.places import commands_to_create, commands_to_move
from services.broker.states import State
from services.broker.task_record import TaskRecord, decode_record
from services.broker.tests.support import LOG, record
from services.kvdb.client import KVClient


def cancel(task: TaskRecord) -> Change:
    after = task.moved_to(State.CANCELLED, task.created_at_ms + 1)
    return Change(commands_to_move(task, after), after)


def test_every_task_is_changed_in_batches(kv: KVClient):
    ids = [f"t{number}" for number in range(250)]
    kv.transaction(*(one for task_id in ids for one in commands_to_create(record(task_id))))

    def decide(task_id: str, task: TaskRecord | None) -> Change:
        return Change() if task is None else cancel(task)

    done = list(change_each(kv, [*ids, "vanished"], decide, LOG))
    assert [len(batch) for batch in done] == [100, 100, 51]
    assert kv.execute("ZCARD", keys.in_state(State.CANCELLED)) == 250


def test_a_task_that_others_change_meanwhile_does_not_hold_up_the_others(kv: KVClient):
    kv.transaction(*(one for name in ("t1", "t2") for one in commands_to_create(record(name))))
    other, interruptions = KVClient(kv.url), []

    def decide(task_id: str, task: TaskRecord | None) -> Change:
        if task_id == "t1" and not interruptions:
            interruptions.append(task_id)
            other.execute("SET", keys.record("t1"), task.encode())
        return cancel(task)

    done = [
        change.after.id for batch in change_each(kv, ["t1", "t2"], decide, LOG) for change in batch
    ]
    other.close()
    assert done == ["t1", "t2"]


def test_a_task_that_is_always_changed_by_others_waits(kv: KVClient):
    kv.transaction(*commands_to_create(record("t1")), *commands_to_create(record("t2")))
    other = KVClient(kv.url)

    def decide(task_id: str, task: TaskRecord | None) -> Change:
        if task_id == "t1":
            other.execute("SET", keys.record("t1"), task.encode())
        return cancel(task)

    done = [
        change.after.id for batch in change_each(kv, ["t1", "t2"], decide, LOG) for change in batch
    ]
    other.close()
    assert done == ["t2"]
    assert decode_record(kv.execute("GET", keys.record("t1"))).state is State.QUEUED

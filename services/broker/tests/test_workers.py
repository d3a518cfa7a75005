"""Workers: what they say of themselves in their leases, and what they run."""

import json

from services.broker import keys
from services.broker.places import commands_to_create, commands_to_move
from services.broker.progress import Progress, commands_to_store
from services.broker.tests.support import LOG, record, running
from services.broker.workers import Workers
from services.kvdb.client import KVClient


def test_workers_show_what_they_reported(kv: KVClient):
    for session, report in [("b@1", {"name": "b"}), ("a@1", {"name": "a"}), ("c@1", None)]:
        kv.execute("SADD", keys.SESSIONS, session)
        if report:
            kv.execute("SET", keys.lease(session), json.dumps(report))
    kv.execute("SADD", keys.SESSIONS, "d@1")
    kv.execute("SET", keys.lease("d@1"), "garbage")
    task = record("t1")
    kv.transaction(*commands_to_create(task), *commands_to_move(task, running(task), "b@1"))
    kv.execute("RPUSH", keys.claimed("b@1"), "t1", "vanished")
    kv.transaction(*commands_to_store({"t1": Progress(0.4, "almost half", 1_800_000_000_000)}))
    (idle, busy) = Workers(kv, LOG).all()
    assert idle == {"name": "a", "running": []}
    assert busy["name"] == "b"
    assert busy["running"] == [
        {
            "id": "t1",
            "task": "echo",
            "queue": "default",
            "attempts": 1,
            "started_at": running(task).as_json()["started_at"],
            "progress": {
                "fraction": 0.4,
                "message": "almost half",
                "at": "2027-01-15T08:00:00.000Z",
            },
        }
    ]


def test_where_nobody_works_there_is_nobody(kv: KVClient):
    workers = Workers(kv, LOG)
    assert (workers.all(), workers.definitions()) == ([], {})

"""`--health` of a worker, which listens nowhere: it is well while its lease in kvdb is renewed.

The asking process is another one, and does not know the number of the worker's. It looks for a
worker of the given name or, without a name, for one on this host: a container has one worker.
"""

import argparse
import json
import socket

from services.broker.client import SESSIONS, kvdb_url, lease
from services.common.health_check import TIMEOUT_S, not_well, well
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.kvdb.client import KVClient


def check_health(options: argparse.Namespace) -> int:
    """Ask for the lease of the running worker; the exit status."""
    kv = KVClient(kvdb_url(options), timeout_s=TIMEOUT_S)
    try:
        report = find_worker(kv, options.name, socket.gethostname())
    except (ConnectionLost, ReplyError) as error:
        return not_well("worker", f"kvdb does not answer: {error}")
    finally:
        kv.close()
    if report is None:
        who = f"named {options.name}" if options.name else f"on {socket.gethostname()}"
        return not_well("worker", f"no worker {who} holds a lease")
    return well("worker", str(report.get("status")))


def find_worker(kv: KVClient, name: str, host: str) -> dict[str, object] | None:
    """What a live worker of this name, or else of this host, has last said of itself."""
    sessions = kv.execute("SMEMBERS", SESSIONS)
    if not sessions:
        return None
    for report in kv.execute("MGET", *(lease(session.decode()) for session in sessions)):
        worker = json.loads(report or b"{}")
        if worker and (worker.get("name") == name if name else worker.get("host") == host):
            return worker
    return None

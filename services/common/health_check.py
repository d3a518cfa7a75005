"""`--health`: a process that asks a running one whether it serves, says so, and exits.

    kvdb is ok                                     status 0
    pubsub is degraded: upstream b:4243: away      status 0: it serves, if not in full
    broker is not well: … Connection refused       status 1, on stderr

Each service is asked over its own protocol: kvdb and pubsub over RESP, which is here, the HTTP
services at `/healthz` (`services.web.health`), a worker by its lease (`services.worker.health`).

Every container starts such a process every few seconds, and most of its cost is what it imports.
So `__main__` of a service imports its server only where it is going to serve.
"""

import sys

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost, RespConnection

TIMEOUT_S = 3.0
# To listen on these is to listen everywhere, which is no address that one could call.
_CALLED = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def address_to_call(host: str) -> str:
    """Where a server that listens on `host` is reached from its own machine."""
    return _CALLED.get(host, host)


def well(service: str, status: str, problems: str = "") -> int:
    """Say that it serves, be it degraded or not; the exit status."""
    print(f"{service} is {status}" + (f": {problems}" if problems else ""))
    return 0


def not_well(service: str, reason: object) -> int:
    """Say why it does not serve; the exit status."""
    print(f"{service} is not well: {reason}", file=sys.stderr)
    return 1


def check_resp_server(service: str, host: str, port: int, password: str) -> int:
    """Ask kvdb or pubsub for its vital signs; the exit status of `--health`."""
    url = RedisURL(address_to_call(host), port, password=password)
    try:
        connection = RespConnection(url, timeout_s=TIMEOUT_S)
        try:
            text = connection.execute("INFO", "glassbox").decode()
        finally:
            connection.close()
    except (ConnectionLost, ReplyError) as error:
        return not_well(service, error)
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if "status" not in fields:
        return not_well(service, f"something else answers on port {port}")
    return well(service, fields["status"], fields.get("problems", ""))

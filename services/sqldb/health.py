"""`--health`: ask a running sqldb, over its own protocol, whether it serves."""

from __future__ import annotations

from services.common.health_check import TIMEOUT_S, address_to_call, not_well, well
from services.sqldb.client import ClientError, SqlClient

_QUESTION = "SHOW glassbox.health"


def check(host: str, port: int, user: str, password: str) -> int:
    """The exit status of `--health`."""
    try:
        client = SqlClient(
            address_to_call(host), port, user=user, password=password, timeout_s=TIMEOUT_S
        )
        with client:
            rows = client.query(_QUESTION)
    except (OSError, ClientError) as error:
        return not_well("sqldb", error)
    status, _, problems = (rows[0][0] or "").partition(": ")
    return well("sqldb", status, problems)

"""The names of types by their oids, which are all that a result says of its columns."""

from __future__ import annotations

from collections.abc import Iterable

from services.sqldb.client import ClientError
from services.web.dashboard.sqldb.pool import SqlPool

_QUESTION = "SELECT oid, format_type(oid, NULL) AS name FROM pg_type WHERE oid = ANY ($1::oid[])"
_FIRST_USER_OID = 16_384


class TypeNames:
    """Asked for once; those of user-made types each time, since they may be made anew."""

    def __init__(self, pool: SqlPool):
        self._pool = pool
        self._known: dict[int, str] = {}

    def of(self, oids: Iterable[int]) -> dict[int, str]:
        """The name of each type that there is. Raises ConnectionLost."""
        missing = sorted(set(oids) - self._known.keys())
        if not missing:
            return self._known
        try:
            rows = self._pool.ask(_QUESTION, f"{{{','.join(map(str, missing))}}}").rows
        except ClientError:
            return self._known
        found = {int(oid): name or "" for oid, name in rows if oid}
        self._known |= {oid: name for oid, name in found.items() if oid < _FIRST_USER_OID}
        return self._known | found

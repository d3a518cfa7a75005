"""Connections to sqldb that are kept between questions, which come from many threads.

    pool = SqlPool(parse_sql_url("postgresql://127.0.0.1:4245/glassbox"))
    pool.ask("SELECT name FROM staff WHERE id = $1", "7").rows    →   [["ann"]]

Each question has a connection for itself, an idle one or a new one, and gives it back. One that
broke in the middle of a question is thrown away, and the question is not asked again: only the
caller knows whether a statement may be carried out twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.common.resp_client import ConnectionLost
from services.sqldb.client import Answer, ClientError, SqlAddress, SqlClient

MAX_IDLE = 4


class SqlPool:
    """Any number of threads may ask at once. Raises ClientError and ConnectionLost."""

    def __init__(
        self,
        address: SqlAddress,
        *,
        application_name: str = "",
        timeout_s: float = 10.0,
        preparation: str = "",
    ):
        """`preparation` is run on each new connection: SET of what its questions need."""
        self.address = address
        self._application_name = application_name
        self._timeout_s = timeout_s
        self._preparation = preparation
        self._idle: list[SqlClient] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def ask(self, sql: str, *parameters: str | None) -> Answer:
        """One statement and its parameters."""
        with self.connection() as client:
            return client.execute(sql, parameters)

    @contextmanager
    def connection(self) -> Iterator[SqlClient]:
        """A connection for several statements; what it leaves open is not used again."""
        client = self._take()
        try:
            with self.reported():
                yield client
        except ClientError:
            self._give_back(client)
            raise
        except BaseException:
            client.close()
            raise
        self._give_back(client)

    @contextmanager
    def reported(self) -> Iterator[None]:
        """In the body, a connection that breaks is a ConnectionLost that names the server."""
        try:
            yield
        except OSError as error:
            raise self._lost(error) from error

    def _take(self) -> SqlClient:
        with self._lock:
            idle, self._idle = self._idle, []
            usable = [client for client in idle if not client.is_stale]
            found = usable.pop() if usable else None
            self._idle = usable
        for client in set(idle) - set(usable) - {found}:
            client.close()
        return found or self.connect()

    def connect(self) -> SqlClient:
        """A new connection, which the caller closes. Raises ConnectionLost."""
        try:
            client = SqlClient.at(
                self.address,
                application_name=self._application_name,
                timeout_s=self._timeout_s,
            )
            if self._preparation:
                client.run(self._preparation)
        except (OSError, ClientError) as error:
            raise self._lost(error) from error
        return client

    def _give_back(self, client: SqlClient) -> None:
        with self._lock:
            is_kept = (
                not self._is_closed
                and len(self._idle) < MAX_IDLE
                and client.transaction_status == "I"
            )
            if is_kept:
                self._idle.append(client)
        if not is_kept:
            client.close()

    def _lost(self, error: Exception) -> ConnectionLost:
        reason = getattr(error, "strerror", None) or error
        return ConnectionLost(f"{self.address.address}: {reason}")

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

"""Golden scripts, on our server and on a real PostgreSQL: both give the recorded answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.sqldb.tests.postgres import PostgresServer, postgres  # noqa: F401
from services.sqldb.tests.server import FallibleServer, SqldbServer, sqldb  # noqa: F401

pytest.importorskip("psycopg")

from services.sqldb.tests import golden

_SHARED = [topic for topic in golden.topics() if not golden.is_ours(topic)]
_OURS = [topic for topic in golden.topics() if golden.is_ours(topic)]


@pytest.mark.parametrize("topic", _SHARED)
def test_ours(topic: str, sqldb: SqldbServer) -> None:  # noqa: F811
    assert golden.run_topic(topic, sqldb) == golden.expected(topic)


@pytest.mark.parametrize("topic", _SHARED)
def test_postgres(topic: str, postgres: PostgresServer) -> None:  # noqa: F811
    assert golden.run_topic(topic, postgres) == golden.expected(topic)


@pytest.mark.parametrize("topic", _OURS)
def test_crashes(topic: str, tmp_path: Path) -> None:
    server = FallibleServer(tmp_path)
    try:
        assert golden.run_topic(topic, server) == golden.expected(topic)
    finally:
        server.close()

"""psql's commands about the catalog: each of them is a query of its own, over many tables."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from services.sqldb.tests.server import SqldbServer, sqldb  # noqa: F401

_DEFINITIONS = """
CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x', CHECK (id > 0));
CREATE TABLE part (item int REFERENCES item ON DELETE CASCADE, twice int
    GENERATED ALWAYS AS (item * 2) STORED);
CREATE VIEW cheap AS SELECT id, name FROM item WHERE id < 9;
CREATE INDEX by_name ON item (name) WHERE id > 5;
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';
CREATE SEQUENCE numbers;
COMMENT ON TABLE item IS 'a comment';
"""
_COMMANDS = (
    *(r"\d", r"\d item", r"\d+ item", r"\d part", r"\d cheap", r"\d+ cheap", r"\d by_name"),
    *(r"\d numbers", r"\d pair", r"\dt+", r"\di+", r"\dv+", r"\ds", r"\dn+", r"\dT+"),
    *(r"\dT mood", r"\dD+", r"\df+", r"\da", r"\do ->>", r"\dL+", r"\dx", r"\des", r"\dew"),
    *(r"\det", r"\deu", r"\dF", r"\dFd", r"\dFp", r"\dFt", r"\dp", r"\z item", r"\ddp"),
    *(r"\drds", r"\dconfig work_mem", r"\du+", r"\dg", r"\l", r"\db", r"\dC", r"\dc", r"\dd"),
    *(r"\dO", r"\dA+", r"\dAc", r"\dAf", r"\dAo", r"\dAp", r"\dy", r"\dRp", r"\dRs", r"\dX"),
    *(r"\dE", r"\dm", r"\dP", r"\dl", r"\sf twice", r"\sv cheap", r"\d pg_class"),
    r"\dfS abs",
)


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_no_command_fails(sqldb: SqldbServer) -> None:  # noqa: F811
    script = "\n".join((_DEFINITIONS, *_COMMANDS))
    done = subprocess.run(
        ["psql", "-X", "-q"],
        input=script,
        env=sqldb.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    shown = " ".join(done.stdout.split())
    for words in (
        "positive | integer | | not null | | CHECK (VALUE > 0)",
        "twice | integer | n integer | func",
        "name | text | | not null | 'x'::text",
        "LANGUAGE sql AS $function$SELECT n * 2$function$",
    ):
        assert words in shown

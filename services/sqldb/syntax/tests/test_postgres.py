"""The parser against a real PostgreSQL: what is accepted, and where the errors are.

A statement that is sent in a failed transaction is parsed and not run: 25P02 means that the grammar
accepts it.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.syntax import lexer, parse
from services.sqldb.syntax.tests.test_parser import CORPUS
from services.sqldb.tests.postgres import postgres  # noqa: F401

MUTATIONS = 3000
# Statements that this server refuses by name are not read word by word.
UNREAD = ("FUNCTION", "TRIGGER", "CALL", "DO ", "OWNED", "OPERATOR SEQ", "LANGUAGE", "DEFAULT d")
# In so few cases of a hundred, broken on purpose, the error may stand at another word.
TOLERATED = 0.015


@pytest.fixture(scope="module")
def connection(postgres):  # noqa: F811
    with postgres.connect() as one:
        yield one


def real(connection: Any, sql: str) -> tuple[str, int] | None:
    """The error's message and position; None if the grammar accepts the text."""
    psycopg = pytest.importorskip("psycopg")
    if connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
        connection.pgconn.exec_(b"BEGIN; SELECT 1/0")
    result = connection.pgconn.exec_(sql.encode())
    fields = psycopg.pq.DiagnosticField
    sqlstate = result.error_field(fields.SQLSTATE)
    if sqlstate is None or sqlstate == b"25P02":
        return None
    position = int(result.error_field(fields.STATEMENT_POSITION) or 0) - 1
    return result.error_field(fields.MESSAGE_PRIMARY).decode(), position


def ours(sql: str) -> tuple[str, int] | None:
    try:
        parse(sql)
    except SqlError as error:
        return error.message, error.position
    return None


def is_equal(theirs: object, mine: tuple[str, int] | None) -> bool:
    return theirs == mine or (mine is not None and mine[0].endswith("is not supported"))


def test_the_corpus_is_read_alike(connection):
    wrong = [
        (sql, theirs, mine)
        for sql in CORPUS
        if not is_equal(theirs := real(connection, sql), mine := ours(sql))
    ]
    assert wrong == []


def test_broken_statements_are_refused_at_the_same_place(connection):
    chance = random.Random(20)
    words = [_words(sql) for sql in CORPUS]
    every = [word for sentence in words for word in sentence]
    tried, wrong = 0, []
    while tried < MUTATIONS:
        sql = " ".join(_mutated(chance, list(chance.choice(words)), every))
        if not sql or any(word in sql.upper() for word in UNREAD):
            continue
        tried += 1
        theirs, mine = real(connection, sql), ours(sql)
        if not is_equal(theirs, mine):
            wrong.append((sql, theirs, mine))
    assert len(wrong) < TOLERATED * tried, wrong


def _words(sql: str) -> list[str]:
    found = lexer.tokenize(sql)
    return [sql[start:end] for start, end in zip(found.starts[:-1], found.ends[:-1], strict=True)]


def _mutated(chance: random.Random, words: list[str], every: list[str]) -> list[str]:
    """A word taken out, put in, replaced, doubled or changed with another."""
    place = chance.randrange(len(words)) if words else 0
    match chance.randrange(5) if words else 1:
        case 0:
            del words[place]
        case 1:
            words.insert(place, chance.choice(every))
        case 2:
            words[place] = chance.choice(every)
        case 3:
            words.insert(place, words[place])
        case 4:
            other = chance.randrange(len(words))
            words[place], words[other] = words[other], words[place]
    return words

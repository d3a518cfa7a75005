"""The library against what PostgreSQL 15 answered: 25,000 expressions, with types and SQLSTATEs.

The recorded answers are checked against a running PostgreSQL as well, where one is installed.
"""

from pathlib import Path

import pytest

from services.sqldb.functions.tests import golden
from services.sqldb.tests.postgres import PostgresServer, postgres  # noqa: F401

_SHOWN = 20


@pytest.mark.parametrize("topic", golden.topics(), ids=lambda path: path.stem)
def test_as_recorded(topic: Path) -> None:
    wrong = []
    for case in golden.cases(topic):
        outcome = golden.ours(case)
        if outcome != case.outcome:
            wrong.append(f"{case.expression}: {outcome}, in PostgreSQL {case.outcome}")
    assert not wrong, f"{len(wrong)} of {topic.stem}:\n" + "\n".join(wrong[:_SHOWN])


def test_records_are_still_true(postgres: PostgresServer) -> None:  # noqa: F811
    wrong = []
    with postgres.connect() as connection:
        for topic in golden.topics():
            # Every tenth suffices to see that the server is the one that was asked.
            for case in list(golden.cases(topic))[::10]:
                connection.execute(f"SET TimeZone = '{case.zone}'")
                outcome = golden.postgres_outcome(connection, case.expression)
                if outcome != case.outcome:
                    wrong.append(f"{case.expression}: {outcome}, recorded {case.outcome}")
    assert not wrong, "\n".join(wrong[:_SHOWN])

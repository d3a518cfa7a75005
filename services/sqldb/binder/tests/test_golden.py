"""What the binder says of the statements of the golden file: names, types, errors."""

import pytest

from services.sqldb.binder.tests.answers import answer, golden
from services.sqldb.binder.tests.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.parametrize(("sql", "expected"), golden())
def test_golden(world, sql, expected):
    assert answer(world, sql) == expected

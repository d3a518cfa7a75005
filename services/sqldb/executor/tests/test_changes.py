"""INSERT, UPDATE, DELETE, MERGE and row locks, by plans written by hand."""

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.executor.compiler import compile_plan
from services.sqldb.executor.tests.support import (
    World,
    column,
    constant,
    equal,
    operator,
    scan,
    values,
)
from services.sqldb.plan import nodes as n
from services.sqldb.transactions.transaction import Isolation
from services.sqldb.types import INT4


@pytest.fixture
def world():
    world = World()
    world.accounts = world.table("accounts", {"id": INT4, "balance": INT4}, required=("id",))
    world.index(world.accounts, 0, unique=True)
    world.fill(world.accounts, [(1, 50), (2, 80)])
    return world


def rows_of(world):
    return sorted(world.run(scan(world.accounts, 1), [column(1, 0), column(1, 1)]))


def insert(world, *rows, **options):
    source = (column(9, 0), column(9, 1))
    return n.Insert(values(9, *rows), world.accounts, 1, source, **options)


def add_to_balance(world, condition=None, **options):
    plan = scan(world.accounts, 1)
    if condition is not None:
        plan = n.Filter(plan, condition)
    new = operator("+", column(1, 1), constant(10))
    return n.Update(plan, world.accounts, 1, ((1, new),), 2, **options)


def test_insert_counts_and_returns(world):
    returning = (operator("+", column(1, 1), constant(1)),)
    plan = insert(world, (3, 7), (4, 8), returning=returning, returning_relation=5)
    assert world.run(plan, [column(5, 0)]) == [(8,), (9,)]
    assert world.affected == 2
    assert rows_of(world) == [(1, 50), (2, 80), (3, 7), (4, 8)]


def test_generated_columns_and_checks_see_the_new_row(world):
    generated = ((1, operator("*", column(1, 0), constant(2))),)
    world.run(insert(world, (5, 0), generated=generated), None)
    assert (5, 10) in rows_of(world)
    checks = (("positive", operator(">", column(1, 1), constant(0))),)
    with pytest.raises(SqlError) as caught:
        world.run(insert(world, (6, -1), checks=checks), None)
    error = caught.value
    assert (error.sqlstate, error.constraint) == ("23514", "positive")
    assert error.detail == "Failing row contains (6, -1)."


def test_not_null(world):
    with pytest.raises(SqlError) as caught:
        world.run(insert(world, (None, 1)), None)
    assert caught.value.sqlstate == "23502"
    assert caught.value.detail == "Failing row contains (null, 1)."
    assert 'null value in column "id" of relation "accounts"' in caught.value.message


def test_update_does_not_meet_its_own_rows(world):
    world.run(add_to_balance(world), None)
    assert world.affected == 2
    assert rows_of(world) == [(1, 60), (2, 90)]


def test_delete_with_returning(world):
    plan = n.Delete(
        n.Filter(scan(world.accounts, 1), equal(column(1, 0), constant(1))),
        world.accounts,
        1,
        (column(1, 1),),
        7,
    )
    assert world.run(plan, [column(7, 0)]) == [(50,)]
    assert rows_of(world) == [(2, 80)]


def test_on_conflict(world):
    nothing = n.ConflictClause((), None, None, 3, 4)
    world.run(insert(world, (1, 0), (3, 0), conflict=nothing), None)
    assert world.affected == 1
    added = operator("+", column(3, 1), column(4, 1))
    change = n.ConflictClause((), ((1, added),), None, 3, 4)
    world.run(insert(world, (1, 7), (4, 4), conflict=change), None)
    assert world.affected == 2
    assert rows_of(world) == [(1, 57), (2, 80), (3, 0), (4, 4)]
    with pytest.raises(SqlError) as caught:
        world.run(insert(world, (8, 1), (8, 2), conflict=change), None)
    assert caught.value.sqlstate == "21000"


def change_between(world, plan, output=None, isolation=Isolation.READ_COMMITTED):
    """Run a plan whose snapshot was taken before somebody else added 10 to all balances."""
    compiled = compile_plan(plan, output)
    mine = world.begin(isolation)
    run = world.execution(mine)
    world.run(add_to_balance(world), None)
    rows = list(compiled.rows(run))
    mine.end_statement()
    mine.commit()
    return rows, run.affected


def test_an_update_goes_on_from_what_others_have_committed_meanwhile(world):
    _, affected = change_between(world, add_to_balance(world))
    assert affected == 2
    assert rows_of(world) == [(1, 70), (2, 100)]


def test_a_row_that_fits_no_more_is_left_alone(world):
    poor = operator("<", column(1, 1), constant(55))
    _, affected = change_between(world, add_to_balance(world, poor))
    assert affected == 0
    assert rows_of(world) == [(1, 60), (2, 90)]


def test_repeatable_read_refuses_what_has_changed(world):
    with pytest.raises(SqlError) as caught:
        change_between(world, add_to_balance(world), isolation=Isolation.REPEATABLE_READ)
    assert caught.value.sqlstate == "40001"


def test_for_update_shows_the_row_as_it_is_now(world):
    plan = n.LockRows(scan(world.accounts, 1), (1,), n.RowLockMode.UPDATE, n.LockWait.BLOCK)
    rows, _ = change_between(world, plan, (column(1, 0), column(1, 1)))
    assert rows == [(1, 60), (2, 90)]


class Watch:
    """Remembers what it is told."""

    def __init__(self):
        self.seen = []

    def after(self, old, new):
        self.seen.append((old and old.values, new and new.values))

    def finish(self):
        self.seen.append("end")


def test_hooks_hear_of_every_row_and_of_the_end(world):
    watch = world.watchers[world.accounts.oid] = Watch()
    world.run(insert(world, (3, 1)), None)
    world.run(add_to_balance(world, equal(column(1, 0), constant(3))), None)
    world.run(n.Delete(scan(world.accounts, 1), world.accounts, 1), None)
    assert watch.seen[:4] == [(None, (3, 1)), "end", ((3, 1), (3, 11)), "end"]
    assert ((1, 50), None) in watch.seen
    assert watch.seen[-1] == "end"


def test_merge(world):
    source = values(9, (1, 5), (7, 5))
    joined = n.HashJoin(
        n.JoinKind.LEFT, source, scan(world.accounts, 1), (column(9, 0),), (column(1, 0),)
    )
    added = operator("+", column(1, 1), column(9, 1))
    whens = (
        n.MergeWhen(True, None, n.MergeAction.UPDATE, ((1, added),)),
        n.MergeWhen(False, None, n.MergeAction.INSERT, ((0, column(9, 0)), (1, column(9, 1)))),
    )
    world.run(n.Merge(joined, world.accounts, 1, whens, 2), None)
    assert world.affected == 2
    assert rows_of(world) == [(1, 55), (2, 80), (7, 5)]


def test_an_interrupt_ends_a_long_scan(world):
    many = world.table("many", {"a": INT4})
    world.fill(many, [(at,) for at in range(5000)])
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 3:
            raise SqlError("57014", "canceling statement due to user request")

    own = world.begin()
    compiled = compile_plan(scan(many, 1), (column(1, 0),))
    run = world.execution(own, check=check)
    with pytest.raises(SqlError) as caught:
        list(compiled.rows(run))
    assert caught.value.sqlstate == "57014"
    own.rollback()


def test_analyzed_plans_count_rows_and_loops(world):
    plan = n.Filter(scan(world.accounts, 1), operator(">", column(1, 1), constant(60)))
    compiled = compile_plan(plan, (column(1, 0),), is_analyzed=True)
    own = world.begin()
    run = world.execution(own)
    assert list(compiled.rows(run)) == [(2,)]
    own.commit()
    assert run.instruments.of(plan).rows == 1
    assert run.instruments.of(plan.input).rows == 2
    assert run.instruments.of(plan.input).loops == 1

"""Table and advisory locks: the matrix, the line, timeouts, deadlocks, cancelling."""

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.storage.tests.sessions import Session, table_with_key
from services.sqldb.transactions.advisory import SessionLocks, tag_of, tag_of_pair
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.transactions.system import TransactionSystem

MATRIX = """
    AS  .  .  .  .  .  .  .  x
    RS  .  .  .  .  .  .  x  x
    RX  .  .  .  .  x  x  x  x
    SUX .  .  .  x  x  x  x  x
    S   .  .  x  x  .  x  x  x
    SRX .  .  x  x  x  x  x  x
    X   .  x  x  x  x  x  x  x
    AX  x  x  x  x  x  x  x  x
"""
"""Section 13.3.1 of PostgreSQL's manual, table 13.2."""


@pytest.fixture
def system():
    return TransactionSystem(lambda writes, transaction: None)


@pytest.fixture
def sessions(system):
    return [Session(system, pid).begin() for pid in (11, 12, 13, 14)]


def lock(session, mode, oid=5, **options):
    def body():
        with session.system.latch:
            try:
                return session.transaction.lock_table(oid, mode, **options)
            except SqlError:
                session.transaction.fail()
                raise

    return body


def failure(session):
    with pytest.raises(SqlError) as caught:
        session.result()
    return caught.value


@pytest.mark.parametrize("held", list(LockMode))
@pytest.mark.parametrize("wanted", list(LockMode))
def test_the_matrix(sessions, held, wanted):
    one, two, *_ = sessions
    cells = [line.split()[1:] for line in MATRIX.strip().splitlines()]
    assert one.do(lock(one, held))
    assert two.do(lock(two, wanted, waits=False)) == (cells[held - 1][wanted - 1] == ".")


def test_titles():
    assert LockMode.SHARE_ROW_EXCLUSIVE.title == "ShareRowExclusiveLock"


def test_nobody_passes_the_line(sessions):
    one, two, three, four = sessions
    one.do(lock(one, LockMode.ACCESS_SHARE))
    assert two.begin_to(lock(two, LockMode.ACCESS_EXCLUSIVE)).waits
    assert three.begin_to(lock(three, LockMode.ACCESS_SHARE)).waits  # Or two would starve.
    assert one.do(lock(one, LockMode.ROW_EXCLUSIVE))  # Who holds it already needn't wait.
    one.commit()
    assert two.result() and three.waits
    assert four.begin_to(lock(four, LockMode.ACCESS_SHARE)).waits
    two.commit()
    assert three.result() and four.result()
    three.commit()
    four.commit()
    assert not one.system.locks._locks


def test_lock_timeout(sessions):
    one, two, three, _ = sessions
    one.do(lock(one, LockMode.EXCLUSIVE))
    two.backend.lock_timeout_s = 0.01
    two.begin_to(lock(two, LockMode.ACCESS_EXCLUSIVE))
    error = failure(two)
    assert (error.sqlstate, error.message) == (
        "55P03", "canceling statement due to lock timeout",
    )  # fmt: skip
    assert three.do(lock(three, LockMode.ACCESS_SHARE, waits=False))  # The line is free again.


def test_statement_timeout(sessions):
    one, two, *_ = sessions
    one.do(lock(one, LockMode.EXCLUSIVE))
    two.backend.interrupts.start_clock(0.01)
    two.begin_to(lock(two, LockMode.EXCLUSIVE))
    error = failure(two)
    assert (error.sqlstate, error.message) == (
        "57014", "canceling statement due to statement timeout",
    )  # fmt: skip


def test_cancel_and_terminate(sessions):
    one, two, three, _ = sessions
    one.do(lock(one, LockMode.EXCLUSIVE))
    assert two.begin_to(lock(two, LockMode.EXCLUSIVE)).waits
    assert three.begin_to(lock(three, LockMode.EXCLUSIVE)).waits
    two.backend.interrupts.cancel()
    error = failure(two)
    assert (error.sqlstate, error.message) == ("57014", "canceling statement due to user request")
    three.backend.interrupts.terminate()
    error = failure(three)
    assert (error.sqlstate, error.severity) == ("57P01", "FATAL")
    one.commit()
    assert not one.system.locks._locks


def test_savepoints_give_locks_back(sessions):
    one, two, *_ = sessions
    one.do(lock(one, LockMode.ACCESS_SHARE))
    one.savepoint("s")
    one.do(lock(one, LockMode.ACCESS_EXCLUSIVE))
    assert two.begin_to(lock(two, LockMode.ACCESS_SHARE)).waits
    one.rollback_to("s")
    assert two.result()
    assert not two.do(lock(two, LockMode.ACCESS_EXCLUSIVE, waits=False))


# Deadlocks.


def test_a_deadlock_of_two(sessions):
    one, two, three, _ = sessions
    one.do(lock(one, LockMode.ACCESS_EXCLUSIVE, 5))
    two.do(lock(two, LockMode.ACCESS_EXCLUSIVE, 6))
    assert one.begin_to(lock(one, LockMode.ACCESS_SHARE, 6)).waits
    two.begin_to(lock(two, LockMode.ROW_EXCLUSIVE, 5))
    error = failure(two)
    assert (error.sqlstate, error.message) == ("40P01", "deadlock detected")
    assert error.detail == (
        "Process 12 waits for RowExclusiveLock on relation 5 of database 5; "
        "blocked by process 11.\n"
        "Process 11 waits for AccessShareLock on relation 6 of database 5; blocked by process 12."
    )
    assert error.hint == "See server log for query details."
    assert one.result()  # The other goes on, since `fail` gave its locks back.
    assert three.do(lock(three, LockMode.ACCESS_SHARE, 6, waits=False))


def test_a_deadlock_of_three_and_upgrades(sessions):
    one, two, three, _ = sessions
    for at, each in enumerate((one, two, three)):
        each.do(lock(each, LockMode.EXCLUSIVE, at))
    assert one.begin_to(lock(one, LockMode.EXCLUSIVE, 1)).waits
    assert two.begin_to(lock(two, LockMode.EXCLUSIVE, 2)).waits
    three.begin_to(lock(three, LockMode.EXCLUSIVE, 0))
    assert failure(three).detail.count("waits for") == 3
    assert two.result()
    two.commit()
    assert one.result()


def test_both_want_more_of_the_same(sessions):
    one, two, *_ = sessions
    for each in (one, two):
        each.do(lock(each, LockMode.SHARE))
    assert one.begin_to(lock(one, LockMode.EXCLUSIVE)).waits
    two.begin_to(lock(two, LockMode.EXCLUSIVE))
    assert failure(two).sqlstate == "40P01"
    assert one.result()


def test_a_deadlock_on_rows(system):
    test = table_with_key()
    one, two, three = (Session(system, pid) for pid in (11, 12, 13))
    one.insert(test, (1, 0), (2, 0))

    def change(session, number):
        return session.update, test, lambda row: row[0] == number, lambda row: (number, session)

    one.begin()
    two.begin()
    one.do(*change(one, 1))
    two.do(*change(two, 2))
    assert one.begin_to(*change(one, 2)).waits
    assert three.begin_to(*change(three, 2)).waits  # In line for the row behind the first.
    two.begin_to(*change(two, 1))
    error = failure(two)
    assert error.context == 'while updating tuple (0,1) in relation "test"'
    assert error.detail == (
        f"Process 12 waits for ShareLock on transaction {one.transaction.xid}; "
        "blocked by process 11.\n"
        f"Process 11 waits for ShareLock on transaction {two.transaction.xid}; "
        "blocked by process 12."
    )
    assert one.result() == 1
    one.commit()
    assert three.result() == 1
    assert not system.locks._locks


def test_a_failed_transaction_ends_once(system):
    session = Session(system, 11).begin()
    with system.latch:
        session.transaction.assign_xid()
        session.transaction.fail()
        # Those who waited for its end may not have woken yet when the client says ROLLBACK.
        session.transaction.rollback()
    assert system.rollbacks_total == 1


# Advisory locks.


def test_advisory_locks(system, sessions):
    one, two, *_ = sessions
    mine, yours = (SessionLocks(system.locks, each.backend) for each in (one, two))
    tag = tag_of(5_000_000_000)
    assert tag == ("advisory", 1, 705032704, 1) and tag_of(-1) == tag_of(2**64 - 1)
    assert tag_of_pair(1, -1) == ("advisory", 1, 2**32 - 1, 2)
    with system.latch:
        assert mine.lock(tag) and mine.lock(tag)
        assert not yours.lock(tag, waits=False) and not yours.unlock(tag)
        assert one.transaction.lock(tag, LockMode.EXCLUSIVE)
        assert mine.unlock(tag) and mine.unlock(tag) and not mine.unlock(tag)
        assert not yours.lock(tag, waits=False)
        one.transaction.commit()
        assert yours.lock(tag, is_shared=True)
        assert mine.lock(tag, is_shared=True) and not mine.lock(tag, waits=False)
        mine.unlock_all()
        assert yours.lock(tag)
        yours.unlock_all()
    assert not system.locks._locks


# For people who look.


def test_the_listing(system, sessions):
    one, two, *_ = sessions
    one.do(lock(one, LockMode.EXCLUSIVE))
    two.begin_to(lock(two, LockMode.SHARE))
    with system.latch:
        listed = [
            (tag, mode, backend.pid, is_granted)
            for tag, mode, backend, is_granted, _ in system.locks.listing()
        ]
        assert listed == [
            (("relation", 5), LockMode.EXCLUSIVE, 11, True),
            (("relation", 5), LockMode.SHARE, 12, False),
        ]
        assert [each.pid for each in system.locks.blockers_of(two.backend)] == [11]
        assert system.locks.blockers_of(one.backend) == []
    one.commit()
    two.result()

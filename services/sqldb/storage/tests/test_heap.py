"""Rows, who may write them, and what becomes of indexes; histories against a naive model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.errors import SqlError
from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.storage.index_key import IndexKey, KeyColumn, KeyRange
from services.sqldb.storage.tests.sessions import Session, made_system, table_with_key
from services.sqldb.transactions.mvcc import FREE
from services.sqldb.transactions.row_locks import RowLock, WaitPolicy
from services.sqldb.transactions.transaction import Isolation


@pytest.fixture
def system():
    return made_system()[0]


@pytest.fixture
def sessions(system):
    return [Session(system, pid) for pid in (11, 12, 13)]


@pytest.fixture
def test():
    return table_with_key()


def with_id(number):
    return lambda row: row[0] == number


def failure(session, sqlstate):
    with pytest.raises(SqlError) as caught:
        session.result()
    assert caught.value.sqlstate == sqlstate
    return caught.value


# Statements and savepoints.


def test_a_statement_does_not_see_what_it_does(sessions, test):
    one = sessions[0].begin()
    one.insert(test, (1, 1))

    def double(transaction, snapshot):
        for version in test.versions(snapshot):
            test.insert(transaction, (version.values[0] + 1, 0))
            assert test.claim(transaction, version, (9, 9)) is version
            test.update(transaction, version, (1, 9))
        return [v.values for v in test.versions(snapshot)]

    assert one._statement(double) == [(1, 1)]
    assert one.select(test) == [(1, 9), (2, 0)]
    one.commit()


def test_a_row_is_changed_once_by_a_command(sessions, test):
    sessions[0].insert(test, (1, 1))

    def twice(transaction, snapshot):
        version = next(test.versions(snapshot))
        test.update(transaction, test.claim(transaction, version, (1, 2)), (1, 2))
        return test.claim(transaction, version, (1, 3))

    assert sessions[0]._statement(twice) is None


def test_savepoints(sessions, test):
    one = sessions[0].begin()
    one.insert(test, (1, 1))
    one.savepoint("a")
    one.update(test, with_id(1), lambda row: (1, 2))
    one.insert(test, (2, 2))
    one.savepoint("b")
    one.delete(test, lambda row: True)
    assert one.select(test) == []
    one.rollback_to("b")
    assert one.select(test) == [(1, 2), (2, 2)]
    one.rollback_to("a")
    assert one.select(test) == [(1, 1)]
    with pytest.raises(SqlError, match="3B001"):
        one.rollback_to("b")
    one.rollback_to("a")
    one.commit()
    assert one.select(test) == [(1, 1)]


def test_an_error_undoes_back_to_the_last_savepoint(sessions, test):
    one, two, _ = sessions
    two.insert(test, (5, 0))
    one.begin()
    one.insert(test, (1, 1))
    one.savepoint("a")
    with pytest.raises(SqlError):
        one.insert(test, (2, 2), (5, 5))
    one.rollback_to("a")
    assert one.select(test) == [(1, 1), (5, 0)]
    with pytest.raises(SqlError):
        one.insert(test, (3, 3), (5, 5))
    one.rollback()
    assert two.select(test) == [(5, 0)]
    assert test.indexes[0].tree.count == 1


def test_a_cursor_keeps_its_snapshot(system, sessions, test):
    one, two, _ = sessions
    two.insert(test, (1, 1))
    one.begin()
    with system.latch:
        snapshot = one.transaction.begin_statement()
        one.transaction.hold(snapshot)
        one.transaction.end_statement()
    two.update(test, with_id(1), lambda row: (1, 2))
    two.delete(test, with_id(1))
    assert [v.values for v in test.versions(snapshot)] == [(1, 1)]
    with system.latch:
        one.transaction.let_go(snapshot)
    two.insert(test, (2, 2))
    assert test.rows[0] is FREE or test.rows[0].values == (2, 2)


# Uniqueness.


def test_a_duplicate_key(sessions, test):
    sessions[0].insert(test, (1, 1))
    with pytest.raises(SqlError) as caught:
        sessions[1].insert(test, (1, 2))
    error = caught.value
    assert (error.sqlstate, error.constraint, error.table, error.schema) == (
        "23505", "test_pkey", "test", "public",
    )  # fmt: skip
    assert error.message == 'duplicate key value violates unique constraint "test_pkey"'
    assert error.detail == "Key (id)=(1) already exists."


def test_a_key_is_free_again(sessions, test):
    one = sessions[0]
    one.insert(test, (1, 1))
    one.delete(test, with_id(1))
    one.insert(test, (1, 2))
    one.update(test, with_id(1), lambda row: (5, 5))
    one.insert(test, (1, 3))
    one.begin()
    one.delete(test, with_id(1))
    one.insert(test, (1, 4))
    one.commit()
    assert one.select(test) == [(1, 4), (5, 5)]


@pytest.mark.parametrize("commits", [True, False])
def test_an_inserter_waits_for_the_other_one(sessions, test, commits):
    one, two, _ = sessions
    one.begin()
    one.insert(test, (1, 1))
    assert two.begin_to(two.insert, test, (1, 2)).waits
    if commits:
        one.commit()
        failure(two, "23505")
    else:
        one.rollback()
        two.result()
    assert one.select(test) == [(1, 1 if commits else 2)]


@pytest.mark.parametrize("commits", [True, False])
def test_an_inserter_waits_for_a_deleter(sessions, test, commits):
    one, two, _ = sessions
    one.insert(test, (1, 1))
    one.begin()
    one.update(test, with_id(1), lambda row: (2, 1))
    assert two.begin_to(two.insert, test, (1, 2)).waits
    if commits:
        one.commit()
        two.result()
        assert one.select(test) == [(1, 2), (2, 1)]
    else:
        one.rollback()
        failure(two, "23505")


def test_nulls_are_distinct_unless_asked_otherwise(sessions):
    test = Heap(5, "test")
    key = IndexKey([KeyColumn()], positions=[1])
    test.indexes.append(HeapIndex(test, 6, "u", key, is_unique=True))
    sessions[0].insert(test, (1, None), (2, None), (3, 3))
    test.indexes[0].nulls_distinct = False
    with pytest.raises(SqlError, match="23505"):
        sessions[0].insert(test, (4, None))


def test_a_partial_index_on_an_expression(sessions):
    test = Heap(5, "test")
    key = IndexKey([KeyColumn()], extract=lambda row: (row[1].lower(),))
    index = HeapIndex(test, 6, "u", key, is_unique=True, predicate=lambda row: row[0] > 10)
    test.indexes.append(index)
    one = sessions[0]
    one.insert(test, (1, "A"), (2, "a"), (11, "a"))
    with pytest.raises(SqlError, match="23505"):
        one.insert(test, (12, "A"))
    with pytest.raises(SqlError, match="23505"):
        one.update(test, with_id(2), lambda row: (20, "a"))
    one.update(test, with_id(11), lambda row: (3, "a"))
    one.update(test, with_id(2), lambda row: (20, "a"))
    assert one.by_key(index, "a") == [(20, "a")]


def test_deferrable_uniqueness(sessions):
    test = table_with_key(is_deferrable=True)
    one = sessions[0]
    one.insert(test, (1, "x"), (2, "y"))
    one.update(test, lambda row: True, lambda row: (row[0] + 1, row[1]))  # 1 → 2 while 2 is there
    assert one.select(test) == [(2, "x"), (3, "y")]
    one.begin()
    with pytest.raises(SqlError, match="23505"):
        one.insert(test, (2, "z"))  # At the end of the statement.
    one.rollback()
    one.begin()
    with one.system.latch:
        one.transaction.set_constraints(None, deferred=True)
    one.insert(test, (2, "z"))
    one.delete(test, lambda row: row[1] == "x")
    one.commit()
    one.begin()
    with one.system.latch:
        one.transaction.set_constraints(test.indexes[0].oid, deferred=True)
    one.insert(test, (2, "again"))
    with pytest.raises(SqlError, match="23505"):
        one.commit()
    assert one.select(test) == [(2, "z"), (3, "y")]


def test_building_an_index(system, sessions, test):
    one, two, _ = sessions
    one.insert(test, (1, "b"), (2, "a"), (3, "b"))
    one.begin(Isolation.REPEATABLE_READ)
    one.select(test)
    two.update(test, with_id(1), lambda row: (1, "c"))
    index = HeapIndex(test, 7, "i", IndexKey([KeyColumn()], positions=[1]))
    with system.latch:
        index.build()
        test.indexes.append(index)
    assert one.by_key(index, "b") == [(1, "b"), (3, "b")] and one.by_key(index, "c") == []
    assert two.by_key(index, "b") == [(3, "b")] and two.by_key(index, "c") == [(1, "c")]
    unique = HeapIndex(test, 8, "u", IndexKey([KeyColumn()], positions=[1]), is_unique=True)
    two.insert(test, (4, "a"))
    with pytest.raises(SqlError) as caught, system.latch:
        unique.build()
    assert caught.value.message == 'could not create unique index "u"'


# Row locks.

LOCKS = list(RowLock)
CONFLICTS = {
    (0, 3), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 0), (3, 1), (3, 2), (3, 3),
}  # fmt: skip


@pytest.mark.parametrize("held", LOCKS)
@pytest.mark.parametrize("wanted", LOCKS)
def test_the_matrix_of_row_locks(sessions, test, held, wanted):
    one, two, _ = sessions
    one.insert(test, (1, 1))
    one.begin()
    assert one.lock(test, with_id(1), held) == [(1, 1)]
    two.begin_to(two.lock, test, with_id(1), wanted)
    assert two.waits == ((held, wanted) in CONFLICTS)
    one.commit()
    assert two.result() == [(1, 1)]
    assert not test.row_locks


def test_writes_are_locks(sessions, test):
    one, two, _ = sessions
    one.insert(test, (1, 1))
    one.begin()
    one.update(test, with_id(1), lambda row: (1, 2))  # Not of the key.
    assert two.do(two.lock, test, with_id(1), RowLock.KEY_SHARE) == [(1, 1)]
    assert two.begin_to(two.lock, test, with_id(1), RowLock.SHARE).waits
    one.commit()
    assert two.result() == [(1, 2)]
    one.begin()
    one.update(test, with_id(1), lambda row: (9, 2))  # Of the key.
    assert two.begin_to(two.lock, test, with_id(1), RowLock.KEY_SHARE).waits
    one.commit()
    assert two.result() == []  # It isn't row 1 any more.


def test_a_weak_lock_passes_an_update_in_progress(sessions, test):
    """The newest committed version is the answer, though a newer one is being made."""
    one, two, three = sessions
    one.insert(test, (1, 1))

    def body(transaction, snapshot):
        seen = next(test.versions(snapshot))
        one.update(test, with_id(1), lambda row: (1, 2))
        two.begin()
        two.update(test, with_id(1), lambda row: (1, 3))
        locked = test.lock_row(transaction, seen, RowLock.KEY_SHARE)
        return seen.values, locked.values

    assert three._statement(body) == ((1, 1), (1, 2))
    two.commit()


def test_skip_locked_and_nowait(sessions, test):
    one, two, _ = sessions
    one.insert(test, (1, 1), (2, 2))
    one.begin()
    one.lock(test, with_id(1))
    assert two.do(two.lock, test, lambda row: True, RowLock.UPDATE, WaitPolicy.SKIP) == [(2, 2)]
    two.begin_to(two.lock, test, with_id(1), RowLock.UPDATE, WaitPolicy.NOWAIT)
    error = failure(two, "55P03")
    assert error.message == 'could not obtain lock on row in relation "test"'


def test_locks_go_with_their_savepoint(sessions, test):
    one, two, _ = sessions
    one.insert(test, (1, 1), (2, 2))
    one.begin()
    one.lock(test, with_id(1), RowLock.KEY_SHARE)
    one.savepoint("s")
    one.lock(test, lambda row: True, RowLock.UPDATE)
    assert two.begin_to(two.lock, test, with_id(2)).waits
    one.rollback_to("s")
    assert two.result() == [(2, 2)]
    assert two.do(two.lock, test, with_id(1), RowLock.SHARE) == [(1, 1)]
    assert two.begin_to(two.lock, test, with_id(1), RowLock.UPDATE).waits
    one.commit()
    two.result()


def test_one_after_the_other(sessions, test):
    """Each takes the row in the order in which they came."""
    one, two, three = sessions
    one.insert(test, (1, ""))
    one.begin()
    one.update(test, with_id(1), lambda row: (1, row[1] + "a"))
    two.begin()
    three.begin()
    assert two.begin_to(two.update, test, with_id(1), lambda row: (1, row[1] + "b")).waits
    assert three.begin_to(three.update, test, with_id(1), lambda row: (1, row[1] + "c")).waits
    one.commit()
    two.result()
    assert three.waits
    two.commit()
    three.result()
    three.commit()
    assert one.select(test) == [(1, "abc")]


# ON CONFLICT.


def test_upsert(sessions, test):
    one, two, _ = sessions
    indexes = test.indexes
    assert one.upsert(test, indexes, (1, 1), lambda row: (1, row[1] + 1)) == "inserted"
    assert one.upsert(test, indexes, (1, 1), lambda row: (1, row[1] + 1)) == "updated"
    one.begin()
    one.insert(test, (2, 1))
    assert two.begin_to(two.upsert, test, indexes, (2, 0), lambda row: (2, row[1] + 5)).waits
    one.commit()
    assert two.result() == "updated"
    assert one.select(test) == [(1, 2), (2, 6)]


def test_upsert_of_a_row_that_this_command_made(sessions, test):
    def twice(transaction, _):
        test.insert(transaction, (1, 1))
        test.find_conflict(transaction, (1, 2), test.indexes, is_to_be_updated=True)

    with pytest.raises(SqlError, match="21000"):
        sessions[0]._statement(twice)


def test_upsert_under_repeatable_read(sessions, test):
    one, two, _ = sessions
    one.begin(Isolation.REPEATABLE_READ)
    one.select(test)
    two.insert(test, (1, 1))
    with pytest.raises(SqlError, match="40001"):
        one.upsert(test, test.indexes, (1, 1), lambda row: row)


# Truncate, and the vacuum.


def test_truncate_is_undone(sessions, test):
    one = sessions[0]
    one.insert(test, (1, 1), (2, 2))

    def truncate(transaction, _):
        test.truncate(transaction)
        test.insert(transaction, (1, 5))

    one.begin()
    one._statement(truncate)
    assert one.select(test) == [(1, 5)] and one.by_key(test.indexes[0], 2) == []
    one.rollback()
    assert one.select(test) == [(1, 1), (2, 2)] and one.by_key(test.indexes[0], 2) == [(2, 2)]
    one._statement(truncate)
    assert one.select(test) == [(1, 5)]
    assert test.pins == 0


def test_commits_free_what_nobody_sees(sessions, test):
    one, two, _ = sessions
    one.insert(test, (1, 0))
    two.begin(Isolation.REPEATABLE_READ)
    two.select(test)
    for _ in range(200):
        one.update(test, with_id(1), lambda row: (1, row[1] + 1))
    assert test.counts.dead == 200
    assert two.select(test) == [(1, 0)]
    two.commit()
    for _ in range(10):
        one.update(test, with_id(1), lambda row: (1, row[1] + 1))
    assert test.counts.dead <= 1 and test.rows[0].older is None
    one.delete(test, with_id(1))
    one.insert(test, (2, 0))
    assert len(test.rows) == 1 and test.indexes[0].tree.count == 1 and test.free == []


class History:
    """Transactions at two levels against a model that copies everything.

    One thread: what would have to wait is not done, the rest must be as the model says.
    """

    def __init__(self):
        self.system, self.vacuum = made_system()
        self.heap = table_with_key()
        by_value = IndexKey([KeyColumn(is_descending=True)], positions=[1])
        self.heap.indexes.append(HeapIndex(self.heap, 99, "v", by_value))
        self.committed = {}
        self.clock = 0
        self.changed_at = {}
        self.sessions = [Session(self.system, pid) for pid in range(3)]
        self.views = {}
        self.viewed_at = {}
        self.own = {}
        self.marks = {}

    def view_of(self, at):
        is_kept = self.sessions[at].transaction.isolation is not Isolation.READ_COMMITTED
        if self.views[at] is None or not is_kept:
            self.views[at], self.viewed_at[at] = dict(self.committed), self.clock
        return {k: v for k, v in (self.views[at] | self.own[at]).items() if v is not None}

    def begin(self, at, level):
        self.sessions[at].begin(level)
        self.views[at], self.own[at], self.marks[at] = None, {}, []

    def put(self, at, key, value):
        """Insert, update or delete, whatever it is; a wait isn't begun."""
        if any(key in self.own[other] for other in self.own if other != at):
            return
        session, seen = self.sessions[at], self.view_of(at)
        is_stale = self.changed_at.get(key, 0) > self.viewed_at[at] and key not in self.own[at]
        change = None if value is None else (key, value)
        if key in seen and is_stale:
            with pytest.raises(SqlError, match="40001"):
                session.update(self.heap, with_id(key), lambda row: change)
            self.end(at, commits=False)
        elif key in seen:
            assert session.update(self.heap, with_id(key), lambda row: change) == 1
            self.own[at][key] = value
        elif change is not None and (self.own[at] | self.committed).get(key) is None:
            session.insert(self.heap, change)
            self.own[at][key] = value

    def savepoint(self, at):
        self.sessions[at].savepoint("s")
        self.marks[at].append(dict(self.own[at]))

    def rollback_to(self, at):
        if self.marks[at]:
            self.sessions[at].rollback_to("s")
            self.own[at] = dict(self.marks[at][-1])

    def end(self, at, *, commits):
        if commits:
            self.sessions[at].commit()
            self.clock += 1
            for key, value in self.own[at].items():
                self.changed_at[key] = self.clock
                self.committed.pop(key, None)
                if value is not None:
                    self.committed[key] = value
        else:
            self.sessions[at].rollback()
        del self.own[at], self.views[at], self.marks[at]

    def check(self):
        """All see what they should, by every way."""
        key, by_value = self.heap.indexes
        for at in self.own:
            expected = sorted(self.view_of(at).items())
            session = self.sessions[at]
            assert session.select(self.heap) == expected
            assert session.in_range(key, KeyRange()) == expected
            assert session.in_range(key, KeyRange(), backward=True) == expected[::-1]
            assert sorted(session.in_range(by_value, KeyRange())) == expected
            for number in range(4):
                assert session.by_key(key, number) == [r for r in expected if r[0] == number]

    def check_rest(self):
        """When no transaction runs, nothing is left of all that was superseded or undone."""
        with self.system.latch:
            self.vacuum.free()
        heap = self.heap
        heads = [head for head in heap.rows if head is not FREE]
        assert sorted(head.values for head in heads) == sorted(self.committed.items())
        assert all(head.older is None and head.xmax == 0 for head in heads)
        assert all(index.tree.count == len(heads) for index in heap.indexes)
        assert len(heap.free) == len(heap.rows) - len(heads)
        assert heap.counts.live == len(heads) and heap.counts.dead == 0
        assert not heap.row_locks and not self.vacuum.history


WHAT = ["put", "put", "put", "put", "savepoint", "rollback_to", "commit", "commit", "rollback"]
steps = st.tuples(
    st.sampled_from(WHAT), st.integers(0, 2), st.integers(0, 3), st.none() | st.integers(0, 2),
    st.sampled_from([Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ]),
)  # fmt: skip


@given(st.lists(steps, min_size=20, max_size=60))
@settings(max_examples=150, deadline=None)
def test_histories(steps):
    history = History()
    for what, at, key, value, level in steps:
        if at not in history.own:
            history.begin(at, level)
        if what == "put":
            history.put(at, key, value)
        elif what == "savepoint":
            history.savepoint(at)
        elif what == "rollback_to":
            history.rollback_to(at)
        else:
            history.end(at, commits=what == "commit")
        history.check()
    for at in list(history.own):
        history.end(at, commits=True)
    history.check_rest()

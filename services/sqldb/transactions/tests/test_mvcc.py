"""Snapshots, xids and the horizon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sqldb.transactions.mvcc import FREE, NEVER, Snapshot, Version
from services.sqldb.transactions.system import TransactionSystem
from services.sqldb.transactions.transaction import Isolation


class Reader:
    serializable = None

    def __init__(self, xid):
        self.xid = xid


@pytest.fixture
def system():
    return TransactionSystem(lambda writes, transaction: None)


def test_the_example_of_the_essay():
    oldest = Version((7, "ann", 50), 12, 0, 7)
    middle = Version((7, "ann", 80), 20, 0, 7, oldest)
    newest = Version((7, "ann", 90), 31, 0, 7, middle)
    oldest.xmax, middle.xmax = 20, 31
    assert Snapshot(Reader(0), 31, 33, frozenset({31}), 0).visible(newest) is middle
    assert Snapshot(Reader(0), 33, 33, frozenset(), 0).visible(newest) is newest
    assert Snapshot(Reader(0), 13, 20, frozenset(), 0).visible(newest) is oldest
    assert Snapshot(Reader(0), 12, 12, frozenset(), 0).visible(newest) is None
    newest.xmax = 32
    assert Snapshot(Reader(0), 33, 33, frozenset(), 0).visible(newest) is None
    assert Snapshot(Reader(0), 32, 33, frozenset({32}), 0).visible(newest) is newest


def test_own_changes_by_command():
    version = Version((1,), 9, 3, 0)
    assert Snapshot(Reader(9), 9, 10, frozenset({9}), 3).visible(version) is None
    assert Snapshot(Reader(9), 9, 10, frozenset({9}), 4).visible(version) is version
    version.xmax, version.cmax = 9, 5
    assert Snapshot(Reader(9), 9, 10, frozenset({9}), 5).visible(version) is version
    assert Snapshot(Reader(9), 9, 10, frozenset({9}), 6).visible(version) is None


def test_nobody_sees_a_free_place():
    assert Snapshot(Reader(0), NEVER, NEVER, frozenset(), 9).visible(FREE) is None


@given(
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=5),
    st.sets(st.integers(1, 12)),
    st.integers(1, 12),
)
def test_against_the_definition(history, running, xmax):
    """The newest version whose maker was over, unless what ended it was over too."""
    version = None
    model = []  # Maker and ender of each, the oldest first.
    for xid, is_delete in history:
        if model:
            if model[-1][1]:
                break
            model[-1][1] = version.xmax = xid
        if is_delete and model:
            break
        version = Version((len(model),), xid, 0, 0, version)
        model.append([xid, 0])
    running = frozenset(xid for xid in running if xid < xmax)
    snapshot = Snapshot(Reader(0), min(running, default=xmax), xmax, running, 0)

    def was_over(xid):
        return xid < xmax and xid not in running

    seen = [
        at
        for at, (maker, ender) in enumerate(model)
        if was_over(maker) and not (ender and was_over(ender))
    ]
    # Chains in which a later maker was over and an earlier one not do not arise: rows are locked.
    makers = [was_over(maker) for maker, _ in model]
    if makers == sorted(makers, reverse=True):
        found = snapshot.visible(version)
        assert (found.values[0] if found else None) == (seen[-1] if seen else None)
        assert all(snapshot.sees(xid) == was_over(xid) for xid in range(1, 15))


def test_xids_are_given_to_writers_alone(system):
    with system.latch:
        one, two = (system.begin(system.backend(pid)) for pid in (1, 2))
        reader = system.begin(system.backend(3))
        assert (one.assign_xid(), two.assign_xid(), one.assign_xid()) == (3, 4, 3)
        snapshot = reader.begin_statement()
        assert repr(snapshot) == "3:5:3,4"
        two.commit()
        assert repr(reader.begin_statement()) == "3:5:3"
        one.rollback()
        assert repr(reader.begin_statement()) == "5:5:"
        assert reader.xid == 0


def test_the_horizon(system):
    with system.latch:
        procarray = system.procarray
        one, two, reader = (system.begin(system.backend(pid)) for pid in (1, 2, 3))
        assert procarray.horizon() == 3
        one.assign_xid()
        two.assign_xid()
        assert procarray.horizon() == 3
        with reader.statement() as snapshot:
            one.commit()
            assert procarray.horizon() == 3  # The reader's snapshot.
            reader.hold(snapshot)
        assert procarray.horizon() == 3
        reader.let_go(snapshot)
        assert procarray.horizon() == 4
        two.commit()
        assert procarray.horizon() == 5
        keeper = system.begin(system.backend(4), Isolation.REPEATABLE_READ)
        with keeper.statement():
            pass
        system.begin(system.backend(5)).assign_xid()
        assert procarray.horizon() == 5
        keeper.rollback()


def test_callbacks_and_what_savepoints_do_to_them(system):
    told = []
    with system.latch:
        one = system.begin(system.backend(1))
        one.at_end(lambda is_committed: told.append(("a", is_committed)))
        one.savepoint("s")
        one.on_undo(lambda: told.append("undone"))
        one.at_end(lambda is_committed: told.append(("b", is_committed)))
        one.rollback_to("s")
        one.release("s")
        one.commit()
        assert told == ["undone", ("a", True)]
        two = system.begin(system.backend(2))
        two.at_end(lambda is_committed: told.append(("c", is_committed)))
        two.fail()
        two.rollback()
        assert told[2:] == [("c", False)]

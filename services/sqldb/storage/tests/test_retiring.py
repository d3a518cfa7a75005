"""A commit of many rows lets others in while it notes what it has superseded."""

from services.sqldb.storage.heap import Heap
from services.sqldb.storage.vacuum import Vacuum
from services.sqldb.transactions.system import TransactionSystem

ROWS = 10_000


def updated(system, heap, row_ids):
    """Each row with one more, in a transaction that hasn't ended."""
    transaction = system.begin(system.backend(1))
    for row_id in row_ids:
        old = heap.rows[row_id]
        assert heap.claim(transaction, old, (0,)) is old
        heap.update(transaction, old, (old.values[0] + 1,))
    return transaction


def test_nothing_is_freed_until_all_is_noted():
    """Others commit in between, and change the same rows again: chains stay whole meanwhile."""
    came_in = []

    def come_in():
        came_in.append(len(came_in))
        with system.latch:
            updated(system, heap, [ROWS - 1]).commit()
            assert vacuum.free() == 0

    def retire(writes, transaction):
        vacuum.retire(writes, transaction, come_in if len(writes) == ROWS else lambda: None)

    system = TransactionSystem(retire)
    vacuum = Vacuum(system.procarray)
    heap = Heap(16384, "test", "public")
    with system.latch:
        transaction = system.begin(system.backend(1))
        for number in range(ROWS):
            heap.insert(transaction, (number,))
        transaction.commit()
        came_in.clear()
        updated(system, heap, range(ROWS)).commit()
        assert len(came_in) == ROWS // 4096
        assert heap.rows[-1].values == (ROWS + len(came_in) + 2,)
        vacuum.free()
        assert not vacuum.history
        assert all(head.older is None for head in heap.rows)

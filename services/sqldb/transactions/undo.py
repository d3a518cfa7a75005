"""The list of what a transaction has done, so that it can be taken back, logged and cleaned up.

Each entry is a plain tuple (a class would cost a tenth of an insert):

    (INSERT, heap, version, None)        the new row
    (UPDATE, heap, version, is_hot)      the new version; its `older` is the old one. Hot: no index
                                         has another key
    (DELETE, heap, version, None)        the version that has got an end
    (LOCK, heap, row id, (transaction, strength))    the strength that it held before, or None
    (ACTION, undo, record, None)         anything else: what takes it back, and what goes to the
                                         log (None: nothing)

Rolling back, to a savepoint or altogether, walks it backwards. Committing walks it forwards twice:
for the log (`storage.wal`), and to hand superseded versions to the vacuum (`storage.vacuum`).
# Real: InnoDB's undo log. PostgreSQL has none: it leaves the versions of an aborted transaction in
# place, and each reader looks up how their transaction has ended.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.sqldb.storage.heap import Heap

INSERT, UPDATE, DELETE, LOCK, ACTION = range(5)

Write = tuple[int, "Heap | Callable[[], None]", object, object]


def undo(writes: list[Write], mark: int, breathe: Callable[[], None] = lambda: None) -> bool:
    """Take back what is behind the mark, the last first; whether there was anything.

    `breathe` lets others in now and then: what isn't taken back yet belongs to a transaction that
    runs, as far as they can see.
    """
    if len(writes) <= mark:
        return False
    while len(writes) > mark:
        if not len(writes) & 1023:
            breathe()
        kind, target, what, extra = writes.pop()
        if kind == INSERT:
            target.undo_insert(what)
        elif kind == UPDATE:
            target.undo_update(what)
        elif kind == DELETE:
            target.undo_delete(what)
        elif kind == LOCK:
            target.undo_lock(what, *extra)
        else:
            target()
    return True

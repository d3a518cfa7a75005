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


PIECE = 1024
"""How many are taken back at a time: 1 ms, or 4 with indexes."""


def undo(writes: list[Write], mark: int, breathe: Callable[[], None] = lambda: None) -> bool:
    """Take back what is behind the mark, the last first; whether there was anything.

    `breathe` lets others in now and then: what isn't taken back yet belongs to a transaction that
    runs, as far as they can see. Many rows of one kind and table go together: 0.2 µs each
    instead of 1.
    """
    if len(writes) <= mark:
        return False
    while len(writes) > mark:
        breathe()
        start = max(mark, len(writes) - PIECE)
        piece = writes[start:]
        piece.reverse()
        del writes[start:]
        kind, target, *_ = piece[0]
        together = _TOGETHER.get(kind)
        if together is None or not all(w[0] == kind and w[1] is target for w in piece):
            for write in piece:
                _undo_one(*write)
        else:
            together(piece, target)
    return True


def _undo_one(kind: int, target: object, what: object, extra: object) -> None:
    if kind == INSERT:
        target.undo_inserts([what])
    elif kind == UPDATE:
        target.undo_updates([(what, extra)])
    elif kind == DELETE:
        target.undo_delete(what)
    elif kind == LOCK:
        target.undo_lock(what, *extra)
    else:
        target()


_TOGETHER: dict[int, Callable[[list[Write], "Heap"], None]] = {
    INSERT: lambda piece, heap: heap.undo_inserts([what for _, _, what, _ in piece]),
    UPDATE: lambda piece, heap: heap.undo_updates([(what, hot) for _, _, what, hot in piece]),
}

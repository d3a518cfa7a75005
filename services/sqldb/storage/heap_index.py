"""An index of a heap: a B+tree of keys and row ids, what it means to readers, and uniqueness.

**An entry says "some version of this row has this key".** The tree knows nothing of transactions,
so a reader goes from the entry to the row, takes the version that he sees, and looks whether that
one has the key; unless the row has one version only, since the entries of a row are always the keys
of the versions that are still there. (An update adds an entry, the vacuum takes the old one away.)

    UPDATE t SET a = 9 WHERE a = 5        a5 ─┐
                                              ├─▶ rows[3] ──▶ (9) ──▶ (5)
                                          a9 ─┘
    a reader from before finds row 3 under a5 and sees (5); under a9 he sees (5) too: not his

**Uniqueness.** Two rows may have entries with the same key, as long as not both are alive. What
counts isn't what a snapshot sees but what is: a committed row with the key is a violation; and
where another transaction that is still running has inserted it, or deleted it, nobody knows yet, so
the second one waits. A deferrable constraint lets the duplicate in and looks again at the end of
the statement or of the transaction.
# Real: _bt_check_unique() in nbtinsert.c, with SnapshotDirty
"""

from collections.abc import Callable, Iterator

from services.sqldb.errors import UNIQUE_VIOLATION, SqlError
from services.sqldb.piecewise_sort import sort_in_pieces
from services.sqldb.storage.btree import BTree, Cut, precedes
from services.sqldb.storage.heap import Heap
from services.sqldb.storage.index_key import IndexKey, KeyRange
from services.sqldb.transactions.mvcc import FREE, Snapshot, Version
from services.sqldb.transactions.transaction import Transaction

EVERYTHING = KeyRange()
_ABSENT = object()
"""The key of a row that a partial index leaves out; equal to nothing else."""


class HeapIndex:
    """One index. `predicate` of a partial one: whether a row's values belong in it.

    `describe` gives the key of a row for the message of a violation, such as `(id)=(7)`.
    `identifies`: a foreign key may point to it, so that changing its key takes the strongest row
    lock: a unique index of plain columns for all rows.
    """

    __slots__ = (
        "describe", "entry", "heap", "identifies", "initially_deferred", "is_deferrable",
        "is_unique", "key", "name", "nulls_distinct", "oid", "predicate", "tree",
    )  # fmt: skip

    def __init__(
        self,
        heap: Heap,
        oid: int,
        name: str,
        key: IndexKey,
        *,
        is_unique: bool = False,
        nulls_distinct: bool = True,
        is_deferrable: bool = False,
        initially_deferred: bool = False,
        identifies: bool = False,
        predicate: Callable[[tuple], bool] | None = None,
        describe: Callable[[tuple], str] = repr,
    ):
        self.heap = heap
        self.oid = oid
        self.name = name
        self.key = key
        self.is_unique = is_unique
        self.nulls_distinct = nulls_distinct
        self.is_deferrable = is_deferrable
        self.initially_deferred = initially_deferred
        self.identifies = identifies
        self.predicate = predicate
        self.describe = describe
        self.tree = BTree()
        self.entry: Callable[[tuple], object] = key.of_row if predicate is None else self._partial
        """The key of a row's values, or what equals no key, where the row isn't in the index."""

    def _partial(self, values: tuple) -> object:
        return self.key.of_row(values) if self.predicate(values) else _ABSENT

    # Reading.

    def find(self, snapshot: Snapshot, key: object) -> Version | None:
        """The row of a unique index that has this key (`key.of_values`), 0.9 µs (Python 3.11).

        Where the index is deferrable there may be two for a while: `lookup` finds both.
        """
        reader = snapshot.reader
        if reader.serializable is not None:
            reader.serializable.read_key(self, key)
        row_id = self.tree.find(key)
        if row_id < 0:
            return None
        head = self.heap.rows[row_id]
        if head.xmax == 0 and head.xmin < snapshot.xmin and head.older is None:
            return head
        return next(self._visible(snapshot, self.tree.row_ids(key), key), None)

    def lookup(self, snapshot: Snapshot, key: object) -> list[Version]:
        """The rows that have this key, in the order of their places."""
        reader = snapshot.reader
        if reader.serializable is not None:
            reader.serializable.read_key(self, key)
        return list(self._visible(snapshot, self.tree.row_ids(key), key))

    def _visible(self, snapshot: Snapshot, row_ids: list[int], key: object) -> Iterator[Version]:
        rows = self.heap.rows
        for row_id in row_ids:
            version = snapshot.visible(rows[row_id])
            if version is not None and self.entry(version.values) == key:
                yield version

    def scan(
        self, snapshot: Snapshot, asked: KeyRange = EVERYTHING, *, backward: bool = False
    ) -> Iterator[Version]:
        """The rows of a range in the order of the index, 90 ns each (Python 3.11).

        Others may change the table while it is held up: it goes on where it was.
        """
        start, end = self.key.cuts(asked)
        if snapshot.reader.serializable is not None:
            snapshot.reader.serializable.read_range(self, start, end)
        chunks = self.tree.chunks_backward if backward else self.tree.chunks
        heap, visible, horizon, entry = self.heap, snapshot.visible, snapshot.xmin, self.entry
        for keys, row_ids in chunks(start, end):
            for key, row_id in zip(keys, row_ids, strict=True):
                head = heap.rows[row_id]
                if head.xmax == 0 and head.xmin < horizon and head.older is None:
                    yield head
                else:
                    version = visible(head)
                    if version is not None and entry(version.values) == key:
                        yield version

    def entries(
        self, snapshot: Snapshot, asked: KeyRange = EVERYTHING, *, backward: bool = False
    ) -> Iterator[object]:
        """The keys of the rows of a range: `scan` for those who need no more than what is in them.

        # Real: an index-only scan, which asks the visibility map instead of the row
        """
        start, end = self.key.cuts(asked)
        if snapshot.reader.serializable is not None:
            snapshot.reader.serializable.read_range(self, start, end)
        chunks = self.tree.chunks_backward if backward else self.tree.chunks
        heap, visible, horizon, entry = self.heap, snapshot.visible, snapshot.xmin, self.entry
        for keys, row_ids in chunks(start, end):
            for key, row_id in zip(keys, row_ids, strict=True):
                head = heap.rows[row_id]
                if head.xmax == 0 and head.xmin < horizon and head.older is None:
                    yield key
                else:
                    version = visible(head)
                    if version is not None and entry(version.values) == key:
                        yield key

    # Writing, for Heap.

    def differs(self, old: tuple, new: tuple) -> bool:
        """Whether an update from the one to the other needs another entry."""
        return self.entry(old) != self.entry(new)

    def add(self, key: object, row_id: int) -> bool:
        """The row has a version with this entry; whether `check_unique` is to follow."""
        if key is _ABSENT:
            return False
        return self.tree.insert(key, row_id) and self.is_unique and self._must_be_unique(key)

    def _must_be_unique(self, key: object) -> bool:
        return not (self.nulls_distinct and self.key.has_null(key))

    def forget(self, version: Version, newest: Version | None) -> None:
        """The version goes; its key too, unless another one that stays has it as well."""
        key = self.entry(version.values)
        while newest is not None:
            if self.entry(newest.values) == key:
                return
            newest = newest.older
        if key is not _ABSENT:
            self.tree.remove(key, version.row_id)

    def build(self, breathe: Callable[[], None] = lambda: None) -> None:
        """Fill it with the versions of all rows. Raises SqlError where two living rows share a key.

        Nobody may write meanwhile, not even the vacuum (`Heap.pins`).
        """
        entry = self.entry
        keys, rows = [], []
        for row_id, head in enumerate(self.heap.rows):
            if head is not FREE:
                own = [entry(head.values)] if head.older is None else _keys_of(head, entry)
                for key in own:
                    if key is not _ABSENT:
                        keys.append(key)
                        rows.append(row_id)
            if not row_id & 255:
                breathe()
        # The sort is stable: entries with the same key stay in the order of their rows.
        order = list(range(len(keys)))
        sort_in_pieces(order, keys.__getitem__, breathe)
        keys, rows = [keys[at] for at in order], [rows[at] for at in order]
        breathe()
        if self.is_unique:
            self._check_sorted(keys, rows, breathe)
        breathe()
        self.tree = BTree()
        self.tree.load(keys, rows)

    def _check_sorted(self, keys: list, rows: list[int], breathe: Callable[[], None]) -> None:
        for at in range(1, len(keys)):
            if not at & 4095:
                breathe()
            if keys[at - 1] == keys[at] and self._must_be_unique(keys[at]):
                alive = [
                    head
                    for head in (self.heap.rows[row_id] for row_id in rows[at - 1 : at + 1])
                    if not head.xmax and self.entry(head.values) == keys[at]
                ]
                if len(alive) > 1:
                    raise SqlError(
                        UNIQUE_VIOLATION,
                        f'could not create unique index "{self.name}"',
                        detail=f"Key {self.describe(alive[0].values)} is duplicated.",
                        schema=self.heap.schema,
                        table=self.heap.name,
                        constraint=self.name,
                    )

    def is_in_range(self, key: object, start: Cut | None, end: Cut | None) -> bool:
        """Whether a row with this entry would be between two cuts; for `ssi`."""
        if key is _ABSENT:
            return False
        place = (key, 0)
        return (start is None or not precedes(place, start)) and (
            end is None or precedes(place, end)
        )

    # Uniqueness.

    def check_unique(self, transaction: Transaction, version: Version) -> None:
        """Raise SqlError if another living row has the key; wait while nobody knows."""
        if self.is_deferrable:
            transaction.defer(self, lambda: self._check_again(transaction, version))
        else:
            self._check(transaction, version)

    def _check_again(self, transaction: Transaction, version: Version) -> None:
        """For the end: the version may not be the newest any more, or gone."""
        if self.heap.rows[version.row_id] is version and not version.xmax:
            self._check(transaction, version)

    def _check(self, transaction: Transaction, version: Version) -> None:
        while rival := self.rival(transaction, version.values, version.row_id):
            if not isinstance(rival, int):
                raise self.violation(version.values)
            place = f"(0,{version.row_id + 1})"
            why = f'while inserting index tuple {place} in relation "{self.name}"'
            transaction.wait_for(rival, why)

    def violation(self, values: tuple) -> SqlError:
        return SqlError(
            UNIQUE_VIOLATION,
            f'duplicate key value violates unique constraint "{self.name}"',
            detail=f"Key {self.describe(values)} already exists.",
            schema=self.heap.schema,
            table=self.heap.name,
            constraint=self.name,
        )

    def rival(self, transaction: Transaction, values: tuple, row_id: int) -> Version | int | None:
        """A living row other than `row_id` with the key of these values.

        Or the xid of the transaction whose end decides whether there is one.
        """
        key = self.entry(values)
        if key is _ABSENT or not self._must_be_unique(key):
            return None
        for other in self.tree.row_ids(key):
            if other != row_id:
                rival = self._living(transaction, self.heap.rows[other], key)
                if rival is not None:
                    return rival
        return None

    def _living(self, transaction: Transaction, head: Version, key: object) -> Version | int | None:
        writer = head.xmax or head.xmin
        if transaction.is_running(writer):
            before = head
            while before.xmin == writer and before.older is not None:
                before = before.older
            return writer if key in (self.entry(head.values), self.entry(before.values)) else None
        if head.xmax or self.entry(head.values) != key:
            return None
        return head


def _keys_of(version: Version | None, entry: Callable[[tuple], object]) -> list:
    """The different keys of the versions of a row."""
    keys: list = []
    while version is not None:
        key = entry(version.values)
        if key not in keys:
            keys.append(key)
        version = version.older
    return keys

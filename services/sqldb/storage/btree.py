"""A B+tree: sorted entries, found in a few steps, however many there are.

An index answers "which rows have this key?" and "which rows come next, in order?". A sorted list
answers both by bisection, but putting something into its middle moves half of it. A search tree of
two-way nodes moves nothing, but each step down is another object somewhere in memory. The B+tree
is between the two: a tree of *wide* nodes, each a short sorted list. The entries are in the leaves
alone, all leaves are equally deep, and the inner nodes hold only separators that show the way.

    an entry is a key and a row id; here keys are letters, and four entries fill a leaf

                         ┌──────────────┐
                  inner  │   f4    m1   │         left of f4: what is less than f4;
                         └──┬────┬────┬─┘         from f4 on: what isn't
              ┌─────────────┘    │    └──────────────┐
         ┌────┴────────┐  ┌──────┴──────┐  ┌─────────┴────┐
    leaf │ a7 c2 f1 f3 │  │ f4 g9 k2    │  │ m1 p5 p6 z8  │
         └─────────────┘  └─────────────┘  └──────────────┘

*Look up f:* it is not less than f4 only, so some f may be left of the separator: go to the first
leaf, find f1 and f3 by bisection, come to its end, go on from the separator: f4, then g: done.
*Insert c5:* the first leaf is full. It is split, (a7 c2 c5 · f1 f3), and the parent gets the
separator f1. A parent that overflows is split in the same way, and when the root is, the tree has
become one level higher: a B+tree grows at its root, so all leaves stay equally deep.
*Insert at the very end*, as a serial column does for ever: only the new entry goes to the new leaf,
so that the leaves stay full instead of half full.
*Remove:* a leaf that becomes empty is taken out; leaves that are only half empty stay.

Entries with the same key are ordered by row id, so every entry has one place, and removing one of
100,000 rows with the same key is as quick as any other.

**Scans go on after a change.** A scan copies the entries of one leaf at a time, and others may
change the tree before it wants the next. So leaves aren't chained: the scan goes down again to
where the last leaf ended (its separator), which costs a microsecond for each 256 entries.

What it costs, in CPU time on a busy machine (Python 3.11, a million int keys): in ascending order
an insert 1.2 µs; in random order 4.3 µs, and `find` 2.7 µs, most of it waiting for memory; with
100,000 keys `find` is 0.7 µs. A scan 60 ns for each entry at most, `load` 0.1 µs. An entry is 17
bytes if they came in order, else 23, beyond the key and the row id, which are objects that the row
has anyway.

# Real: nbtree in PostgreSQL: 8 KiB pages, siblings chained for concurrent splits (Lehman and Yao),
# row ids as the last part of the key since version 12, pages removed when they are empty.
"""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

NODE_SIZE = 256
"""Entries of a leaf, children of an inner node."""

AFTER_ALL = sys.maxsize
"""Greater than each row id: a cut behind all entries of a key. -1 cuts before them."""

Cut = tuple[object, int]
"""A place between entries: before the first that is not less than (key, row id)."""

Chunk = tuple[list, list[int]]
"""Keys and row ids of some entries that follow each other."""


class _Leaf:
    __slots__ = ("keys", "rows")

    def __init__(self, keys: list, rows: list[int]):
        self.keys = keys
        self.rows = rows


class _Inner:
    """`keys` and `rows` are separators: entry i is not greater than any in children[i + 1]."""

    __slots__ = ("children", "keys", "rows")

    def __init__(self, keys: list, rows: list[int], children: list):
        self.keys = keys
        self.rows = rows
        self.children = children


def _place(keys: list, rows: list[int], key: object, row_id: int) -> int:
    """How many entries are less than (key, row id)."""
    low = bisect_left(keys, key)
    if low < len(keys) and keys[low] == key:
        return bisect_left(rows, row_id, low, bisect_right(keys, key, low))
    return low


def _child(node: _Inner, key: object, row_id: int) -> int:
    """Which child has the place of (key, row id): the number of separators that don't exceed it."""
    low = bisect_left(node.keys, key)
    if low < len(node.keys) and node.keys[low] == key:
        return bisect_right(node.rows, row_id, low, bisect_right(node.keys, key, low))
    return low


class BTree:
    """Entries (key, row id), no two alike. Keys are whatever compares: see `index_key`."""

    __slots__ = ("_height", "_root", "count")

    def __init__(self) -> None:
        self._root: _Leaf | _Inner = _Leaf([], [])
        self._height = 0
        """How many inner nodes are above each leaf."""
        self.count = 0

    # Looking up.

    def find(self, key: object) -> int:
        """The row id of a key, the first one if there are several; -1: none."""
        node = self._root
        for _ in range(self._height):
            node = node.children[bisect_left(node.keys, key)]
        at = bisect_left(node.keys, key)
        if at < len(node.keys):
            return node.rows[at] if node.keys[at] == key else -1
        # At the end of a leaf: the next one may begin with it.
        return next(iter(self._rows_from_next(key)), -1)

    def row_ids(self, key: object) -> list[int]:
        """The row ids of a key, in order."""
        node = self._root
        for _ in range(self._height):
            node = node.children[bisect_left(node.keys, key)]
        keys = node.keys
        at = end = bisect_left(keys, key)
        while end < len(keys) and keys[end] == key:
            end += 1
        if end < len(keys):
            return node.rows[at:end]
        return self._rows_from_next(key)

    def _rows_from_next(self, key: object) -> list[int]:
        return [row for _, rows in self.chunks((key, -1), (key, AFTER_ALL)) for row in rows]

    def chunks(self, start: Cut | None = None, end: Cut | None = None) -> Iterator[Chunk]:
        """The entries between two cuts in ascending order, leaf by leaf; None is no limit.

        The tree may change between two of them: what is removed meanwhile may still come, what is
        inserted meanwhile may not.
        """
        while True:
            leaf, _, upper = self._seek(start, for_end=False)
            first = 0 if start is None else _place(leaf.keys, leaf.rows, *start)
            last = len(leaf.keys) if end is None else _place(leaf.keys, leaf.rows, *end)
            is_done = last < len(leaf.keys) or upper is None
            if first < last:
                yield leaf.keys[first:last], leaf.rows[first:last]
            if is_done or (end is not None and not precedes(upper, end)):
                return
            start = upper

    def chunks_backward(self, start: Cut | None = None, end: Cut | None = None) -> Iterator[Chunk]:
        """The same between the same cuts, from the end."""
        while True:
            leaf, lower, _ = self._seek(end, for_end=True)
            first = 0 if start is None else _place(leaf.keys, leaf.rows, *start)
            last = len(leaf.keys) if end is None else _place(leaf.keys, leaf.rows, *end)
            is_done = first > 0 or lower is None
            if first < last:
                yield leaf.keys[first:last][::-1], leaf.rows[first:last][::-1]
            if is_done or (start is not None and not precedes(start, lower)):
                return
            end = lower

    def _seek(self, cut: Cut | None, *, for_end: bool) -> tuple[_Leaf, Cut | None, Cut | None]:
        """The leaf behind a cut, or before it, and the separators around the leaf."""
        node = self._root
        lower = upper = None
        for _ in range(self._height):
            if cut is None:
                at = len(node.keys) if for_end else 0
            elif for_end:
                at = _place(node.keys, node.rows, *cut)
            else:
                at = _child(node, *cut)
            if at > 0:
                lower = node.keys[at - 1], node.rows[at - 1]
            if at < len(node.keys):
                upper = node.keys[at], node.rows[at]
            node = node.children[at]
        return node, lower, upper

    # Changing.

    def insert(self, key: object, row_id: int) -> bool:
        """Add an entry, unless it is there; whether another row has the same key."""
        node = self._root
        path: list[tuple[_Inner, int]] = []
        shares_key = False
        is_last = True
        for _ in range(self._height):
            at = _child(node, key, row_id)
            separators = node.keys
            # Entries of the key may be beyond a separator only if it is the separator's key.
            if at > 0 and separators[at - 1] == key:
                shares_key = True
            if at < len(separators):
                is_last = False
                if separators[at] == key:
                    shares_key = True
            path.append((node, at))
            node = node.children[at]
        keys, rows = node.keys, node.rows
        at = _place(keys, rows, key, row_id)
        if at < len(keys) and keys[at] == key:
            if rows[at] == row_id:
                return self._has_other(key, row_id)
            shares_key = True
        if at > 0 and keys[at - 1] == key:
            shares_key = True
        keys.insert(at, key)
        rows.insert(at, row_id)
        self.count += 1
        if len(keys) > NODE_SIZE:
            self._split_leaf(node, path, len(keys) - 1 if is_last and at == NODE_SIZE else None)
        return shares_key and self._has_other(key, row_id)

    def _has_other(self, key: object, row_id: int) -> bool:
        return any(other != row_id for other in self.row_ids(key))

    def _split_leaf(self, leaf: _Leaf, path: list[tuple[_Inner, int]], middle: int | None) -> None:
        if middle is None:
            middle = len(leaf.keys) // 2
        right = _Leaf(leaf.keys[middle:], leaf.rows[middle:])
        del leaf.keys[middle:], leaf.rows[middle:]
        self._add_child(path, right.keys[0], right.rows[0], right)

    def _add_child(
        self, path: list[tuple[_Inner, int]], key: object, row_id: int, right: _Leaf | _Inner
    ) -> None:
        """A node was split: its parent gets the right half, and may have to be split too."""
        if not path:
            self._root = _Inner([key], [row_id], [self._root, right])
            self._height += 1
            return
        parent, at = path.pop()
        parent.keys.insert(at, key)
        parent.rows.insert(at, row_id)
        parent.children.insert(at + 1, right)
        if len(parent.children) > NODE_SIZE:
            middle = len(parent.keys) // 2
            key, row_id = parent.keys[middle], parent.rows[middle]
            uncle = _Inner(
                parent.keys[middle + 1 :], parent.rows[middle + 1 :], parent.children[middle + 1 :]
            )
            del parent.keys[middle:], parent.rows[middle:], parent.children[middle + 1 :]
            self._add_child(path, key, row_id, uncle)

    def remove(self, key: object, row_id: int) -> bool:
        """Take an entry out; false where it isn't there."""
        node = self._root
        path: list[tuple[_Inner, int]] = []
        for _ in range(self._height):
            at = _child(node, key, row_id)
            path.append((node, at))
            node = node.children[at]
        at = _place(node.keys, node.rows, key, row_id)
        if at == len(node.keys) or node.rows[at] != row_id or node.keys[at] != key:
            return False
        del node.keys[at], node.rows[at]
        self.count -= 1
        if not node.keys and path:
            self._remove_child(path)
        return True

    def _remove_child(self, path: list[tuple[_Inner, int]]) -> None:
        """A node has become empty: take it out, and its parent too, if that was all it had."""
        parent, at = path.pop()
        del parent.children[at]
        if parent.keys:
            # Its neighbour now reaches over the gap.
            del parent.keys[max(at - 1, 0)], parent.rows[max(at - 1, 0)]
        if not parent.children:
            if path:
                self._remove_child(path)
            else:
                self._root, self._height = _Leaf([], []), 0
        while self._height and len(self._root.children) == 1:
            self._root = self._root.children[0]
            self._height -= 1

    # Building.

    def load(self, keys: list, rows: list[int]) -> None:
        """Fill an empty tree with sorted entries, leaf by leaf: a tenth of what inserting costs."""
        self.count = len(keys)
        if not keys:
            return
        level: list = []
        for start in range(0, len(keys), NODE_SIZE):
            end = start + NODE_SIZE
            level.append(((keys[start], rows[start]), _Leaf(keys[start:end], rows[start:end])))
        while len(level) > 1:
            level = [
                _parent_of(level[start : start + NODE_SIZE])
                for start in range(0, len(level), NODE_SIZE)
            ]
            self._height += 1
        self._root = level[0][1]

    @property
    def height(self) -> int:
        return self._height


def _parent_of(children: list) -> tuple[Cut, _Inner]:
    separators = [first for first, _ in children[1:]]
    keys, rows = [key for key, _ in separators], [row for _, row in separators]
    return children[0][0], _Inner(keys, rows, [node for _, node in children])


def precedes(one: Cut, other: Cut) -> bool:
    """Whether one place comes before another."""
    return one[0] < other[0] or (one[0] == other[0] and one[1] < other[1])

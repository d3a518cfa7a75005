"""The B+tree against a sorted list."""

from bisect import bisect_left, insort

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.storage import btree
from services.sqldb.storage.btree import AFTER_ALL, BTree


def entries_of(tree, start=None, end=None):
    return [e for keys, rows in tree.chunks(start, end) for e in zip(keys, rows, strict=True)]


def entries_backward(tree, start=None, end=None):
    return [
        e for keys, rows in tree.chunks_backward(start, end) for e in zip(keys, rows, strict=True)
    ]


def check(tree):
    """Order, separators and depth of every node."""

    def walk(node, depth, lower, upper):
        places = list(zip(node.keys, node.rows, strict=True))
        assert places == sorted(set(places))
        assert all(lower is None or lower <= place for place in places)
        assert all(upper is None or place < upper for place in places)
        if depth == 0:
            return len(places)
        assert len(node.children) == len(places) + 1 <= btree.NODE_SIZE
        bounds = [lower, *places, upper]
        return sum(
            walk(child, depth - 1, bounds[at], bounds[at + 1])
            for at, child in enumerate(node.children)
        )

    assert walk(tree._root, tree.height, None, None) == tree.count


actions = st.sampled_from(["insert", "insert", "remove"])
steps = st.lists(st.tuples(actions, st.integers(0, 12), st.integers(0, 30)), max_size=300)


@given(steps, st.data())
@settings(max_examples=150, deadline=None)
def test_it_is_a_sorted_list(steps, data):
    size, btree.NODE_SIZE = btree.NODE_SIZE, 4
    try:
        tree, model = BTree(), []
        for action, key, row in steps:
            if action == "insert":
                others = any(k == key and r != row for k, r in model)
                assert tree.insert(key, row) == others
                if (key, row) not in model:
                    insort(model, (key, row))
            else:
                assert tree.remove(key, row) == ((key, row) in model)
                if (key, row) in model:
                    model.remove((key, row))
        check(tree)
        assert entries_of(tree) == model
        assert entries_backward(tree) == model[::-1]
        cut = st.none() | st.tuples(st.integers(-1, 13), st.sampled_from([-1, 5, 17, AFTER_ALL]))
        for _ in range(4):
            start, end = data.draw(cut), data.draw(cut)
            first = 0 if start is None else bisect_left(model, start)
            last = len(model) if end is None else bisect_left(model, end)
            assert entries_of(tree, start, end) == model[first:last]
            assert entries_backward(tree, start, end) == model[first:last][::-1]
        for key in range(-1, 14):
            rows = [r for k, r in model if k == key]
            assert tree.row_ids(key) == rows
            assert tree.find(key) == (rows[0] if rows else -1)
    finally:
        btree.NODE_SIZE = size


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=200))
@settings(max_examples=50, deadline=None)
def test_loading_is_inserting_all(entries):
    size, btree.NODE_SIZE = btree.NODE_SIZE, 4
    try:
        model = sorted(entries)
        tree = BTree()
        tree.load([k for k, _ in model], [r for _, r in model])
        check(tree)
        assert entries_of(tree) == model
    finally:
        btree.NODE_SIZE = size


def test_ascending_keys_fill_their_leaves():
    tree = BTree()
    for number in range(10_000):
        tree.insert(number, number)
    check(tree)
    leaves = [len(rows) for _, rows in tree.chunks()]
    assert leaves[:-1] == [btree.NODE_SIZE] * (len(leaves) - 1)
    assert tree.height == 1


def test_a_scan_goes_on_after_changes():
    tree = BTree()
    for number in range(0, 4000, 2):
        tree.insert(number, 0)
    scan = tree.chunks()
    seen = list(next(scan)[0])
    place = seen[-1]
    for number in range(1, 4000, 2):  # The leaf that it is in is split …
        tree.insert(number, 0)
    for number in range(0, place + 1):  # … and then vanishes.
        tree.remove(number, 0)
    rest = [key for keys, _ in scan for key in keys]
    assert rest == sorted(rest)
    assert [key for key in rest if key % 2 == 0] == [k for k in range(0, 4000, 2) if k > place]


def test_it_becomes_empty_again():
    tree = BTree()
    for number in range(3000):
        tree.insert(number % 50, number)
    for number in range(3000):
        assert tree.remove(number % 50, number)
    check(tree)
    assert tree.count == tree.height == 0 and entries_of(tree) == []

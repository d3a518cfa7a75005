"""The index of a stream, against a plain dict."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kvdb import stream_index
from services.kvdb.stream_id import HIGHEST, LOWEST
from services.kvdb.stream_index import BLOCK_LENGTH, Index

ID = st.integers(0, 60)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch):
    """Blocks of 4 IDs, so that few IDs make several of them."""
    monkeypatch.setattr(stream_index, "BLOCK_LENGTH", 4)


def check(index: Index, model: dict[int, str]) -> None:
    ordered = sorted(model.items())
    assert len(index) == len(model)
    assert list(index.ascending()) == ordered
    assert list(index.descending()) == ordered[::-1]
    if model:
        assert (index.first_id, index.last_id) == (ordered[0][0], ordered[-1][0])
    for before, block in itertools.pairwise(index.blocks):
        assert before.ids[-1] < block.first <= block.ids[0]
    assert all(0 < len(block.ids) == len(block.values) <= 4 for block in index.blocks)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["insert", "insert", "remove"]), ID), max_size=80))
def test_an_index_is_an_ordered_dict(steps: list[tuple[str, int]]):
    index, model = Index(), {}
    for number, (step, entry_id) in enumerate(steps):
        assert (entry_id in index) == (entry_id in model)
        assert index.get(entry_id) == model.get(entry_id)
        if step == "remove":
            assert index.remove(entry_id) == model.pop(entry_id, None)
        elif entry_id not in model:
            assert index.is_beyond(entry_id) == (not model or entry_id > max(model))
            index.insert(entry_id, f"value {number}")
            model[entry_id] = f"value {number}"
        check(index, model)


@settings(max_examples=200, deadline=None)
@given(st.sets(ID), ID | st.just(HIGHEST + 1), ID)
def test_ranges_include_both_ends(ids: set[int], start: int, end: int):
    index = Index()
    for entry_id in ids:
        index.insert(entry_id, str(entry_id))
    inside = sorted(entry_id for entry_id in ids if start <= entry_id <= end)
    assert [entry_id for entry_id, _ in index.ascending(start, end)] == inside
    assert [entry_id for entry_id, _ in index.descending(start, end)] == inside[::-1]


@settings(max_examples=200, deadline=None)
@given(st.sets(ID, min_size=1), st.integers(0, 5), st.integers(0, 3))
def test_cutting_off_the_low_end(ids: set[int], blocks: int, more: int):
    index = Index()
    for entry_id in sorted(ids):
        index.insert(entry_id, str(entry_id))
    left = sorted(ids)[blocks * 4 :]
    index.drop_blocks(blocks)
    if index.blocks and more < len(index.blocks[0].ids):
        index.cut_block(index.blocks[0], more)
        left = left[more:]
    check(index, {entry_id: str(entry_id) for entry_id in left})


def test_ids_that_only_rise_fill_their_blocks():
    index = Index()
    for entry_id in range(20):
        index.insert(entry_id, "")
    assert [len(block.ids) for block in index.blocks] == [4] * 5


def test_an_empty_index():
    index: Index[str] = Index()
    assert list(index.ascending()) == list(index.descending()) == []
    assert index.get(5) is None
    assert index.remove(5) is None
    assert index.is_beyond(LOWEST)
    assert BLOCK_LENGTH > 4

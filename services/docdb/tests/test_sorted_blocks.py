"""The ordered structure against a plain sorted list."""

import random

import pytest

from services.docdb.storage.sorted_blocks import SortedBlocks


@pytest.mark.parametrize("grows", [False, True])
def test_it_is_a_sorted_list(grows: bool) -> None:
    chance = random.Random(7)
    blocks, model = SortedBlocks(), set()
    for step in range(12_000):
        key = (step // 3 if grows else chance.randrange(2500),)
        entry = (key, chance.randrange(4))
        if entry in model:
            blocks.remove(entry)
            model.discard(entry)
        else:
            blocks.add(entry)
            model.add(entry)
    assert len(blocks) == len(model)
    for _ in range(60):
        low, high = sorted(chance.randrange(4000) for _ in range(2))
        start, end = ((low,), -1), ((high,), float("inf"))
        wanted = sorted(entry for entry in model if start <= entry <= end)
        assert list(blocks.between(start, end)) == wanted
        assert list(blocks.between_downwards(start, end)) == wanted[::-1]
    with pytest.raises(KeyError):
        blocks.remove(((9999,), 1))


def test_it_may_change_while_it_is_read() -> None:
    blocks = SortedBlocks()
    for number in range(5000):
        blocks.add(((number,), 1))
    seen = []
    for (number,), _ in blocks.between(((0,), -1), ((4999,), 9)):
        seen.append(number)
        blocks.remove(((number,), 1))
    assert seen == list(range(5000)) and len(blocks) == 0

"""The value of a stream: nodes, trimming, counters, and the memory that is accounted for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kvdb.stream import StreamValue, Trim
from services.kvdb.stream_group import Group

NAMES = [[b"f"], [b"g"], [b"f", b"g"]]


def filled(count: int, node_entries: int = 3, node_bytes: int = 0) -> StreamValue:
    """Entries 1 … count."""
    value = StreamValue()
    for entry_id in range(1, count + 1):
        value.append(entry_id, [b"f", b"%d" % entry_id], node_entries, node_bytes)
    return value


def ids(value: StreamValue) -> list[int]:
    return [entry_id for entry_id, _ in value.ascending()]


def nodes(value: StreamValue) -> list[int]:
    return [len(node.ids) for node in value.entries.blocks]


# Nodes.


def test_a_node_is_full_by_entries():
    assert nodes(filled(7)) == [3, 3, 1]
    assert nodes(filled(7, 0)) == [7]


def test_a_node_is_full_by_bytes():
    value = StreamValue()
    for entry_id in range(1, 9):
        value.append(entry_id, [b"f", b"x" * 1000], 100, 4096)
    assert nodes(value) == [4, 4]
    value.append(9, [b"f", b"x" * 10_000], 100, 4096)
    assert nodes(value) == [4, 4, 1]


word = st.binary(max_size=12)
alike = st.tuples(
    st.lists(word, min_size=1, max_size=3),  # the names
    st.integers(1, 12),  # how many entries
)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(alike, max_size=5), st.sampled_from([0, 1, 4]), st.integers(0, 150))
def test_to_append_several_is_to_append_each(data, runs, max_entries, max_bytes):
    jointly, singly, first_id = StreamValue(), StreamValue(), 1
    for names, count in runs:
        columns = [tuple(data.draw(st.lists(word, min_size=count, max_size=count))) for _ in names]
        grown = jointly.append_alike(first_id, names, columns, max_entries, max_bytes)
        for number, values in enumerate(zip(*columns, strict=True), first_id):
            fields = [part for pair in zip(names, values, strict=True) for part in pair]
            grown -= singly.append(number, fields, max_entries, max_bytes)
        assert grown == 0
        first_id += count
    assert all_of(jointly) == all_of(singly)


def test_several_that_fit_but_for_the_last():
    """Each is measured by its text before it is put in, which is more than it takes then."""
    names, columns = [b"", b"7 bytes", b"10   bytes"], [(b"", b""), (b"", b"12"), (b"123", b"123")]
    value = StreamValue()
    value.append_alike(1, names, columns, 0, 41)
    assert nodes(value) == [1, 1]


def all_of(stream: StreamValue) -> list:
    nodes = [
        [getattr(node, name) for name in ("first", "ids", "values", *type(node).__slots__)]
        for node in stream.entries.blocks
    ]
    return [nodes, len(stream), stream.last_id, stream.entries_added, stream.size_bytes]


def test_what_was_removed_goes_on_counting_for_its_node():
    value = filled(3)
    assert value.delete(2)
    value.append(4, [b"f", b"4"], 3, 0)
    assert nodes(value) == [2, 1]


def test_the_names_of_a_node_are_kept_once():
    value = StreamValue()
    for entry_id in range(1, 3):
        value.append(entry_id, [bytes([102, 102]), b"%d" % entry_id], 100, 4096)
    (_, first), (_, second) = value.ascending()
    assert first[0] is second[0]


# Trimming.


@pytest.mark.parametrize(
    ("trim", "left"),
    [
        (Trim(max_length=10), 10),
        (Trim(max_length=7), 7),
        (Trim(max_length=0), 0),
        (Trim(max_length=7, only_whole_nodes=True), 7),
        (Trim(max_length=6, only_whole_nodes=True), 7),
        (Trim(max_length=0, only_whole_nodes=True), 0),
        (Trim(max_length=0, only_whole_nodes=True, limit=2), 10),
        (Trim(max_length=0, only_whole_nodes=True, limit=3), 7),
        (Trim(max_length=0, only_whole_nodes=True, limit=8), 4),
        (Trim(min_id=5), 6),
        (Trim(min_id=5, only_whole_nodes=True), 7),
        (Trim(min_id=7, only_whole_nodes=True), 4),
        (Trim(min_id=7, only_whole_nodes=True, limit=5), 7),
        (Trim(min_id=1), 10),
        (Trim(min_id=1000), 0),
    ],
)
def test_trimming(trim: Trim, left: int):
    value = filled(10)
    assert value.trim(trim) == 10 - left
    assert ids(value) == list(range(11 - left, 11))
    assert (value.last_id, value.entries_added, value.max_deleted_id) == (10, 10, 0)


# Everything together.

STEP = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 3), st.sampled_from(NAMES)),
    st.tuples(st.just("append"), st.integers(1, 3), st.sampled_from(NAMES)),
    st.tuples(st.just("delete"), st.integers(0, 60)),
    st.tuples(st.just("trim"), st.integers(0, 12)),
    st.tuples(st.just("trim before"), st.integers(0, 60)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEP, max_size=60))
def test_a_stream_holds_what_a_dict_would_hold(steps: list[tuple]):
    value, model, last_id = StreamValue(), {}, 0
    for step in steps:
        match step:
            case ["append", ahead, names]:
                last_id += ahead
                fields = [part for name in names for part in (name, b"%d" % last_id)]
                model[last_id] = tuple(fields)
                value.append(last_id, fields, 4, 4096)
            case ["delete", entry_id]:
                assert value.delete(entry_id) == (model.pop(entry_id, None) is not None)
            case ["trim", length]:
                doomed = sorted(model)[: max(len(model) - length, 0)]
                assert value.trim(Trim(max_length=length)) == len(doomed)
                model = {it: fields for it, fields in model.items() if it not in doomed}
            case ["trim before", entry_id]:
                value.trim(Trim(min_id=entry_id))
                model = {it: fields for it, fields in model.items() if it >= entry_id}
        assert list(value.ascending()) == sorted(model.items())
        assert list(value.descending()) == sorted(model.items(), reverse=True)
        assert len(value) == len(model)
        assert value.last_id == last_id
        assert value.first_id == min(model, default=0)
        assert value.payload_bytes == sum(node.payload_bytes for node in value.entries.blocks)
    twin = value.copy()
    assert list(twin.ascending()) == list(value.ascending())
    for one in (value, twin):
        one.trim(Trim(max_length=0))
        assert one.payload_bytes == 0


def test_a_copy_is_independent():
    value = filled(4)
    group = Group(b"g", 0, 0)
    value.add_group(group)
    group.deliver(1, group.consumer(b"ann", 100), 100)
    value.weigh_group(group)
    twin = value.copy()
    value.delete(1)
    group.acknowledge(1)
    group.create_consumer(b"bob", 100)
    assert ids(twin) == [1, 2, 3, 4]
    assert list(twin.groups[b"g"].consumers) == [b"ann"]
    assert twin.groups[b"g"].pending.get(1).consumer is twin.groups[b"g"].consumers[b"ann"]
    assert twin.groups_bytes > 0


def test_the_memory_of_groups_comes_back():
    value = filled(5)
    before = value.size_bytes
    group = Group(b"g", 0, 0)
    value.add_group(group)
    ann, bob = group.consumer(b"ann", 0), group.consumer(b"bob", 0)
    for entry_id in (1, 2, 3):
        group.deliver(entry_id, ann, 0)
    group.deliver(2, bob, 0)
    assert (len(ann.pending), len(bob.pending), len(group.pending)) == (2, 1, 3)
    value.weigh_group(group)
    with_pending = value.size_bytes
    assert group.acknowledge(1)
    assert not group.acknowledge(1)
    assert group.delete_consumer(b"ann") == 1
    assert ids_of(group) == [2]
    value.weigh_group(group)
    assert before < value.size_bytes < with_pending
    assert value.destroy_group(b"g")
    assert not value.destroy_group(b"g")
    assert value.size_bytes == before


def ids_of(group: Group) -> list[int]:
    return [entry_id for entry_id, _ in group.pending.ascending()]


# How far a group has come.


def test_lag_is_counted_while_there_are_no_gaps():
    value = filled(5)
    group = Group(b"g", 0, None)
    assert value.lag(group) == 5
    value.advance(group, [1, 2])
    assert (group.entries_read, value.lag(group)) == (2, 3)
    value.trim(Trim(max_length=1))
    assert value.lag(group) == 3
    value.advance(group, [5])
    assert value.lag(group) == 2  # What was trimmed away unread goes on being counted, as in Redis.


def test_a_gap_ahead_makes_the_lag_unknown_until_it_is_passed():
    value = filled(5)
    value.delete(3)
    group = Group(b"g", 0, None)
    assert value.lag(group) is None
    value.advance(group, [1, 2])
    assert (group.entries_read, value.lag(group)) == (None, None)
    value.advance(group, [4, 5])
    assert (group.entries_read, value.lag(group)) == (5, 0)


def test_the_lag_of_a_stream_that_never_had_an_entry_is_0():
    assert StreamValue().lag(Group(b"g", 7, None)) == 0


def test_an_id_in_the_future_has_no_count():
    assert filled(3).count_up_to(9) is None

"""The order of a sorted set, against a plain sorted list; chunks as small as they can be."""

import bisect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kvdb import sorted_set
from services.kvdb.sorted_set import Ranking, SortedSetValue, rank_key

scores = st.sampled_from([float("-inf"), -1.5, 0.0, 1.0, 2.0, 3.0, float("inf")])
members = st.binary(max_size=2)
pairs = st.tuples(scores, members)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_set, "CHUNK_LENGTH", 4)


def ranking_of(content: set[tuple[float, bytes]], added_one_by_one: bool) -> Ranking:
    if not added_one_by_one:
        return Ranking(rank_key(*pair) for pair in content)
    ranking = Ranking()
    for pair in content:
        ranking.add(rank_key(*pair))
    return ranking


any_score = st.floats(allow_nan=False)


@given(st.tuples(any_score, members), st.tuples(any_score, members))
def test_keys_compare_as_score_and_member_do(one: tuple, other: tuple) -> None:
    assert (rank_key(*one) < rank_key(*other)) == (one < other)
    assert (rank_key(*one) == rank_key(*other)) == (one == other)


@settings(deadline=None)
@given(st.sets(pairs, max_size=40), st.booleans(), pairs)
def test_ranks_and_slices(content: set, added: bool, probe: tuple[float, bytes]) -> None:
    model, ranking = sorted(content), ranking_of(content, added)
    assert len(ranking) == len(model)
    assert list(ranking.members(0, len(model))) == [member for _, member in model]
    assert ranking.rank_of(rank_key(*probe)) == bisect.bisect_left(model, probe)
    for first in range(len(model) + 1):
        for behind in range(first, len(model) + 1, 3):
            expected = [member for _, member in model[first:behind]]
            assert list(ranking.members(first, behind)) == expected


@settings(deadline=None)
@given(st.sets(pairs, max_size=40), scores, st.booleans())
def test_first_with_score(content: set, score: float, is_exclusive: bool) -> None:
    model = sorted(content)
    expected = sum(other <= score if is_exclusive else other < score for other, _ in model)
    found = ranking_of(content, True).first_with_score(score, is_exclusive=is_exclusive)
    assert found == expected


@settings(deadline=None)
@given(st.sets(members, max_size=40), members, st.booleans())
def test_first_with_member(content: set, member: bytes, is_exclusive: bool) -> None:
    ranking = Ranking(rank_key(0.0, other) for other in content)
    expected = sum(other <= member if is_exclusive else other < member for other in content)
    assert ranking.first_with_member(member, is_exclusive=is_exclusive) == expected


def test_first_with_member_where_the_scores_rise_as_the_members_do() -> None:
    ranking = ranking_of({(float(number), b"%c" % (97 + number)) for number in range(9)}, True)
    assert ranking.first_with_member(b"b", is_exclusive=False) == 1
    assert ranking.first_with_member(b"g", is_exclusive=True) == 7


@settings(deadline=None)
@given(st.lists(st.tuples(members, st.none() | scores)))
def test_putting_and_discarding(changes: list) -> None:
    value, model = SortedSetValue(), {}
    for member, score in changes:
        if score is None:
            assert value.discard(member) == (model.pop(member, None) is not None)
        else:
            assert value.put(member, score) == model.get(member)
            model[member] = score
    ordered = sorted((score, member) for member, score in model.items())
    assert value.pairs(0, len(value)) == [(member, score) for score, member in ordered]
    assert [value.rank(member) for _, member in ordered] == list(range(len(ordered)))
    assert value.payload_bytes == 2 * sum(map(len, model))
    assert value.copy().pairs(0, len(value)) == value.pairs(0, len(value))


@given(st.dictionaries(members, scores, max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_popping_a_range(content: dict, first: int, size: int) -> None:
    value = SortedSetValue(content)
    ordered = value.pairs(0, len(value))
    assert value.pop_range(first, first + size) == ordered[first : first + size]
    assert value.pairs(0, len(value)) == ordered[:first] + ordered[first + size :]

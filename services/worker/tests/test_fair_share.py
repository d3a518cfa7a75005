"""Which lists are claimed from: by weight between queues, by priority within one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.fair_share import FairShare, parse_weights

BACKLOGS = st.dictionaries(
    st.builds(
        lambda queue, priority: f"{queue}/{priority}", st.sampled_from("abc"), st.integers(0, 9)
    ),
    st.integers(0, 5),
)


@given(BACKLOGS, st.integers(0, 40))
def test_no_more_is_claimed_than_waits_and_than_is_free(backlog: dict[str, int], free: int):
    chosen = FairShare().plan(backlog, free)
    assert len(chosen) == min(free, sum(backlog.values()))
    assert not Counter(chosen) - Counter(backlog)


@given(BACKLOGS)
def test_there_is_work_where_something_would_be_claimed(backlog: dict[str, int]):
    share = FairShare({"a": 1, "b": 2})
    assert share.has_work(backlog) == bool(share.plan(backlog, 1))


def test_within_a_queue_the_highest_priority_goes_first():
    assert FairShare().plan({"q/1": 2, "q/9": 1, "q/5": 1}, 9) == ["q/9", "q/5", "q/1", "q/1"]


def test_queues_of_the_same_weight_take_turns():
    chosen = FairShare().plan({"a/9": 100, "b/1": 100}, 10)
    assert Counter(chosen) == {"a/9": 5, "b/1": 5}


def test_the_share_follows_the_weights_over_many_rounds():
    share, counts = FairShare({"mail": 3, "reports": 1}), Counter()
    for _ in range(400):
        counts.update(share.plan({"mail/5": 9, "reports/5": 9}, 1))
    assert counts == {"mail/5": 300, "reports/5": 100}


def test_people_may_give_weights_to_queues_that_have_none_of_their_own():
    share, counts = FairShare({"mail": None, "reports": 1}), Counter()
    share.set_weights({"mail": 4, "reports": 9, "others": 9})
    for _ in range(100):
        counts.update(share.plan({"mail/5": 9, "reports/5": 9, "others/5": 9}, 1))
    assert counts == {"mail/5": 80, "reports/5": 20}


def test_an_empty_queue_costs_the_others_nothing():
    share = FairShare({"mail": 3, "reports": 1})
    assert share.plan({"mail/5": 0, "reports/5": 3}, 9) == ["reports/5"] * 3


def test_queues_that_were_not_named_are_left_alone():
    assert FairShare({"mail": 1}).plan({"reports/5": 3}, 9) == []


def test_weights_are_read():
    assert parse_weights("mail=3, reports") == {"mail": 3, "reports": None}
    assert parse_weights("") == {}


@pytest.mark.parametrize("text", ["=3", "mail=0", "mail=x", "mail=-1", "mail=1001"])
def test_bad_weights_are_refused(text: str):
    with pytest.raises(ValueError, match="NAME=WEIGHT"):
        parse_weights(text)


def test_what_cannot_be_a_queue_is_refused():
    with pytest.raises(ValueError, match="letters, digits"):
        parse_weights("mail=3,a b")

"""What is derived from the list beside the balances: history, list digest, state root."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.history import History
from services.ledger.list_digest import GENESIS, WINDOW, ListDigest, extend
from services.ledger.state_root import StateRoot


def example_history() -> History:
    history = History()
    history.append(0, {"HIPO": -1000, "ada": 1000})
    history.append(5, {"HIPO": -1010, "bob": 10})
    history.append(6, {"ada": 960, "bob": 50})
    return history


def test_balances_at_each_round():
    history = example_history()
    assert history.balances_at(0) == {}
    assert history.balances_at(1) == {"HIPO": -1000, "ada": 1000}
    assert history.balances_at(2) == {"HIPO": -1010, "ada": 1000, "bob": 10}
    assert history.balances_at(3) == {"HIPO": -1010, "ada": 960, "bob": 50}
    assert history.latest_balances() == history.balances_at(3)


def test_a_view_looks_up_single_accounts():
    view = example_history().view(1)
    assert view.get("ada", 0) == 1000
    assert view.get("bob", 0) == 0  # Not yet an account.
    assert view.get("nobody", 7) == 7


def test_which_message_made_which_round():
    history = example_history()
    assert [history.round_made_by(index) for index in range(8)] == [
        1, None, None, None, None, 2, 3, None,
    ]  # fmt: skip
    assert [history.round_before(index) for index in range(8)] == [0, 1, 1, 1, 1, 1, 2, 3]


def test_the_list_digest_is_a_chain_of_hashes():
    digest = ListDigest()
    expected = bytes(32)
    for text in (b"one", b"", b"two"):
        digest.append(text)
        expected = hashlib.sha256(expected + text).digest()
    assert digest.head == (3, expected)


@given(st.lists(st.binary(max_size=4), max_size=8), st.lists(st.binary(max_size=4), max_size=8))
def test_different_lists_have_different_digests(one: list[bytes], other: list[bytes]):
    assert (extend(GENESIS, one) == extend(GENESIS, other)) == (one == other)


def test_anchors_lie_one_to_two_windows_back():
    digest = ListDigest()
    messages = [b"%d" % number for number in range(3 * WINDOW + 10)]
    for index, text in enumerate(messages, 1):
        digest.append(text)
        older, newer = digest.anchors
        assert older.index == max(0, index // WINDOW - 1) * WINDOW
        assert newer.index == index // WINDOW * WINDOW
    for anchor in digest.anchors:
        assert extend(anchor, messages[anchor.index :]) == digest.head


def root_of(round: int, balances: dict[str, int]) -> str:
    root = StateRoot()
    root.touch(balances)
    return root.compute(round, balances)


balances = st.dictionaries(st.sampled_from("abcd\ud800"), st.integers(-300, 300), max_size=5)


@given(st.lists(balances, min_size=1, max_size=6))
def test_a_root_kept_up_to_date_is_the_root_computed_at_once(changes: list[dict[str, int]]):
    root, state = StateRoot(), {}
    for round, change in enumerate(changes):
        state.update(change)
        root.touch(change)
        if round % 2:
            root.compute(round, state)
    assert root.compute(9, state) == root_of(9, state)


@given(balances, balances, st.integers(0, 3), st.integers(0, 3))
def test_roots_are_equal_where_round_and_balances_are(one, other, round_one, round_other):
    is_same = (one, round_one) == (other, round_other)
    assert (root_of(round_one, one) == root_of(round_other, other)) == is_same


def test_an_account_with_nothing_is_part_of_the_root():
    assert root_of(1, {"a": 0}) != root_of(1, {})
    # Neither does a name run into its balance.
    assert root_of(1, {"a1": 2}) != root_of(1, {"a": 0x12})

"""Following the list: the ledger is what the list says, also after the list has changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.logs import Log
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.ledger.follower import Follower
from services.ledger.hiponet import BATCH
from services.ledger.ledger import Ledger
from services.ledger.list_digest import WINDOW
from services.ledger.tests.memory_list import MemoryKV, memory_hiponet
from services.ledger.tests.messages import issue, message, transfer

LOG = Log("ledger-test")
GENESIS = issue(ada=10**6)


def payment(number: int) -> bytes:
    """A valid group; each number is another message."""
    return message(transfer("ada", f"account {number % 7}", 1, note=number))


def following(*messages: bytes, **options: object) -> tuple[MemoryKV, Follower]:
    kv, hiponet = memory_hiponet(*messages)
    follower = Follower(hiponet, LOG, **options)
    follower.catch_up()
    return kv, follower


def assert_follows(follower: Follower, kv: MemoryKV) -> None:
    """The ledger is that of a node which read the list just now."""
    fresh = Ledger()
    fresh.replay(kv.messages)
    assert follower.ledger.list_digest.head == fresh.list_digest.head
    assert (follower.ledger.round, follower.ledger.balances) == (fresh.round, fresh.balances)


def test_an_empty_list():
    kv, follower = following()
    assert follower.is_caught_up and follower.ledger.index == 0
    kv.messages.append(GENESIS)
    follower.catch_up()
    assert_follows(follower, kv)


@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 5])
def test_a_list_of_any_length(count: int):
    kv, follower = following(GENESIS, *map(payment, range(count - 1)))
    assert_follows(follower, kv)
    assert kv.messages_read < count + 10  # Each message once, but for one at each seam.


def test_only_the_news_are_read_later():
    kv, follower = following(GENESIS, *map(payment, range(1000)))
    kv.messages_read = 0
    kv.messages.append(payment(1000))
    follower.catch_up()
    assert_follows(follower, kv)
    assert kv.messages_read == 2


@pytest.mark.parametrize("left", [0, 1, 5, 9])
def test_a_shorter_list_is_noticed(left: int):
    kv, follower = following(GENESIS, *map(payment, range(9)))
    del kv.messages[left:]
    follower.catch_up()
    assert follower.rebuilds_total == 1
    assert_follows(follower, kv)


def test_a_list_that_lost_its_end_and_grew_another_is_noticed():
    kv, follower = following(GENESIS, *map(payment, range(9)))
    kv.messages[5:] = [payment(number) for number in range(100, 120)]
    follower.catch_up()
    assert follower.rebuilds_total == 1
    assert_follows(follower, kv)


def test_another_end_with_the_same_last_message_is_noticed_after_a_lost_connection():
    kv, follower = following(GENESIS, *map(payment, range(9)))
    kv.messages[5:9] = [payment(number) for number in range(100, 104)]
    follower.catch_up()
    assert follower.rebuilds_total == 0  # One message alone cannot tell.
    follower.distrust()
    follower.catch_up()
    assert follower.rebuilds_total == 1
    assert_follows(follower, kv)


def test_a_change_long_ago_is_noticed_by_an_audit():
    kv, follower = following(GENESIS, *map(payment, range(3 * WINDOW)))
    kv.messages[1] = payment(10**6)
    follower.distrust()
    follower.catch_up()
    assert follower.rebuilds_total == 0
    follower.audit()
    follower.catch_up()
    assert follower.rebuilds_total == 1
    assert_follows(follower, kv)
    follower.audit()
    follower.catch_up()
    assert follower.rebuilds_total == 1


def test_a_rebuild_is_said_in_the_log(log_lines: list[str]):
    kv, follower = following(GENESIS, payment(1))
    kv.messages.clear()
    follower.catch_up()
    follower.catch_up()
    [line] = log_lines
    assert "building the ledger anew" in line and "round=2" in line


def test_a_ledger_of_an_earlier_life_is_compared_before_it_goes_on():
    messages = [GENESIS, *map(payment, range(2 * WINDOW + 100))]
    for change in (lambda m: None, lambda m: m.pop(), lambda m: m.__setitem__(-50, b"other")):
        kept = Ledger()
        kept.replay(messages)
        kv, hiponet = memory_hiponet(*messages, payment(7), payment(8))
        del kv.messages[len(messages) :]
        change(kv.messages)
        is_changed = kv.messages != messages
        kv.messages += [payment(7), payment(8)]
        follower = Follower(hiponet, LOG, ledger=kept)
        follower.catch_up()
        assert follower.rebuilds_total == is_changed
        assert_follows(follower, kv)


def test_it_stops_at_the_round_asked_for_and_says_the_balances(log_lines: list[str]):
    kv, follower = following(GENESIS, *map(payment, range(100)), stop_at_round=42)
    assert follower.has_stopped and follower.ledger.round == 42
    kv.messages.append(payment(101))
    follower.catch_up()
    assert follower.ledger.round == 42
    [line] = log_lines
    assert 'round=42 balances="HIPO=-1000000 account 0=6 ' in line


@pytest.mark.parametrize("failure", [ConnectionLost("gone"), ReplyError("LOADING wait")])
def test_a_failure_loses_nothing(failure: Exception):
    kv, follower = following(GENESIS, payment(1))
    kv.messages.append(payment(2))
    kv.failure = failure
    with pytest.raises(type(failure)):
        follower.catch_up()
    assert follower.ledger.index == 2
    kv.failure = None
    follower.distrust()
    follower.catch_up()
    assert follower.rebuilds_total == 0
    assert_follows(follower, kv)


def test_messages_too_large_for_a_batch_are_read_in_smaller_ones():
    kv, hiponet = memory_hiponet(GENESIS, *map(payment, range(50)))
    kv.max_reply = 3
    follower = Follower(hiponet, LOG)
    for _ in range(200):
        try:
            follower.catch_up()
            break
        except ConnectionLost:
            follower.distrust()
    assert_follows(follower, kv)


def test_waiting_for_a_message_ends_when_it_is_applied():
    kv, follower = following(GENESIS)
    kv.messages.append(payment(1))
    with follower.changed:
        assert not follower.changed.wait_for(lambda: follower.ledger.index > 1, timeout=0)
    follower.catch_up()
    with follower.changed:
        assert follower.changed.wait_for(lambda: follower.ledger.index > 1, timeout=0)


lists = st.lists(st.integers(0, 5), max_size=12)


@given(st.lists(st.tuples(st.integers(0, 12), lists, st.booleans()), max_size=6))
def test_whatever_happens_to_the_list_an_audit_finds_the_truth(changes):
    kv, follower = following(GENESIS)
    for kept, added, is_audited in changes:
        kv.messages[kept:] = [payment(number) for number in added]
        if is_audited:
            follower.audit()
        else:
            follower.distrust()  # All of these lists are shorter than a window.
        follower.catch_up()
        assert_follows(follower, kv)

"""What waits, as far as the worker knows: counted, expected, corrected."""

from services.worker.backlog import Backlog

LIST = "default/5"


def test_wake_ups_add_and_claims_take():
    backlog = Backlog()
    backlog.woken(LIST, 2, ["a", "b"])
    backlog.woken("mail/0", 1, ["m"])
    assert backlog.total == 3
    backlog.left({LIST: 1})
    assert backlog.lengths == {LIST: 1, "mail/0": 1}


def test_tasks_are_expected_in_the_order_of_the_wake_ups():
    backlog = Backlog()
    backlog.woken(LIST, 2, ["a", "b"])
    backlog.woken(LIST, 1, ["c"])
    backlog.woken("mail/0", 1, ["m"])
    expected = backlog.expected([LIST, "mail/0", LIST])
    assert list(expected.items()) == [("a", LIST), ("m", "mail/0"), ("b", LIST)]
    backlog.left({LIST: 1, "mail/0": 0})
    assert backlog.expected([LIST, LIST, "other/1"]) == {"c": LIST}


def test_behind_what_is_not_known_nothing_is_expected():
    backlog = Backlog()
    backlog.found({LIST: 3})
    backlog.woken(LIST, 1, ["d"])
    assert backlog.expected([LIST]) == {}
    assert backlog.lengths == {LIST: 4}


def test_a_wake_up_that_does_not_name_all_is_followed_by_nothing_that_is_known():
    backlog = Backlog()
    backlog.woken(LIST, 3, ["a"])
    backlog.woken(LIST, 1, ["d"])
    assert backlog.expected([LIST, LIST]) == {"a": LIST}


def test_where_others_were_faster_nothing_is_expected_any_more():
    backlog = Backlog()
    backlog.woken(LIST, 3, ["a", "b", "c"])
    backlog.expected([LIST])
    backlog.left({LIST: 1})
    assert backlog.expected([LIST]) == {}


def test_an_empty_list_is_known_again():
    backlog = Backlog()
    backlog.found({LIST: 1})
    backlog.left({LIST: 0})
    backlog.woken(LIST, 1, ["a"])
    assert backlog.expected([LIST]) == {"a": LIST}


def test_a_look_corrects_everything():
    backlog = Backlog()
    backlog.woken(LIST, 1, ["a"])
    backlog.found({LIST: 1, "mail/0": 0})
    assert backlog.expected([LIST]) == {}
    assert backlog.total == 1

"""The rules: what a group does to round and balances, and that an invalid one does nothing."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger import errors
from services.ledger.group import Transaction
from services.ledger.ledger import Ledger, validate
from services.ledger.tests.messages import issue, message, networks, transfer
from services.ledger.tests.reference import Reference


def ledger_after(*messages: bytes) -> Ledger:
    ledger = Ledger()
    ledger.replay(messages)
    return ledger


def test_an_empty_ledger():
    ledger = Ledger()
    assert (ledger.round, ledger.index, ledger.balances) == (0, 0, {})


def test_a_valid_group_moves_money_and_makes_a_round():
    ledger = ledger_after(issue(ada=10), message(transfer("ada", "bob", 4)))
    assert (ledger.round, ledger.index) == (2, 2)
    assert ledger.balances == {"HIPO": -10, "ada": 6, "bob": 4}


def test_an_invalid_message_counts_in_the_list_and_nowhere_else():
    ledger = ledger_after(issue(ada=10))
    assert isinstance(ledger.apply(b"garbage"), errors.NotJSON)
    assert isinstance(ledger.apply(message(transfer("ada", "bob", 11))), errors.Overspending)
    assert (ledger.round, ledger.index) == (1, 3)
    assert ledger.balances == {"HIPO": -10, "ada": 10}


def test_the_whole_group_or_nothing():
    ledger = ledger_after(issue(ada=10))
    error = ledger.apply(message(transfer("ada", "bob", 4), transfer("cem", "bob", 1)))
    assert isinstance(error, errors.Overspending)
    assert ledger.balances == {"HIPO": -10, "ada": 10}


def test_each_transaction_finds_what_the_earlier_ones_left():
    ledger = ledger_after(issue(ada=10))
    chain = message(transfer("ada", "bob", 10), transfer("bob", "cem", 7), transfer("bob", "x", 3))
    assert ledger.apply(chain) is None
    assert ledger.balances == {"HIPO": -10, "ada": 0, "bob": 0, "cem": 7, "x": 3}
    # In the other order bob has nothing yet when it is his turn.
    again = ledger_after(issue(ada=10))
    backwards = message(transfer("bob", "cem", 7), transfer("ada", "bob", 10))
    assert isinstance(again.apply(backwards), errors.Overspending)


def test_sending_to_oneself_needs_the_balance_and_changes_nothing():
    ledger = ledger_after(issue(ada=10))
    assert ledger.apply(message(transfer("ada", "ada", 10))) is None
    assert ledger.balances["ada"] == 10 and ledger.round == 2
    assert isinstance(ledger.apply(message(transfer("ada", "ada", 11))), errors.Overspending)


def test_nothing_can_be_sent_by_somebody_without_anything_but_nothing():
    ledger = Ledger()
    assert isinstance(ledger.apply(message(transfer("ada", "bob", 1))), errors.Overspending)
    assert ledger.balances == {}
    assert ledger.apply(message(transfer("ada", "bob", 0))) is None
    assert ledger.balances == {"ada": 0, "bob": 0}


def test_hipo_issues_up_to_round_2_and_never_again():
    ledger = ledger_after(issue(a=1), issue(a=1), issue(a=1))
    assert ledger.round == 3
    assert isinstance(ledger.apply(issue(a=1)), errors.IssuanceClosed)
    assert isinstance(ledger.apply(message(transfer("HIPO", "a", 0))), errors.IssuanceClosed)
    # Receiving is always allowed, and does not make it a sender.
    assert ledger.apply(message(transfer("a", "HIPO", 3))) is None
    assert isinstance(ledger.apply(message(transfer("HIPO", "a", 1))), errors.IssuanceClosed)


def test_the_format_rules_hold_for_hipo_too():
    ledger = Ledger()
    assert isinstance(ledger.apply(issue(a=-1)), errors.NegativeAmount)
    assert isinstance(ledger.apply(message(transfer("HIPO", "a", 1, 1))), errors.NotYetValid)
    assert isinstance(ledger.apply(message(transfer("HIPO", "a", True))), errors.BadField)


def test_hipo_is_an_exact_name():
    for name in ("hipo", "HIPO ", "Hipo"):
        assert isinstance(Ledger().apply(message(transfer(name, "a", 1))), errors.Overspending), (
            name
        )


def test_first_valid_is_compared_with_the_round_before_the_group():
    ledger = Ledger()
    assert isinstance(ledger.apply(message(transfer("a", "b", 0, 1))), errors.NotYetValid)
    assert ledger.apply(message(transfer("a", "b", 0, 0))) is None
    assert ledger.apply(message(transfer("a", "b", 0, 1))) is None
    assert ledger.apply(message(transfer("a", "b", 0, -(10**30)))) is None
    late = message(transfer("a", "b", 0, 3), transfer("a", "b", 0, 4))
    assert isinstance(ledger.apply(late), errors.NotYetValid)


def test_amounts_have_no_limit():
    huge = 10**6000
    ledger = Ledger()
    assert ledger.apply(message_with_number(transfer("HIPO", "ada", "N"), huge)) is None
    assert ledger.apply(message_with_number(transfer("ada", "bob", "N"), huge - 1)) is None
    assert ledger.balances == {"HIPO": -huge, "ada": 1, "bob": huge - 1}
    too_much = ledger.apply(message_with_number(transfer("bob", "ada", "N"), huge))
    assert isinstance(too_much, errors.Overspending) and len(str(too_much)) < 200
    too_early = ledger.apply(message_with_number(transfer("bob", "ada", 0, "N"), huge))
    assert isinstance(too_early, errors.NotYetValid) and len(str(too_early)) < 200
    assert len(ledger.state_root()) == 64


def message_with_number(fields: dict, number: int) -> bytes:
    """The message with `number` in the place of "N", also where str() would refuse it."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return message(fields).replace(b'"N"', str(number).encode())
    finally:
        sys.set_int_max_str_digits(limit)


def test_names_that_have_no_utf_8_take_part():
    one, other = chr(0xD800), chr(0xDFFF)
    text = json.dumps([transfer("HIPO", one, 5), transfer(one, other, 2)]).encode()
    ledger = ledger_after(text)
    assert ledger.balances == {"HIPO": -5, one: 3, other: 2}
    assert len(ledger.state_root()) == 64


def test_replay_stops_behind_the_round_asked_for():
    messages = [issue(ada=9), b"bad", *[message(transfer("ada", "bob", 1))] * 5, b"bad"]
    ledger = Ledger()
    ledger.replay(messages, stop_at_round=3)
    assert (ledger.round, ledger.index) == (3, 4)
    assert ledger.balances == {"HIPO": -9, "ada": 7, "bob": 2}
    ledger.replay(messages[ledger.index :], stop_at_round=3)
    assert ledger.index == 4
    # A list that never comes so far ends at its last round.
    ledger = Ledger()
    ledger.replay(messages, stop_at_round=42)
    assert (ledger.round, ledger.index) == (6, 8)


def test_validation_reads_the_balances_and_never_writes_them():
    balances = {"ada": 5}
    group = [Transaction("ada", "bob", 5, 0), Transaction("bob", "cem", 1, 0)]
    assert validate(group, 0, balances) == {"ada": 0, "bob": 4, "cem": 1}
    assert balances == {"ada": 5}


@given(networks)
def test_it_agrees_with_the_reference_message_by_message(messages: list[bytes]):
    ledger, reference = Ledger(), Reference()
    for text in messages:
        before = (ledger.round, dict(ledger.balances), ledger.state_root())
        error = ledger.apply(text)
        assert (error is None) == reference.apply(text), (text, error)
        assert ledger.round == reference.round
        assert ledger.balances == reference.balances
        assert sum(ledger.balances.values()) == 0
        assert all(v >= 0 for name, v in ledger.balances.items() if name != "HIPO")
        if error is not None:
            assert (ledger.round, ledger.balances, ledger.state_root()) == before


@given(networks)
def test_any_earlier_round_and_any_verdict_is_found_again(messages: list[bytes]):
    ledger = Ledger()
    by_round, verdicts = [{}], []
    for text in messages:
        error = ledger.apply(text)
        verdicts.append(error and type(error))
        if error is None:
            by_round.append(dict(ledger.balances))
    assert [ledger.balances_at(round) for round in range(ledger.round + 1)] == by_round
    for index, text in enumerate(messages):
        again = ledger.explain(index, text)
        assert (again and type(again)) == verdicts[index]


@given(networks, st.integers(0, 30))
def test_only_the_order_counts_and_not_how_it_was_replayed(messages: list[bytes], cut: int):
    at_once, in_two = Ledger(), Ledger()
    at_once.replay(messages)
    in_two.replay(messages[:cut])
    in_two.state_root()  # Asked for in between, or not.
    in_two.replay(messages[cut:])
    assert at_once.state_root() == in_two.state_root()
    assert at_once.list_digest.head == in_two.list_digest.head
    assert at_once.balances == in_two.balances


@pytest.mark.parametrize("round", [-1, 2, 10**9])
def test_a_round_that_was_not_yet_is_an_error(round: int):
    with pytest.raises(ValueError, match="at round 1"):
        ledger_after(issue(ada=1)).balances_at(round)


def test_explaining_another_message_is_refused():
    ledger = ledger_after(issue(ada=1), b"bad")
    with pytest.raises(LookupError):
        ledger.explain(1, message(transfer("ada", "bob", 1)))

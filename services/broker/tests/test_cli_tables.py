"""What the command line draws: tables fitted to the terminal, bars, times, and what is typed."""

import argparse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.broker.cli.bar import WIDTH, bar, line
from services.broker.cli.commands import call_arguments, option_pair
from services.broker.cli.tables import duration, facts, seconds, table


def test_numbers_stand_to_the_right():
    rows = [{"task": "echo", "attempts": 1}, {"task": "resize", "attempts": 12}]
    assert table(rows, 80).splitlines() == [
        "TASK    ATTEMPTS",
        "echo           1",
        "resize        12",
    ]


def test_nothing_is_a_dash_and_no_rows_are_none():
    assert table([{"a": None, "b": ""}], 80).splitlines()[1] == "–  –"
    assert table([], 80) == "none"


def test_the_widest_column_is_cut_to_the_terminal():
    (_, row) = table([{"id": "x" * 30, "error": "e" * 300}], 60).splitlines()
    assert len(row) == 60
    assert row.startswith("x" * 28) and row.endswith("…")


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.integers(60, 200))
def test_no_name_moves_the_cursor(names: list[str], width: int):
    text = table([{"name": name, "n": 1} for name in names], width)
    assert len(text.split("\n")) == len(names) + 1
    assert all(one.isprintable() for one in text.replace("\n", ""))


def test_wide_characters_take_two_columns():
    lines = table([{"name": "鍵", "n": 1}, {"name": "ab", "n": 2}], 80).splitlines()
    assert lines[1:] == ["鍵    1", "ab    2"]


def test_facts_leave_out_what_says_nothing():
    assert facts({"id": "t1", "worker": None, "state": "queued"}) == "id     t1\nstate  queued"


def test_durations():
    assert [seconds(s) for s in (0.0042, 75.34, 4000, None)] == ["4 ms", "75.3 s", "66.7 min", None]
    assert duration("2026-11-23T09:00:00.000Z", "2026-11-23T09:00:01.500Z") == "1.5 s"
    assert duration(None, "2026-11-23T09:00:01.500Z") is None


@settings(deadline=None)
@given(st.floats(-1, 2))
def test_a_bar_is_as_wide_as_it_is(fraction: float):
    assert len(bar(fraction)) == WIDTH


def test_a_bar_grows_by_eighths():
    assert bar(0, 4) == "····"
    assert bar(0.5, 4) == "██··"
    assert bar(0.53125, 4) == "██▏·"
    assert bar(1, 4) == "████"


def test_the_line_of_a_task_shows_how_far_it_is():
    task = {
        "task": "resize",
        "state": "running",
        "progress": {"fraction": 0.5, "message": "page\x1b[2J 1"},
    }
    assert line(task, 6.24) == f"{bar(0.5)}   50%  resize  running  page [2J 1  6.2 s"
    assert line({"task": "echo", "state": "queued"}, 0) == "echo  queued  0.0 s"


@pytest.mark.parametrize(
    ("words", "args", "kwargs"),
    [
        (["3", "cat.png", "width=200"], [3, "cat.png"], {"width": 200}),
        (['{"a": [1]}', "null", "true"], [{"a": [1]}, None, True], {}),
        (["a b=c", "1=2"], ["a b=c", "1=2"], {}),
        (["text=", "name=007"], [], {"text": "", "name": "007"}),
        (['"3"'], ["3"], {}),
        (["NaN", "x=-Infinity"], ["NaN"], {"x": "-Infinity"}),
    ],
)
def test_what_is_typed_is_json_where_it_is_some(words: list, args: list, kwargs: dict):
    assert call_arguments(words) == (args, kwargs)


def test_options_are_pairs():
    assert option_pair("rate_limit=10/s") == ("rate_limit", "10/s")
    assert option_pair("unique_for=60") == ("unique_for", 60)
    with pytest.raises((ValueError, argparse.ArgumentTypeError)):
        option_pair("nonsense")

"""What a task prints: kept up to a limit, logged by line."""

import pytest

from services.worker.output import MAX_KEPT_BYTES, MAX_LINE_BYTES, MAX_LOGGED_LINES, Output


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def output(lines: list[str]) -> Output:
    return Output(lines.append)


def test_lines_are_logged_when_they_are_whole(output: Output, lines: list[str]):
    for piece in (b"one\ntw", b"o\n", b"three"):
        output.receive_data(piece)
    assert lines == ["one", "two"]
    assert output.take() == "one\ntwo\nthree"
    assert lines == ["one", "two", "three"]


def test_each_task_has_its_own(output: Output):
    output.receive_data(b"first\n")
    assert output.take() == "first\n"
    assert output.take() is None
    output.receive_data(b"second\n")
    assert output.take() == "second\n"


def test_bytes_that_are_no_text_are_shown_as_such(output: Output):
    output.receive_data(b"\xff\n")
    assert output.take() == "\N{REPLACEMENT CHARACTER}\n"


def test_megabytes_are_cut(output: Output, lines: list[str]):
    for _ in range(40):
        output.receive_data((b"x" * 99 + b"\n") * 1000)
    text = output.take()
    assert len(text) < MAX_KEPT_BYTES + 100
    assert text.endswith(f"… and {4_000_000 - MAX_KEPT_BYTES} bytes more")
    assert len(lines) == MAX_LOGGED_LINES


def test_an_endless_line_is_cut(output: Output, lines: list[str]):
    for _ in range(100):
        output.receive_data(b"x" * 1000)
    output.receive_data(b"\n")
    assert [len(line) for line in lines] == [MAX_LINE_BYTES]

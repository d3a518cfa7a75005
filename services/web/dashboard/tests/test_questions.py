"""Asking several at once: answers, errors, and those that hang."""

import threading

import pytest

from services.web.dashboard.questions import Answer, Questions


def fail():
    raise ValueError("no")


def fail_silently():
    raise ValueError


def test_each_has_its_answer():
    answers = Questions(5).ask({"one": lambda: 1, "two": fail, "three": fail_silently})
    assert answers == {
        "one": Answer(1),
        "two": Answer(error="no"),
        "three": Answer(error="ValueError"),
    }


def test_all_are_asked_at_the_same_time():
    meeting = threading.Barrier(3, timeout=5)
    answers = Questions(5).ask({str(number): meeting.wait for number in range(3)})
    assert sorted(answer.value for answer in answers.values()) == [0, 1, 2]


@pytest.mark.parametrize("others", [0, 3])
def test_one_that_hangs_is_asked_once_until_it_comes_back(others):
    release, asked = threading.Event(), []
    came_back = threading.Event()

    def hang():
        asked.append(1)
        release.wait(5)
        came_back.set()
        return "late"

    questions = Questions(0.5)
    wanted = {"slow": hang} | {str(number): lambda: "fast" for number in range(others)}
    for _ in range(3):
        answers = questions.ask(wanted)
        assert answers.pop("slow").error == "no answer within 0.5 s"
        assert all(answer.value == "fast" for answer in answers.values())
    assert len(asked) == 1
    release.set()
    assert came_back.wait(5)
    questions._under_way["slow"].is_done.wait(5)
    assert questions.ask(wanted)["slow"] == Answer("late")

"""Connections and the limit of open files."""

import resource

import pytest

from services.common.descriptors import RESERVED_DESCRIPTORS, fit_connections
from services.common.tests.test_event_loop import RecordingLog


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int]]:
    """The limits of a process of the test's choice: soft, hard."""
    limits = {"now": (256, 1024)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda which, wanted: limits.update(now=wanted))
    return limits


def test_the_soft_limit_is_raised_as_far_as_is_needed(limits: dict) -> None:
    log = RecordingLog()
    assert fit_connections(100, log) == 100
    assert limits["now"] == (256, 1024)
    assert fit_connections(500, log, reserved=100) == 500
    assert limits["now"] == (600, 1024)
    assert log.lines == []


def test_the_hard_limit_bounds_the_connections(limits: dict) -> None:
    log = RecordingLog()
    assert fit_connections(5000, log) == 1024 - RESERVED_DESCRIPTORS
    assert limits["now"] == (1024, 1024)
    assert log.lines == ["the limit of open files allows fewer connections"]


def test_a_kernel_that_raises_nothing(limits: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, wanted: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise the limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert fit_connections(500, RecordingLog(), reserved=56) == 200


def test_no_limit(limits: dict) -> None:
    limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert fit_connections(10**6, RecordingLog()) == 10**6
    limits["now"] = (256, resource.RLIM_INFINITY)
    assert fit_connections(1000, RecordingLog(), reserved=0) == 1000
    assert limits["now"] == (1000, resource.RLIM_INFINITY)

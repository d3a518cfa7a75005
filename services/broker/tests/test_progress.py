"""Reports of progress: what is stored and told comes back, and garbage is none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.broker.client import Execution, current_task, executing, progress
from services.broker.progress import (
    Progress,
    commands_to_store,
    decode_stored,
    encode_progress,
)

REPORTS = st.builds(Progress, st.floats(0, 1), st.text(max_size=50), st.integers(0, 2**48))


@settings(deadline=None)
@given(st.dictionaries(st.text("0123456789abcdef", min_size=1), REPORTS, max_size=5))
def test_what_is_told_is_every_report_by_the_id_of_its_task(reports: dict[str, Progress]):
    told = json.loads(encode_progress(reports))
    assert {one.pop("id"): Progress(**one) for one in told} == reports


@settings(deadline=None)
@given(REPORTS)
def test_what_is_stored_comes_back(report: Progress):
    ((_, name, document, _, _),) = commands_to_store({"t1": report})
    assert name == "tasks:progress:t1"
    assert decode_stored(document.encode()) == report


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_garbage_is_no_report(data: bytes):
    assert isinstance(decode_stored(data), Progress | None)


@pytest.mark.parametrize("document", [None, b"", b"[]", b'{"fraction": "x", "at_ms": 1}', b"{}"])
def test_what_is_no_report_is_none(document: bytes | None):
    assert decode_stored(document) is None


def test_a_report_is_shown_by_the_names_of_the_api():
    shown = Progress(0.4, "", 1_800_000_000_000).as_json()
    assert shown == {"fraction": 0.4, "message": None, "at": "2027-01-15T08:00:00.000Z"}


def test_outside_of_a_task_nobody_is_told():
    assert current_task() is None
    progress(0.5, "to nobody")


def test_inside_of_one_the_worker_is_told():
    told: list[tuple[float, str]] = []
    with executing(Execution("t1", 2, lambda *report: told.append(report))):
        assert current_task().attempt == 2
        progress(1, "x" * 1000)
    assert told == [(1.0, "x" * 200)]
    assert current_task() is None


@pytest.mark.parametrize("fraction", [-0.1, 1.1, "half", None, True, float("nan")])
def test_progress_is_a_number_from_0_to_1(fraction: object):
    with pytest.raises(ValueError, match="from 0 to 1"):
        progress(fraction)

"""What a client may ask for, and what is refused with the place of the mistake."""

import pytest

from services.broker.states import State
from services.broker.submission import SubmissionError, new_record, parse_submission
from services.broker.task_options import DEFAULTS, Delivery, TaskOptions

NOW_MS = 1_795_426_200_000  # 2026-11-23T09:30:00Z


def test_a_name_is_enough():
    submission = parse_submission({"task": "echo"}, NOW_MS)
    assert (submission.args, submission.kwargs) == ([], {})
    record = new_record(submission, None, "id", NOW_MS)
    assert record.state is State.QUEUED
    assert record.options.effective() == DEFAULTS


def test_every_option_arrives():
    options = {
        "queue": "mail",
        "priority": 9,
        "retries": 3,
        "retry_delay": 0.5,
        "retry_max_delay": 60,
        "timeout": 10,
        "soft_timeout": 8,
        "expires": 100,
        "delivery": "at_most_once",
        "result_ttl": 3600,
        "countdown": 5,
        "idempotency_key": "order 7",
    }
    submission = parse_submission({"task": "send", "options": options}, NOW_MS)
    assert submission.options == TaskOptions(
        "mail", 9, 3, 0.5, 60.0, 10.0, 8.0, 100.0, Delivery.AT_MOST_ONCE, 3600.0
    )
    assert submission.idempotency_key == "order 7"
    record = new_record(submission, None, "id", NOW_MS)
    assert record.state is State.SCHEDULED
    assert record.due_at_ms == NOW_MS + 5_000
    assert record.expires_at_ms == NOW_MS + 100_000


@pytest.mark.parametrize(
    ("eta", "due_at_ms"),
    [
        ("2026-11-23T09:30:01Z", NOW_MS + 1000),
        ("2026-11-23T10:30:01.5+01:00", NOW_MS + 1500),
    ],
)
def test_an_eta_is_a_point_in_time(eta: str, due_at_ms: int):
    assert parse_submission({"task": "t", "options": {"eta": eta}}, NOW_MS).due_at_ms == due_at_ms


def test_a_time_that_has_passed_is_now():
    submission = parse_submission({"task": "t", "options": {"eta": "2026-11-23T09:29:59Z"}}, NOW_MS)
    record = new_record(submission, None, "id", NOW_MS)
    assert (record.state, record.due_at_ms) == (State.QUEUED, None)


def test_the_submission_wins_over_the_definition_and_that_over_the_defaults():
    submission = parse_submission({"task": "t", "options": {"retries": 1}}, NOW_MS)
    definition = TaskOptions(retries=5, queue="slow", expires_s=10)
    record = new_record(submission, definition, "id", NOW_MS)
    effective = record.options.effective()
    assert (effective.retries, effective.queue, effective.priority) == (1, "slow", 5)
    assert record.expires_at_ms == NOW_MS + 10_000


def test_null_leaves_an_option_open():
    submission = parse_submission(
        {"task": "t", "args": None, "options": {"retries": None, "eta": None}}, NOW_MS
    )
    assert submission.options == TaskOptions()


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "body"),
        ("echo", "body"),
        (None, "body"),
        ({}, "task"),
        ({"task": 7}, "task"),
        ({"task": ""}, "task"),
        ({"task": "x" * 201}, "task"),
        ({"task": "a\nb"}, "task"),
        ({"task": "t", "arg": []}, "arg"),
        ({"task": "t", "args": {}}, "args"),
        ({"task": "t", "kwargs": []}, "kwargs"),
        ({"task": "t", "options": []}, "options"),
        ({"task": "t", "options": {"colour": 1}}, "options.colour"),
        ({"task": "t", "options": {"retries": "many"}}, "options.retries"),
        ({"task": "t", "options": {"retries": True}}, "options.retries"),
        ({"task": "t", "options": {"retries": -1}}, "options.retries"),
        ({"task": "t", "options": {"retries": 1.5}}, "options.retries"),
        ({"task": "t", "options": {"priority": 10}}, "options.priority"),
        ({"task": "t", "options": {"queue": "a b"}}, "options.queue"),
        ({"task": "t", "options": {"queue": "a/5"}}, "options.queue"),
        ({"task": "t", "options": {"timeout": 0}}, "options.timeout"),
        ({"task": "t", "options": {"timeout": float("inf")}}, "options.timeout"),
        ({"task": "t", "options": {"timeout": 10**400}}, "options.timeout"),
        ({"task": "t", "options": {"expires": -1}}, "options.expires"),
        ({"task": "t", "options": {"delivery": "exactly_once"}}, "options.delivery"),
        ({"task": "t", "options": {"delivery": []}}, "options.delivery"),
        ({"task": "t", "options": {"countdown": "5"}}, "options.countdown"),
        (
            {"task": "t", "options": {"countdown": 1, "eta": "2026-01-01T00:00Z"}},
            "options.countdown",
        ),
        ({"task": "t", "options": {"eta": "tomorrow"}}, "options.eta"),
        ({"task": "t", "options": {"eta": 1795426200}}, "options.eta"),
        ({"task": "t", "options": {"eta": "2026-11-23T09:30:00"}}, "options.eta"),
        ({"task": "t", "options": {"idempotency_key": ""}}, "options.idempotency_key"),
        ({"task": "t", "options": {"eta": "9999-12-31T23:59:59-14:00"}}, "options.eta"),
        ({"task": "t", "options": {"idempotency_key": 5}}, "options.idempotency_key"),
        ({"task": "t", "options": {"idempotency_key": "\ud800"}}, "options.idempotency_key"),
    ],
)
def test_a_mistake_is_refused_with_its_place(document: object, field: str):
    with pytest.raises(SubmissionError) as refused:
        parse_submission(document, NOW_MS)
    assert refused.value.field == field

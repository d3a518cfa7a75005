"""Schedules: what may be written, which runs are due, and that each happens once."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker import keys
from services.broker.firing import Firing, commands_to_store
from services.broker.schedule_book import NoSuchSchedule
from services.broker.schedules import (
    GRACE_S,
    CatchUp,
    Schedule,
    decode_schedule,
    missed_runs,
    parse_schedule,
)
from services.broker.submission import SubmissionError
from services.broker.tests.support import LOG, Announcements
from services.broker.tests.world import World

NOW_MS = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC
EVERY_MINUTE = {"task": "echo", "every": 60}


def schedule(**changes: object) -> Schedule:
    return parse_schedule("s", EVERY_MINUTE | changes, NOW_MS)


def ids(world: World) -> list[str]:
    """Of every task that waits, the oldest first."""
    return [one.decode() for one in world.kv.execute("LRANGE", keys.queue("default/5"), 0, -1)]


def test_runs_count_from_run_to_run_and_do_not_drift():
    one = schedule(every=7)
    assert [one.next_after(NOW_MS + late_ms) - NOW_MS for late_ms in (0, 6999, 7000, 7001)] == [
        7000,
        7000,
        14000,
        14000,
    ]


def test_cron_lines_have_their_time_zone():
    one = parse_schedule(
        "s", {"task": "a", "cron": "30 9 * * *", "timezone": "Europe/Berlin"}, NOW_MS
    )
    assert datetime.fromtimestamp(one.next_run_ms / 1000, UTC).strftime("%H:%M") == "08:30"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"every": None}, "every"),
        ({"cron": "* * * * *"}, "every"),
        ({"every": 0.5}, "every"),
        ({"every": "60"}, "every"),
        ({"every": True}, "every"),
        ({"every": None, "cron": "* * * *"}, "cron"),
        ({"every": None, "cron": "0 0 30 2 *"}, "cron"),
        ({"every": None, "cron": 7}, "cron"),
        ({"timezone": "Europe/Berlin"}, "timezone"),
        ({"every": None, "cron": "* * * * *", "timezone": "Europe/Nowhere"}, "timezone"),
        ({"every": None, "cron": "* * * * *", "timezone": "../etc/passwd"}, "timezone"),
        ({"every": None, "cron": "* * * * *", "timezone": "Europe"}, "timezone"),
        ({"every": None, "cron": "* * * * *", "timezone": 7}, "timezone"),
        ({"catch_up": "all"}, "catch_up"),
        ({"catch_up": ["once"]}, "catch_up"),
        ({"paused": 1}, "paused"),
        ({"task": None}, "task"),
        ({"args": {}}, "args"),
        ({"options": {"retries": "many"}}, "options.retries"),
        ({"options": {"idempotency_key": "k"}}, "options.idempotency_key"),
        ({"options": {"eta": "2030-01-01T00:00:00Z"}}, "options.eta"),
        ({"crom": "* * * * *"}, "crom"),
    ],
)
def test_what_is_refused(changes: dict[str, object], field: str):
    with pytest.raises(SubmissionError) as refused:
        schedule(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "a/b"])
def test_names_are_plain(name: str):
    with pytest.raises(SubmissionError) as refused:
        parse_schedule(name, EVERY_MINUTE, NOW_MS)
    assert refused.value.field == "name"


def test_a_schedule_is_stored_as_it_is():
    one = schedule(args=[1], catch_up="skip")
    assert decode_schedule(one.encode()) == one


# Which runs are due.


def test_every_run_of_the_grace_is_made_up_for():
    one = schedule(every=3)
    runs, next_ms = missed_runs(one, NOW_MS + 9_500)
    assert [run - NOW_MS for run in runs] == [3000, 6000, 9000]
    assert next_ms == NOW_MS + 12_000


@pytest.mark.parametrize(("catch_up", "expected"), [("once", [60_000]), ("skip", [])])
def test_of_older_runs_one_is_made_or_none(catch_up: str, expected: list[int]):
    one = schedule(catch_up=catch_up)
    runs, next_ms = missed_runs(one, NOW_MS + 3_630_000)
    assert [run - NOW_MS for run in runs] == expected
    assert next_ms == NOW_MS + 3_660_000


def test_a_recent_run_stands_for_the_older_ones():
    runs, _ = missed_runs(schedule(), NOW_MS + 3_605_000)
    assert [run - NOW_MS for run in runs] == [3_600_000]


def test_a_schedule_that_slept_for_years_wakes_at_once():
    one = schedule(every=1)
    runs, next_ms = missed_runs(one, NOW_MS + 10 * 366 * 24 * 3600 * 1000)
    assert len(runs) == GRACE_S + 1
    assert next_ms > NOW_MS


@given(
    st.integers(1, 100),
    st.sampled_from(["once", "skip"]),
    st.lists(st.integers(0, 300_000), min_size=1, max_size=20),
)
def test_no_run_is_made_twice_and_no_recent_one_is_missed(every, catch_up, sleeps_ms):
    one, now_ms = schedule(every=every, catch_up=catch_up), NOW_MS
    made: list[int] = []
    for sleep_ms in sleeps_ms:
        now_ms += sleep_ms
        runs, next_ms = missed_runs(one, now_ms)
        due = list(range(NOW_MS + every * 1000, now_ms + 1, every * 1000))
        recent = [run for run in due if run >= now_ms - GRACE_S * 1000 and run not in made]
        assert [run for run in runs if run in recent] == recent
        assert len(runs) - len(recent) <= (1 if one.catch_up is CatchUp.ONCE else 0)
        assert next_ms > now_ms
        made += runs
        one = Schedule(
            **{name: getattr(one, name) for name in one.__dataclass_fields__}
            | {"next_run_ms": next_ms}
        )
    assert made == sorted(set(made))


# On a store.


def test_a_schedule_fires_at_its_time(world: World):
    world.parts.schedules.put("s", EVERY_MINUTE | {"args": ["hello"]})
    world.turn(59.999)
    assert ids(world) == []
    world.turn(0.001)
    (task_id,) = ids(world)
    task = world.task(task_id)
    assert (task.task, task.args, task.schedule) == ("echo", ["hello"], "s")
    shown = world.parts.schedules.get("s")
    assert (shown.last_run_ms, shown.last_task) == (world.clock.now_ms, task_id)
    assert shown.next_run_ms == world.clock.now_ms + 60_000
    world.turn()
    assert ids(world) == [task_id]


def test_two_leaders_fire_once(world: World):
    world.parts.schedules.put("s", EVERY_MINUTE)
    world.clock.advance_s(61)
    # The second one has read the index before the first one has fired.
    one, two = (Firing(world.kv, Announcements().announce, world.clock, LOG) for _ in range(2))
    one._fire("s", world.clock.now_ms)
    two._fire("s", world.clock.now_ms)
    assert len(ids(world)) == 1


def test_a_schedule_that_was_set_back_repeats_no_run(world: World):
    before, _ = world.parts.schedules.put("s", EVERY_MINUTE)
    world.turn(61)
    world.kv.transaction(*commands_to_store(before))
    world.turn()
    assert len(ids(world)) == 1


def test_a_unique_task_is_not_queued_again_while_it_waits(world: World):
    world.parts.schedules.put("s", EVERY_MINUTE | {"options": {"unique_for": 3600}})
    for _ in range(3):
        world.turn(60)
    assert len(ids(world)) == 1
    assert world.parts.schedules.get("s").last_task == ids(world)[0]


def test_pausing_and_going_on(world: World):
    world.parts.schedules.put("s", EVERY_MINUTE)
    assert world.parts.schedules.change("s", {"paused": True}).next_run_ms is None
    world.turn(600)
    assert ids(world) == []
    again = world.parts.schedules.change("s", {"paused": False})
    assert again.next_run_ms == world.clock.now_ms + 60_000
    world.turn(60)
    assert len(ids(world)) == 1


def test_a_new_version_keeps_what_was_and_counts_from_now(world: World):
    world.parts.schedules.put("s", EVERY_MINUTE)
    world.turn(60)
    world.clock.advance_s(30)
    after, is_new = world.parts.schedules.put("s", EVERY_MINUTE | {"every": 10})
    assert not is_new
    assert (after.last_run_ms, after.created_at_ms) == (NOW_MS + 60_000, NOW_MS)
    assert after.next_run_ms == world.clock.now_ms + 10_000


def test_running_by_hand_moves_nothing(world: World):
    before, _ = world.parts.schedules.put("s", EVERY_MINUTE)
    task = world.parts.schedules.run("s")
    assert task.schedule == "s"
    assert world.parts.schedules.get("s") == before


def test_a_deleted_schedule_is_gone(world: World):
    world.parts.schedules.put("s", EVERY_MINUTE)
    world.parts.schedules.delete("s")
    assert world.parts.schedules.all() == []
    for act in (world.parts.schedules.delete, world.parts.schedules.get):
        with pytest.raises(NoSuchSchedule):
            act("s")
    world.turn(61)
    assert ids(world) == []


def test_what_is_no_schedule_stops_no_other(world: World):
    world.parts.schedules.put("s", EVERY_MINUTE)
    world.kv.execute("SET", keys.schedule("broken"), "garbage")
    world.kv.execute("ZADD", keys.SCHEDULES, 1, "broken", 2, "vanished")
    world.turn(60)
    assert len(ids(world)) == 1
    assert world.kv.execute("ZRANGE", keys.SCHEDULES, 0, -1) == [b"s"]

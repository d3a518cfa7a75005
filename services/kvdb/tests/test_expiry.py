"""The active cycle: it finds what nobody asks for, and keeps to its share of time."""

import itertools

from services.kvdb.expiry import PAGE_KEYS, ExpiryCycle
from services.kvdb.keyspace import Keyspace
from services.kvdb.tests.support import Console, HandClock


def keyspace_with(due: int, later: int) -> Keyspace:
    clock = HandClock()
    keyspace = Keyspace(clock)
    database = keyspace.databases[3]
    for number in range(due + later):
        key = b"%d" % number
        database.set(key, b"x")
        database.expire_at(key, clock.now_ms + (1000 if number < due else 1_000_000))
    clock.advance(2)
    return keyspace


def test_what_is_due_is_removed_without_being_asked_for() -> None:
    keyspace = keyspace_with(due=500, later=0)
    assert ExpiryCycle(keyspace, itertools.repeat(0.0).__next__).run() == 500
    assert len(keyspace.databases[3]) == 0
    assert keyspace.expired_total == 500


def test_few_that_are_due_are_found_in_the_end() -> None:
    keyspace = keyspace_with(due=50, later=2000)
    cycle = ExpiryCycle(keyspace, itertools.repeat(0.0).__next__)
    rounds = 0
    while len(keyspace.databases[3]) > 2000:
        cycle.run()
        rounds += 1
        assert rounds <= 2 * 2050 / PAGE_KEYS
    assert cycle.run() == 0


def test_the_share_of_time_is_kept_and_the_next_cycle_goes_on() -> None:
    keyspace = keyspace_with(due=500, later=0)
    seconds = itertools.count()  # Each look at the timer takes a second.
    cycle = ExpiryCycle(keyspace, lambda: next(seconds))
    removed = cycle.run(share_s=6)
    assert 0 < removed < 500
    while len(keyspace.databases[3]):
        cycle.run(share_s=6)


def test_the_cycle_can_be_switched_off() -> None:
    console = Console()
    console("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    console("SET", "a", 1, "PX", 1)
    console.clock.advance(1)
    console.engine.tick()
    assert console("DBSIZE") == 1
    console("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    console.engine.tick()
    assert console("DBSIZE") == 0

"""The duties of the scheduler, in the order in which they are done; see `scheduler`."""

from collections.abc import Callable
from dataclasses import dataclass

from services.broker.announcer import Announcer
from services.broker.clock import Clock
from services.broker.due import DueTasks
from services.broker.firing import Firing
from services.broker.lanes import Lanes
from services.broker.progression import Progression
from services.broker.reaper import Reaper
from services.broker.sweeping import sweep
from services.common.logs import Log
from services.kvdb.client import KVClient


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that has to be done again and again."""

    name: str
    perform: Callable[[], None]
    every_s: float = 0.0
    """0: at each wake-up; else no more often than this."""


def standard_duties(
    kv: KVClient,
    reaper: Reaper,
    announcer: Announcer,
    clock_ms: Clock,
    log: Log,
) -> list[Duty]:
    due = DueTasks(kv, announcer.announce, clock_ms, log)
    lanes = Lanes(kv, log)
    return [
        Duty("fire schedules", Firing(kv, announcer.announce, clock_ms, log).fire_due),
        Duty("queue what is due", due.queue),
        Duty("expire what was not started", due.expire),
        Duty("go on with workflows", Progression(kv, announcer, clock_ms, log).follow_up),
        Duty("fill free slots", lambda: announcer.announce(lanes.move_released())),
        Duty("look for lost workers", lambda: announcer.announce(reaper.look()), every_s=1.0),
        Duty("look at every lane", lambda: announcer.announce(lanes.move_all()), every_s=5.0),
        Duty("sweep the indexes", lambda: sweep(kv), every_s=60.0),
    ]

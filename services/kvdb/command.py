"""One entry of the command table: a command's name, handler, arity, flags and keys."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.common.resp_runs import Run
from services.kvdb.key_specs import NO_KEYS, Keys

if TYPE_CHECKING:
    from services.kvdb.clients import Client

Handler = Callable[["Client", list[bytes]], object]
"""Takes the client and the whole request (its name included); returns the reply, or raises."""

JointHandler = Callable[["Client", Run], list | None]
"""Takes a run of the command; returns the replies to its requests, or those to the first of them,
where the others have to be served one by one, or None, where all have to; or raises before anything
has changed."""

LARGE_REPLY_BYTES = 1024
"""Of replies that are larger, a run makes few at once: a client may not read them."""


@dataclass(slots=True, eq=False)
class Command:
    """A command, or the subcommand of one (`client|id`)."""

    name: str
    handler: Handler
    arity: int
    """The number of words, the name included; negative for "at least so many"."""
    flags: frozenset[str]
    keys: Keys = NO_KEYS
    group: str = ""
    categories: frozenset[str] = frozenset()
    """Those of the ACL, without the `@`."""
    joint_handler: JointHandler | None = None
    """Serves a run at once, faster than its requests one by one; few commands have it."""
    subcommands: dict[bytes, "Command"] = field(default_factory=dict)
    is_write: bool = False
    denies_oom: bool = False
    is_direct: bool = False
    """It needs no second look before it is called; the dispatcher says so."""
    is_plain: bool = False
    """It neither needs a look nor leaves anything behind it but data and a reply; likewise."""
    is_timed: bool = False
    """It can take long enough for the slow log."""
    calls: int = 0
    rejected: int = 0
    """By a guard, before it was run."""
    failed: int = 0
    """While it ran."""
    total_s: float = 0
    """How long it has run all together; only where it is timed."""

    def __post_init__(self) -> None:
        self.is_write = "write" in self.flags
        self.denies_oom = "denyoom" in self.flags
        self.is_timed = not self.flags & {"fast", "brief"}

    def accepts(self, words: int) -> bool:
        """Whether a request may have so many words."""
        return words == self.arity if self.arity > 0 else words >= -self.arity

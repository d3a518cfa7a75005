"""How many connections the kernel lets a server have: each is a file descriptor.

Many systems start a process with a limit of 1,024 descriptors that it may raise by itself, up
to a hard limit that it may not pass. A server that found out by accepting would leave clients in
the backlog without a word.
# Real: adjustOpenFilesLimit() in Redis.
"""

import resource

from services.common.logs import Log

RESERVED_DESCRIPTORS = 32
"""For the listener, the loop, the log, and what Python opens itself."""


def fit_connections(wanted: int, log: Log, *, reserved: int = RESERVED_DESCRIPTORS) -> int:
    """How many of the wanted connections there are descriptors for.

    The soft limit is raised first, as far as is needed; a shortage is said once. `reserved`
    descriptors are kept for what is no client.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + reserved
    if not _allows(soft, needed):
        raised = needed if _allows(hard, needed) else hard
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
        except (OSError, ValueError):
            pass  # macOS has a lower bound than its hard limit says; the soft limit stays.
    if _allows(soft, needed):
        return wanted
    possible = max(1, soft - reserved)
    log.warning("the limit of open files allows fewer connections", wanted=wanted, limit=possible)
    return possible


def _allows(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or needed <= limit

"""Deadlocks: a circle of backends in which each waits for the next.

    Process 11 has updated row 1 and wants row 2  ──waits for──▶  process 12, which has updated
                 ▲                                                row 2 and wants row 1
                 └────────────────────waits for──────────────────────────────┘

None of them will ever go on, so one has to fail. A backend waits for those that hold the lock in a
mode that excludes its own, and for those before it in line whom it may not pass. The search starts
at a backend that has waited for a while (`deadlock_timeout`: most waits are over before, and the
search costs something) and follows these edges; if they lead back to it, it is the one that fails,
and the others go on.
# Real: DeadLockCheck() in deadlock.c, which also tries to resolve a circle through the line by
# reordering the line. Here such a circle counts as a deadlock.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.sqldb.transactions.backend import Backend
    from services.sqldb.transactions.lock_table import Request, Tag


def find_cycle(start: "Backend") -> "list[Request]":
    """The waits of a circle through `start`, its own first; empty if it is in none."""
    path: list[Request] = []
    seen: set[Backend] = set()

    def leads_back(backend: "Backend") -> bool:
        request = backend.waits_for
        if request is None or request.is_granted or backend in seen:
            return False
        seen.add(backend)
        path.append(request)
        holders = request.lock.holders_against(backend, request.mode)
        for blocker in [*holders, *request.lock.ahead_of(request)]:
            if blocker is start or leads_back(blocker):
                return True
        path.pop()
        return False

    return path if leads_back(start) else []


def describe(cycle: "list[Request]", database_oid: int) -> str:
    """The lines of the error's detail, in PostgreSQL's words."""
    lines = []
    for request, blocker in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        lines.append(
            f"Process {request.backend.pid} waits for {request.mode.title} on "
            f"{describe_tag(request.tag, database_oid)}; "
            f"blocked by process {blocker.backend.pid}."
        )
    return "\n".join(lines)


def describe_tag(tag: "Tag", database_oid: int) -> str:
    match tag:
        case ("relation", oid):
            return f"relation {oid} of database {database_oid}"
        case ("transactionid", xid):
            return f"transaction {xid}"
        case ("tuple", oid, row_id):
            return f"tuple (0,{row_id + 1}) of relation {oid} of database {database_oid}"
        case ("advisory", high, low, kind):
            return f"advisory lock [{database_oid},{high},{low},{kind}]"
        case _:
            return str(tag)

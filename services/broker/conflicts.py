"""Conflicts: what happens to a change when somebody else changes the same at the same moment.

Whoever changes something here reads it under WATCH, decides, and commits with EXEC, which does
nothing where another one was faster. Then he looks again and decides anew. Nobody waits for a lock,
and of several who want the same one gets it at each try, so all of them get on.
# Real: optimistic locking; compare-and-set of etcd, If-Match of HTTP.
"""

MAX_CONFLICTS = 100
"""So often a transaction is tried; more than once is rare, so often means a program gone wild."""


class TooManyConflicts(Exception):
    """Others keep changing the same keys."""

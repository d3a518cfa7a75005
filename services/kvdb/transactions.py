"""MULTI, EXEC, DISCARD, WATCH: several commands as one, and optimistic locking.

    WATCH stock          remember: if `stock` changes from now on, EXEC does nothing
    GET stock            ─▶ 5
    MULTI                from here on commands are queued
    SET stock 4          ─▶ QUEUED
    EXEC                 ─▶ [OK], or nil where somebody else has changed `stock`

Nothing runs between the commands of an EXEC, because one thread runs all commands: there are
no locks, and nothing to roll back. A command that *cannot* be queued (unknown, wrong number of
arguments, no memory) has EXEC refuse the whole transaction; one that *fails* while it runs (a
wrong type) does not stop the others, and its error stands in its place among the replies.

A watched key costs nothing to the others: `Database.changed` marks the watching clients, whose
EXEC then looks at the mark.
"""

from services.common.resp import NIL_ARRAY, OK, ReplyError, Simple
from services.kvdb import errors
from services.kvdb.clients import Client

QUEUED = Simple("QUEUED")


def multi(client: Client, request: list[bytes]) -> object:
    if client.is_in_transaction:
        raise ReplyError("ERR MULTI calls can not be nested")
    client.transaction.queue = []
    client.update_guard()
    return OK


def exec_(client: Client, request: list[bytes]) -> object:
    transaction = client.transaction
    if not client.is_in_transaction:
        raise ReplyError("ERR EXEC without MULTI")
    is_stale = transaction.is_stale or any(
        database.is_due(key) and not database.watched[key][client]
        for database, key in transaction.watched
    )
    client.end_transaction()
    if transaction.is_refused:
        raise ReplyError(errors.EXEC_ABORT)
    if is_stale:
        return NIL_ARRAY
    client.is_executing = True
    try:
        call = client.engine.dispatcher.call
        return [call(client, command, queued) for command, queued in transaction.queue]
    finally:
        client.is_executing = False
        client.engine.pause.apply()


def discard(client: Client, request: list[bytes]) -> object:
    if not client.is_in_transaction:
        raise ReplyError("ERR DISCARD without MULTI")
    client.end_transaction()
    return OK


def watch(client: Client, request: list[bytes]) -> object:
    if client.is_in_transaction:
        raise ReplyError("ERR WATCH inside MULTI is not allowed")
    database = client.database
    for key in request[1:]:
        watchers = database.watched.setdefault(key, {})
        if client not in watchers:
            watchers[client] = database.is_due(key)
            client.transaction.watched += ((database, key),)
    return OK


def unwatch(client: Client, request: list[bytes]) -> object:
    client.forget_watches()
    return OK

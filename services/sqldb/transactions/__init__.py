"""Transactions: who sees what, who waits for whom, and what happens together or not at all.

1.  `mvcc`          versions of rows, snapshots, visibility: the central idea, begin here
2.  `procarray`     the running transactions, xids, the horizon of the oldest snapshot
3.  `transaction`   begin, statements, savepoints, deferred constraints, commit, rollback
4.  `undo`          the list of what a transaction has done
5.  `lock_modes`, `row_locks`     what excludes what: tables, rows
6.  `lock_table`    waiting for locks; `deadlock`: circles of them; `advisory`: pg_advisory_lock
7.  `ssi`           SERIALIZABLE
8.  `latch`, `interrupts`, `backend`     one thread at a time; cancel and timeouts; one per session
9.  `system`        what all of them share

How a session uses it (everything under `with system.latch:`):

    backend = system.backend(pid)                          when a client connects
    backend.interrupts.start_clock(timeout_s)              before each statement
    transaction = system.begin(backend, Isolation.READ_COMMITTED)
    with transaction.statement() as snapshot:              one SQL statement
        transaction.lock_table(oid, LockMode.ROW_EXCLUSIVE)       may wait
        …                                                  see storage/__init__ for rows
    transaction.commit()                                   may raise SqlError; is then rolled back
    transaction.fail(); transaction.rollback()             after an error; at ROLLBACK

    transaction.savepoint(name) / release(name) / rollback_to(name)
    transaction.hold(snapshot) / let_go(snapshot)          for a cursor that outlives its statement
    transaction.defer(constraint, check)                   a check for the end of the statement, or
                                                           of the transaction (foreign keys)
    transaction.on_undo(take_back)                         for caches: rolled back with the rest
    transaction.at_end(callback)                           NOTIFY, caches: after commit or rollback

    backend.interrupts.cancel()                            from another thread, without the latch
    backend.interrupts.check()                             in loops, every thousand rows or so

`check` and everything that waits give up the latch: other transactions may commit meanwhile.
"""

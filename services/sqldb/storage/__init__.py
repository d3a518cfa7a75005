"""Storage: tables in memory, indexes, and the files that bring them back.

1.  `engine`        all tables, sequences and background work of a database
2.  `heap`          the rows of a table; reading, writing, and who may write
3.  `btree`         the B+tree; `index_key`: values made comparable; `heap_index`: an index of a
                    heap, and uniqueness
4.  `vacuum`        freeing what nobody sees
5.  `wal`           the log: group commit; `log_record`, `row_codec`: what stands in it
6.  `checkpoint`    everything anew, in a forked child; `recovery`: reading it all again; `files`
7.  `sequence`      numbers given out once

How the executor uses it, all under the latch, with `snapshot` of the statement
(`transactions/__init__`):

**Reading a table.** Generated code takes the cheap test first:

    horizon, visible = snapshot.xmin, snapshot.visible
    for head in heap.scan(snapshot):
        if head.xmax == 0 and head.xmin < horizon:
            version = head
        elif (version := visible(head)) is None:
            continue
        values = version.values

**Reading an index.** A key is `index.key.of_values(values)`; where `index.key.takes_plain_values`,
it is the value itself (or the tuple of values), if none is NULL.

    version  = index.find(snapshot, key)                   a unique index: one row or None
    versions = index.lookup(snapshot, key)                 all rows of a key, a list
    for version in index.scan(snapshot, KeyRange((7,), lower=Bound(3, True)), backward=True): ...

**Writing.** INSERT is `heap.insert(transaction, values)`. UPDATE and DELETE claim the row first,
which may wait for another transaction and give a newer version (READ COMMITTED); then everything is
evaluated again on that one:

    while version is not None:
        new_values = …                                     from version.values
        newest = heap.claim(transaction, version, new_values)      (DELETE: without new_values)
        if newest is version:
            heap.update(transaction, version, new_values)          or heap.delete(…, version)
            break
        version = newest if newest is not None and condition(newest.values) else None

Nothing that lets others in (`interrupts.check`) may come between `claim` and `update`. SELECT FOR
UPDATE is the same with `newest = heap.lock_row(transaction, version, RowLock.UPDATE, policy)`: the
condition is evaluated again where `newest` isn't `version`; None: leave the row out.

**ON CONFLICT.**

    while True:
        rival = heap.find_conflict(transaction, values, arbiter_indexes, is_to_be_updated=True)
        if rival is None:
            heap.insert(transaction, values); break
        new_values = …                                     DO NOTHING: break
        if heap.claim(transaction, rival, new_values) is rival:
            heap.update(transaction, rival, new_values); break

**DDL.** `engine.create_heap`, `drop_heap`, `create_index`, `drop_index`, `heap.truncate`, all
undone with the transaction; the caller holds the table lock. After recovery the catalog reads its
own heap and calls `engine.attach_index` for each index there is.
"""

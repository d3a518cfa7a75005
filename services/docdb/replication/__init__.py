"""The replica set of one: an oplog, a clock, and who wants to follow what happens.

    write ─▶ journal ─▶ oplog ─▶ change stream ─▶ cursor of a client

With `--replset NAME` the server presents itself as the primary of a replica set that has no
other members. Drivers then offer what needs one: transactions and retryable writes
(`services.docdb.transactions`), change streams, reads of a snapshot.

clock           a timestamp for each operation
oplog           the operations, oldest first, as many as are remembered
oplog_view      the oplog as a collection that one can query
update_diff     what an update has changed in a document
resume_token    a place in the oplog, as clients keep it
change_events   an entry of the oplog as the event that a client sees
split_event     events that are too large for one document
change_stream   the stage $changeStream: events from a place on, without an end
replica_set     what hello and the replies say of the set
"""

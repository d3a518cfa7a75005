"""The document database: a MongoDB that one can read, for the real drivers.

One thread serves everybody, so commands never overlap, and the state needs no locks. The life
of a request through these files, in order:

     bytes                                                                        bytes
       │                                                                            ▲
    1. server        the one file that knows sockets; one event loop                │
       │                                                                            │
    2. session       takes the messages of one connection in their order            │
       │                                                                            │
    3. wire, bson    codec: OP_MSG and its kin become a command, which is a dict    │
       │                                                                            │
    4. dispatch      finds the command in the table (`commands`, `command`) and     │
       │             climbs the ladder of guards: known fields, login, concerns     │
       │                                                                            │
    5. commands      one function for each; returns the reply, or raises what ──────┤
       │             went wrong (`errors`)                                          │
       │                                                                            │
    6. query         the filter becomes a tree of conditions, the planner picks     │
       │             an index, records that pass are shown as the projection says   │
       │                                                                            │
    7. storage       collections and their indexes; every change goes to the ───────┘
                     journal, once for all requests of a turn, before their replies

And the way of an aggregation from 5 on:

    pipeline         each stage is a generator of documents; documents stream from stage to stage
    expressions      the language within the stages, compiled to Python functions

The packages, each with a map of its own:

    bson             documents as bytes, and as text for people
    query            comparison order, paths, filters, projections, updates, plans
    text             words, stems and scores of full-text search
    geo              geometry on the sphere and on the plane, and the cells of its indexes
    expressions      `$add` to `$zip`; accumulators; dates and time zones
    pipeline         the stages
    storage          collections, indexes, the ordered structure below them, journal, snapshots
    commands         what clients can ask for
    transactions     sessions, snapshots, transactions, writes that can be tried again
    replication      the replica set of one: oplog, change streams

Beside them: `engine` holds all that a command can reach; `clients` is what is known of each
connection; `users` and `passwords` say who may log in; `write_concern`, `api_version`,
`crc32c`, `settings` are what their names say; `client` is for other services; `profiler`
remembers what was slow; `health` is what `--health` does; `error_labels` tells drivers what
they may try again, `fail_points` gives their tests errors to try, and `time_limit` ends what
takes too long.

Left out: JavaScript (`$where`, `$function`, mapReduce), compound wildcard indexes, further members
of a replica set, sharding, time series. Each is refused with an error that says so.
"""

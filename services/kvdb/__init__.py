"""The key-value database: a Redis that one can read, and the key-value challenge on the same port.

One thread serves everybody, so commands never overlap, and the state needs no locks. The life of
a request through these files, in order:

     bytes                                                                       bytes
       │                                                                           ▲
    1. server        the one file that knows sockets; one event loop               │
       │                                                                           │
    2. session       which dialect? RESP or the challenge's JSON lines (`agreed`)  │
       │             a decoder gives requests: lists of byte strings               │
       │                                                                           │
    3. dispatch      finds the command in the table (`commands`, `command`) and    │
       │             climbs the ladder of guards: arity, login, MULTI, memory      │
       │                                                                           │
    4. a handler     one function for each command; returns the reply, or raises ──┤
       │             what went wrong (`errors`)                                    │
       │                                                                           │
    5. keyspace      the databases, with one door for expiry and one for           │
       │             "this key has changed"                                        │
       │                                                                           │
    6. journal       what was written goes to the append-only file, once for ──────┘
                     all requests of a turn, before their replies leave

The handlers, by the type that they work on:

    strings, bitmaps, bitfields, hyperloglog    a string of bytes and its many uses
    lists, hashes, sets                         Python's deque, dict, and dict without values
    sorted_sets, sorted_set*, geo, geohash      members in the order of a score
    streams, stream_*                           a log with readers and consumer groups
    keys, scanning, sorting, dumping            whatever the type: TTL, SCAN, SORT, DUMP
    transactions, blocking                      MULTI and WATCH; BLPOP and its kin
    pubsub, notifications, tracking, monitor    messages to clients that have not just asked
    connection, client_list, pausing            about the connection, and about all of them
    administration, information, introspection  CONFIG, INFO, COMMAND, SLOWLOG, MEMORY, DEBUG
    slow_log, memory_reports, debugging

Under them: `engine` holds everything that a command can reach; `clients` is what the server knows
of each client; `expiry` and `eviction` remove keys, with `memory` and `access_times` to go by;
`snapshot`, `persistence` and `recovery` bring the data to the disk and back; `scan_table` is the
dict that SCAN can walk; `rdb_value`, `packed_forms` and their kin are Redis's own format, for
DUMP and RESTORE; `observation` is where those look in who watch commands.

`client` is what the other services use.

Left out: replication and clusters, Lua scripts and functions, ACL users, and modules.
"""

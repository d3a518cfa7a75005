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
    5. database      one of the sixteen of the `keyspace`: the keys, with one door │
       │             for expiry and one for "this key has changed" (`change`)      │
       │                                                                           │
    6. journal       what was written goes to the append-only file, once for ──────┘
                     all requests of a turn, before their replies leave

All that these reach is held by `engine`. `clients` is what the server knows of each client,
`clock` the time as commands see it, `settings` what can be set; `__main__` is the command line.

The handlers, by what they work on, with what belongs to it:

    strings, long_doubles               a string of bytes; the numbers of INCRBYFLOAT
    string_columns                      many strings at once, when a pipeline asks for them
    shared_integers                     the digits of small numbers
    bitmaps, bitfields                  the same string as bits, as integers in a row
    hyperloglog, hyperloglog_registers  the same string as a counter of different elements
    lists, hashes, sets                 Python's deque, dict, and dict without values
    hash_expiry, field_times            fields of a hash that expire
    sorted_sets, sorted_set             members in the order of a score; the order itself
    sorted_set_ranges                   ZRANGE and its kin
    sorted_set_algebra                  unions, intersections, differences
    geo, geohash                        a sorted set of places
    streams, stream                     a log of entries; its value
    stream_id, stream_index             when an entry was added; what is kept in that order
    stream_reading                      XREAD, XREADGROUP
    stream_groups, stream_group         the commands about consumer groups; one group
    stream_claims, stream_information   XCLAIM; XINFO
    keys, scanning, sorting, dumping    whatever the type: TTL, SCAN, SORT, DUMP
    encoding                            the type and the form that OBJECT ENCODING tells
    transactions, blocking              MULTI and WATCH; BLPOP and its kin
    pubsub, notifications               messages on channels; those about keys that change
    tracking, monitor                   for clients with a cache; for who wants to see it all
    connection, client_list, pausing    about the connection, and about all of them
    acl                                 users, and what they may do
    administration, parameters          CONFIG, and the names that it knows; saving, the end
    information                         INFO
    introspection, command_docs         COMMAND, and what COMMAND DOCS tells
    slow_log, latency                   SLOWLOG, LATENCY
    memory_reports, debugging           MEMORY, DEBUG
    migrating                           keys for another server
    replication, clustering, functions  what clients ask for that there is not
    arguments, help_texts               for all of them: the words of a request; HELP

What stands beside the way of a request:

    expiry                              removes keys that nobody asks for
    eviction, uses                      makes room at the memory limit; when keys were used
    values                              what all values have in common
    memory, memory_budget               what a value takes; what all of them may take
    buffer_limits                       which clients take too much memory
    scan_table                          the dict that SCAN can walk
    persistence, snapshot, stream_form  the data set to the disk, in a forked child
    recovery                            and back
    rdb_value, rdb_text, rdb_stream     Redis's own format of a value, for DUMP and RESTORE
    packed_forms, crc_64                small values in that format; its checksum
    observation, rates                  who looks on while commands run; how many run a second
    access                              the guard that asks what a user may do
    key_specs, key_access               which words are keys, and what is done with them
    acl_user, acl_selector              a user; a set of permissions
    acl_rules, acl_categories           the words for them; the categories of commands
    acl_file, acl_log                   users on the disk; what was refused

memcached's clients have a port of their own, and the same keys:

    memcached_codec, memcached_session          command lines and data blocks; one connection
    memcached_commands, memcached_meta          what each of them asks for …
    memcached_store, memcached_item             … as commands of the table; a string with flags
    memcached_flags, memcached_statistics       the flags of the meta commands; `stats`

`client` is what the other services use.

Left out: replication and clusters, Lua scripts and functions, and modules.
"""

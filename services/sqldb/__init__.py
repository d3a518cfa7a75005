"""The relational database: a PostgreSQL that one can read, for the real clients.

Each connection has a thread, and one latch lets one of them run statements at a time; so tables,
indexes and locks need none of their own. The life of a statement, step by step, each with the
function that does it:

    SELECT name FROM staff WHERE pay > $1

 1  A client connects; its thread begins.                  server.Server._take, Client.run
 2  Startup, TLS or not, SCRAM: a session is made.         session.login.authenticate
 3  Bytes become messages, by a codec without sockets.     protocol.frontend.FrontendDecoder
 4  Each message takes the latch and goes to its handler:  session.conversation.Conversation._answer
    a Query does steps 5 to 15, Parse 5 to 12, Bind and Execute the rest.
 5  Text becomes tokens, and tokens syntax nodes.          syntax.parser.parse
 6  Without BEGIN the statement gets a transaction.        session.session.Session.begin_implicitly
 7  A definition or a setting (CREATE, BEGIN, SET) is      commands.table.run_command
    carried out by the function that the table names; what reads or changes rows goes on:
 8  Names and types are found out: nodes become            binder.binder.bind_statement
    relational algebra (`plan`), with functions, operators and casts chosen
    (`functions.resolution`) and definitions looked up (`catalog.lookup`).
 9  Its tables are locked; if they have changed            session.planning.lock_tables
    meanwhile, it is bound again.
10  Passes make the plan cheaper: conditions go down,      optimizer.passes.run_passes
    indexes are chosen, joins ordered, sorts avoided.
11  The plan writes a Python function for each pipeline.   executor.compiler.compile_plan
12  A prepared statement keeps it until any definition     session.prepared.PreparedStatement
    changes; so does a text that comes again and again.    session.statement_cache
13  A snapshot says which transactions it sees.            transactions.transaction.begin_statement
14  The function runs over heaps and indexes, looks at     session.planning.run_plan
    each version of a row through the snapshot             transactions.mvcc.Snapshot.visible
    (`storage.heap`, `storage.btree`), and notes what it changes, for undo and log. What must
    wait for a row or a table does so in                   transactions.lock_table
15  Rows become bytes as they are made.                    session.wire_values.row_encoder
16  COMMIT: deferred checks, one record in the log, an     transactions.transaction.commit
    fsync shared with others, then visible to all.         storage.wal.WriteAheadLog.commit
17  CommandComplete and ReadyForQuery, in one write.       session.conversation.Conversation._ready

An error, wherever it is raised, is an `errors.SqlError`; `Conversation._fail` undoes the statement
and makes the one ErrorResponse of it.

The packages, each with a map of its own:

    protocol         messages in and out, COPY's three formats
    session          one client: settings, portals, prepared statements, login
    syntax           lexer, nodes, parser
    binder           nodes → algebra
    plan             the algebra itself: the narrow place that the other three know
    optimizer        algebra → cheaper algebra; statistics; EXPLAIN
    executor         algebra → Python functions
    functions        functions, operators, casts, aggregates, and how one of a name is chosen
    types            values as text and as bytes
    catalog          definitions, as rows of a heap; pg_catalog and information_schema
    commands         what is no query: definitions, transactions, settings, upkeep
    transactions     snapshots, locks, deadlocks, serializability; the latch
    storage          rows in memory, B+trees, log, checkpoints, vacuum

Begin to read at `transactions.mvcc`, `storage.btree`, `storage.wal`, `syntax.parse_expressions` and
`executor.compiler`: they open with the ideas that the rest turns on.

Beside them: `engine` is what all sessions share; `connection` is a client's socket; `foreign_keys`
and `notifications` are what their names say; `values` has the Python forms of SQL's values;
`settings`, `errors`, `tls`, `health`; `interruption` and `large_values` let others in, and a cancel
request, while something takes long; `client` is for other services.

Left out: tables that don't fit into memory, replication, partitions, inheritance, triggers,
functions in other languages than SQL, row security, full-text search, ranges and geometry,
collations other than C. Each is refused with an error that says so.
"""

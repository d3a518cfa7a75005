"""The parameters that SET and SHOW know: what each may be, and what it is at first.

Some change what this server does (marked `e`, effective); the others are there because clients ask
for them, and go on only with an answer. # Real: guc_tables.c
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SERVER_VERSION = "15.18"
ISOLATION_LEVELS = ("serializable", "repeatable read", "read committed", "read uncommitted")


class Kind(Enum):
    BOOL = "bool"
    INTEGER = "integer"
    REAL = "real"
    STRING = "string"
    ENUM = "enum"


class Context(Enum):
    """Who may change a parameter, in the words of pg_settings."""

    USER = "user"
    INTERNAL = "internal"
    POSTMASTER = "postmaster"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`unit` is what a bare number counts: ms, s, kB, 8kB. `is_reported`: ParameterStatus."""

    name: str
    kind: Kind
    default: str
    description: str
    unit: str = ""
    minimum: float = 0
    maximum: float = 2**31 - 1
    choices: tuple[str, ...] = ()
    context: Context = Context.USER
    is_reported: bool = False
    is_effective: bool = False


# name | kind | default | unit, range or choices | flags | description
# Flags: e effective · r reported · i internal, cannot be changed · p set when the server starts
_TABLE = f"""
application_name|string|||er|What the client calls itself
client_encoding|string|UTF8||er|Encoding of texts on the wire; this server has UTF8 alone
DateStyle|string|ISO, MDY||er|How dates are written, and in which order numbers are read
default_transaction_read_only|bool|off||er|Whether a new transaction may only read
in_hot_standby|bool|off||ri|Whether this server follows another
integer_datetimes|bool|on||ri|Times are whole microseconds
IntervalStyle|enum|postgres|postgres postgres_verbose sql_standard iso_8601|er|Form of intervals
is_superuser|bool|on||ri|Whether the user may do everything
server_encoding|string|UTF8||ri|Encoding of what is stored
server_version|string|{SERVER_VERSION}||ri|The version of PostgreSQL whose ways this server has
session_authorization|string|postgres||er|The user of this session
standard_conforming_strings|bool|on||er|A backslash in '...' is a character like any
TimeZone|string|UTC||er|The zone in which times are read and written
transaction_isolation|enum|read committed|LEVELS|e|That of the running transaction
transaction_read_only|bool|off||e|Whether the running transaction may only read
transaction_deferrable|bool|off|||Accepted; a serializable reader never waits here
default_transaction_isolation|enum|read committed|LEVELS|e|Isolation of a new transaction
default_transaction_deferrable|bool|off|||What transaction_deferrable begins with
synchronous_commit|enum|on|off local remote_write remote_apply on|e|COMMIT waits for the disk
statement_timeout|integer|0|ms|e|After this time a statement is cancelled; 0: never
lock_timeout|integer|0|ms|e|After this time a wait for a lock fails; 0: never
deadlock_timeout|integer|1s|ms 1|e|Time after which a wait looks for a deadlock
idle_in_transaction_session_timeout|integer|0|ms|e|How long a transaction may rest
idle_session_timeout|integer|0|ms|e|How long a session may rest; 0: for ever
search_path|string|"$user", public||e|Schemas in which names without one are looked up
role|string|none|||The role whose rights count
bytea_output|enum|hex|hex escape|e|How bytea is written
seed|real|0| -1 1||What random() begins with
extra_float_digits|integer|1| -15 3|e|Digits of floats; above 0: as many as are needed
client_min_messages|enum|notice|debug1 log notice warning error|e|Which messages the client gets
work_mem|integer|4MB|kB 64|e|What a sort or hash may hold in memory before it goes to the disk
enable_hashagg|bool|on||e|Whether the planner groups by hash tables
enable_hashjoin|bool|on||e|Whether the planner joins by hash tables
enable_indexscan|bool|on||e|Whether the planner uses indexes
enable_indexonlyscan|bool|on||e|Whether the planner answers from indexes alone
enable_bitmapscan|bool|on||e|Whether the planner collects places of rows from indexes first
enable_material|bool|on|||Accepted; the inner side of a loop is always kept
enable_mergejoin|bool|on||e|Whether the planner joins sorted inputs
enable_nestloop|bool|on||e|Whether the planner joins by nested loops
enable_seqscan|bool|on||e|Whether the planner reads whole tables if it can do otherwise
enable_sort|bool|on||e|Whether the planner sorts if it can do otherwise
plan_cache_mode|enum|auto|auto force_generic_plan force_custom_plan||Accepted; one plan is kept
seq_page_cost|real|1||e|Cost of a page in a scan: what other costs are measured by
random_page_cost|real|4||e|Cost of a page out of order
cpu_tuple_cost|real|0.01||e|Cost of a row
cpu_index_tuple_cost|real|0.005||e|Cost of an entry of an index
cpu_operator_cost|real|0.0025||e|Cost of a call of an operator
effective_cache_size|integer|4GB|8kB 1|e|What the planner takes for cached
default_statistics_target|integer|100| 1 10000|e|How much ANALYZE remembers of a column
from_collapse_limit|integer|8| 1||Accepted; all joins of a query are ordered together
join_collapse_limit|integer|8| 1||Accepted; all joins of a query are ordered together
geqo|bool|on|||Accepted; beyond ten relations the order is found greedily
jit|bool|off|||Accepted; every plan becomes a Python function
max_parallel_workers_per_gather|integer|0| 0 1024||Accepted; a query runs in one thread
maintenance_work_mem|integer|64MB|kB 1024||Accepted
temp_buffers|integer|8MB|8kB 100||Accepted
autovacuum|bool|on||p|Old versions of rows are freed by themselves
array_nulls|bool|on|||Accepted; NULL in an array is read as one
backslash_quote|enum|safe_encoding|safe_encoding on off||Accepted
check_function_bodies|bool|on|||Accepted
default_table_access_method|string|heap|||Accepted
default_tablespace|string||||Accepted
default_text_search_config|string|pg_catalog.simple|||Accepted
default_toast_compression|enum|pglz|pglz lz4||Accepted
escape_string_warning|bool|on|||Accepted
lc_messages|string|C|||Language of messages
lc_monetary|string|C|||Accepted
lc_numeric|string|C|||Accepted
lc_time|string|C|||Accepted
lo_compat_privileges|bool|off|||Accepted
log_statement|enum|none|none ddl mod all||Accepted
quote_all_identifiers|bool|off|||Accepted
row_security|bool|on|||Accepted
synchronize_seqscans|bool|on|||Accepted
session_replication_role|enum|origin|origin replica local||Accepted
timezone_abbreviations|string|Default|||Accepted
transform_null_equals|bool|off|||Accepted
xmlbinary|enum|base64|base64 hex||Accepted
xmloption|enum|content|content document||Accepted
track_activities|bool|on|||Whether pg_stat_activity shows statements
compute_query_id|enum|auto|auto regress on off||Accepted
password_encryption|enum|scram-sha-256|scram-sha-256||How passwords are kept
block_size|integer|8192||i|What a page would have; rows live in memory here
data_checksums|bool|on||i|The log has checksums
lc_collate|string|C||i|Order of texts: by code points
lc_ctype|string|C||i|Classes of characters
max_function_args|integer|100||i|Arguments of a function at most
max_identifier_length|integer|63||i|Bytes of a name at most
max_index_keys|integer|32||i|Columns of an index at most
segment_size|integer|1GB|8kB|i|What a file of a table would have
server_version_num|integer|150018||i|The version as a number
wal_block_size|integer|8192||i|What a page of the log would have
fsync|bool|on||p|COMMIT waits for the disk
full_page_writes|bool|off||p|The log holds rows, never pages
hot_standby|bool|off||p|Whether a follower may be read
listen_addresses|string|localhost||p|Where the server listens
max_connections|integer|100||p|Sessions at the same time
max_prepared_transactions|integer|0||p|Two-phase commit is not there
max_worker_processes|integer|0||p|There are none
max_locks_per_transaction|integer|64||p|Accepted; locks are limited by memory alone
port|integer|4245||p|Where the server listens
shared_buffers|integer|128MB|8kB|p|Accepted; all rows are in memory
ssl|bool|off||p|Whether connections can be encrypted
superuser_reserved_connections|integer|3||p|Accepted
wal_level|enum|minimal|minimal replica logical|p|What the log is good for: recovery
"""

_UNITS = ("ms", "s", "kB", "8kB")


def _read(line: str) -> Parameter:
    name, kind, default, limits, flags, description = line.split("|")
    words = limits.split()
    unit = words.pop(0) if words and words[0] in _UNITS else ""
    is_enum = kind == "enum"
    numbers = [] if is_enum else [float(word) for word in words]
    context = Context.INTERNAL if "i" in flags else Context.USER
    return Parameter(
        name,
        Kind(kind),
        default,
        description,
        unit=unit,
        minimum=numbers[0] if numbers else 0,
        maximum=numbers[1] if len(numbers) > 1 else 2**31 - 1,
        choices=(ISOLATION_LEVELS if limits == "LEVELS" else tuple(words)) if is_enum else (),
        context=Context.POSTMASTER if "p" in flags else context,
        is_reported="r" in flags,
        is_effective="e" in flags,
    )


PARAMETERS: dict[str, Parameter] = {
    parameter.name.lower(): parameter for parameter in map(_read, _TABLE.strip().splitlines())
}
"""By name in lower case: parameters are found whatever their case."""

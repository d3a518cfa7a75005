"""The command table: name, function, the fields it knows (None: any), and the right it needs.

The few names that drivers also write otherwise are in it twice.
"""

from services.docdb import profiler
from services.docdb.command import Command, Handler
from services.docdb.commands import (
    aggregating,
    collections,
    cursor_commands,
    explaining,
    greeting,
    indexes,
    login,
    operations,
    reading,
    replicating,
    statistics,
    transacting,
    upkeep,
    writing,
)

Row = tuple[str, Handler, frozenset[str] | None, str]

ROWS: list[Row] = [
    ("find", reading.find, reading.FIND_FIELDS, "read"),
    ("count", reading.count, reading.COUNT_FIELDS, "read"),
    ("distinct", reading.distinct, reading.DISTINCT_FIELDS, "read"),
    ("aggregate", aggregating.aggregate, aggregating.AGGREGATE_FIELDS, "read"),
    ("explain", explaining.explain, None, "read"),
    ("getMore", cursor_commands.get_more, frozenset({"collection", "batchSize"}), "read"),
    ("killCursors", cursor_commands.kill_cursors, None, "any"),
    ("insert", writing.insert, writing.INSERT_FIELDS, "write"),
    ("update", writing.update, writing.UPDATE_FIELDS, "write"),
    ("delete", writing.delete, writing.DELETE_FIELDS, "write"),
    ("findAndModify", writing.find_and_modify, writing.FIND_AND_MODIFY_FIELDS, "write"),
    ("findandmodify", writing.find_and_modify, writing.FIND_AND_MODIFY_FIELDS, "write"),
    ("create", collections.create, collections.CREATE_FIELDS, "write"),
    ("drop", collections.drop, None, "write"),
    ("dropDatabase", collections.drop_database, None, "write"),
    ("collMod", collections.coll_mod, collections.COLL_MOD_FIELDS, "write"),
    ("renameCollection", collections.rename_collection, None, "write"),
    ("listCollections", collections.list_collections, None, "read"),
    ("listDatabases", collections.list_databases, None, "any"),
    ("dbStats", statistics.db_stats, None, "read"),
    ("dbstats", statistics.db_stats, None, "read"),
    ("collStats", statistics.coll_stats, None, "read"),
    ("collstats", statistics.coll_stats, None, "read"),
    ("validate", statistics.validate, None, "read"),
    ("createIndexes", indexes.create_indexes, None, "write"),
    ("listIndexes", indexes.list_indexes, None, "read"),
    ("dropIndexes", indexes.drop_indexes, None, "write"),
    ("convertToCapped", upkeep.convert_to_capped, None, "write"),
    ("cloneCollectionAsCapped", upkeep.clone_as_capped, None, "write"),
    ("reIndex", upkeep.re_index, None, "write"),
    ("dataSize", upkeep.data_size, None, "read"),
    ("rolesInfo", upkeep.roles_info, None, "any"),
    ("planCacheClear", indexes.plan_cache_clear, None, "write"),
    ("deleteIndexes", indexes.drop_indexes, None, "write"),
    ("serverStatus", greeting.server_status, None, "any"),
    ("profile", profiler.profile, None, "write"),
    ("hostInfo", greeting.host_info, None, "any"),
    ("getParameter", greeting.get_parameter, None, "any"),
    ("setParameter", greeting.set_parameter, None, "admin"),
    ("getCmdLineOpts", greeting.get_cmd_line_opts, None, "any"),
    ("getLog", greeting.get_log, None, "any"),
    ("currentOp", operations.current_op, None, "any"),
    ("killOp", operations.kill_op, None, "admin"),
    ("fsync", greeting.fsync, None, "admin"),
    ("startSession", transacting.start_session, None, "any"),
    ("refreshSessions", transacting.refresh_sessions, None, "any"),
    ("killAllSessions", transacting.kill_all_sessions, None, "any"),
    ("killAllSessionsByPattern", transacting.kill_all_sessions, None, "any"),
    ("killSessions", transacting.end_sessions, None, "any"),
    ("commitTransaction", transacting.commit_transaction, None, "any"),
    ("abortTransaction", transacting.abort_transaction, None, "any"),
    ("replSetGetStatus", replicating.repl_set_get_status, None, "any"),
    ("replSetGetConfig", replicating.repl_set_get_config, None, "any"),
    ("replSetInitiate", replicating.repl_set_initiate, None, "admin"),
    ("replSetStepDown", replicating.repl_set_step_down, None, "admin"),
    ("configureFailPoint", replicating.configure_fail_point, None, "admin"),
    ("testVersion2", replicating.api_version_2, None, "any"),
    ("createUser", login.create_user, None, "admin"),
    ("updateUser", login.update_user, None, "admin"),
    ("dropUser", login.drop_user, None, "admin"),
    ("grantRolesToUser", login.grant_roles, None, "admin"),
    ("revokeRolesFromUser", login.revoke_roles, None, "admin"),
    ("dropAllUsersFromDatabase", login.drop_all_users, None, "admin"),
    ("usersInfo", login.users_info, None, "any"),
]

# These are answered before anybody has logged in.
FOR_ALL: list[tuple[str, Handler]] = [
    ("hello", greeting.hello),
    ("isMaster", greeting.hello),
    ("ismaster", greeting.hello),
    ("ping", greeting.ping),
    ("buildInfo", greeting.build_info),
    ("buildinfo", greeting.build_info),
    ("connectionStatus", greeting.connection_status),
    ("whatsmyuri", greeting.whats_my_uri),
    ("listCommands", greeting.list_commands),
    ("getFreeMonitoringStatus", greeting.get_free_monitoring),
    ("endSessions", transacting.end_sessions),
    ("saslStart", login.sasl_start),
    ("saslContinue", login.sasl_continue),
    ("logout", login.logout),
]

ON_ADMIN = ("renameCollection", "listDatabases", "getParameter", "getCmdLineOpts", "getLog",
            "currentOp", "killOp", "commitTransaction", "abortTransaction", "replSetGetStatus",
            "replSetGetConfig", "replSetInitiate", "replSetStepDown",
            "configureFailPoint")  # fmt: skip


def command_table() -> dict[str, Command]:
    """The table by name."""
    table = {name: Command(name, call, fields, True, right) for name, call, fields, right in ROWS}
    table |= {name: Command(name, call, None, False) for name, call in FOR_ALL}
    for name in ON_ADMIN:
        table[name].on_admin = True
    return table

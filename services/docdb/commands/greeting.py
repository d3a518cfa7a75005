"""hello and what drivers ask of a server before and beside their work."""

import os
import platform
from typing import TYPE_CHECKING

from services.common.health import VERSION, resident_bytes
from services.docdb.bson.types import Date, Document, Int64
from services.docdb.command import Request
from services.docdb.commands.login import speculative
from services.docdb.commands.transacting import SESSION_MINUTES
from services.docdb.errors import MongoError
from services.docdb.profiler import slow_lines
from services.docdb.wire import COMPRESSORS, MAX_DOCUMENT_BYTES, MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from services.docdb.engine import Engine

MONGODB_VERSION = "7.0.0"
MAX_WIRE_VERSION = 21
MAX_WRITE_BATCH = 100_000


def hello(engine: "Engine", request: Request) -> Document:
    """Who the server is. Without topologyVersion drivers ask again now and then by themselves."""
    body, client = request.body, request.client
    client.learn(body)
    is_legacy = request.name != "hello"
    reply: Document = {}
    if body.get("helloOk"):
        reply["helloOk"] = True
    reply |= {
        "ismaster" if is_legacy else "isWritablePrimary": True,
        "maxBsonObjectSize": MAX_DOCUMENT_BYTES,
        "maxMessageSizeBytes": MAX_MESSAGE_BYTES,
        "maxWriteBatchSize": MAX_WRITE_BATCH,
        "localTime": Date(engine.now_ms),
        "logicalSessionTimeoutMinutes": SESSION_MINUTES,
        "connectionId": client.id,
        "minWireVersion": 0,
        "maxWireVersion": MAX_WIRE_VERSION,
        "readOnly": False,
    }
    if engine.replica_set is not None:
        reply |= engine.replica_set.hello()
    offered = body.get("compression")
    if type(offered) is list:
        common = [name for name in offered if name in COMPRESSORS]
        if common:
            reply["compression"] = common
    wanted = body.get("saslSupportedMechs")
    if type(wanted) is str:
        database, _, name = wanted.partition(".")
        mechanisms = engine.users.mechanisms(database, name)
        if mechanisms is not None:
            reply["saslSupportedMechs"] = mechanisms
    if type(body.get("speculativeAuthenticate")) is dict:
        started = speculative(engine, client, body["speculativeAuthenticate"])
        if started is not None:
            reply["speculativeAuthenticate"] = started
    vitals = engine.vitals
    reply["glassbox"] = {
        "status": vitals.status,
        "version": VERSION,
        "problems": vitals.problems_line,
    }
    return reply


def ping(engine: "Engine", request: Request) -> Document:
    return {}


def build_info(engine: "Engine", request: Request) -> Document:
    return {
        "version": MONGODB_VERSION,
        "gitVersion": f"glassbox {VERSION}",
        "modules": [],
        "allocator": "python",
        "javascriptEngine": "none",
        "sysInfo": "deprecated",
        "versionArray": [*map(int, MONGODB_VERSION.split(".")), 0],
        "openssl": {"running": "disabled", "compiled": "disabled"},
        "buildEnvironment": {"target_os": platform.system().lower()},
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": MAX_DOCUMENT_BYTES,
        "storageEngines": ["glassbox"],
    }


def server_status(engine: "Engine", request: Request) -> Document:
    vitals = engine.vitals
    return {
        "host": engine.vitals.address,
        "version": MONGODB_VERSION,
        "process": "glassbox-docdb",
        "pid": Int64(os.getpid()),
        "uptime": vitals.uptime_s,
        "uptimeMillis": Int64(vitals.uptime_s * 1000),
        "localTime": Date(engine.now_ms),
        "connections": {
            "current": len(engine.clients),
            "available": engine.settings.max_connections - len(engine.clients),
        },
        "opcounters": {
            name: Int64(engine.dispatcher.commands[command].calls)
            for name, command in (
                ("insert", "insert"),
                ("query", "find"),
                ("update", "update"),
                ("delete", "delete"),
                ("getmore", "getMore"),
            )
        }
        | {"command": Int64(vitals.requests_total)},
        "mem": {"bits": 64, "resident": resident_bytes() // 1048576, "supported": True},
        "metrics": {"cursor": {"open": {"total": Int64(len(engine.cursors))}}},
        "storageEngine": {"name": "glassbox", "supportsCommittedReads": False, "persistent":
                          bool(engine.settings.data_dir)},
        "glassbox": vitals.report(),
    }  # fmt: skip


def host_info(engine: "Engine", request: Request) -> Document:
    return {
        "system": {
            "currentTime": Date(engine.now_ms),
            "hostname": platform.node(),
            "cpuAddrSize": 64,
            "numCores": os.cpu_count() or 1,
            "cpuArch": platform.machine(),
        },
        "os": {
            "type": platform.system(),
            "name": platform.platform(),
            "version": platform.release(),
        },
        "extra": {},
    }


def _parameters(engine: "Engine") -> Document:
    return {
        "featureCompatibilityVersion": {"version": "7.0"},
        "authenticationMechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"],
        "enableTestCommands": engine.settings.test_commands,
        "requireApiVersion": False,
        "logLevel": 0,
        "transactionLifetimeLimitSeconds": int(engine.transactions.lifetime_s),
    }


def get_parameter(engine: "Engine", request: Request) -> Document:
    parameters = _parameters(engine)
    if request.target == "*" or (
        type(request.target) is dict and request.target.get("allParameters")
    ):
        return parameters
    found = {name: value for name, value in parameters.items() if name in request.body}
    if not found:
        raise MongoError(72, "no option found to get")
    return found


def set_parameter(engine: "Engine", request: Request) -> Document:
    """All but one are set when the server starts."""
    name = "transactionLifetimeLimitSeconds"
    seconds = request.whole_number(name)
    if seconds is None:
        raise MongoError(115, "this server's parameters are set when it starts")
    if seconds < 1:
        raise MongoError(2, f"Invalid value for parameter {name}: {seconds} is not greater than 0")
    before, engine.transactions.lifetime_s = engine.transactions.lifetime_s, float(seconds)
    return {"was": int(before)}


def get_cmd_line_opts(engine: "Engine", request: Request) -> Document:
    settings = engine.settings
    parsed: Document = {"net": {"bindIp": settings.host, "port": settings.port}}
    if settings.password:
        parsed["security"] = {"authorization": "enabled"}
    if settings.data_dir:
        parsed["storage"] = {"dbPath": settings.data_dir}
    if settings.replset:
        parsed["replication"] = {"replSet": settings.replset}
    if settings.test_commands:
        parsed["setParameter"] = {"enableTestCommands": "1"}
    argv = ["docdb"] + (["--auth"] if settings.password else [])
    return {"argv": argv, "parsed": parsed}


def connection_status(engine: "Engine", request: Request) -> Document:
    users, roles = [], []
    for owner, granted in request.client.users.items():
        database, _, name = owner.partition(".")
        users.append({"user": name, "db": database})
        for role in granted:
            role_database, _, role_name = role.partition(".")
            roles.append({"role": role_name, "db": role_database})
    info: Document = {"authenticatedUsers": users, "authenticatedUserRoles": roles}
    if request.flag("showPrivileges"):
        info["authenticatedUserPrivileges"] = []
    return {"authInfo": info}


def whats_my_uri(engine: "Engine", request: Request) -> Document:
    return {"you": request.client.address}


def get_log(engine: "Engine", request: Request) -> Document:
    if request.target == "*":
        return {"names": ["global", "startupWarnings"]}
    if request.target not in ("global", "startupWarnings"):
        raise MongoError(96, f"No log named '{request.target}'")
    lines = slow_lines(engine) if request.target == "global" else []
    return {"totalLinesWritten": len(lines), "log": lines}


def list_commands(engine: "Engine", request: Request) -> Document:
    shown = {
        name: {"help": "", "requiresAuth": command.needs_login, "adminOnly": command.on_admin}
        for name, command in sorted(engine.dispatcher.commands.items())
    }
    return {"commands": shown}


def fsync(engine: "Engine", request: Request) -> Document:
    if request.get("lock"):
        raise MongoError(115, "fsync with lock is not supported")
    engine.journal.needs_sync = True
    return {"numFiles": 1}


def get_free_monitoring(engine: "Engine", request: Request) -> Document:
    return {"state": "disabled"}

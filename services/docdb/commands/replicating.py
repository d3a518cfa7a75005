"""What only a member of a replica set answers, and fail points."""

from typing import TYPE_CHECKING

from services.docdb.bson.types import Date, Document
from services.docdb.command import Request
from services.docdb.errors import MongoError
from services.docdb.replication.replica_set import ReplicaSet

if TYPE_CHECKING:
    from services.docdb.engine import Engine


def _replica_set(engine: "Engine") -> ReplicaSet:
    if engine.replica_set is None:
        raise MongoError(76, "not running with --replSet")
    return engine.replica_set


def repl_set_get_status(engine: "Engine", request: Request) -> Document:
    return _replica_set(engine).status(Date(engine.now_ms), int(engine.vitals.uptime_s))


def repl_set_get_config(engine: "Engine", request: Request) -> Document:
    return {"config": _replica_set(engine).config()}


def repl_set_initiate(engine: "Engine", request: Request) -> Document:
    """The set is there as soon as the server is."""
    _replica_set(engine)
    raise MongoError(23, "already initialized")


def repl_set_step_down(engine: "Engine", request: Request) -> Document:
    _replica_set(engine)
    raise MongoError(262, "No electable secondaries caught up as of now: there are none")


def configure_fail_point(engine: "Engine", request: Request) -> Document:
    if not engine.settings.test_commands:
        raise MongoError(59, "no such command: 'configureFailPoint'")
    name = request.text("configureFailPoint")
    data = request.document("data") or {}
    return {"count": engine.fail_points.configure(name, request.get("mode"), data)}


def api_version_2(engine: "Engine", request: Request) -> Document:
    """A command of the second stable API, which drivers are tested with: it does nothing."""
    if not engine.settings.test_commands:
        raise MongoError(59, "no such command: 'testVersion2'")
    return {}

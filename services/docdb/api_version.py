"""The stable API: a client says by which version it goes, and may insist on it (`apiStrict`).

There is version 1. Who insists is refused what a later server might answer differently.
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError

_COMMANDS = frozenset(
    {
        "abortTransaction",
        "aggregate",
        "collMod",
        "commitTransaction",
        "configureFailPoint",
        "count",
        "create",
        "createIndexes",
        "delete",
        "drop",
        "dropDatabase",
        "dropIndexes",
        "endSessions",
        "explain",
        "find",
        "findAndModify",
        "getMore",
        "hello",
        "insert",
        "killCursors",
        "listCollections",
        "listDatabases",
        "listIndexes",
        "ping",
        "refreshSessions",
        "saslContinue",
        "saslStart",
        "update",
    }
)
_STAGES_OUTSIDE = frozenset({"$currentOp", "$indexStats", "$listLocalSessions", "$listSessions",
                             "$planCacheStats", "$search"})  # fmt: skip


def check_api(name: str, body: Document) -> None:
    """Raises MongoError."""
    version = body.get("apiVersion")
    if version is None:
        if "apiStrict" in body or "apiDeprecationErrors" in body:
            raise MongoError(72, "Provided apiStrict or apiDeprecationErrors without passing "
                             "apiVersion")  # fmt: skip
        return
    if version != "1":
        raise MongoError(322, 'API version must be "1"')
    if not body.get("apiStrict"):
        return
    if name not in _COMMANDS:
        raise MongoError(
            323, f"Provided apiStrict:true, but the command {name} is not in API Version 1"
        )
    pipeline = body.get("pipeline")
    for stage in pipeline if type(pipeline) is list else ():
        for stage_name in stage if type(stage) is dict else ():
            if stage_name in _STAGES_OUTSIDE:
                raise MongoError(
                    323, f"Provided apiStrict:true, but {stage_name} is not in API Version 1"
                )

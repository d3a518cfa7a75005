"""Write concerns, and read concerns. Write concerns say when a write
counts as done. Here is one server, and so there is little choice.

`w: 0` and `w: 1` and `w: "majority"` are all fulfilled when the change is in memory and in the
kernel's hands; `j: true` when it is on the disk.
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.query.type_names import type_name

_FIELDS = {"w", "j", "wtimeout", "fsync", "provenance"}


def check_write_concern(
    concern: object, *, is_replica_set: bool = False
) -> tuple[bool, Document | None]:
    """Whether it asks for the disk; and, in a replica set, the error of what it cannot do.

    There the write is done all the same. Raises MongoError.
    """
    if type(concern) is not dict:
        raise MongoError(14, f"writeConcern has to be an object, not {type_name(concern)}")
    for name in concern:
        if name not in _FIELDS:
            raise failed_to_parse(f"unrecognized write concern field: {name}")
    syncs = bool(concern.get("j")) or bool(concern.get("fsync"))
    wanted = concern.get("w", 1)
    if is_replica_set:
        error = _unfulfilled(wanted)
        if error is not None:
            return syncs, {"code": error.code, "codeName": error.code_name, "errmsg": error.message}
    if isinstance(wanted, str):
        if wanted != "majority":
            raise MongoError(2, "cannot use non-majority 'w' mode when a host is not a member of a "
                             f"replica set: {wanted}")  # fmt: skip
    elif isinstance(wanted, int | float) and not isinstance(wanted, bool):
        if wanted > 1:
            raise MongoError(2, "cannot use 'w' > 1 when a host is not replicated")
        if wanted < 0:
            raise failed_to_parse("w has to be a non-negative number and not greater than 50")
    else:
        raise failed_to_parse("w has to be a number or a string")
    return syncs, None


def _unfulfilled(wanted: object) -> MongoError | None:
    """What a set of one member cannot promise."""
    if isinstance(wanted, str) and wanted != "majority":
        return MongoError(79, f"No write concern mode named '{wanted}' found in replica set "
                          "configuration")  # fmt: skip
    if isinstance(wanted, int | float) and not isinstance(wanted, bool) and 1 < wanted <= 50:
        return MongoError(100, "Not enough data-bearing nodes")
    return None


_LEVELS = ("local", "available", "majority", "linearizable", "snapshot")


def check_read_concern(concern: object, *, is_replica_set: bool = False) -> None:
    """Raises MongoError for what only replicas can promise."""
    if type(concern) is not dict:
        raise MongoError(14, "readConcern has to be an object")
    level = concern.get("level", "local")
    if level not in _LEVELS:
        raise failed_to_parse("readConcern.level must be either 'local', 'majority', "
                              "'linearizable', 'available', or 'snapshot'")  # fmt: skip
    if level in ("snapshot", "linearizable") and not is_replica_set:
        raise MongoError(123, f"node needs to be a replica set member to use readConcern: {level}")

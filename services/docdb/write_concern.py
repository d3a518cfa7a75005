"""Write concerns, and read concerns. Write concerns say when a write
counts as done. Here is one server, and so there is little choice.

`w: 0` and `w: 1` and `w: "majority"` are all fulfilled when the change is in memory and in the
kernel's hands; `j: true` when it is on the disk.
"""

from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.query.type_names import type_name

_FIELDS = {"w", "j", "wtimeout", "fsync", "provenance"}


def check_write_concern(concern: object) -> bool:
    """Whether it asks for the disk. Raises MongoError for what a single server cannot do."""
    if type(concern) is not dict:
        raise MongoError(14, f"writeConcern has to be an object, not {type_name(concern)}")
    for name in concern:
        if name not in _FIELDS:
            raise failed_to_parse(f"unrecognized write concern field: {name}")
    wanted = concern.get("w", 1)
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
    return bool(concern.get("j")) or bool(concern.get("fsync"))


_LEVELS = ("local", "available", "majority", "linearizable", "snapshot")


def check_read_concern(concern: object) -> None:
    """Raises MongoError for what only replicas can promise."""
    if type(concern) is not dict:
        raise MongoError(14, "readConcern has to be an object")
    level = concern.get("level", "local")
    if level not in _LEVELS:
        raise failed_to_parse("readConcern.level must be either 'local', 'majority', "
                              "'linearizable', 'available', or 'snapshot'")  # fmt: skip
    if level in ("snapshot", "linearizable"):
        raise MongoError(123, f"node needs to be a replica set member to use readConcern: {level}")

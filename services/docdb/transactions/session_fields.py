"""What a command says of its session and transaction, and which of it goes together.

    lsid              the session                              any command
    txnNumber         counts what the session does             needs lsid
      alone           a retryable write
      autocommit      false: a statement of a transaction      needs txnNumber
      startTransaction   true: its first statement             needs autocommit

# Real: OperationSessionInfoFromClient, validateSessionOptions().
"""

from dataclasses import dataclass

from services.docdb.bson.types import Binary, Document
from services.docdb.errors import MongoError

RETRYABLE = frozenset({"insert", "update", "delete", "findAndModify", "findandmodify"})
ENDS = frozenset({"commitTransaction", "abortTransaction"})
IN_TRANSACTIONS = (
    RETRYABLE
    | ENDS
    | {"aggregate", "create", "createIndexes", "distinct", "find", "getMore", "killCursors"}
)
_OUTSIDE = frozenset({"$out", "$merge", "$changeStream", "$collStats", "$currentOp", "$indexStats",
                      "$listLocalSessions", "$listSessions", "$planCacheStats"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class SessionFields:
    """The fields of one request; `number` is None outside of transactions and retries."""

    session: bytes
    number: int | None = None
    in_transaction: bool = False
    starts: bool = False


def read_session_fields(body: Document, *, is_replica_set: bool) -> SessionFields | None:
    """None where the command has no session. Raises MongoError."""
    session = session_id(body["lsid"]) if "lsid" in body else None
    number = body.get("txnNumber")
    if number is None:
        for name in ("autocommit", "startTransaction"):
            if name in body:
                raise MongoError(72, f"'{name}' field requires a transaction number to also be "
                                 "specified")  # fmt: skip
        return SessionFields(session) if session is not None else None
    if session is None:
        raise MongoError(72, "Transaction number requires a session ID to also be specified")
    if not isinstance(number, int) or isinstance(number, bool):
        raise MongoError(14, "BSON field 'OperationSessionInfo.txnNumber' is the wrong type, "
                         "expected type 'long'")  # fmt: skip
    if number < 0:
        raise MongoError(72, "Transaction number cannot be negative")
    if not is_replica_set:
        raise MongoError(20, "Transaction numbers are only allowed on a replica set member or "
                         "mongos")  # fmt: skip
    starts = body.get("startTransaction")
    if starts not in (None, True):
        raise MongoError(72, "Specifying startTransaction=false is not allowed.")
    commits_by_itself = body.get("autocommit")
    if commits_by_itself is None:
        if starts:
            raise MongoError(72, "'startTransaction' field requires 'autocommit' field to also be "
                             "specified")  # fmt: skip
        return SessionFields(session, int(number))
    if commits_by_itself:
        raise MongoError(72, "Specifying autocommit=true is not allowed.")
    return SessionFields(session, int(number), True, bool(starts))


def session_id(lsid: object) -> bytes:
    """The bytes of a session's number. Raises MongoError."""
    number = lsid.get("id") if type(lsid) is dict else None
    if type(number) is not Binary:
        raise MongoError(14, "lsid has to be a document with an id")
    return number.data


def check_command(name: str, database: str, fields: SessionFields, body: Document) -> None:
    """Whether a command may be what its session fields say. Raises MongoError."""
    if not fields.in_transaction:
        if fields.number is not None and name not in RETRYABLE:
            raise MongoError(
                50768,
                "txnNumber may only be provided for multi-document transactions and retryable "
                f"write commands. autocommit:false was not provided, and {name} is not a "
                "retryable write command.",
            )
        return
    if name == "count":
        raise MongoError(263, "Cannot run 'count' in a multi-document transaction. Please see "
                         "the documentation for a recommended alternative.")  # fmt: skip
    if name not in IN_TRANSACTIONS:
        raise MongoError(263, f"Cannot run '{name}' in a multi-document transaction.")
    if name in ENDS:
        if fields.starts:
            raise MongoError(263, f"Cannot run '{name}' as the first statement of a transaction.")
        return
    if "writeConcern" in body:
        raise MongoError(72, "writeConcern is not allowed within a multi-statement transaction")
    if "readConcern" in body and not fields.starts:
        raise MongoError(72, "Only the first command in a transaction may specify a readConcern")
    if name == "aggregate":
        _check_stages(body.get("pipeline"))
    reads = name in ("find", "aggregate", "distinct", "getMore", "killCursors")
    if database in ("config", "local") or (database == "admin" and not reads):
        raise MongoError(263, "Cannot run command against the "
                         f"'{database}' database in a transaction.")  # fmt: skip


def _check_stages(pipeline: object) -> None:
    for stage in pipeline if type(pipeline) is list else ():
        for name in stage if type(stage) is dict else ():
            if name in _OUTSIDE:
                raise MongoError(263, "Stage not supported inside of a multi-document transaction: "
                                 f"{name}")  # fmt: skip

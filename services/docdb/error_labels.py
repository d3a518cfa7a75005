"""Error labels: what a driver may do about an error.

    TransientTransactionError    begin the whole transaction again
    RetryableWriteError          send the same write, commit or abort again
    ResumableChangeStreamError   open the change stream again where it was

# Real: error_labels.cpp. UnknownTransactionCommitResult is added by drivers themselves.
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.transactions.session_fields import ENDS

# What happens when a primary is lost, on the way there or in the middle.
_NOT_PRIMARY = frozenset({91, 189, 10058, 10107, 11600, 11602, 13435, 13436})
_RETRYABLE = _NOT_PRIMARY | {6, 7, 89, 262, 9001}
_TRANSIENT = frozenset({24, 112, 239, 246, 251, 267})
_RESUMABLE = _RETRYABLE | {43, 63, 133, 150, 234, 13388}


def label(error: MongoError, body: Document) -> MongoError:
    """An error with the labels that it has as the answer to a command."""
    if not error.has_final_labels:
        error.labels = (*error.labels, *_labels_of(error.code, body))
    return error


def cursor_labels(code: int) -> tuple[str, ...]:
    """The labels of an error in a getMore of a change stream."""
    return ("ResumableChangeStreamError",) if code in _RESUMABLE else ()


def label_concern(body: Document, reply: Document) -> None:
    """Label the error of a write concern in a reply that is no error otherwise."""
    concern = reply.get("writeConcernError")
    if concern is None or "errorLabels" in reply:
        return
    if _can_be_retried(body) and concern.get("code") in _RETRYABLE:
        reply["errorLabels"] = ["RetryableWriteError"]


def _labels_of(code: int, body: Document) -> list[str]:
    name = next(iter(body), "")
    in_transaction = body.get("autocommit") is False
    found = []
    if in_transaction:
        is_lost = code in _NOT_PRIMARY | {6, 7, 89, 9001} and name not in ENDS
        if code in _TRANSIENT or is_lost:
            found.append("TransientTransactionError")
    if _can_be_retried(body) and code in _RETRYABLE:
        found.append("RetryableWriteError")
    if code in _RESUMABLE and _follows(name, body):
        found.append("ResumableChangeStreamError")
    return found


def _can_be_retried(body: Document) -> bool:
    is_alone = "txnNumber" in body and "autocommit" not in body
    return is_alone or next(iter(body), "") in ENDS


def _follows(name: str, body: Document) -> bool:
    """Whether a command opens a change stream. Of a getMore, it cannot be told from here."""
    pipeline = body.get("pipeline")
    first = pipeline[0] if type(pipeline) is list and pipeline else None
    return name == "aggregate" and type(first) is dict and "$changeStream" in first

"""$changeStream: a cursor over what happens from some moment on, which has no end.

    {aggregate: "people", pipeline: [{$changeStream: {fullDocument: "updateLookup"}}, …]}

    oplog ─▶ is it of what is watched? ─▶ event ─▶ the stages behind ─▶ batch, and a resume token

The stream is a position in the oplog. Each `getMore` reads on from there, and waits where there
is nothing. What a client needs to go on later, here or after a restart, is in each event as its
`_id`; a batch without events carries a token too (`postBatchResumeToken`), so that a client that
sees nothing for long does not fall behind the end of the oplog.

A stream on a collection ends when that is dropped or renamed, one on a database when that is:
the event `invalidate` says so. The stages behind may be those that look at one event at a time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import encode_document
from services.docdb.bson.types import Document, Timestamp
from services.docdb.command import Request
from services.docdb.commands.query_context import read_context
from services.docdb.errors import MongoError, bad_value
from services.docdb.pipeline.stage import PipelineContext, Stage, chained, compile_pipeline
from services.docdb.replication.change_events import (
    EventOptions,
    Watched,
    event_of,
    invalidate_event,
)
from services.docdb.replication.oplog import Entry, Position
from services.docdb.replication.resume_token import (
    ResumeToken,
    TokenKind,
    high_water_mark,
    read_token,
)
from services.docdb.replication.split_event import STAGE as SPLIT
from services.docdb.replication.split_event import split_event

if TYPE_CHECKING:
    from services.docdb.engine import Engine

_ALLOWED = frozenset({"$match", "$project", "$addFields", "$set", "$unset", "$replaceRoot",
                      "$replaceWith", "$redact"})  # fmt: skip
_FULL_DOCUMENT = ("default", "updateLookup", "whenAvailable", "required")
_BEFORE_CHANGE = ("off", "whenAvailable", "required")
_STARTS = ("resumeAfter", "startAfter", "startAtOperationTime")
_FIELDS = frozenset({"fullDocument", "fullDocumentBeforeChange", "showExpandedEvents",
                     "allChangesForCluster", "showSystemEvents", *_STARTS})  # fmt: skip
_NO_RESUME = ("NonResumableChangeStreamError",)


def is_change_stream(pipeline: list) -> bool:
    first = pipeline[0] if pipeline else None
    return type(first) is dict and next(iter(first), "") == "$changeStream"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: behind a position, and what has to be there."""

    position: Position
    token: ResumeToken


class ChangeStream:
    """The events from a position on. It comes to an end where it has caught up, and goes on."""

    def __init__(
        self,
        engine: "Engine",
        watched: Watched,
        options: EventOptions,
        start: Start,
        stages: list[Stage],
        *,
        splits: bool = False,
    ):
        self._engine = engine
        self._oplog = engine.journal.oplog
        self._watched = watched
        self._options = options
        self._stages = stages
        self._splits = splits
        self._pieces: list[Document] = []
        """What is left of an event that came in several."""
        self._position = start.position
        self._token = start.token
        self._ended_by: Entry | None = None
        self.is_over = False
        self._check_start(start)

    def _check_start(self, start: Start) -> None:
        """Raises MongoError where the stream cannot go on from there."""
        self._oplog.first_after(start.position)
        if start.token.kind is TokenKind.EVENT:
            entry = self._oplog.at(start.position)
            if entry is None or not self._watched.concerns(entry):
                raise MongoError(
                    280,
                    "cannot resume stream; the resume token was not found. "
                    f"{start.token.document()}",
                    labels=_NO_RESUME,
                )
            if self._watched.ends_with(entry):
                self._ended_by = entry
            if start.token.fragment:
                self._event_of(entry)
                del self._pieces[: start.token.fragment - 1]

    @property
    def token(self) -> Document:
        """From where to go on behind all that has been read."""
        return self._token.document()

    def __iter__(self) -> "ChangeStream":
        return self

    def __next__(self) -> Document:
        while not self.is_over:
            if self._pieces:
                piece = self._pieces.pop(0)
                self._token = read_token(piece["_id"])
                return piece
            if self._ended_by is not None:
                return self._end()
            entry = self._oplog.first_after(self._position)
            if entry is None:
                self._caught_up()
                break
            self._position = entry.position
            event = self._event_of(entry)
            if event is not None:
                return event
        raise StopIteration

    def _caught_up(self) -> None:
        now = self._oplog.clock.last
        if self._position[0] < now or self._token.kind is TokenKind.HIGH_WATER_MARK:
            self._token = high_water_mark(now)

    def _event_of(self, entry: Entry) -> Document | None:
        if not self._watched.concerns(entry):
            return None
        event = event_of(entry, self._options, self._engine)
        if self._watched.ends_with(entry):
            self._ended_by = entry
        if event is None:
            return None
        self._token = ResumeToken(entry.position, TokenKind.EVENT)
        event = self._staged(event)
        if event is None or not self._splits:
            return event
        first, *self._pieces = split_event(event, self._token)
        self._token = read_token(first["_id"])
        return first

    def _end(self) -> Document:
        event = invalidate_event(self._ended_by)
        self._token = ResumeToken(self._ended_by.position, TokenKind.INVALIDATE)
        self.is_over = True
        return event

    def _staged(self, event: Document) -> Document | None:
        """An event behind the client's own stages. Raises MongoError."""
        if not self._stages:
            return event
        event = decode_document(encode_document(event))
        shown = next(chained(self._stages, iter([event])), None)
        if shown is not None and shown.get("_id") != event["_id"]:
            raise MongoError(
                280,
                "Encountered an event whose _id field, which contains the resume token, was "
                "modified by the pipeline. Modifying the _id field of an event makes it impossible "
                "to resume the stream from that point. Only transformations that retain the "
                "unmodified _id field are allowed.",
                labels=_NO_RESUME,
            )
        return shown


# Opening one.


def open_change_stream(engine: "Engine", request: Request, pipeline: list) -> ChangeStream:
    """Raises MongoError."""
    if engine.journal.oplog is None:
        raise MongoError(40573, "The $changeStream stage is only supported on replica sets")
    level = (request.document("readConcern") or {}).get("level", "majority")
    if level != "majority":
        raise MongoError(72, f"$changeStream cannot be used with a '{level}' readConcern; only "
                         "'majority' is supported")  # fmt: skip
    spec = pipeline[0]["$changeStream"]
    if type(spec) is not dict:
        raise MongoError(50808, "the $changeStream stage must be an object")
    for name in spec:
        if name not in _FIELDS:
            raise MongoError(40415, f"BSON field '$changeStream.{name}' is an unknown field.")
    behind = pipeline[1:]
    splits = bool(behind) and type(behind[-1]) is dict and SPLIT in behind[-1]
    if splits:
        behind = behind[:-1]
    for stage in behind:
        name = next(iter(stage), "") if type(stage) is dict else ""
        if name.startswith("$") and name not in _ALLOWED and name != "$changeStream":
            # A stage that does not exist at all is told so.
            compile_pipeline([stage], _context(engine, request))
            raise MongoError(20, f"{name} is not permitted in a $changeStream pipeline")
    stages = compile_pipeline(behind, _context(engine, request))
    watched, start = _watched(engine, request, spec), _start(engine, spec)
    return ChangeStream(engine, watched, _options(spec), start, stages, splits=splits)


def _context(engine: "Engine", request: Request) -> PipelineContext:
    query = read_context(engine, None, request.document("collation"), request.get("let"))
    return PipelineContext(
        engine, request.database, "", query.scope, query.variables, query.collation
    )


def _watched(engine: "Engine", request: Request, spec: Document) -> Watched:
    target = request.target
    if spec.get("allChangesForCluster"):
        if request.database != "admin" or target != 1:
            raise MongoError(
                72,
                "A $changeStream with 'allChangesForCluster:true' may only be opened on the "
                "'admin' database, and with no collection name",
            )
        return Watched()
    if request.database in ("admin", "config", "local"):
        raise MongoError(73, "$changeStream may not be opened on the internal "
                         f"{request.database} database")  # fmt: skip
    if type(target) is not str:
        return Watched(request.database)
    if engine.catalog.find_view(request.database, target):
        raise MongoError(166, f"Namespace {request.database}.{target} is a view, not a collection")
    if target.startswith("system."):
        raise MongoError(73, f"$changeStream may not be opened on {request.database}.{target}")
    return Watched(request.database, target)


def _options(spec: Document) -> EventOptions:
    full = spec.get("fullDocument", "default")
    before = spec.get("fullDocumentBeforeChange", "off")
    for name, value, known in (
        ("fullDocument", full, _FULL_DOCUMENT),
        ("fullDocumentBeforeChange", before, _BEFORE_CHANGE),
    ):
        if value not in known:
            raise bad_value(f"Enumeration value '{value}' for field '$changeStream.{name}' is not "
                            "a valid value.")  # fmt: skip
    return EventOptions(full, before, bool(spec.get("showExpandedEvents")))


def _start(engine: "Engine", spec: Document) -> Start:
    given = [name for name in _STARTS if spec.get(name) is not None]
    if len(given) > 1:
        raise MongoError(50674 if "resumeAfter" in given else 40674, "Only one type of resume "
                         "option is allowed, but multiple were found.")  # fmt: skip
    if not given:
        now = engine.journal.oplog.clock.last
        token = high_water_mark(now)
        return Start(token.position, token)
    value = spec[given[0]]
    if given[0] == "startAtOperationTime":
        if type(value) is not Timestamp:
            raise MongoError(14, "BSON field '$changeStream.startAtOperationTime' is the wrong "
                             "type, expected type 'timestamp'")  # fmt: skip
        position = (value, -1)
        return Start(position, ResumeToken(position, TokenKind.HIGH_WATER_MARK))
    token = read_token(value)
    if token.kind is TokenKind.INVALIDATE and given[0] == "resumeAfter":
        raise MongoError(260, "Attempting to resume a change stream using 'resumeAfter' is not "
                         "allowed from an invalidate notification.")  # fmt: skip
    return Start(token.position, token)

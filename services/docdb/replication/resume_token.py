"""Resume tokens: a place in the oplog, in the form in which clients keep it.

    {_data: "82" time counter place kind fragment}     in hexadecimal: tokens sort by time

    event            behind this operation
    invalidate       behind the event that ended the stream: to be used with `startAfter` alone
    high water mark  behind all that happened up to a time; what an empty batch carries

Clients take a token for what they were given, and never look into it. Since it is a place and no
number of this process, it can be used after a restart. # Real: ResumeTokenData, a KeyString.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from services.docdb.bson.types import Document, Timestamp
from services.docdb.errors import MongoError
from services.docdb.replication.oplog import Position

_PREFIX = 0x82
_TOKEN = struct.Struct(">BIIIBB")
LAST_PLACE = 0xFFFF_FFFE
"""Behind every operation of a time."""


class TokenKind(IntEnum):
    """What stands at the place."""

    HIGH_WATER_MARK = 0
    EVENT = 128
    INVALIDATE = 129


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """A place; a place of -1 is before every operation of its time."""

    position: Position
    kind: TokenKind
    fragment: int = 0
    """The number of a piece of an event that was too large for one document."""

    def document(self) -> Document:
        time, place = self.position
        packed = _TOKEN.pack(_PREFIX, time.time, time.increment, place + 1,
                             self.kind, self.fragment)  # fmt: skip
        return {"_data": packed.hex().upper()}


def high_water_mark(time: Timestamp) -> ResumeToken:
    """Behind all that has happened up to a time."""
    return ResumeToken((time, LAST_PLACE), TokenKind.HIGH_WATER_MARK)


def read_token(value: object) -> ResumeToken:
    """The inverse of `ResumeToken.document`. Raises MongoError."""
    data = value.get("_data") if type(value) is dict else None
    if type(data) is not str:
        raise MongoError(260, "Bad resume token: _data of missing or of wrong type")
    try:
        prefix, seconds, increment, place, kind, fragment = _TOKEN.unpack(bytes.fromhex(data))
        if prefix != _PREFIX:
            raise ValueError
        position = (Timestamp(seconds, increment), place - 1)
        return ResumeToken(position, TokenKind(kind), fragment)
    except (ValueError, struct.error):
        raise MongoError(260, f"Invalid resume token: {data}") from None

"""$changeStreamSplitLargeEvent: an event of more than 16 MiB comes in several pieces.

    {_id: token 1, splitEvent: {fragment: 1, of: 2}, operationType: …, fullDocumentBeforeChange: …}
    {_id: token 2, splitEvent: {fragment: 2, of: 2}, fullDocument: …}

Pieces are cut between the event's own fields, and the client puts them together. The token of a
piece says its number, so that a stream can go on with the next one.
"""

from dataclasses import replace

from services.docdb.bson.encoder import encode_document
from services.docdb.bson.types import Document
from services.docdb.replication.resume_token import ResumeToken
from services.docdb.wire import MAX_DOCUMENT_BYTES

STAGE = "$changeStreamSplitLargeEvent"
_HEAD_BYTES = 200


def split_event(event: Document, token: ResumeToken) -> list[Document]:
    """The event by itself where it is small enough, else its pieces."""
    if len(encode_document(event)) <= MAX_DOCUMENT_BYTES:
        return [event]
    pieces: list[Document] = [{}]
    size_bytes = _HEAD_BYTES
    for name, value in event.items():
        if name == "_id":
            continue
        field_bytes = len(encode_document({name: value}))
        if pieces[-1] and size_bytes + field_bytes > MAX_DOCUMENT_BYTES:
            pieces.append({})
            size_bytes = _HEAD_BYTES
        pieces[-1][name] = value
        size_bytes += field_bytes
    return [
        {
            "_id": replace(token, fragment=number).document(),
            "splitEvent": {"fragment": number, "of": len(pieces)},
            **piece,
        }
        for number, piece in enumerate(pieces, 1)
    ]

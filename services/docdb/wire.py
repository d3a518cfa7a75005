"""The wire protocol: bytes to messages, replies to bytes. Knows no sockets and no commands.

    header        length i32 · request id i32 · answers to i32 · opcode i32

    OP_MSG        flags u32 · section … · [CRC-32C u32]
      section 0   one document, the command: {find: "people", filter: {…}, $db: "test"}
      section 1   length i32 · name · documents: the long list of a command, outside of it
    OP_QUERY      the first greeting of older drivers, to NAME.$cmd; answered with OP_REPLY
    OP_COMPRESSED the opcode within · its length · compressor u8 · the compressed rest

A message whose lengths lie leaves nobody knowing where the next one begins: WireError, and the
connection ends. One whose documents are malformed is answered with an error, and the next one
is read: MalformedMessage.
"""

import struct
import zlib
from dataclasses import dataclass, field

from services.docdb.bson.decoder import MAX_DEPTH, decode_document, decode_from
from services.docdb.bson.encoder import encode_document
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Document
from services.docdb.crc32c import crc32c

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
MAX_MESSAGE_BYTES = 48_000_000
_BODY_DEPTH = MAX_DEPTH + 5
"""A document may be deep by itself, and the command is around it."""

OP_REPLY, OP_QUERY, OP_COMPRESSED, OP_MSG = 1, 2004, 2012, 2013
CHECKSUM_PRESENT, MORE_TO_COME, EXHAUST_ALLOWED = 1, 2, 1 << 16
_REQUIRED_FLAGS = 0xFFFF & ~(CHECKSUM_PRESENT | MORE_TO_COME)
ZLIB = 2
COMPRESSORS = {"zlib": ZLIB}

_HEADER = struct.Struct("<iiii")
_COMPRESSED = struct.Struct("<iiB")
_REPLY = struct.Struct("<iqii")
_INT32 = struct.Struct("<i")
_UINT32 = struct.Struct("<I")


class WireError(Exception):
    """The bytes are no messages; there is no going on."""


class MalformedMessage(Exception):
    """One message could not be read; `request_id` is the one to answer."""

    def __init__(self, request_id: int, reason: str):
        super().__init__(reason)
        self.request_id = request_id


@dataclass(slots=True)
class Message:
    """One request. `raws` has the bytes of documents that came outside of the command."""

    request_id: int
    body: Document
    flags: int = 0
    raws: dict[str, list[bytes]] = field(default_factory=dict)
    is_query: bool = False
    compressor: int | None = None

    @property
    def expects_reply(self) -> bool:
        return not self.flags & MORE_TO_COME


class MessageDecoder:
    """Bytes in, messages out."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES):
        self._max_message_bytes = max_message_bytes
        self._buffer = bytearray()
        self._start = 0

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer) - self._start

    def receive_data(self, data: bytes) -> None:
        # What was read is cut off once for each batch of bytes, not for each message.
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next_request(self) -> Message | None:
        """The next message, or None. Raises WireError and MalformedMessage."""
        buffer, start = self._buffer, self._start
        available = len(buffer) - start
        if available < 4:
            return None
        length = _INT32.unpack_from(buffer, start)[0]
        if not _HEADER.size <= length <= self._max_message_bytes:
            raise WireError(f"a message of {length} bytes")
        if available < length:
            return None
        data = bytes(memoryview(buffer)[start : start + length])
        self._start = start + length
        _, request_id, _, opcode = _HEADER.unpack_from(data)
        try:
            return _read_message(data, request_id, opcode)
        except BsonError as error:
            raise MalformedMessage(request_id, str(error)) from None
        except struct.error:
            raise WireError("a message is cut off") from None


def _read_message(data: bytes, request_id: int, opcode: int) -> Message:
    if opcode == OP_MSG:
        return _read_msg(data, request_id)
    if opcode == OP_QUERY:
        return _read_query(data, request_id)
    if opcode == OP_COMPRESSED:
        return _read_compressed(data, request_id)
    raise WireError(f"opcode {opcode} is not known")


def _read_msg(data: bytes, request_id: int) -> Message:
    flags = _UINT32.unpack_from(data, 16)[0]
    if flags & _REQUIRED_FLAGS:
        raise WireError(f"flags 0x{flags:x} are not known")
    end = len(data)
    if flags & CHECKSUM_PRESENT:
        end -= 4
        if _UINT32.unpack_from(data, end)[0] != crc32c(memoryview(data)[:end]):
            raise WireError("the checksum of a message is wrong")
    position, body = 20, None
    raws: dict[str, list[bytes]] = {}
    while position < end:
        kind = data[position]
        if kind == 0 and body is None:
            body, position = decode_from(data, position + 1, end, _BODY_DEPTH)
        elif kind == 1:
            name, documents, position = _read_sequence(data, position + 1, end)
            if name in raws:
                raise MalformedMessage(request_id, f"section {name} comes twice")
            raws[name] = documents
        else:
            raise WireError("a message has a section that is not known, or two commands")
    if body is None:
        raise WireError("a message has no command")
    for name, documents in raws.items():
        if name in body:
            raise MalformedMessage(request_id, f"{name} comes twice")
        body[name] = [decode_document(raw) for raw in documents]
    return Message(request_id, body, flags, raws)


def _read_sequence(data: bytes, position: int, limit: int) -> tuple[str, list[bytes], int]:
    end = position + _INT32.unpack_from(data, position)[0]
    zero = data.find(b"\0", position + 4, limit)
    if end > limit or not 0 < zero < end:
        raise WireError("the length of a section is wrong")
    try:
        name = data[position + 4 : zero].decode()
    except UnicodeDecodeError:
        raise WireError("the name of a section is not UTF-8") from None
    position = zero + 1
    documents = []
    while position < end:
        length = _INT32.unpack_from(data, position)[0]
        if length < 5 or position + length > end:
            raise WireError("the length of a document is wrong")
        documents.append(data[position : position + length])
        position += length
    return name, documents, end


def _read_query(data: bytes, request_id: int) -> Message:
    zero = data.find(b"\0", 20)
    if zero < 0:
        raise WireError("the name of a collection has no end")
    namespace = data[20:zero].decode(errors="replace")
    body, _ = decode_from(data, zero + 9, len(data))
    if not namespace.endswith(".$cmd"):
        raise WireError("OP_QUERY is answered for commands only")
    if "$query" in body:
        body = body["$query"]
    if type(body) is not dict:
        raise WireError("a query is no document")
    body["$db"] = namespace.removesuffix(".$cmd")
    return Message(request_id, body, is_query=True)


def _read_compressed(data: bytes, request_id: int) -> Message:
    opcode, size, compressor = _COMPRESSED.unpack_from(data, 16)
    if opcode == OP_COMPRESSED or not 0 <= size <= MAX_MESSAGE_BYTES:
        raise WireError("a compressed message that cannot be")
    rest = data[25:]
    if compressor == ZLIB:
        unpacking = zlib.decompressobj()
        try:
            # No more than was announced: a few bytes can stand for gigabytes.
            rest = unpacking.decompress(rest, size + 1)
        except zlib.error:
            raise WireError("a compressed message is damaged") from None
    elif compressor != 0:
        raise WireError(f"compressor {compressor} is not known")
    if len(rest) != size:
        raise WireError("a compressed message has another length than it says")
    header = _HEADER.pack(16 + size, request_id, 0, opcode)
    message = _read_message(header + rest, request_id, opcode)
    message.compressor = compressor
    return message


# Replies.


def encode_reply(
    message: Message, reply: Document, *, more_to_come: bool = False, reply_id: int = 0
) -> bytes:
    """The reply to a message, in the manner in which it was asked."""
    body = encode_document(reply)
    if message.is_query:
        rest = _REPLY.pack(8, 0, 0, 1) + body
        return _HEADER.pack(16 + len(rest), 0, message.request_id, OP_REPLY) + rest
    rest = _UINT32.pack(MORE_TO_COME if more_to_come else 0) + b"\0" + body
    opcode = OP_MSG
    if message.compressor == ZLIB:
        rest = _COMPRESSED.pack(OP_MSG, len(rest), ZLIB) + zlib.compress(rest)
        opcode = OP_COMPRESSED
    return _HEADER.pack(16 + len(rest), reply_id, message.request_id, opcode) + rest


def encode_request(request_id: int, body: Document) -> bytes:
    """A command as a client sends it."""
    rest = _UINT32.pack(0) + b"\0" + encode_document(body)
    return _HEADER.pack(16 + len(rest), request_id, 0, OP_MSG) + rest


def decode_reply(data: bytes) -> Document:
    """The document of an OP_MSG reply, for our own clients. Raises BsonError and WireError."""
    return _read_message(data, 0, OP_MSG).body

"""`--health`: ask a running docdb, over its own protocol, whether it serves."""

import socket
import struct

from services.common.health_check import TIMEOUT_S, address_to_call, not_well, well
from services.docdb.bson.errors import BsonError
from services.docdb.wire import WireError, decode_reply, encode_request


def check(host: str, port: int) -> int:
    """The exit status of `--health`."""
    try:
        with socket.create_connection((address_to_call(host), port), timeout=TIMEOUT_S) as sock:
            sock.sendall(encode_request(1, {"hello": 1, "$db": "admin"}))
            length = struct.unpack("<i", _read(sock, 4))[0]
            reply = decode_reply(struct.pack("<i", length) + _read(sock, length - 4))
    except (OSError, WireError, BsonError, struct.error) as error:
        return not_well("docdb", error)
    if "glassbox" not in reply:
        return not_well("docdb", f"something else answers on port {port}")
    vitals = reply["glassbox"]
    return well("docdb", vitals["status"], vitals.get("problems", ""))


def _read(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ConnectionError("the connection was closed")
        data += piece
    return data

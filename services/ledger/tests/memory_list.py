"""The list `hiponet` without a server: as much of kvdb's client as `Hiponet` needs."""

from services.common.resp_client import ConnectionLost
from services.ledger.hiponet import LIST, Hiponet


class MemoryKV:
    """A key-value client, and its connection, over one list.

    Set `failure` to have every command fail, `read_failure` for reading alone. `max_reply` is
    how many messages a reply may hold before the connection breaks on it.
    """

    def __init__(self, *messages: bytes):
        self.messages = list(messages)
        self.failure: Exception | None = None
        self.read_failure: Exception | None = None
        self.max_reply = 1 << 30
        self.messages_read = 0

    def execute(self, command: str, key: str, *arguments: object) -> object:
        assert key == LIST
        if self.failure is not None:
            raise self.failure
        match command, arguments:
            case "RPUSH", (message,):
                self.messages.append(message)
                return len(self.messages)
            case "LINDEX", (index,):
                return self.messages[index] if index < len(self.messages) else None
            case "LRANGE", _ if self.read_failure is not None:
                raise self.read_failure
            case "LRANGE", (start, stop):
                found = self.messages[start : stop + 1]
                if len(found) > self.max_reply:
                    raise ConnectionLost("reply is too large")
                self.messages_read += len(found)
                return found
        raise AssertionError((command, arguments))

    def close(self) -> None:
        """A client's end; the list stays."""


def memory_hiponet(*messages: bytes) -> tuple[MemoryKV, Hiponet]:
    kv = MemoryKV(*messages)
    return kv, Hiponet(kv, lambda: kv)

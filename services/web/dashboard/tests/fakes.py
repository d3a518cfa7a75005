"""Stand-ins for the services behind the dashboard, on real sockets, in threads of the test."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.common.logs import Log
from services.common.mongo_url import MongoURL
from services.common.redis_url import RedisURL
from services.common.resp import OK, ReplyError, RespRequestDecoder, Simple, encode_reply
from services.sqldb.client import SqlAddress
from services.web.application import Application
from services.web.dashboard.shell import Dashboard, Settings
from services.web.server import HTTPServer
from services.web.server import Settings as ServerSettings
from services.web.test_client import TestClient

LOG = Log("test")
WAIT_S = 5
NOWHERE = RedisURL("127.0.0.1", 1)
NO_DOCDB = MongoURL("127.0.0.1", 1)
NO_SQLDB = SqlAddress("127.0.0.1", 1)


class SortedSet(dict):
    """Member → score."""


class FakeRedis:
    """A RESP server with as many commands as the dashboard sends."""

    def __init__(self) -> None:
        self.data: dict[bytes, object] = {}
        self.ttl_ms: dict[bytes, int] = {}
        self.info = b"# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:12\r\n"
        self.requests: list[list[bytes]] = []
        self._subscribers: dict[bytes, list[socket.socket]] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = RedisURL("127.0.0.1", self._listener.getsockname()[1])
        self._clients: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        decoder = RespRequestDecoder(max_request_bytes=1 << 20)
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                decoder.receive_data(data)
                while (request := decoder.next_request()) is not None:
                    self.requests.append(request)
                    for reply in self._replies(client, request):
                        client.sendall(encode_reply(reply))

    def _replies(self, client: socket.socket, request: list[bytes]) -> list[object]:
        name, *arguments = request
        match name.upper():
            case b"SUBSCRIBE" | b"PSUBSCRIBE":
                for channel in arguments:
                    self._subscribers.setdefault(channel, []).append(client)
                return [[name.lower(), channel, 1] for channel in arguments]
            case b"PUBLISH":
                listeners = self._subscribers.get(arguments[0], [])
                for listener in listeners:
                    listener.sendall(encode_reply([b"message", *arguments]))
                return [len(listeners)]
        return [self._reply(name.upper(), arguments)]

    def _reply(self, name: bytes, arguments: list[bytes]) -> object:
        key = arguments[0] if arguments else b""
        match name:
            case b"INFO":
                return self.info
            case b"DBSIZE":
                return len(self.data)
            case b"SCAN":
                return [b"0", sorted(self.data)]
            case b"TYPE":
                return Simple(self._type(key))
            case b"PTTL":
                return self.ttl_ms.get(key, -1)
            case b"STRLEN":
                return len(self.data[key])
            case b"GETRANGE":
                return self.data[key][int(arguments[1]) : int(arguments[2]) + 1]
            case b"SET":
                self.data[key] = arguments[1]
                self.ttl_ms.pop(key, None)
                if len(arguments) == 4:
                    self.ttl_ms[key] = int(arguments[3])
                return OK
            case b"DEL":
                return int(self.data.pop(key, None) is not None)
            case b"EXISTS":
                return int(key in self.data)
            case b"PEXPIRE" if key in self.data:
                self.ttl_ms[key] = int(arguments[1])
                return 1
            case b"PERSIST":
                return int(self.ttl_ms.pop(key, None) is not None)
            case b"PEXPIRE":
                return 0
            case b"LLEN" | b"HLEN" | b"SCARD" | b"ZCARD":
                return len(self.data[key])
            case b"LRANGE":
                return list(self.data[key])
            case b"HSCAN":
                return [b"0", [part for pair in self.data[key].items() for part in pair]]
            case b"SSCAN":
                return [b"0", list(self.data[key])]
            case b"ZRANGE":
                return [part for pair in self.data[key].items() for part in pair]
            case b"PUBSUB":
                return self._pubsub(key.upper(), arguments[1:])
        return ReplyError(f"ERR unknown command {name.decode()!r}")

    def _type(self, key: bytes) -> str:
        kinds = {
            bytes: "string",
            list: "list",
            dict: "hash",
            set: "set",
            SortedSet: "zset",
            tuple: "stream",
        }
        return kinds[type(self.data[key])] if key in self.data else "none"

    def _pubsub(self, word: bytes, channels: list[bytes]) -> object:
        if word == b"CHANNELS":
            return list(self._subscribers)
        if word == b"NUMSUB":
            return [part for name in channels for part in (name, len(self._subscribers[name]))]
        return 0


@contextlib.contextmanager
def http_service(application: Application) -> Iterator[str]:
    """Serve an application of our framework on a free port; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = EventLoop(LOG)
    server = HTTPServer(application, listener, loop, LOG, ServerSettings(threads=2))
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_from_thread(lambda: server.stop(0, loop.stop))
        thread.join(WAIT_S)


def make_dashboard(
    *,
    kvdb: RedisURL = NOWHERE,
    pubsub: RedisURL = NOWHERE,
    broker: str = "http://127.0.0.1:1",
    ledger: tuple[str, ...] = ("http://127.0.0.1:1",) * 3,
    docdb: MongoURL = NO_DOCDB,
    sqldb: SqlAddress = NO_SQLDB,
    **settings: object,
) -> Dashboard:
    """A dashboard whose services are nowhere unless named; its threads are not started."""
    urls = (kvdb, pubsub, broker, ledger, docdb, sqldb)
    return Dashboard(Settings(*urls, **settings), Vitals("web"), LOG)


class Browser:
    """A test client with a session: what it sends carries the token, as our pages' requests do."""

    def __init__(self, dashboard: Dashboard) -> None:
        self.dashboard = dashboard
        self.client: TestClient = dashboard.app.test_client()
        self.token = self.client.get("/api/session").json()["csrf_token"]
        self.get: Callable = self.client.get

    def send(self, method: str, path: str, body: object = None):
        headers = {"X-CSRF-Token": self.token, "Origin": "http://localhost"}
        return self.client.request(method, path, json=body, headers=headers)


class Recorder:
    """A listener that keeps what it is sent."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._changed = threading.Condition()

    def push(self, chunk: bytes) -> None:
        with self._changed:
            self.chunks.append(chunk)
            self._changed.notify_all()

    def end(self) -> None:
        self.push(b"end")

    def wait_for(self, text: bytes) -> bytes:
        """All that was sent, once `text` is part of it."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in b"".join(self.chunks), WAIT_S), (
                self.chunks
            )
            return b"".join(self.chunks)

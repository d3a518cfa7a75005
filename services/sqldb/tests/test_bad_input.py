"""What clients must not say: both servers answer alike, live on, and nothing is left behind."""

from __future__ import annotations

import random
import struct

import pytest

from services.sqldb.tests.postgres import PostgresServer, postgres  # noqa: F401
from services.sqldb.tests.server import SqldbServer, sqldb  # noqa: F401
from services.sqldb.tests.wire import SYNC, Wire, bind, execute, message, parse, query, startup

hypothesis = pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

INT4, FLOAT8, BOOL, TEXT, DATE = 23, 701, 16, 25, 1082
TIMESTAMP, UUID, NUMERIC, INTERVAL, INT4S, JSONB = 1114, 2950, 1700, 1186, 1007, 3802


def _given(oid: int, *values: bytes | None, formats: tuple[int, ...] = (1,)) -> bytes:
    return parse("SELECT $1", oids=(oid,)) + bind(values, formats) + execute() + SYNC


CONVERSATIONS = {
    "unknown letter": message(b"y"),
    "length too small": b"Q" + struct.pack(">I", 3),
    "length negative": b"Q" + struct.pack(">i", -1),
    "length of a small message too large": b"S" + struct.pack(">I", 1 << 30),
    "query without its end": message(b"Q", b"SELECT 1"),
    "query with a tail": message(b"Q", b"SELECT 1\0x"),
    "empty query": query(""),
    "query in no UTF-8": query(b"SELECT '\xff'"),
    "query with half a letter": query(b"SELECT '\xc3'"),
    "query with an overlong letter": query(b"SELECT '\xc0\x80'"),
    "query with a surrogate": query(b"SELECT '\xed\xa0\x80'"),
    "parse without its end": message(b"P", b"name") + SYNC,
    "parse with fewer types": message(b"P", b"\0SELECT 1\0\0\5") + SYNC,
    "parse of two": parse("SELECT 1; SELECT 2") + SYNC,
    "parse twice": parse("SELECT 1", "a") + parse("SELECT 2", "a") + SYNC,
    "bind to nothing": bind(statement="nothing") + SYNC,
    "bind of too few": parse("SELECT $1::int, $2::int") + bind((b"1",)) + SYNC,
    "bind of too many": parse("SELECT 1") + bind((b"1",)) + SYNC,
    "bind of formats that do not fit": parse("SELECT $1::int, $2::int, $3::int")
    + bind((b"1", b"2", b"3"), (0, 1)) + SYNC,
    "bind of an unknown format": _given(INT4, b"\0\0\0\1", formats=(7,)),
    "bind of results that do not fit": parse("SELECT 1") + bind((), (), (0, 1, 0)) + SYNC,
    "bind with a length beyond the end": parse("SELECT $1::text")
    + message(b"B", b"\0\0\0\0\0\1\0\0\1\0x\0\0") + SYNC,
    "bind twice": parse("SELECT 1") + bind(portal="p") + bind(portal="p") + SYNC,
    "execute nothing": execute("nothing") + SYNC,
    "execute with a negative limit": parse("SELECT 1") + bind() + execute("", -5) + SYNC,
    "describe nothing": message(b"D", b"Snothing\0") + SYNC,
    "describe a strange kind": message(b"D", b"Xname\0") + SYNC,
    "close nothing": message(b"C", b"Snothing\0") + SYNC,
    "close a strange kind": message(b"C", b"Xname\0") + SYNC,
    "all is skipped to sync": parse("SELEC") + bind() + execute() + parse("SELECT 1") + SYNC,
    "a query is not skipped": parse("SELEC") + query("SELECT 1"),
    "many syncs": SYNC * 3,
    "copy data out of place": message(b"d", b"1\n") + message(b"c") + message(b"f", b"no\0"),
    "copy is failed by the client": query("COPY bad_input FROM STDIN") + message(b"d", b"1\n")
    + message(b"f", b"I will not\0"),
    "a query amid copy": query("COPY bad_input FROM STDIN") + query("SELECT 1"),
    "sync and flush amid copy": query("COPY bad_input FROM STDIN") + SYNC + message(b"H")
    + message(b"d", b"8\n") + message(b"c"),
    "copy of a wrong value": query("COPY bad_input FROM STDIN") + message(b"d", b"1\nx\n")
    + message(b"d", b"2\n") + message(b"c"),
    "copy of wrong bytes": query("COPY bad_input FROM STDIN BINARY")
    + message(b"d", b"not a signature") + message(b"c"),
    "copy of half a binary row": query("COPY bad_input FROM STDIN BINARY")
    + message(b"d", b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0") + message(b"c"),
    "copy of no UTF-8": query("COPY (SELECT 'x') TO STDOUT; COPY bad_input FROM STDIN")
    + message(b"d", b"\xff\n") + message(b"c"),
    "int4 of three bytes": _given(INT4, b"\0\0\1"),
    "int4 of five bytes": _given(INT4, b"\0\0\0\0\1"),
    "float8 of four bytes": _given(FLOAT8, b"\0\0\0\0"),
    "bool of two bytes": _given(BOOL, b"\1\1"),
    "text in no UTF-8": _given(TEXT, b"\xff"),
    "text with NUL": _given(TEXT, b"a\0b"),
    "text with NUL, as text": _given(TEXT, b"a\0b", formats=(0,)),
    "date of three bytes": _given(DATE, b"\0\0\0"),
    "date too far": _given(DATE, struct.pack(">i", 2**31 - 2)),
    "timestamp of nine bytes": _given(TIMESTAMP, b"\0" * 9),
    "timestamp too far": _given(TIMESTAMP, struct.pack(">q", 2**63 - 2)),
    "uuid of fifteen bytes": _given(UUID, b"\0" * 15),
    "numeric of garbage": _given(NUMERIC, b"\0\1\0\0\xff\0\0\0\0\1"),
    "numeric cut off": _given(NUMERIC, b"\0\5\0\0\0\0\0\0\0\1"),
    "numeric with a digit too large": _given(NUMERIC, b"\0\1\0\0\0\0\0\0\x27\x10"),
    "interval of eight bytes": _given(INTERVAL, b"\0" * 8),
    "array of garbage": _given(INT4S, b"\0\0\0\7\0\0\0\0\0\0\0\27"),
    "array of another type": _given(INT4S, struct.pack(">iiIii", 1, 0, TEXT, 1, 1) + b"\0\0\0\1x"),
    "array longer than it is": _given(INT4S, struct.pack(">iiIii", 1, 0, INT4, 1 << 27, 1)),
    "jsonb of garbage": _given(JSONB, b"\1{"),
    "int4 as text": _given(INT4, b"12x", formats=(0,)),
}  # fmt: skip
FIRST_PACKETS = {
    "length too small": struct.pack(">I", 4),
    "length of nothing": struct.pack(">I", 0),
    "length too large": struct.pack(">I", 1 << 30),
    "protocol 2": struct.pack(">II", 8, 2 << 16),
    "protocol 4": struct.pack(">II", 8, 4 << 16),
    "no user": startup(),
    "unknown database": startup(user="postgres", database="nothing"),
    "unknown role": startup(user="nobody at all", database="postgres"),
    "unknown setting": startup(user="postgres", database="postgres", nonsense="1"),
    "wrong setting": startup(user="postgres", database="postgres", work_mem="x"),
    "no end": struct.pack(">II", 16, 196608) + b"user\0pos",
    "a value is missing": struct.pack(">II", 14, 196608) + b"user\0\0",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "SSL request with a tail": struct.pack(">II", 8, 80877103) + b"GET / HTTP/1.1\r\n\r\n",
    "cancel of nobody": struct.pack(">IIII", 16, 80877102, 1, 2),
    "nothing": b"",
}


def _tell(server, data: bytes) -> list[str]:
    """What comes for these bytes, and for a query behind them."""
    with Wire(server).begin() as connection:
        connection.say(query("CREATE TEMP TABLE bad_input (a int)"))
        connection.hear()
        connection.say(data + query("SELECT 'still there'"))
        connection.say_no_more()
        told = []
        while not told or told[-1] != "the end":
            told += connection.hear()
        return told


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_both_answer_alike(
    name: str,
    sqldb: SqldbServer,  # noqa: F811
    postgres: PostgresServer,  # noqa: F811
) -> None:
    ours, theirs = (_tell(server, CONVERSATIONS[name]) for server in (sqldb, postgres))
    if "length" in name:
        ours, theirs = _without_a_word(ours), _without_a_word(theirs)
    assert ours == theirs


@pytest.mark.parametrize("name", FIRST_PACKETS)
def test_both_take_a_first_packet_alike(
    name: str,
    sqldb: SqldbServer,  # noqa: F811
    postgres: PostgresServer,  # noqa: F811
) -> None:
    told = []
    for server in (sqldb, postgres):
        with Wire(server) as connection:
            # Both names have eight letters, so the lengths stay right.
            database = server.parameters["dbname"].encode()
            connection.say(
                FIRST_PACKETS[name].replace(b"database\0postgres", b"database\0" + database)
            )
            connection.say_no_more()
            told.append(_without_a_word(_first_answer(connection)))
    assert told[0] == told[1]


def _without_a_word(told: list[str]) -> list[str]:
    """Where messages cannot be told apart any more, one of the two explains why it ends."""
    if told[-1] == "the end" and told[-2:-1] in (["E FATAL 08P01"], ["E FATAL 0A000"]):
        return [*told[:-2], "the end"]
    return told


def _first_answer(connection: Wire) -> list[str]:
    data = b""
    while chunk := connection.socket.recv(1 << 16):
        data += chunk
        if data[:1] == b"R":
            return ["welcome"]
    if data[:1] in (b"N", b"S"):
        data = data[1:]
    connection.heard = data
    return connection.hear()


GOOD = (
    parse("SELECT $1::int + 1", oids=(INT4,)) + bind((b"\0\0\0\1",), (1,), (1,))
    + message(b"D", b"P\0") + execute() + SYNC
    + query("BEGIN; CREATE TEMP TABLE fuzzed (a int); COPY fuzzed FROM STDIN")
    + message(b"d", b"1\n2\n") + message(b"c") + query("SELECT * FROM fuzzed; ROLLBACK")
)  # fmt: skip


@settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(chance=st.randoms(use_true_random=False))
def test_garbage_harms_nobody_else(sqldb: SqldbServer, chance: random.Random) -> None:  # noqa: F811
    data = bytearray(GOOD)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 9)]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 9))
            case 3:
                data[at : at + 4] = struct.pack(">I", chance.choice([0, 1, 5, 2**31, 2**32 - 1]))
    with Wire(sqldb).begin() as connection:
        connection.say(bytes(data))
        connection.say_no_more()
        while connection.next() is not None:
            pass
    with Wire(sqldb).begin() as other:
        other.say(query("SELECT count(*) FROM pg_tables WHERE tablename = 'fuzzed'"))
        assert "E" not in {told[0] for told in other.hear()}

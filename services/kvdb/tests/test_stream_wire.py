"""The forms of stream replies on the wire: which nil, which array, which map."""

import pytest

from services.common.resp import encode_reply
from services.kvdb.tests.stream_grammar import PREAMBLE
from services.kvdb.tests.support import Console

ENTRY = b"*2\r\n$3\r\n5-0\r\n*2\r\n$1\r\nf\r\n$1\r\n6\r\n"


@pytest.mark.parametrize(
    ("command", "resp2", "resp3"),
    [
        (
            "XREAD STREAMS s2 1-0",
            b"*1\r\n*2\r\n$2\r\ns2\r\n*1\r\n" + ENTRY,
            b"%1\r\n$2\r\ns2\r\n*1\r\n" + ENTRY,
        ),
        (
            "XREAD STREAMS s2 s2 1-0 1-0",
            b"*2\r\n" + b"*2\r\n$2\r\ns2\r\n*1\r\n%b" % ENTRY * 2,
            b"%2\r\n" + b"$2\r\ns2\r\n*1\r\n%b" % ENTRY * 2,
        ),
        (
            "XREADGROUP GROUP g1 ann STREAMS s2 0",
            b"*1\r\n*2\r\n$2\r\ns2\r\n*0\r\n",
            b"%1\r\n$2\r\ns2\r\n*0\r\n",
        ),
        ("XREAD STREAMS s2 $", b"*-1\r\n", b"_\r\n"),
        ("XRANGE s2 5 5", b"*1\r\n" + ENTRY, b"*1\r\n" + ENTRY),
        ("XRANGE s2 - + COUNT 0", b"*-1\r\n", b"_\r\n"),
        ("XADD none NOMKSTREAM * f v", b"$-1\r\n", b"_\r\n"),
        ("XPENDING s1 g2", b"*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n", b"*4\r\n:0\r\n_\r\n_\r\n_\r\n"),
        (
            "XINFO CONSUMERS s1 g1",
            b"*1\r\n*6\r\n$4\r\nname\r\n$3\r\nann\r\n$7\r\npending\r\n:2\r\n$4\r\nidle\r\n:0\r\n",
            b"*1\r\n%3\r\n$4\r\nname\r\n$3\r\nann\r\n$7\r\npending\r\n:2\r\n$4\r\nidle\r\n:0\r\n",
        ),
    ],
)
def test_replies(command: str, resp2: bytes, resp3: bytes):
    console = Console()
    for request in PREAMBLE:
        console(*request)
    reply = console(*command.split())
    assert encode_reply(reply, 2) == resp2
    assert encode_reply(reply, 3) == resp3


def test_an_entry_that_is_gone_has_no_fields():
    console = Console()
    for request in PREAMBLE:
        console(*request)
    console("XDEL", "s1", "1-1")
    reply = console("XREADGROUP", "GROUP", "g1", "ann", "COUNT", 1, "STREAMS", "s1", "0")
    assert encode_reply(reply, 2) == b"*1\r\n*2\r\n$2\r\ns1\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*-1\r\n"
    assert encode_reply(reply, 3) == b"%1\r\n$2\r\ns1\r\n*1\r\n*2\r\n$3\r\n1-1\r\n_\r\n"

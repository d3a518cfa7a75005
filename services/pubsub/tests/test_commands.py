"""The RESP commands through a session without a socket: replies and error texts as in Redis 7.0."""

import pytest

from services.common.resp import Push, ReplyError
from services.pubsub.commands import COMMANDS
from services.pubsub.tests.fakes import FakeClient, new_broker


@pytest.fixture
def broker():
    return new_broker()


@pytest.fixture
def client(broker) -> FakeClient:
    return FakeClient(broker)


def only(replies: list[object]) -> object:
    (reply,) = replies
    return reply


def error_text(replies: list[object]) -> str:
    error = only(replies)
    assert isinstance(error, ReplyError)
    return str(error)


# Subscribing.


def test_subscribe_acknowledges_each_channel(client: FakeClient) -> None:
    assert client.raw(b"*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n") == (
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
    )
    assert client.resp("subscribe a") == [[b"subscribe", b"a", 2]]


def test_channels_and_patterns_are_counted_together_and_shards_apart(client: FakeClient) -> None:
    assert client.resp("SUBSCRIBE a") == [[b"subscribe", b"a", 1]]
    assert client.resp("PSUBSCRIBE a* b*") == [[b"psubscribe", b"a*", 2], [b"psubscribe", b"b*", 3]]
    assert client.resp("SSUBSCRIBE a") == [[b"ssubscribe", b"a", 1]]
    assert client.resp("PUNSUBSCRIBE a*") == [[b"punsubscribe", b"a*", 2]]
    assert client.resp("SUNSUBSCRIBE") == [[b"sunsubscribe", b"a", 0]]
    assert client.resp("UNSUBSCRIBE zz") == [[b"unsubscribe", b"zz", 2]]
    assert client.resp("UNSUBSCRIBE") == [[b"unsubscribe", b"a", 1]]
    assert client.resp("UNSUBSCRIBE") == [[b"unsubscribe", None, 1]]
    assert client.resp("PUNSUBSCRIBE") == [[b"punsubscribe", b"b*", 0]]


def test_a_message_comes_for_the_channel_and_for_each_pattern(broker, client: FakeClient) -> None:
    publisher = FakeClient(broker)
    client.resp("SUBSCRIBE news")
    client.resp("PSUBSCRIBE n* *s x*")
    assert publisher.resp("PUBLISH news hi") == [3]
    assert client.raw() == (
        b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
        b"*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
        b"*4\r\n$8\r\npmessage\r\n$2\r\n*s\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
    )
    assert publisher.resp("PUBLISH other hi") == [0]


def test_shard_channels_are_a_world_of_their_own(broker, client: FakeClient) -> None:
    publisher = FakeClient(broker)
    client.resp("SSUBSCRIBE a")
    assert publisher.resp("PUBLISH a x") == [0]
    assert publisher.resp("SPUBLISH a x") == [1]
    assert client.resp() == [[b"smessage", b"a", b"x"]]
    assert publisher.resp("PUBSUB SHARDCHANNELS") == [[b"a"]]
    assert publisher.resp("PUBSUB SHARDNUMSUB a b") == [[b"a", 1, b"b", 0]]
    assert publisher.resp("PUBSUB CHANNELS") == [[]]


def test_resp3_pushes_and_the_publisher_s_own_message_before_its_reply(client: FakeClient) -> None:
    client.resp("HELLO 3")
    assert client.raw(b"SUBSCRIBE a\r\n") == b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
    assert client.raw(b"PUBLISH a x\r\n") == b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n:1\r\n"
    client.resp("PSUBSCRIBE a*")
    replies = client.resp("PUBLISH a y")
    assert replies == [[b"message", b"a", b"y"], [b"pmessage", b"a*", b"a", b"y"], 2]
    assert isinstance(replies[1], Push)
    assert client.raw(b"SUNSUBSCRIBE\r\n") == b">3\r\n$12\r\nsunsubscribe\r\n_\r\n:0\r\n"


def test_any_bytes_are_a_channel_and_a_message(broker, client: FakeClient) -> None:
    channel, message = b"\xff\r\n\x00", bytes(range(256))
    client.raw(b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\n" + channel + b"\r\n")
    publisher = FakeClient(broker)
    request = b"*3\r\n$7\r\nPUBLISH\r\n$4\r\n" + channel + b"\r\n$256\r\n" + message + b"\r\n"
    assert publisher.raw(request) == b":1\r\n"
    assert client.resp() == [[b"message", channel, message]]


def test_json_and_resp_clients_see_each_others_messages(broker, client: FakeClient) -> None:
    speaker = FakeClient(broker)
    speaker.json('{"command": "SUBSCRIBE", "channel": "é"}')
    client.raw("SUBSCRIBE é\r\n".encode())
    lines = speaker.json('{"command": "PUBLISH", "channel": "é", "message": "aus JSON"}')
    assert [line["message"] for line in lines] == ["aus JSON"]
    assert client.resp() == [[b"message", "é".encode(), b"aus JSON"]]
    third = FakeClient(broker)
    assert third.raw("PUBLISH é é\r\n".encode()) == b":2\r\n"
    assert [line["message"] for line in speaker.json()] == ["é"]


def test_bytes_that_are_no_text_reach_a_json_subscriber_as_replacement_characters(
    broker, client: FakeClient
) -> None:
    listener = FakeClient(broker)
    listener.json('{"command": "SUBSCRIBE", "channel": "a"}')
    client.raw(b"*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$3\r\n\xffok\r\n")
    assert listener.raw() == '{"type": "MESSAGE", "channel": "a", "message": "�ok"}\n'.encode()


def test_limits_on_patterns_and_subscriptions() -> None:
    client = FakeClient(new_broker(max_subscriptions=3))
    assert error_text(client.resp("PSUBSCRIBE " + "a*" * 600)) == (
        "ERR pattern is longer than 1024 bytes"
    )
    assert "longer than 1024" in error_text(client.resp("PUBSUB CHANNELS " + "a*" * 600))
    client.resp("SUBSCRIBE a b")
    assert error_text(client.resp("PSUBSCRIBE c d")) == (
        "ERR a client may have 3 subscriptions at the most"
    )
    assert client.resp("PSUBSCRIBE c*") == [[b"psubscribe", b"c*", 3]]


@pytest.mark.parametrize("line", [b"UNSUBSCRIBE a\r\n", b"PING\r\n", b"NONSENSE\r\n", b"QUIT\r\n"])
def test_messages_that_were_published_before_an_answer_come_before_it(
    line: bytes, broker, client: FakeClient
) -> None:
    """All in one turn of the loop: the outbox holds what the answer may not overtake."""
    client.resp("SUBSCRIBE a")
    FakeClient(broker).session.data_received(b"PUBLISH a m\r\n")
    client.session.data_received(line)
    message, answer = client.resp()
    assert message == [b"message", b"a", b"m"]
    assert answer


# The subscriber mode of RESP2.

NOT_NOW = (
    "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET"
    " are allowed in this context"
)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("PUBLISH a b", "publish"),
        ("ECHO a", "echo"),
        ("INFO", "info"),
        ("CLIENT ID", "client|id"),
        ("PUBSUB NUMPAT", "pubsub|numpat"),
        ("HELLO 3", "hello"),
        ("GET a", "get"),
    ],
)
def test_a_resp2_subscriber_may_not_do_much(line: str, name: str, client: FakeClient) -> None:
    for subscribe, unsubscribe in (
        ("SUBSCRIBE a", "UNSUBSCRIBE"),
        ("PSUBSCRIBE a", "PUNSUBSCRIBE"),
        ("SSUBSCRIBE a", "SUNSUBSCRIBE"),
    ):
        client.resp(subscribe)
        assert error_text(client.resp(line)) == NOT_NOW % name
        client.resp(unsubscribe)
        assert not client.session.is_subscriber


def test_ping_has_the_form_of_a_message_for_a_resp2_subscriber(client: FakeClient) -> None:
    assert client.resp("PING") == ["PONG"]
    assert client.resp("PING hi") == [b"hi"]
    client.resp("SUBSCRIBE a")
    assert client.resp("PING") == [[b"pong", b""]]
    assert client.resp("PING hi") == [[b"pong", b"hi"]]
    client.resp("UNSUBSCRIBE")
    assert client.resp("PING") == ["PONG"]


def test_a_resp3_subscriber_may_do_anything(client: FakeClient) -> None:
    client.resp("HELLO 3")
    client.resp("SUBSCRIBE a")
    assert client.resp("PING") == ["PONG"]
    assert client.resp("PUBLISH b x") == [0]


def test_reset_ends_everything(broker, client: FakeClient) -> None:
    client.resp("HELLO 3 SETNAME ann")
    client.resp("SUBSCRIBE a")
    client.resp("PSUBSCRIBE b")
    client.resp("SSUBSCRIBE c")
    assert client.resp("RESET") == ["RESET"]
    assert broker.subscription_count(client.session) == 0
    assert client.resp("CLIENT GETNAME") == [None]
    assert client.raw(b"CLIENT GETNAME\r\n") == b"$-1\r\n"  # RESP2 again.


def test_quit_says_ok_and_closes(client: FakeClient) -> None:
    assert client.raw(b"QUIT now\r\nPING\r\n") == b"+OK\r\n"
    assert client.connection.is_closing


# Asking.


def test_pubsub_tells_who_is_subscribed(broker, client: FakeClient) -> None:
    listener, other = FakeClient(broker), FakeClient(broker)
    listener.resp("SUBSCRIBE a b news.one")
    other.resp("SUBSCRIBE a")
    other.resp("PSUBSCRIBE n* x*")
    listener.resp("PSUBSCRIBE n*")
    assert client.resp("PUBSUB CHANNELS") == [[b"a", b"b", b"news.one"]]
    assert client.resp("PUBSUB CHANNELS news*") == [[b"news.one"]]
    assert client.resp("PUBSUB NUMSUB") == [[]]
    assert client.resp("PUBSUB NUMSUB a zz news.one") == [[b"a", 2, b"zz", 0, b"news.one", 1]]
    assert client.resp("PUBSUB NUMPAT") == [2]
    assert "PUBSUB" in only(client.resp("PUBSUB HELP"))[0]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("foo", "ERR unknown command 'foo', with args beginning with: "),
        ("foo a b c", "ERR unknown command 'foo', with args beginning with: 'a' 'b' 'c' "),
        ("SUBSCRIBE", "ERR wrong number of arguments for 'subscribe' command"),
        ("PSUBSCRIBE", "ERR wrong number of arguments for 'psubscribe' command"),
        ("PUBLISH a", "ERR wrong number of arguments for 'publish' command"),
        ("PUBLISH a b c", "ERR wrong number of arguments for 'publish' command"),
        ("PUBSUB", "ERR wrong number of arguments for 'pubsub' command"),
        ("PUBSUB NUMPAT x", "ERR wrong number of arguments for 'pubsub|numpat' command"),
        ("PUBSUB FOO", "ERR unknown subcommand 'FOO'. Try PUBSUB HELP."),
        (
            "PUBSUB CHANNELS a b",
            "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.",
        ),
        ("PING a b", "ERR wrong number of arguments for 'ping' command"),
        ("ECHO", "ERR wrong number of arguments for 'echo' command"),
        ("SELECT a", "ERR value is not an integer or out of range"),
        ("SELECT 16", "ERR DB index is out of range"),
        ("SELECT 99999999999999999999999", "ERR DB index is out of range"),
        ("HELLO 4", "NOPROTO unsupported protocol version"),
        ("HELLO x", "ERR Protocol version is not an integer or out of range"),
        ("HELLO 2 FOO", "ERR Syntax error in HELLO option 'FOO'"),
        ("HELLO 2 AUTH a", "ERR Syntax error in HELLO option 'AUTH'"),
        ("HELLO 2 SETNAME", "ERR Syntax error in HELLO option 'SETNAME'"),
        ("HELLO 2 AUTH bob b", "WRONGPASS invalid username-password pair or user is disabled."),
        ("AUTH a b c", "ERR syntax error"),
        ("AUTH bob b", "WRONGPASS invalid username-password pair or user is disabled."),
        (
            "AUTH x",
            "ERR AUTH <password> called without any password configured for the default user."
            " Are you sure your configuration is correct?",
        ),
        ("CLIENT", "ERR wrong number of arguments for 'client' command"),
        ("CLIENT FOO", "ERR unknown subcommand 'FOO'. Try CLIENT HELP."),
        ("CLIENT SETNAME", "ERR wrong number of arguments for 'client|setname' command"),
        (
            'CLIENT SETNAME "a b"',
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ),
        ("CLIENT SETINFO lib-name 'a b'", "ERR lib-name cannot contain spaces or newlines"),
        ("CLIENT SETINFO foo bar", "ERR Unrecognized option 'foo'"),
    ],
)
def test_errors_have_the_texts_of_redis(line: str, text: str, client: FakeClient) -> None:
    assert error_text(client.resp(line)) == text
    assert client.resp("PING") == ["PONG"]


def test_the_arguments_of_an_unknown_command_are_shown_in_part(client: FakeClient) -> None:
    text = error_text(client.resp("foo " + "a" * 200 + " " + "b" * 200))
    assert text == f"ERR unknown command 'foo', with args beginning with: '{'a' * 128}' "


def test_a_request_of_a_web_page_is_refused_as_a_whole(broker, client: FakeClient) -> None:
    listener = FakeClient(broker)
    listener.resp("SUBSCRIBE a")
    answer = client.raw(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nPUBLISH a evil\r\n")
    assert answer == b"-ERR this port does not speak HTTP\r\n"
    assert client.connection.is_closing
    other = FakeClient(broker)
    other.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPUBLISH a evil\r\n")
    assert other.connection.is_closing
    assert listener.resp() == []


# The connection.


def test_hello_tells_what_the_server_is(client: FakeClient) -> None:
    two = only(client.resp("HELLO"))
    assert dict(zip(two[::2], two[1::2], strict=True))[b"proto"] == 2
    three = only(client.resp("HELLO 3 AUTH default any SETNAME ann"))
    assert three == {
        b"server": b"redis",
        b"version": b"7.0.15",
        b"proto": 3,
        b"id": client.session.id,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": [],
    }
    assert client.resp("CLIENT GETNAME") == [b"ann"]
    assert isinstance(only(client.resp("HELLO 2")), list)


def test_a_password_is_asked_for_before_anything_else() -> None:
    client = FakeClient(new_broker(password="s3cret"))
    for line in ("PING", "SUBSCRIBE a", "PUBLISH a b", "INFO", "COMMAND", "CLIENT ID", "SELECT 0"):
        assert error_text(client.resp(line)) == "NOAUTH Authentication required."
    assert error_text(client.resp("HELLO 3")).startswith("NOAUTH HELLO must be called with")
    for line in ("AUTH wrong", "AUTH default wrong", "AUTH bob s3cret", "HELLO 3 AUTH default no"):
        assert error_text(client.resp(line)).startswith("WRONGPASS")
    assert client.resp("AUTH s3cret") == ["OK"]
    assert client.resp("PING") == ["PONG"]
    client.resp("RESET")
    assert error_text(client.resp("PING")) == "NOAUTH Authentication required."
    assert only(client.resp("HELLO 3 AUTH default s3cret"))[b"proto"] == 3


def test_select_is_tolerated(client: FakeClient) -> None:
    assert client.resp("SELECT 0") == ["OK"]
    assert client.resp("SELECT 15") == ["OK"]


def test_client_names_and_lists_connections(broker, client: FakeClient) -> None:
    other = FakeClient(broker)
    other.resp("CLIENT SETNAME bob")
    other.resp("CLIENT SETINFO LIB-NAME redis-py")
    other.resp("CLIENT SETINFO lib-ver 8.1.0")
    other.resp("SUBSCRIBE a b")
    other.resp("PSUBSCRIBE a*")
    assert client.resp("CLIENT ID") == [client.session.id]
    lines = only(client.resp("CLIENT LIST")).decode().splitlines()
    fields = [dict(word.split("=", 1) for word in line.split(" ")) for line in lines]
    assert [row["id"] for row in fields] == [str(client.session.id), str(other.session.id)]
    mine, theirs = fields
    assert (mine["cmd"], mine["flags"], mine["age"]) == ("client|list", "N", "7")
    assert (theirs["name"], theirs["flags"], theirs["sub"], theirs["psub"]) == (
        "bob",
        "P",
        "2",
        "1",
    )
    assert (theirs["lib-name"], theirs["lib-ver"]) == ("redis-py", "8.1.0")
    assert only(client.resp("CLIENT INFO")).decode().startswith(f"id={client.session.id} ")
    other.connection.close()
    assert len(only(client.resp("CLIENT LIST")).splitlines()) == 1


def test_info_has_the_fields_that_the_dashboard_reads(broker, client: FakeClient) -> None:
    FakeClient(broker).resp("SUBSCRIBE a")
    client.resp("PUBLISH a x")
    fields = dict(
        line.split(":", 1)
        for line in only(client.resp("INFO")).decode().splitlines()
        if ":" in line
    )
    assert fields["redis_version"] == "7.0.15"
    assert fields["connected_clients"] == "2"
    assert fields["total_commands_processed"] == "3"
    assert int(fields["used_memory_rss"]) > 1_000_000
    assert {"uptime_in_seconds", "used_memory", "instantaneous_ops_per_sec"} <= fields.keys()
    assert (fields["service"], fields["status"]) == ("pubsub", "ok")
    assert (fields["version"], fields["address"]) == ("0.1.0", "127.0.0.1:4243")
    assert (fields["channels"], fields["messages_in"], fields["messages_out"]) == ("1", "1", "1")
    broker.vitals.problems["upstream b:1"] = "Connection refused"
    text = only(client.resp("INFO glassbox")).decode()
    assert text.startswith("# Glassbox\r\nservice:pubsub\r\nstatus:degraded\r\n")
    assert "problems:upstream b:1: Connection refused\r\n" in text
    assert "# Server" not in text
    assert client.resp("INFO nonsense") == [b""]


def test_command_describes_the_table(client: FakeClient) -> None:
    assert client.resp("COMMAND COUNT") == [len(COMMANDS)]
    assert len(only(client.resp("COMMAND"))) == len(COMMANDS)
    assert b"publish" in only(client.resp("COMMAND LIST"))
    publish, unknown = only(client.resp("COMMAND INFO PUBLISH nonsense"))
    assert publish[:2] == [b"publish", 3]
    assert unknown is None
    assert len(only(client.resp("COMMAND INFO"))) == len(COMMANDS)
    name, docs = only(client.resp("COMMAND DOCS publish nonsense"))
    assert name == b"publish"
    assert b"summary" in docs
    assert len(only(client.resp("COMMAND DOCS"))) == 2 * len(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_survives_any_number_of_arguments(name: bytes, broker) -> None:
    """Whatever the arity: an answer, and never an internal error."""
    for count in range(6):
        client = FakeClient(broker)
        words = [name, *[b"x"] * count]
        request = b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%b\r\n" % (len(word), word) for word in words
        )
        replies = list(map(str, client.resp_of(request)))
        assert replies
        assert not any("internal error" in reply for reply in replies)
        assert client.log.lines == []
        client.connection.close()


def test_a_bug_of_ours_is_logged_and_answered(
    broker, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "publish", lambda channel, payload: 1 / 0)
    assert error_text(client.resp("PUBLISH a b")) == "ERR internal error"
    assert client.log.lines == ["a command failed"]
    assert client.resp("PING") == ["PONG"]

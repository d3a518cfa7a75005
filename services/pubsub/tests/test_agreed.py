"""The agreed JSON protocol, as its page says, through a session without a socket."""

import json

import pytest

from services.pubsub.tests.fakes import FakeClient, new_broker


@pytest.fixture
def broker():
    return new_broker()


@pytest.fixture
def client(broker) -> FakeClient:
    return FakeClient(broker)


def test_the_page_s_example(broker, client: FakeClient) -> None:
    other = FakeClient(broker)
    said = '{"command": "SUBSCRIBE", "args": {"channel": "foo"}}'
    assert client.raw(said.encode() + b"\n") == (
        b'{"type": "SUBSCRIBE", "channel": "foo", "count": 1}\n'
    )
    said = '{"command": "PUBLISH", "args": {"channel": "foo", "message": "hello world"}}'
    assert other.raw(said.encode() + b"\n") == b""
    assert client.raw() == b'{"type": "MESSAGE", "channel": "foo", "message": "hello world"}\n'
    said = '{"command": "UNSUBSCRIBE", "args": {"channel": "foo"}}'
    assert client.raw(said.encode() + b"\n") == (
        b'{"type": "UNSUBSCRIBE", "channel": "foo", "count": 0}\n'
    )


@pytest.mark.parametrize(
    "form",
    [
        '{"command": "%s", "args": {"channel": "foo", "message": "m"}}',
        '{"command": "%s", "channel": "foo", "message": "m"}',
        '{"command": "%s", "channel": "foo", "message": "m", "args": null}',
    ],
)
def test_arguments_stand_inside_args_or_beside_command(form: str, client: FakeClient) -> None:
    assert client.json(form % "SUBSCRIBE") == [
        {"type": "SUBSCRIBE", "channel": "foo", "count": "1"}
    ]
    assert client.json(form % "publish") == [{"type": "MESSAGE", "channel": "foo", "message": "m"}]
    assert client.json(form % "Unsubscribe") == [
        {"type": "UNSUBSCRIBE", "channel": "foo", "count": "0"}
    ]


def subscribe(client: FakeClient, channel: str = "foo") -> list[dict]:
    return client.json(json.dumps({"command": "SUBSCRIBE", "args": {"channel": channel}}))


def publish(client: FakeClient, channel: object, message: object) -> list[dict]:
    arguments = {"channel": channel, "message": message}
    return client.json(json.dumps({"command": "PUBLISH", "args": arguments}))


def test_the_count_is_that_of_this_client(broker, client: FakeClient) -> None:
    other = FakeClient(broker)
    assert subscribe(client, "a")[0]["count"] == "1"
    assert subscribe(client, "b")[0]["count"] == "2"
    assert subscribe(other, "a")[0]["count"] == "1"
    unsubscribed = client.json('{"command": "UNSUBSCRIBE", "channel": "a"}')
    assert unsubscribed[0]["count"] == "1"


def test_subscribing_twice_is_acknowledged_twice_and_delivered_once(client: FakeClient) -> None:
    assert subscribe(client) == subscribe(client)
    assert publish(client, "foo", "m") == [{"type": "MESSAGE", "channel": "foo", "message": "m"}]


def test_unsubscribing_from_what_one_does_not_have_is_acknowledged(client: FakeClient) -> None:
    subscribe(client)
    assert client.json('{"command": "UNSUBSCRIBE", "channel": "bar"}') == [
        {"type": "UNSUBSCRIBE", "channel": "bar", "count": "1"}
    ]


def test_nobody_gets_what_was_published_before_they_came_or_after_they_left(
    broker, client: FakeClient
) -> None:
    publisher = FakeClient(broker)
    publish(publisher, "foo", "before")
    subscribe(client)
    publish(publisher, "foo", "meanwhile")
    assert [line["message"] for line in client.json()] == ["meanwhile"]
    client.connection.close()
    publish(publisher, "foo", "after")
    assert client.json() == []
    assert broker.channels.channels.by_name == {}


def test_messages_that_were_published_before_an_acknowledgement_come_before_it(
    broker, client: FakeClient
) -> None:
    """All in one turn of the loop: the outbox holds what the acknowledgement may not overtake."""
    subscribe(client)
    publisher = FakeClient(broker)
    publish_line = b'{"command": "PUBLISH", "channel": "foo", "message": "m"}\n'
    publisher.session.data_received(publish_line)
    client.session.data_received(b'{"command": "UNSUBSCRIBE", "channel": "foo"}\n')
    publisher.session.data_received(publish_line)
    assert [line["type"] for line in client.json()] == ["MESSAGE", "UNSUBSCRIBE"]


@pytest.mark.parametrize("number", ["1", "1.50", "-0", "1e400", "9" * 50])
def test_a_number_as_message_is_its_json_text(number: str, client: FakeClient) -> None:
    subscribe(client)
    (line,) = client.json(f'{{"command": "PUBLISH", "channel": "foo", "message": {number}}}')
    assert line["message"] == number


@pytest.mark.parametrize("text", ["", "é€😀", "\n", "\x00", '"', "\\", "\u2028", "\ud800"])
def test_any_string_arrives_as_it_was_sent(text: str, client: FakeClient) -> None:
    channel = text or "empty"
    subscribe(client, channel)
    (line,) = publish(client, channel, text)
    assert line == {"type": "MESSAGE", "channel": channel, "message": text}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("garbage", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "'command' must be a string"),
        ('{"command": 1}', "Unknown command '1'"),
        ('{"command": null}', "'command' must be a string"),
        ('{"command": "DANCE"}', "Unknown command 'DANCE'"),
        ('{"command": "SUBSCRIBE"}', "'channel' must be a string"),
        ('{"command": "SUBSCRIBE", "args": []}', "'args' must be an object"),
        ('{"command": "SUBSCRIBE", "args": "foo"}', "'args' must be an object"),
        ('{"command": "SUBSCRIBE", "channel": ""}', "'channel' must be a string"),
        ('{"command": "SUBSCRIBE", "channel": 7}', "'channel' must be a string"),
        ('{"command": "SUBSCRIBE", "channel": ["a"]}', "'channel' must be a string"),
        ('{"command": "UNSUBSCRIBE"}', "'channel' must be a string"),
        ('{"command": "PUBLISH", "channel": "foo"}', "'message' must be a string"),
        ('{"command": "PUBLISH", "message": "m"}', "'channel' must be a string"),
        ('{"command": "PUBLISH", "channel": "foo", "message": null}', "'message' must be"),
        ('{"command": "PUBLISH", "channel": "foo", "message": true}', "'message' must be"),
        ('{"command": "PUBLISH", "channel": "foo", "message": {"a": 1}}', "'message' must be"),
        ('{"command": "FORWARD", "args": {}}', "LINK comes first"),
        ('{"a":' * 70 + "1" + "}" * 70, "nested deeper than 64 levels"),
    ],
)
def test_what_is_wrong_is_an_error_and_changes_nothing(
    line: str, reason: str, broker, client: FakeClient
) -> None:
    listener = FakeClient(broker)
    subscribe(listener)
    subscribe(client)
    (error,) = client.json(line)
    assert error["type"] == "ERROR"
    assert reason in error["message"]
    assert listener.json() == []
    assert publish(client, "foo", "still here")[0]["message"] == "still here"
    assert broker.channels.channels.count_of(client.session) == 1


def test_a_line_over_the_limit_is_an_error_and_the_end(broker) -> None:
    client = FakeClient(new_broker(max_request_bytes=100))
    (error,) = client.json('{"command": "' + "x" * 100 + '"}')
    assert "longer than 100 bytes" in error["message"]
    assert client.connection.is_closing


def test_a_client_may_not_have_more_subscriptions_than_the_limit() -> None:
    client = FakeClient(new_broker(max_subscriptions=2))
    subscribe(client, "a")
    subscribe(client, "b")
    (error,) = subscribe(client, "c")
    assert error == {"type": "ERROR", "message": "a client may have 2 subscriptions at the most"}


def test_ping(client: FakeClient) -> None:
    assert client.json('{"command": "PING"}') == [{"type": "PONG"}]


def test_a_password_is_asked_for_before_anything_else() -> None:
    broker = new_broker(password="s3cret")
    client = FakeClient(broker)
    (error,) = subscribe(client)
    assert error == {"type": "ERROR", "message": "Authentication required"}
    (error,) = client.json('{"command": "AUTH", "args": {"password": "wrong"}}')
    assert error == {"type": "ERROR", "message": "Wrong password"}
    (error,) = client.json('{"command": "AUTH"}')
    assert error["message"] == "'password' must be a string"
    assert subscribe(client)[0]["type"] == "ERROR"
    assert client.json('{"command": "AUTH", "password": "s3cret"}') == [{"type": "AUTH"}]
    assert subscribe(client)[0]["type"] == "SUBSCRIBE"


def test_a_bug_of_ours_is_logged_and_answered(
    broker, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "publish", lambda channel, payload: 1 / 0)
    (error,) = publish(client, "foo", "m")
    assert error == {"type": "ERROR", "message": "Internal error"}
    assert client.log.lines == ["a command failed"]
    assert subscribe(client)[0]["type"] == "SUBSCRIBE"

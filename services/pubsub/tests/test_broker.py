"""The broker's state: whom a message reaches, and what is left when a client goes."""

from services.pubsub.tests.fakes import FakeClient, new_broker


def test_publish_answers_with_deliveries_and_sends_nothing() -> None:
    broker = new_broker()
    ann, bob = FakeClient(broker), FakeClient(broker)
    ann.resp("SUBSCRIBE a")
    bob.resp("PSUBSCRIBE a*")
    published = broker.publish(b"a", b"m")
    assert published.receiver_count == 2
    assert [(d.pattern, d.receivers) for d in published.deliveries] == [
        (None, (ann.session,)),
        (b"a*", (bob.session,)),
    ]
    assert ann.connection.sent == bob.connection.sent == b""


def test_messages_are_numbered_in_the_order_of_publication() -> None:
    broker = new_broker(broker_id="b")
    FakeClient(broker).resp("SUBSCRIBE a")
    messages = [broker.publish(b"a", b"m").deliveries[0].message for _ in range(3)]
    assert [(message.origin, message.sequence) for message in messages] == [
        ("b", 1),
        ("b", 2),
        ("b", 3),
    ]


def test_nobody_listening_is_no_delivery() -> None:
    broker = new_broker()
    assert broker.publish(b"a", b"m").deliveries == []
    assert broker.publish_on_shard(b"a", b"m").deliveries == []
    assert (broker.counters.messages_in, broker.counters.messages_out) == (2, 0)


def test_a_client_that_goes_leaves_nothing_behind() -> None:
    broker = new_broker()
    client = FakeClient(broker)
    for line in ("SUBSCRIBE a", "PSUBSCRIBE b*", "SSUBSCRIBE c"):
        client.resp(line)
    client.connection.close()
    assert broker.clients == {}
    assert broker.subscription_count(client.session) == 0
    assert broker.publish(b"a", b"m").receiver_count == 0
    assert broker.publish(b"bb", b"m").receiver_count == 0
    assert broker.publish_on_shard(b"c", b"m").receiver_count == 0
    link = FakeClient(broker)
    link.json('{"command": "LINK"}')
    assert list(broker.links) == [link.session]
    link.connection.close()
    assert not broker.links


def test_the_password_is_compared_as_bytes() -> None:
    assert new_broker().is_password(b"anything")
    broker = new_broker(password="pä\udcff")
    assert broker.is_password("pä".encode() + b"\xff")
    assert not broker.is_password(b"p")

"""The channels: one subscription for all who watch, every message once, in its order."""

import json

import pytest

from services.common.redis_url import RedisURL
from services.web.dashboard.pubsub.subscriptions import MAX_SUBSCRIPTIONS, Subscriptions
from services.web.dashboard.tests.fakes import (
    LOG,
    NOWHERE,
    Browser,
    FakeRedis,
    Recorder,
    make_dashboard,
)
from services.web.errors import HTTPError


@pytest.fixture
def redis():
    redis = FakeRedis()
    yield redis
    redis.close()


@pytest.fixture
def subscriptions(redis):
    subscriptions = Subscriptions(redis.url, LOG)
    yield subscriptions
    subscriptions.close()


@pytest.fixture
def browser(redis):
    dashboard = make_dashboard(pubsub=redis.url)
    yield Browser(dashboard)
    dashboard.stop()


def watch(subscriptions, source):
    topic, watcher = subscriptions.topic(source), Recorder()
    topic.add(watcher)
    return topic, watcher


def messages(text):
    return [
        json.loads(line.removeprefix(b"data: "))
        for line in text.splitlines()
        if line.startswith(b'data: {"number"')
    ]


def test_a_message_reaches_whoever_watches(subscriptions, browser):
    _, watcher = watch(subscriptions, "channel:news")
    watcher.wait_for(b'"state":"live"')
    answer = browser.send("POST", "/api/pubsub/messages", {"channel": "news", "message": "<b>hi"})
    assert answer.json() == {"receivers": 1}
    (message,) = messages(watcher.wait_for(b"<b>hi"))
    assert (message["channel"], message["text"], message["size"]) == ("news", "<b>hi", 5)


def test_two_who_watch_the_same_are_one_subscriber(redis, subscriptions, browser):
    _, first = watch(subscriptions, "channel:news")
    first.wait_for(b'"state":"live"')
    topic, second = watch(subscriptions, "channel:news")
    assert topic.initial() == [
        ("subscription", {"source": "channel:news", "state": "live", "reason": ""})
    ]
    body = {"channel": "news", "message": "hello"}
    assert browser.send("POST", "/api/pubsub/messages", body).json() == {"receivers": 1}
    (one,), (two,) = messages(first.wait_for(b"hello")), messages(second.wait_for(b"hello"))
    assert one == two


def test_numbers_only_grow_also_over_a_restart(redis, browser):
    numbers = []
    for clock in (lambda: 1000.0, lambda: 1001.0):
        subscriptions = Subscriptions(redis.url, LOG, clock)
        _, watcher = watch(subscriptions, "channel:news")
        watcher.wait_for(b'"state":"live"')
        for text in ("one", "two"):
            body = {"channel": "news", "message": text}
            browser.send("POST", "/api/pubsub/messages", body)
        numbers += [message["number"] for message in messages(watcher.wait_for(b"two"))]
        subscriptions.close()
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 4


def test_the_last_one_to_leave_ends_the_subscription(subscriptions):
    topic, watcher = watch(subscriptions, "pattern:n*")
    other = Recorder()
    topic.add(other)
    topic.remove(watcher)
    assert topic.initial()[0][1]["state"] in ("connecting", "live")
    assert len(subscriptions._active) == 1
    topic.remove(other)
    topic.remove(other)
    assert subscriptions._active == {}


def test_a_long_message_is_cut_and_bytes_are_shown(subscriptions):
    _, watcher = watch(subscriptions, "channel:news")
    subscriptions._deliver("channel:news", "news", b"\xff" + b"x" * 20_000)
    (message,) = messages(watcher.wait_for(b"number"))
    assert message["is_cut"]
    assert message["size"] == 20_001
    assert message["text"].startswith("\\xffxxx")


def test_there_is_a_limit_for_all_browsers_together(subscriptions):
    for number in range(MAX_SUBSCRIPTIONS):
        subscriptions._active[f"channel:{number}"] = None
    with pytest.raises(HTTPError) as caught:
        subscriptions.topic("channel:one-more")
    assert caught.value.status == 429
    subscriptions.topic("channel:0")
    subscriptions._active.clear()


def test_a_lost_service_is_told_to_those_who_watch():
    subscriptions = Subscriptions(NOWHERE, LOG)
    _, watcher = watch(subscriptions, "channel:news")
    assert b"refused" in watcher.wait_for(b'"state":"lost"')
    subscriptions.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"channel": "a"},
        {"message": "a"},
        {"channel": "", "message": "a"},
        {"channel": "x" * 513, "message": "a"},
        {"channel": 5, "message": "a"},
        {"channel": "a", "message": "\ud800"},
        [],
    ],
)
def test_a_bad_message_is_not_published(redis, browser, body):
    assert browser.send("POST", "/api/pubsub/messages", body).status == 400
    assert not [request for request in redis.requests if request[0] == b"PUBLISH"]


def test_who_listens_where(subscriptions, browser):
    _, watcher = watch(subscriptions, "channel:<b>news")
    watcher.wait_for(b'"state":"live"')
    assert browser.get("/api/pubsub/channels").json() == {
        "channels": [{"channel": "<b>news", "subscribers": 1}],
        "channels_total": 1,
        "patterns_total": 0,
    }


def test_statistics_are_a_topic(redis):
    redis.info = b"connected_clients:3\r\nmessages_in:10\r\nmessages_out:20\r\n"
    dashboard = make_dashboard(pubsub=redis.url)
    statistics = dashboard._polls["pubsub"].state()
    assert (statistics["clients"], statistics["messages_in"]) == (3, 10)
    dashboard.stop()
    away = make_dashboard(pubsub=RedisURL("127.0.0.1", 1))
    assert "refused" in away._polls["pubsub"].state()["error"]


def test_without_pubsub_publishing_says_so():
    browser = Browser(make_dashboard())
    answer = browser.send("POST", "/api/pubsub/messages", {"channel": "a", "message": "b"})
    assert answer.status == 503


def test_a_message_wakes_the_poll_of_its_channel(redis, browser):
    dashboard = make_dashboard(pubsub=redis.url)
    polled = Recorder()
    poll = dashboard._polls["ledger"]
    poll.add(polled)
    dashboard.start()
    polled.wait_for(b"event: ledger")
    woken = []
    poll.wake = lambda: (woken.append(1), polled.push(b"woken"))
    while not woken:
        browser.send("POST", "/api/pubsub/messages", {"channel": "hiponet", "message": "{}"})
    dashboard.stop()

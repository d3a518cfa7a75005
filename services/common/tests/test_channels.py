"""Who is subscribed to what, against a model that is two sets of pairs."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.common.channels import Channels
from services.common.glob import matcher, remembered_matcher

SUBSCRIBERS = st.sampled_from(["ann", "bob", "cy"])
CHANNELS = st.sampled_from([b"a", b"ab", b"b"])
PATTERNS = st.sampled_from([b"*", b"a*", b"?", b"[ab]"])


def test_a_message_reaches_the_channel_and_each_matching_pattern() -> None:
    channels: Channels[str] = Channels()
    channels.channels.add("ann", b"news")
    channels.channels.add("bob", b"news")
    channels.patterns.add("ann", b"n*")
    channels.patterns.add("cy", b"x*")
    assert channels.receivers(b"news") == [(None, ("ann", "bob")), (b"n*", ("ann",))]
    assert channels.receivers(b"other") == []


def test_subscribing_twice_is_subscribing_once() -> None:
    channels: Channels[str] = Channels()
    assert channels.channels.add("ann", b"news")
    assert not channels.channels.add("ann", b"news")
    assert channels.count_of("ann") == 1
    assert channels.receivers(b"news") == [(None, ("ann",))]
    assert channels.channels.remove("ann", b"news")
    assert not channels.channels.remove("ann", b"news")
    assert channels.receivers(b"news") == []


def test_receivers_are_a_snapshot() -> None:
    channels: Channels[str] = Channels()
    channels.channels.add("ann", b"news")
    ((_, receivers),) = channels.receivers(b"news")
    channels.forget("ann")
    assert receivers == ("ann",)


def test_a_snapshot_is_the_same_object_until_somebody_comes_or_goes() -> None:
    channels: Channels[str] = Channels()
    channels.channels.add("ann", b"news")
    first = channels.channels.subscribers_of(b"news")
    assert channels.channels.subscribers_of(b"news") is first
    channels.channels.add("bob", b"news")
    assert channels.channels.subscribers_of(b"news") == ("ann", "bob")
    channels.channels.remove("bob", b"news")
    assert channels.channels.subscribers_of(b"news") == ("ann",)
    assert channels.channels.subscribers_of(b"other") == ()


def test_receivers_come_in_the_order_of_subscription() -> None:
    channels: Channels[int] = Channels()
    order = [5, 1, 9, 3, 7, 2]
    for subscriber in order:
        channels.channels.add(subscriber, b"a")
    assert channels.receivers(b"a") == [(None, tuple(order))]


def test_more_patterns_than_the_cache_of_matchers_are_each_compiled_once() -> None:
    channels: Channels[int] = Channels()
    for number in range(2000):
        channels.patterns.add(1, b"p%d*" % number)
    before = remembered_matcher.cache_info().misses
    for _ in range(5):
        assert list(channels.matching_patterns(b"p1999x")) == [b"p1*", b"p19*", b"p199*", b"p1999*"]
    assert remembered_matcher.cache_info().misses - before <= 2000


def test_patterns_that_nobody_has_any_more_are_not_remembered() -> None:
    channels: Channels[int] = Channels()
    for number in range(100):
        pattern = b"q%d*" % number
        channels.patterns.add(1, pattern)
        assert list(channels.matching_patterns(b"q%dx" % number)) == [pattern]
        channels.patterns.remove(1, pattern)
    list(channels.matching_patterns(b"x"))
    assert channels._matchers == {}


class ChannelsModel(RuleBasedStateMachine):
    """Subscribing, unsubscribing and leaving in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.channels: Channels[str] = Channels()
        self.channel_pairs: set[tuple[str, bytes]] = set()
        self.pattern_pairs: set[tuple[str, bytes]] = set()

    @rule(who=SUBSCRIBERS, name=CHANNELS)
    def subscribe(self, who: str, name: bytes) -> None:
        assert self.channels.channels.add(who, name) == ((who, name) not in self.channel_pairs)
        self.channel_pairs.add((who, name))

    @rule(who=SUBSCRIBERS, name=CHANNELS)
    def unsubscribe(self, who: str, name: bytes) -> None:
        assert self.channels.channels.remove(who, name) == ((who, name) in self.channel_pairs)
        self.channel_pairs.discard((who, name))

    @rule(who=SUBSCRIBERS, name=PATTERNS)
    def psubscribe(self, who: str, name: bytes) -> None:
        assert self.channels.patterns.add(who, name) == ((who, name) not in self.pattern_pairs)
        self.pattern_pairs.add((who, name))

    @rule(who=SUBSCRIBERS, name=PATTERNS)
    def punsubscribe(self, who: str, name: bytes) -> None:
        assert self.channels.patterns.remove(who, name) == ((who, name) in self.pattern_pairs)
        self.pattern_pairs.discard((who, name))

    @rule(who=SUBSCRIBERS)
    def leave(self, who: str) -> None:
        self.channels.forget(who)
        self.channel_pairs = {pair for pair in self.channel_pairs if pair[0] != who}
        self.pattern_pairs = {pair for pair in self.pattern_pairs if pair[0] != who}

    @invariant()
    def everybody_gets_what_they_asked_for(self) -> None:
        for channel in (b"a", b"ab", b"b", b"zz"):
            expected = {(None, who) for who, name in self.channel_pairs if name == channel}
            expected |= {(name, who) for who, name in self.pattern_pairs if matcher(name)(channel)}
            received = [
                (pattern, who)
                for pattern, receivers in self.channels.receivers(channel)
                for who in receivers
            ]
            assert len(received) == len(set(received))
            assert set(received) == expected

    @invariant()
    def counts_and_names_agree(self) -> None:
        for who in ("ann", "bob", "cy"):
            mine = {name for other, name in self.channel_pairs if other == who}
            patterns = {name for other, name in self.pattern_pairs if other == who}
            assert set(self.channels.channels.names_of(who)) == mine
            assert self.channels.count_of(who) == len(mine) + len(patterns)

    @invariant()
    def a_channel_without_subscribers_takes_no_memory(self) -> None:
        active = {name for _, name in self.channel_pairs}
        assert set(self.channels.channels.by_name) == active
        assert set(self.channels.patterns.by_name) == {name for _, name in self.pattern_pairs}


TestChannelsModel = ChannelsModel.TestCase

"""Delays that grow up to a limit, with jitter."""

from services.common.backoff import Backoff


def test_delays_double_up_to_the_limit_and_lose_at_most_half_to_jitter() -> None:
    for _ in range(50):
        backoff = Backoff(first_s=0.1, limit_s=1.0)
        for full_s in (0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
            assert full_s / 2 <= backoff.next_delay_s() <= full_s


def test_delays_differ() -> None:
    assert len({Backoff().next_delay_s() for _ in range(20)}) > 1


def test_success_begins_anew() -> None:
    backoff = Backoff(first_s=0.1, limit_s=60)
    for _ in range(10):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() <= 0.1


def test_a_thousand_failures_are_no_overflow() -> None:
    backoff = Backoff(limit_s=5)
    assert max(backoff.next_delay_s() for _ in range(2000)) <= 5

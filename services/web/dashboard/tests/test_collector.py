"""Rounds of questions: who answers, who does not, and how fast counters grow."""

import threading

import pytest

from services.common.health import Vitals
from services.web.dashboard.collector import (
    FORGET_AFTER_S,
    HISTORY_S,
    Collector,
    Probe,
    RequestRate,
)
from services.web.dashboard.tests.fakes import LOG, make_dashboard
from services.web.dashboard.vital_signs import State, VitalSigns


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vitals():
    return Vitals("web")


@pytest.fixture
def collector(clock, vitals):
    return Collector(vitals, LOG, clock=clock, timeout_s=5)


def signs(name, requests_total=0, state=State.OK):
    return VitalSigns(name, "service", state, requests_total=requests_total)


def by_name(collected):
    return {service["name"]: service for service in collected["services"]}


def fail(error):
    raise error


def test_everybody_answers(collector):
    collector.add(Probe("one", "service", "h:1", lambda: [signs("one", 7)]))
    collector.add(Probe("two", "service", "h:2", lambda: [signs("two", state=State.DEGRADED)]))
    services = collector.collect()["services"]
    assert [(one["name"], one["state"]) for one in services] == [("one", "ok"), ("two", "degraded")]
    assert services[0]["requests_total"] == 7


def test_one_that_fails_is_down_and_the_others_are_not(collector, vitals):
    collector.add(Probe("one", "service", "h:1", lambda: fail(ConnectionError("refused"))))
    collector.add(Probe("two", "service", "h:2", lambda: [signs("two")]))
    found = by_name(collector.collect())
    assert found["one"]["state"] == "down"
    assert found["one"]["address"] == "h:1"
    assert found["one"]["problems"] == {"answer": "refused"}
    assert found["two"]["state"] == "ok"
    assert vitals.status == "degraded"


def test_it_is_said_once_when_one_goes_and_when_it_is_back(collector, vitals, caplog):
    caplog.set_level("INFO")
    answers = [ConnectionError("gone"), ConnectionError("gone"), None]
    collector.add(
        Probe("one", "s", "h:1", lambda: fail(e) if (e := answers.pop(0)) else [signs("one")])
    )
    for _ in range(3):
        collector.collect()
    assert caplog.text.count("does not answer") == 1
    assert caplog.text.count("answers again") == 1
    assert vitals.status == "ok"


def test_one_that_hangs_is_down_and_is_not_asked_twice(clock, vitals):
    collector = Collector(vitals, LOG, clock=clock, timeout_s=0.05)
    release, asked = threading.Event(), []
    collector.add(
        Probe("slow", "s", "h:1", lambda: asked.append(1) or (release.wait(5) and [signs("slow")]))
    )
    for _ in range(3):
        found = by_name(collector.collect())
        assert found["slow"]["state"] == "down"
        assert "no answer within" in found["slow"]["problems"]["answer"]
    assert len(asked) == 1
    release.set()


def test_what_a_listing_no_longer_names_is_down_and_then_forgotten(collector, clock):
    listed = [signs("worker-1"), signs("worker-2")]
    collector.add(Probe("workers", "worker", "broker:1", lambda: listed, is_listing=True))
    collector.collect()
    del listed[0]
    clock.now_s += 1
    found = by_name(collector.collect())
    assert (found["worker-1"]["state"], found["worker-2"]["state"]) == ("down", "ok")
    clock.now_s += FORGET_AFTER_S
    assert by_name(collector.collect()).keys() == {"worker-2"}


def test_without_the_listing_its_processes_are_unknown(collector):
    answers = [[signs("worker-1")], ConnectionError("broker is gone")]
    collector.add(
        Probe(
            "workers",
            "worker",
            "broker:1",
            lambda: fail(a) if isinstance(a := answers.pop(0), Exception) else a,
            is_listing=True,
        )
    )
    collector.collect()
    found = by_name(collector.collect())
    assert found["worker-1"]["state"] == "unknown"
    assert "broker:1" in found["worker-1"]["problems"]["answer"]


def test_the_rate_is_the_growth_of_the_counter(collector, clock):
    counters = [100, 120, 150]
    collector.add(Probe("one", "s", "h:1", lambda: [signs("one", counters.pop(0))]))
    rates = []
    for _ in range(3):
        rates.append(by_name(collector.collect())["one"]["request_rate"])
        clock.now_s += 2
    assert rates == [None, 10.0, 15.0]


def test_a_counter_that_shrinks_is_a_process_that_was_restarted():
    rate = RequestRate()
    for at_s, total in ((0, 1000), (2, 5), (4, 25)):
        rate.note(at_s, total)
    assert rate.as_json(4)["rate_history"] == [[0, 10.0]]


def test_two_rounds_in_a_moment_make_no_rate():
    rate = RequestRate()
    for at_s, total in ((0, 0), (0.01, 50), (2, 100)):
        rate.note(at_s, total)
    assert rate.as_json(2)["rate_history"] == [[0, 50.0]]


def test_a_process_that_is_away_has_no_rate():
    rate = RequestRate()
    for at_s, total in ((0, 0), (2, 10), (4, None)):
        rate.note(at_s, total)
    assert rate.as_json(4) == {"request_rate": None, "rate_history": [[2, 5.0], [0, 0.0]]}


def test_history_ends_after_some_minutes():
    rate = RequestRate()
    for at_s in range(0, 1000, 2):
        rate.note(at_s, at_s)
    history = rate.as_json(998)["rate_history"]
    assert history[0][0] <= HISTORY_S
    assert history[-1] == [0, 1.0]
    assert len(history) == HISTORY_S // 2 + 1


def test_with_every_service_down_the_pages_and_the_api_still_answer():
    dashboard = make_dashboard()
    client = dashboard.app.test_client()
    answer = client.get("/api/services")
    states = {one["name"]: one["state"] for one in answer.json()["services"]}
    down = ("kvdb", "pubsub", "docdb", "sqldb", "broker", "ledger-1", "ledger-2", "ledger-3")
    assert states == dict.fromkeys(down, "down") | {"web": "ok"}
    for path in ("/", "/kvdb", "/docdb", "/sqldb", "/pubsub", "/tasks", "/ledger"):
        assert client.get(path).status == 200
    assert 'data-testid="service-kvdb" data-state="down"' in client.get("/").text
    dashboard.stop()

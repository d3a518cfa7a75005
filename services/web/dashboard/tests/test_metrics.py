"""`/metrics`: the form that Prometheus reads, and the figures in it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.web.dashboard.metrics import Family, encode_metrics, families_of
from services.web.dashboard.panel import find_panels
from services.web.dashboard.tests.fakes import FakeRedis, make_dashboard

METRICS = {panel.name: panel.metrics for panel in find_panels() if panel.metrics}
PROCESS = {
    "name": "kvdb",
    "service": "kvdb",
    "state": "ok",
    "address": "127.0.0.1:4242",
    "version": "1",
    "software": "",
    "uptime_s": 12.5,
    "memory_bytes": 1000,
    "requests_total": 7,
}
STATES = {
    "services": {"services": [PROCESS, PROCESS | {"name": "away", "state": "down"}]},
    "kvdb": {"keys_by_db": {"0": 5, "3": 1}, "hits": 4, "misses": None, "memory_bytes": 2**40},
    "pubsub": {"clients": 1, "channels_total": 2, "messages_in": 3, "messages_out": 4},
    "tasks": {
        "states": {"queued": 2},
        "queues": [{"name": 'a"\n\\', "depth": 1, "oldest_age_s": None, "paused": True}],
        "error": "",
    },
    "ledger": {"agreement": "agree", "nodes": [{"name": "ledger-1", "round": 9, "index": None}]},
}


def parsed(states: dict) -> dict[tuple, float]:
    """Every sample by its name and its labels, as Prometheus' own parser reads them."""
    text = encode_metrics(families_of(states, METRICS)).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_of_every_topic():
    samples = parsed(STATES)
    kvdb = (("process", "kvdb"), ("service", "kvdb"))
    assert samples["glassbox_process_up", *kvdb] == 1
    assert samples["glassbox_process_uptime_seconds", *kvdb] == 12.5
    assert samples["glassbox_process_requests_total", *kvdb] == 7
    assert samples["glassbox_process_state", *kvdb, ("state", "ok")] == 1
    assert samples["glassbox_process_state", *kvdb, ("state", "down")] == 0
    assert samples["glassbox_kvdb_keys", ("db", "3")] == 1
    assert samples["glassbox_kvdb_keyspace_hits_total",] == 4
    assert samples["glassbox_kvdb_memory_used_bytes",] == 2**40
    assert samples["glassbox_pubsub_messages_sent_total",] == 4
    assert samples["glassbox_tasks", ("state", "queued")] == 2
    assert samples["glassbox_queue_paused", ("queue", 'a"\n\\')] == 1
    assert samples["glassbox_ledger_agreement", ("agreement", "agree")] == 1
    assert samples["glassbox_ledger_round", ("node", "ledger-1")] == 9


def test_what_is_not_known_is_left_out():
    samples = parsed(STATES)
    away = (("process", "away"), ("service", "kvdb"))
    assert samples["glassbox_process_up", *away] == 0
    assert ("glassbox_process_uptime_seconds", *away) not in samples
    assert ("glassbox_kvdb_keyspace_misses_total",) not in samples
    assert not [name for name, *_ in samples if name == "glassbox_queue_oldest_task_age_seconds"]


@pytest.mark.parametrize("state", [None, {"error": "it does not answer"}, {}])
def test_a_topic_without_an_answer_gives_no_figures(state):
    states = dict.fromkeys(STATES, state) | {"services": {"services": []}, "ledger": None}
    assert parsed(states) == {}


def test_each_family_has_its_help_and_type():
    text = encode_metrics(families_of(STATES, METRICS)).decode()
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter")
        names = {sample.name for sample in family.samples}
        assert all(name.endswith("_total") == (family.type == "counter") for name in names)
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert text.count(f"# TYPE {name} ") == 1


def test_a_family_without_samples_is_not_named():
    assert encode_metrics([Family("a", "gauge", "Nothing.")]) == b""


def test_a_scrape_asks_every_service():
    redis = FakeRedis()
    redis.data[b"a"] = b"1"
    redis.info += b"db0:keys=1,expires=0\r\nkeyspace_hits:3\r\n"
    try:
        dashboard = make_dashboard(kvdb=redis.url, pubsub=redis.url)
        answer = dashboard.app.test_client().get("/metrics")
    finally:
        redis.close()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'glassbox_kvdb_keys{db="0"} 1\n' in answer.text
    assert "glassbox_kvdb_keyspace_hits_total 3\n" in answer.text
    assert 'glassbox_process_up{process="broker",service="broker"} 0\n' in answer.text
    assert "glassbox_ledger_round" not in answer.text

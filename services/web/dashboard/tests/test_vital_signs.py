"""Vital signs from whatever form they come in."""

import pytest

from services.common.health import Vitals
from services.web.dashboard.vital_signs import State, from_info, from_report, parse_info


def test_from_our_own_report():
    vitals = Vitals("broker", address="127.0.0.1:4246")
    vitals.problems["kvdb"] = "gone"
    signs = from_report("broker", vitals.report())
    assert (signs.state, signs.service, signs.address) == (
        State.DEGRADED,
        "broker",
        "127.0.0.1:4246",
    )
    assert signs.problems == {"kvdb": "gone"}
    assert signs.memory_bytes > 0


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        "text",
        {},
        {"status": "wonderful", "uptime_s": "long", "memory_bytes": [], "problems": "many"},
        {"service": 5, "version": None, "requests_total": float("nan"), "address": {}},
        {"memory_bytes": float("inf"), "requests_total": 10**400, "uptime_s": 10**400},
    ],
)
def test_an_odd_report_is_not_believed(report):
    signs = from_report("odd", report, address="h:1")
    assert signs.state is State.UNKNOWN
    assert (signs.name, signs.service, signs.address) == ("odd", signs.service, "h:1")
    assert signs.memory_bytes is None
    assert signs.requests_total is None


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("10.0.0.7:4242", "10.0.0.7:4242"),
        ("0.0.0.0:4242", "kvdb:4242"),
        ("[::]:4242", "kvdb:4242"),
        ("", "kvdb:4242"),
    ],
)
def test_everywhere_is_no_address(told, shown):
    assert from_report("kvdb", {"address": told}, address="kvdb:4242").address == shown


def test_from_info_of_our_own_service():
    info = parse_info(
        b"# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:60\r\n"
        b"# Memory\r\nused_memory_rss:1048576\r\n# Stats\r\ntotal_commands_processed:9\r\n"
        b"# Glassbox\r\nservice:kvdb\r\nstatus:degraded\r\nversion:0.1.0\r\n"
        b"address:127.0.0.1:4242\r\nproblems:the disk is full\r\n"
    )
    signs = from_info("kvdb", info, address="kvdb:4242")
    assert (signs.state, signs.version, signs.software) == (State.DEGRADED, "0.1.0", "")
    assert (signs.uptime_s, signs.memory_bytes, signs.requests_total) == (60, 1048576, 9)
    assert signs.address == "127.0.0.1:4242"
    assert list(signs.problems.values()) == ["the disk is full"]


def test_a_real_redis_is_well_when_it_answers():
    info = parse_info(b"# Server\r\nredis_version:7.0.15\r\n")
    signs = from_info("kvdb", info, address="redis:6379")
    assert (signs.state, signs.software, signs.version) == (State.OK, "Redis", "7.0.15")
    assert signs.address == "redis:6379"

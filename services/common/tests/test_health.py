"""What a service says of itself."""

from services.common.health import VERSION, Vitals, resident_bytes


def test_a_report_has_what_the_dashboard_shows() -> None:
    now_s = [1000.0]
    vitals = Vitals("kvdb", address="127.0.0.1:4242", clock=lambda: now_s[0])
    vitals.requests_total = 7
    now_s[0] = 1012.5
    report = vitals.report()
    assert report["service"] == "kvdb"
    assert report["status"] == "ok"
    assert report["version"] == VERSION
    assert report["address"] == "127.0.0.1:4242"
    assert report["uptime_s"] == 12.5
    assert report["requests_total"] == 7
    assert report["memory_bytes"] > 1_000_000
    assert report["problems"] == {}


def test_a_problem_makes_it_degraded_until_it_is_gone() -> None:
    vitals = Vitals("broker")
    vitals.problems["kvdb"] = "connection refused"
    assert vitals.status == "degraded"
    assert vitals.report()["problems"] == {"kvdb": "connection refused"}
    del vitals.problems["kvdb"]
    assert vitals.status == "ok"


def test_a_clock_that_is_set_back_makes_no_negative_uptime() -> None:
    now_s = [1000.0]
    vitals = Vitals("kvdb", clock=lambda: now_s[0])
    now_s[0] = 900.0
    assert vitals.uptime_s == 0


def test_resident_memory_grows_with_what_is_held() -> None:
    before = resident_bytes()
    held = bytearray(64 * 1024 * 1024)
    held[::4096] = b"x" * len(held[::4096])
    assert resident_bytes() - before > 32 * 1024 * 1024

"""Cron lines against a slow and obvious reading of them, and against clocks that change."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.broker.cron import Cron, CronError, parse_cron

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
HAVANA = ZoneInfo("America/Havana")
APIA = ZoneInfo("Pacific/Apia")
ZONES = [ZoneInfo("UTC"), BERLIN, NEW_YORK, LORD_HOWE, HAVANA, ZoneInfo("Asia/Kolkata")]

# Around the changes of the clocks in these zones, in UTC.
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin, forward
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # Berlin, back
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York, forward; Havana two hours before
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York, back; Havana an hour before
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, back by half an hour
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe, forward by half an hour
    datetime(2026, 7, 1, 12, tzinfo=UTC),
]


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def runs(line: str, zone: ZoneInfo, start: datetime, count: int) -> list[str]:
    """The next runs, as the clock on the wall shows them, with their offsets."""
    cron, moment_ms, shown = parse_cron(line), ms(start), []
    for _ in range(count):
        moment_ms = cron.next_after(moment_ms, zone)
        shown.append(datetime.fromtimestamp(moment_ms / 1000, zone).strftime("%d. %H:%M %z"))
    return shown


def local(zone: ZoneInfo, *fields: int) -> datetime:
    return datetime(*fields, tzinfo=zone)


def test_every_five_minutes_of_office_hours():
    friday = local(BERLIN, 2026, 11, 20, 17, 50)
    assert runs("*/5 9-17 * * mon-fri", BERLIN, friday, 3) == [
        "20. 17:55 +0100",
        "23. 09:00 +0100",
        "23. 09:05 +0100",
    ]


def test_the_moment_itself_is_not_after_it():
    noon = local(BERLIN, 2026, 6, 1, 12)
    assert runs("0 12 * * *", BERLIN, noon, 1) == ["02. 12:00 +0200"]
    assert runs("0 12 * * *", BERLIN, noon - timedelta(milliseconds=1), 1) == ["01. 12:00 +0200"]


def test_a_job_of_the_night_happens_once_when_its_hour_is_left_out():
    assert runs("30 2 * * *", BERLIN, local(BERLIN, 2026, 3, 28, 12), 2) == [
        "29. 03:00 +0200",
        "30. 02:30 +0200",
    ]


def test_many_times_in_the_gap_become_one():
    assert runs("*/10 2,3 * * *", BERLIN, local(BERLIN, 2026, 3, 29, 0), 3) == [
        "29. 03:00 +0200",
        "29. 03:10 +0200",
        "29. 03:20 +0200",
    ]


def test_a_job_of_the_night_happens_once_when_its_hour_is_shown_twice():
    assert runs("30 2 * * *", BERLIN, local(BERLIN, 2026, 10, 24, 12), 2) == [
        "25. 02:30 +0200",
        "26. 02:30 +0100",
    ]


def test_an_interval_goes_on_through_both_changes():
    assert runs("*/30 * * * *", BERLIN, local(BERLIN, 2026, 10, 25, 1, 45), 5) == [
        "25. 02:00 +0200",
        "25. 02:30 +0200",
        "25. 02:00 +0100",
        "25. 02:30 +0100",
        "25. 03:00 +0100",
    ]
    assert runs("*/30 * * * *", BERLIN, local(BERLIN, 2026, 3, 29, 1, 20), 3) == [
        "29. 01:30 +0100",
        "29. 03:00 +0200",
        "29. 03:30 +0200",
    ]


def test_midnight_does_not_exist_where_clocks_change_then():
    assert runs("0 0 * * *", HAVANA, local(HAVANA, 2026, 3, 7, 12), 2) == [
        "08. 01:00 -0400",
        "09. 00:00 -0400",
    ]


def test_a_day_that_a_country_left_out():
    # Samoa went from the 29th to the 31st of December 2011.
    assert runs("0 12 30 12 *", APIA, local(APIA, 2011, 12, 1), 1) == ["31. 00:00 +1400"]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("@hourly", "01. 01:00 +0000"),
        ("@daily", "02. 00:00 +0000"),
        ("@weekly", "03. 00:00 +0000"),
        ("@monthly", "01. 00:00 +0000"),
        ("@YEARLY", "01. 00:00 +0000"),
        ("0 0 29 2 *", "29. 00:00 +0000"),
        ("0 0 13 * fri", "08. 00:00 +0000"),
        ("0 0 */2 * fri", "15. 00:00 +0000"),
        ("0 0 * * 7", "03. 00:00 +0000"),
        ("5/20 0 * * *", "01. 00:05 +0000"),
        ("7,3 0 * * *", "01. 00:03 +0000"),
        ("0 0 1 feb *", "01. 00:00 +0000"),
    ],
)
def test_what_lines_mean(line: str, first: str):
    # 1 January 2027 is a Friday.
    assert runs(line, ZoneInfo("UTC"), datetime(2027, 1, 1, tzinfo=UTC), 1) == [first]


def test_a_leap_day_is_found_over_a_century():
    assert parse_cron("0 0 29 2 *").next_after(
        ms(datetime(2096, 3, 1, tzinfo=UTC)), ZoneInfo("UTC")
    ) == ms(datetime(2104, 2, 29, tzinfo=UTC))


def test_a_date_that_never_comes():
    start_ms = ms(datetime(2026, 1, 1, tzinfo=UTC))
    assert parse_cron("0 0 30 2 *").next_after(start_ms, ZoneInfo("UTC")) is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("* * * *", "has 4 fields"),
        ("", "has 0 fields"),
        ("60 * * * *", "minute: '60' is not from 0 to 59"),
        ("* 24 * * *", "hour: '24'"),
        ("* * 0 * *", "day: '0' is not from 1 to 31"),
        ("* * * 13 *", "month: '13'"),
        ("* * * * 8", "weekday: '8'"),
        ("* * * * fir", "weekday: 'fir'"),
        ("5-1 * * * *", "minute: 5-1 goes backwards"),
        ("*/0 * * * *", "minute: '0' is no step"),
        ("*/x * * * *", "minute: 'x' is no step"),
        ("1,,2 * * * *", "minute: ''"),
        ("-1 * * * *", "minute: ''"),
        ("+1 * * * *", "minute: '+1'"),
        ("@never", "has 1 fields"),
        ("\u0663 * * * *", "minute"),
        ("99999999999999999999 * * * *", "minute"),
    ],
)
def test_what_is_no_cron_line(line: str, reason: str):
    with pytest.raises(CronError, match=re.escape(reason)):
        parse_cron(line)


@given(st.text(alphabet="0123456789*/-,@abcdefjmnorstuw \u0663", max_size=40))
def test_no_line_is_worse_than_an_error(line: str):
    try:
        parse_cron(line)
    except CronError:
        pass


# The oracle: look at every minute, one after the other.


def fits(cron: Cron, wall: datetime) -> bool:
    return wall.minute in cron.minutes and wall.hour in cron.hours and cron.fits_date(wall.date())


def slow_runs(cron: Cron, start: datetime, zone: ZoneInfo, minutes: int) -> list[int]:
    found = []
    previous = start.astimezone(zone).replace(tzinfo=None)
    for number in range(1, minutes + 1):
        moment = start + timedelta(minutes=number)
        wall = moment.astimezone(zone)
        shown = wall.replace(tzinfo=None, fold=0)
        # What the clocks have left out since a minute ago.
        skipped = int((shown - previous).total_seconds() // 60) - 1
        left_out = [previous + timedelta(minutes=one) for one in range(1, skipped + 1)]
        previous = shown
        if cron.is_any_hour:
            is_run = fits(cron, shown)
        else:
            is_first = wall.fold == 0
            is_run = (fits(cron, shown) and is_first) or any(fits(cron, one) for one in left_out)
        if is_run:
            found.append(ms(moment))
    return found


def field_texts(lowest: int, highest: int) -> st.SearchStrategy[str]:
    value = st.integers(lowest, highest)
    span = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, 12)
    stepped = st.tuples(st.one_of(st.just("*"), span), step).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    part = st.one_of(value.map(str), span, stepped)
    return st.one_of(st.just("*"), part, st.lists(part, min_size=2, max_size=3).map(",".join))


LINES = st.tuples(
    field_texts(0, 59),
    st.one_of(field_texts(0, 23), field_texts(0, 3)),
    st.one_of(st.just("*"), field_texts(1, 31)),
    st.just("*"),
    st.one_of(st.just("*"), field_texts(0, 7)),
).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(LINES, st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(-180, 60))
@example("*/7 23,0 * * *", HAVANA, CHANGES[3], -120)
@example("*/10 1-2 * * *", LORD_HOWE, CHANGES[4], -60)
def test_the_runs_are_those_of_the_slow_reading(
    line: str, zone: ZoneInfo, change: datetime, offset_minutes: int
):
    cron, start, minutes = parse_cron(line), change + timedelta(minutes=offset_minutes), 300
    expected = slow_runs(cron, start, zone, minutes)
    found, moment_ms, end_ms = [], ms(start), ms(start + timedelta(minutes=minutes))
    while (moment_ms := cron.next_after(moment_ms, zone)) is not None and moment_ms <= end_ms:
        found.append(moment_ms)
    assert found == expected

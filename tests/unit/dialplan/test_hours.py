"""Opening hours: TZ-1 to TZ-4 and SPEC K.11, by examples and against a definition that counts single minutes."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.hours import (
    ALWAYS,
    CLOSED,
    Holiday,
    Hours,
    Intervals,
    because,
    is_open,
    is_place,
    next_change,
    shown,
)
from tests.support.examples import examples

# Days on which clocks jump: half an hour, at midnight, by two hours, a whole day; and a zone where they never do.
JUMPS = [
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("Africa/Cairo", date(2024, 4, 26)),
    ("Africa/Cairo", date(2024, 11, 1)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Antarctica/Troll", date(2026, 3, 29)),
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Africa/Casablanca", date(2026, 3, 22)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("America/St_Johns", date(2010, 3, 14)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("Asia/Kathmandu", date(2026, 10, 25)),
]


def minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def hours(*intervals: str, time_zone: str = "", **special: Intervals) -> Hours:
    """The same hours every day; `_2026_12_24=()` makes that day a holiday."""
    found = []
    for each in intervals:
        start, end = map(minutes, each.split("-"))
        found.append((start, end if end > start else end + 1440))
    dates = {day[1:].replace("_", "-"): at for at, day in enumerate(special)}
    holidays = tuple(Holiday(day[1:].replace("_", "-"), found) for day, found in special.items())
    return Hours(id="h", time_zone=time_zone, week=(tuple(found),) * 7, holidays=holidays, dates=dates)


def clock(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize("day", ["2026-07-15", "2026-01-14"])
@pytest.mark.parametrize(
    ("at", "opened"),
    [("09:30:00", False), ("09:59:59", False), ("10:00:00", True), ("18:59:59", True), ("19:00:00", False)],
)
def test_tz_2_pacific_hours_seen_from_chicago_in_summer_and_winter(day: str, at: str, opened: bool) -> None:
    office = hours("08:00-17:00")
    assert is_open(office, clock("America/Chicago", f"{day}T{at}"), "America/Los_Angeles").open is opened


def test_tz_1_the_zone_of_who_uses_them_decides_unless_they_have_their_own() -> None:
    at = datetime(2026, 7, 15, 7, 30, tzinfo=UTC)
    assert not is_open(hours("09:00-17:00"), at, "Europe/London").open
    assert is_open(hours("09:00-17:00"), at, "Europe/Stockholm").open
    assert is_open(hours("09:00-17:00", time_zone="Europe/Stockholm"), at, "Europe/London").open


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        is_open(hours("09:00-17:00"), datetime(2026, 7, 15), "UTC")


# The rest of K.11 by examples: New York, 8 March 2026 (02:00 becomes 03:00) and 1 November 2026 (02:00 becomes 01:00).

NEW_YORK = "America/New_York"


def day_in_new_york(office: Hours, day: date) -> list[str]:
    """When it opens (+) and closes (-) on that day, in UTC."""
    at = clock(NEW_YORK, f"{day}T00:00") - timedelta(seconds=1)
    found = []
    while (change := next_change(office, at, NEW_YORK)) and change.astimezone(ZoneInfo(NEW_YORK)).date() == day:
        found.append(f"{'+' if is_open(office, change, NEW_YORK).open else '-'}{change:%H:%M}")
        at = change
    return found


@pytest.mark.parametrize(
    ("written", "spring", "autumn"),
    [
        ("02:10-02:50", [], ["+07:10", "-07:50"]),  # wholly in the gap
        ("02:30-05:00", ["+07:00", "-09:00"], ["+07:30", "-10:00"]),  # starts in it
        ("01:00-02:30", ["+06:00", "-07:00"], ["+05:00", "-07:30"]),  # ends in it
        ("01:00-01:30", ["+06:00", "-06:30"], ["+05:00", "-05:30", "+06:00", "-06:30"]),  # both passes of the fold
        ("01:15-04:00", ["+06:15", "-08:00"], ["+05:15", "-06:00", "+06:15", "-09:00"]),
        ("00:30-01:30", ["+05:30", "-06:30"], ["+04:30", "-05:30", "+06:00", "-06:30"]),
    ],
)
def test_k_11_gaps_and_folds(written: str, spring: list[str], autumn: list[str]) -> None:
    office = hours(written)
    assert day_in_new_york(office, date(2026, 3, 8)) == spring
    assert day_in_new_york(office, date(2026, 11, 1)) == autumn


def test_k_11_an_overnight_interval_belongs_to_the_day_it_starts_also_before_a_holiday() -> None:
    bar = hours("20:00-02:00", _2026_12_24=(), _2026_12_31=((1200, 1740),))
    opened = [
        is_open(bar, clock("Europe/Paris", at), "Europe/Paris").open
        for at in ("2026-12-24T01:59", "2026-12-24T02:00", "2026-12-24T20:00", "2026-12-25T01:00", "2026-12-25T20:00")
    ]
    assert opened == [True, False, False, False, True]
    assert is_open(bar, clock("Europe/Paris", "2027-01-01T04:59"), "Europe/Paris").open
    assert not is_open(bar, clock("Europe/Paris", "2027-01-01T05:00"), "Europe/Paris").open


def test_the_verdict_names_the_rule() -> None:
    office = hours("08:00-12:00", "22:00-06:00", _2026_12_24=(), _2026_12_31=((480, 720),))
    said = {
        at: because(is_open(office, clock("Europe/Paris", at), "Europe/Paris"))
        for at in ("2026-12-23T08:00", "2026-12-24T05:00", "2026-12-24T08:00", "2026-12-26T07:00", "2026-12-31T11:59")
    }
    assert said == {
        "2026-12-23T08:00": ("hours:h", "open: wed 08:00-12:00"),
        "2026-12-24T05:00": ("hours:h", "open: wed 22:00-06:00"),
        "2026-12-24T08:00": ("hours:h", "closed: 2026-12-24, 2026-12-24"),
        "2026-12-26T07:00": ("hours:h", "closed: sat"),
        "2026-12-31T11:59": ("hours:h", "open: 2026-12-31, 2026-12-31 08:00-12:00"),
    }


def test_what_never_changes_has_no_next_change() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    assert next_change(Hours(id="h", week=(ALWAYS,) * 7), at, "Europe/Paris") is None
    assert next_change(Hours(id="h"), at, "Europe/Paris") is None
    past = {"2025-01-01": 0}
    assert next_change(Hours(id="h", week=(ALWAYS,) * 7, holidays=(Holiday("x"),), dates=past), at, "UTC") is None
    future = {"2027-11-22": 0}
    there = Hours(id="h", week=(ALWAYS,) * 7, holidays=(Holiday("x"),), dates=future)
    assert next_change(there, at, "UTC") == datetime(2027, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "change"),
    [
        ("2026-07-15T01:00", "2026-07-15T02:00"),  # what began the day before ends
        ("2026-07-15T20:00", "2026-07-16T02:00"),
        ("2026-07-15T02:00", "2026-07-15T20:00"),
    ],
)
def test_the_next_change_of_overnight_hours(at: str, change: str) -> None:
    zone = "Europe/Paris"
    assert next_change(hours("20:00-02:00"), clock(zone, at), zone) == clock(zone, change).astimezone(UTC)


def test_a_clock_that_goes_back_over_midnight_shows_the_day_before_once_more() -> None:
    """St. John's until 2011: at 00:01 on Sunday it was 23:01 on Saturday again."""
    zone = "America/St_Johns"
    friday, saturday, sunday = ((1430, 1440 + 1420),), CLOSED, ((0, 360),)
    office = Hours(id="h", week=(*(CLOSED,) * 4, friday, saturday, sunday))
    found = [clock(zone, "2010-11-07T00:00:30").astimezone(UTC)]
    for _ in range(3):
        found.append(next_change(office, found[-1], zone) or found[-1])
    assert [f"{each:%H:%M}" for each in found] == ["02:30", "03:10", "03:30", "09:30"]
    early = Hours(id="h", week=(*(CLOSED,) * 6, ((0, 5),)))
    found = [clock(zone, "2010-11-06T00:30").astimezone(UTC)]
    for _ in range(4):
        found.append(next_change(early, found[-1], zone) or found[-1])
    assert [f"{each:%H:%M}" for each in found] == ["03:00", "02:30", "02:31", "03:30", "03:35"]


# Against the definition

marks = st.sampled_from([0, 15, 30, 60, 75, 90, 105, 120, 135, 150, 180, 240, 600, 1380, 1410, 1425])


@st.composite
def intervals(draw: st.DrawFn) -> Intervals:
    """Up to three, ascending; the last may go on into the next day."""
    count = draw(st.integers(0, 3))
    points = sorted(draw(st.lists(marks, min_size=2 * count, max_size=2 * count, unique=True)))
    found = [(points[2 * at], points[2 * at + 1]) for at in range(count)]
    if found and draw(st.booleans()):
        found[-1] = (
            found[-1][0],
            1440 + draw(st.sampled_from([each for each in (0, 30, 60, 90) if each <= found[0][0]])),
        )
    return tuple(found)


@st.composite
def all_hours(draw: st.DrawFn, day: date) -> Hours:
    special = draw(st.dictionaries(st.integers(-2, 2), st.integers(0, 1), max_size=3))
    return Hours(
        id="h",
        week=tuple(draw(intervals()) for _ in range(7)),
        holidays=(Holiday("a", draw(intervals())), Holiday("b")),
        dates={str(day + timedelta(days=offset)): at for offset, at in special.items()},
    )


def open_minutes(office: Hours, days: range) -> set[int]:
    """The definition: every minute of a wall clock that is open, counted from the beginning of the calendar."""
    found: set[int] = set()
    for ordinal in days:
        at = office.dates.get(str(date.fromordinal(ordinal)))
        rule = office.week[date.fromordinal(ordinal).weekday()] if at is None else office.holidays[at].intervals
        for start, end in rule:
            found.update(range(ordinal * 1440 + start, ordinal * 1440 + end))
    return found


@given(st.data(), st.sampled_from(JUMPS))
@examples(30)
def test_k_11_every_minute_is_judged_by_the_wall_clock_that_it_shows(
    data: st.DataObject, jump: tuple[str, date]
) -> None:
    name, day = jump
    place = ZoneInfo(name)
    office = data.draw(all_hours(day))
    expected = open_minutes(office, range(day.toordinal() - 4, day.toordinal() + 5))
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=26)
    states: list[tuple[datetime, bool]] = []
    for minute in range(60 * 60):
        instant = begin + timedelta(minutes=minute)
        offset = instant.astimezone(place).utcoffset()
        assert offset is not None
        wall = instant.replace(tzinfo=None) + offset
        shows = wall.toordinal() * 1440 + wall.hour * 60 + wall.minute
        verdict = is_open(office, instant, name)
        assert verdict.open is (shows in expected)
        assert (verdict.interval is not None) is verdict.open
        states.append((instant, verdict.open))
    changes = [after for before, after in itertools.pairwise(states) if before[1] != after[1]]
    at = begin
    for instant, opened in changes:
        found = next_change(office, at, name)
        assert found == instant
        assert is_open(office, instant, name).open is opened
        at = instant


@given(st.data(), st.sampled_from(JUMPS), st.integers(0, 3 * 86_400_000))
@examples(60)
def test_nothing_changes_before_the_next_change(data: st.DataObject, jump: tuple[str, date], offset: int) -> None:
    name, day = jump
    office = data.draw(all_hours(day))
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2) + timedelta(milliseconds=offset)
    change = next_change(office, at, name)
    if change is None:
        return
    assert change > at
    before = is_open(office, at, name).open
    assert is_open(office, change, name).open is not before
    assert is_open(office, change - timedelta(microseconds=1), name).open is before


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/Argentina/Buenos_Aires", "Asia/Kathmandu", "UTC"])
def test_tz_4_places(zone: str) -> None:
    assert is_place(zone)


@pytest.mark.parametrize(
    "zone",
    [
        *("Etc/GMT+7", "Etc/UTC", "EST", "EST5EDT", "GMT+1", "UTC-7", "CET", "Zulu", "-07:00", ""),
        *("Europe/Nowhere", "America", "America/Argentina", "europe/stockholm"),
        *("../UTC", "Europe/../UTC", "/etc/passwd", "Europe/Stockholm\0"),
    ],
)
def test_tz_4_what_is_no_place(zone: str) -> None:
    assert not is_place(zone)


def test_hours_are_plain_data() -> None:
    office = hours("08:00-12:00", "22:00-06:00", time_zone="Europe/Paris", _2026_12_24=())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(office), type=Hours) == office
    assert msgspec.json.decode(msgspec.json.encode(office), type=Hours) == office
    assert [shown(each) for each in office.week[0]] == ["08:00-12:00", "22:00-06:00"]
    assert office.holidays[0].intervals == CLOSED

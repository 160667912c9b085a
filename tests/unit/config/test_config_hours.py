"""`hours` and `holidays` of the configuration: what they become, what is refused and where, what is warned of."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from config import calendars, lint_hours, validate
from config.calendars import SPAN, public_holidays
from config.compile import compile  # noqa: A004
from config.problems import ConfigError
from dialplan.hours import ALWAYS, CLOSED, Holiday, Hours

ROOT = Path(__file__).parents[3]

OFFICE = """\
country: SE
hours:
  office:
    time_zone: Europe/Stockholm
    week: {mon-thu: [13:00-17:00, 8:00-12:00], fri: 08:00 - 15:00, sat: closed}
    holidays: [company, SE]
  night:
    week:
      fri,sat: 22:00-06:00
      Sunday: 20:00-24:00
      mon wed: always
      tue: [00:00-01:00, 22:00-00:00]
holidays:
  company: {2026-12-24: 08:00-12:00, 12-24: closed, 02-29: closed, 2027-1-4: [10:00-12:00, 13:00-14:00]}
"""


def made(folder: Path, text: str) -> dict[str, Hours]:
    file = folder / "a.yaml"
    file.write_text(text)
    return compile(file, {}).model.hours


def errors(folder: Path, text: str) -> list[str]:
    try:
        made(folder, text)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{folder}/a.yaml:") for problem in error.problems]
    return []


def warnings(folder: Path, text: str, today: date = date(2026, 11, 22)) -> list[str]:
    file = folder / "a.yaml"
    file.write_text(text)
    found = lint_hours.warnings(validate.load(file), today)
    return [str(problem).removeprefix(f"{folder}/a.yaml:") for problem in found]


def test_the_week_as_written_becomes_intervals_of_minutes(tmp_path: Path) -> None:
    hours = made(tmp_path, OFFICE)
    whole = ((480, 720), (780, 1020))
    assert hours["office"].id == "office"
    assert hours["office"].time_zone == "Europe/Stockholm"
    assert hours["office"].week == (whole, whole, whole, whole, ((480, 900),), CLOSED, CLOSED)
    over_night = ((1320, 1800),)
    assert hours["night"] == Hours(
        id="night",
        week=(ALWAYS, ((0, 60), (1320, 1440)), ALWAYS, CLOSED, over_night, over_night, ((1200, 1440),)),
    )


def test_holidays_become_dates_the_first_that_names_a_day_holds_and_a_date_before_a_yearly_one(tmp_path: Path) -> None:
    office = made(tmp_path, OFFICE)["office"]

    def on(day: str) -> Holiday | None:
        at = office.dates.get(day)
        return None if at is None else office.holidays[at]

    assert on("2026-12-24") == Holiday("2026-12-24 (company)", ((480, 720),))
    assert on("2027-12-24") == Holiday("12-24 (company)")
    assert on("2027-01-04") == Holiday("2027-01-04 (company)", ((600, 720), (780, 840)))
    assert [year for year in SPAN if on(f"{year}-12-24")] == list(SPAN)
    leap = [year for year in SPAN if year % 4 == 0]
    assert [on(f"{year}-02-29") for year in leap] == [Holiday("02-29 (company)")] * 5
    assert on("2026-06-20") == Holiday("Midsummer Day (SE)")
    assert on("2026-06-22") is None
    assert len(set(office.holidays)) == len(office.holidays) < 25  # a holiday is there once for all its years


def test_spans_of_dates_and_which_entry_of_a_calendar_holds(tmp_path: Path) -> None:
    text = """
country: SE
hours: {a: {week: {mon: always}, holidays: c}}
holidays:
  c:
    12-24..01-02: 10:00-11:00
    2026-12-20..2026-12-29: closed
    2026-12-28: 08:00-09:00
    12-31: always
    2028-02-28..2028-03-01: closed
"""
    hours = made(tmp_path, text)["a"]
    of = {day: hours.holidays[at].name.partition(" ")[0] for day, at in hours.dates.items()}
    early = ["2028-01-01", "2028-01-02", "2028-02-28", "2028-02-29", "2028-03-01"]
    assert sorted(day for day in of if day.startswith("2028-0")) == early
    assert of["2026-12-20"] == of["2026-12-29"] == "2026-12-20..2026-12-29"
    assert of["2026-12-28"] == "2026-12-28"
    assert of["2026-12-30"] == of["2027-01-02"] == of["2024-01-01"] == of["2040-12-30"] == "12-24..01-02"
    assert of["2026-12-31"] == "12-31"
    assert not {"2027-01-03", "2023-12-24", "2041-01-01"} & set(of)


def test_origins_say_where_hours_stand(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(OFFICE)
    assert compile(file, {}).model.origins["hours:night"].line == 7


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("US", ["2026-07-03", "2026-11-26", "2027-01-18", "2029-05-28"]),
        ("CA", ["2026-07-01", "2026-04-03", "2027-03-26"]),
        ("FR", ["2026-05-14", "2026-07-14", "2027-05-17", "2028-04-17"]),
        ("ES", ["2026-01-06", "2026-10-12", "2027-03-26"]),
        ("SE", ["2026-06-19", "2026-06-20", "2026-10-31", "2027-06-26", "2027-11-06", "2028-04-14", "2026-12-31"]),
        ("GB", ["2026-12-28", "2027-05-03", "2027-12-27", "2028-01-03"]),
        ("GB-ENG", ["2026-04-06", "2026-08-31"]),
        ("DE", ["2026-10-03", "2026-05-25", "2028-06-05"]),
        ("DE-BY", ["2026-01-06", "2026-06-04"]),
    ],
)
def test_calendars_of_countries(name: str, days: list[str]) -> None:
    known = {day.isoformat() for day, _ in public_holidays(name)}
    assert set(days) <= known
    assert {day[:4] for day in known} == {str(year) for year in SPAN}
    assert f"{SPAN[3]}-03-10" not in known


@pytest.mark.parametrize(
    ("week", "said"),
    [
        ("{mon: 25:00-26:00}", ["`mon`: there is no time 25:00 (from 00:00 to 24:00)"]),
        ("{mon: 08:60-12:00}", ["`mon`: there is no time 08:60 (from 00:00 to 24:00)"]),
        ("{mon: 08:00-24:01}", ["`mon`: there is no time 24:01 (from 00:00 to 24:00)"]),
        ("{mon: 24:00-06:00}", ["`mon`: nothing begins at 24:00 (write 00:00 of the next day)"]),
        (
            "{mon: 08:00-08:00}",
            ["`mon`: this ends when it begins (write `always` for the whole day, `closed` for nothing of it)"],
        ),
        ("{mon: 8-17}", ["`mon`: a time has hours and minutes (write `08:00-17:00`)"]),
        (
            "{mon: 8am-5pm}",
            ["`mon`: times are written from-to, by the 24-hour clock (such as 08:00-17:00; or `always`, `closed`)"],
        ),
        ("{mon,wed: 08:00-17:00}", ['this key has no value (write "" for an empty text)']),
        ("{mon: {from: 8}}", ["`mon`: a list is wanted here (each item begins with `- `)"]),
        ("{mondy: closed}", ["key `mondy`: not a day of the week (did you mean `monday`?)"]),
        ("{1-5: closed}", ["key `1-5`: not a day of the week (such as mon, mon-fri or sat,sun)"]),
        ("{mon-wed tue: closed}", ["key `mon-wed tue`: a day stands here twice"]),
        (
            "{mon-fri: closed, wed: always}",
            ["wed stands in `mon-fri` already (a day is named once, with all its times)"],
        ),
        ("{mon: [08:00-12:00, 11:59-13:00]}", ["these times overlap others of the same day"]),
        ("{mon: [always, 11:00-13:00]}", ["these times overlap others of the same day"]),
        ("{mon: [22:00-06:00, 23:00-23:30]}", ["these times overlap others of the same day"]),
        ("{mon: [08:00-12:00, closed]}", ["`closed` cannot stand beside other times"]),
        ("{mon: [08:00-12:00, 12:00-13:00, 22:00-06:00]}", []),
        ("{mon: [12:00-13:00, 08:00-12:00]}", []),
    ],
)
def test_what_is_wrong_in_a_week(tmp_path: Path, week: str, said: list[str]) -> None:
    found = errors(tmp_path, f"country: US\nhours:\n  office:\n    week: {week}\n")
    assert [each.partition(" ")[2] for each in found] == said
    assert all(each.startswith("4:") for each in found)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ("{02-30: closed}", "4:4: key `02-30`: there is no such day (for every year: month-day)"),
        ("{2026-02-29: closed}", "4:4: key `2026-02-29`: there is no such day"),
        ("{24-12: closed}", "4:4: key `24-12`: there is no month 24 (the month stands before the day: 12-25)"),
        (
            "{24.12.: closed}",
            "4:4: key `24.12.`: not a date (year-month-day such as 2026-12-24, or 12-25 for every year)",
        ),
        ("{2026-12-24..01-02: closed}", "4:4: key `2026-12-24..01-02`: one of these dates has a year,"
                                        " the other has none (such as 2026-12-24..2027-01-02)"),
        ("{2026-12-24..2026-12-23: closed}", "4:4: key `2026-12-24..2026-12-23`: the last day must come"
                                             " after the first, within a year"),
        ("{2026-12-24..2027-12-25: closed}", "4:4: key `2026-12-24..2027-12-25`: the last day must come"
                                             " after the first, within a year"),
        ("{02-29..03-02: closed}", "4:4: key `02-29..03-02`: in most years there is no 29 February"
                                   " (begin or end on a day of every year)"),
        ("{12-24..12-24: closed}", "4:4: key `12-24..12-24`: this is one day (write `12-24`)"),
        ("{12-24..12-32: closed}", "4:4: key `12-24..12-32`: there is no such day (for every year: month-day)"),
        ("{1926-12-24: closed}", "4:4: key `1926-12-24`: the year must be from 2000 to 2099"),
        ("{12-24: shut}", "4:11: `12-24`: times are written from-to, by the 24-hour clock"
                          " (such as 08:00-17:00; or `always`, `closed`)"),
        ("{2026-1-4: closed, 2026-01-04: always}", "4:22: `2026-01-04` stands here a second time"
                                                   " (the first is written `2026-1-4`)"),
        ("{12-24: [10:00-12:00, 09:00-11:00]}", "4:25: these times overlap others of the same day"),
        ("closed", "4:3: `company`: a mapping is wanted here (a name, a colon, and its value, one a line)"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_holidays(tmp_path: Path, days: str, said: str) -> None:
    assert errors(tmp_path, f"country: US\nholidays:\n company:\n  {days}\n") == [said]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("x, company", "there are no holidays `x` (possible: `company`)"),
        ("compny", "there are no holidays `compny` (did you mean `company`?)"),
        ("se", "there are no holidays `se` (write `SE`)"),
        ("company, company", "the holidays of `company` are named twice"),
        ("DE-XY", "the holidays of DE-XY are not known here (did you mean `DE-BY`?)"),
        ("SE-AB", "the holidays of SE-AB are not known here"),
        ("AC", "the holidays of AC are not known here"),
    ],
)
def test_unknown_calendars(tmp_path: Path, written: str, said: str) -> None:
    text = (
        f"country: US\nholidays: {{company: {{12-24: closed}}}}\nhours: {{a: {{week: {{}}, holidays: [{written}]}}}}\n"
    )
    assert [each.partition(" ")[2] for each in errors(tmp_path, text)] == [said]


def test_a_calendar_of_the_operators_cannot_take_a_countrys_name(tmp_path: Path) -> None:
    found = errors(tmp_path, "country: US\nholidays: {SE: {12-24: closed}}\n")
    assert found == [
        "2:12: key `SE`: this is the calendar of a country (choose another name, and list both where they are used)"
    ]


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Stokholm", "not a time zone (did you mean `Europe/Stockholm`?)"),
        ("stockholm", "not a time zone (did you mean `Europe/Stockholm`?)"),
        ("Europe/New York", "not a time zone (did you mean `America/New_York`?)"),
        ("Etc/GMT+7", "a fixed offset knows no summer time (write a place, such as America/New_York)"),
        ("EST", "a fixed offset knows no summer time (write a place, such as America/New_York)"),
        ("GMT+1", "a fixed offset knows no summer time (write a place, such as America/New_York)"),
        ("-07:00", "a fixed offset knows no summer time (write a place, such as America/New_York)"),
        ("utc", "not the IANA name of a place (write `UTC`)"),
        ("qqq", "not a time zone (a place by IANA, such as Europe/Stockholm)"),
    ],
)
def test_tz_4_zones_are_places(tmp_path: Path, zone: str, said: str) -> None:
    text = f"country: US\nhours: {{ a: {{time_zone: {zone}, week: {{mon: always}}}}}}\n"
    assert errors(tmp_path, text) == [f"2:25: `time_zone`: {said}"]


def test_a_week_is_needed_and_other_names_of_a_zone_are_known(tmp_path: Path) -> None:
    found = errors(tmp_path, "country: US\nhours:\n  a: {tz: Europe/Paris}\n")
    assert found == ["3:3: `week` is missing in `a`", "3:7: unknown key `tz` (did you mean `time_zone`?)"]


def test_a_countrys_holiday_may_be_a_workday(tmp_path: Path) -> None:
    text = "country: US\nhours:\n  a: {week: {mon-sun: always}, holidays: US, workdays: WHICH}\n"
    dates = made(tmp_path, text.replace("WHICH", "[Columbus Day, Independence Day]"))["a"].dates
    assert "2026-11-26" in dates and not {"2026-10-12", "2026-07-03", "2026-07-04"} & set(dates)
    assert errors(tmp_path, text.replace("WHICH", "Colombus Day")) == [
        "3:56: there is no holiday `Colombus Day` (did you mean `Columbus Day`?)"
    ]
    assert errors(tmp_path, text.replace("WHICH", "[Columbus Day, x]").replace("US,", "[],")) == [
        f"3:{column}: there is no holiday `{name}`"
        " (the names of a country's holidays, in English; the country stands under `holidays`)"
        for column, name in ((57, "Columbus Day"), (71, "x"))
    ]


def test_a_day_with_two_holidays_is_a_workday_only_if_both_are(tmp_path: Path) -> None:
    """17 May 2027 is Norway's Constitution Day and Pentecost Monday; in 2028 they are two days."""
    text = "country: NO\nhours: {a: {week: {mon-sun: always}, holidays: NO, workdays: [WHICH]}}\n"
    one = made(tmp_path, text.replace("WHICH", "Pentecost Monday"))["a"].dates
    assert "2027-05-17" in one and "2028-05-17" in one and "2028-06-05" not in one
    both = made(tmp_path, text.replace("WHICH", "Pentecost Monday, Constitution Day"))["a"].dates
    assert "2027-05-17" not in both and "2028-05-17" not in both


# Warnings

HOLIDAYS = "country: US\nhours: {a: {week: {mon: always}, holidays: [c]}}\nholidays:\n  c: "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OFFICE, []),
        ("hours:\n  a: {week: {mon: closed}}", ["2:3: `a` is never open"]),
        ("hours: {a: {week: {}, holidays: c}}\nholidays: {c: {12-24: 10:00-11:00}}", []),
        (
            "hours: {a: {week: {fri: 22:00-06:00, sat: 05:59-10:00}}}",
            ["1:13: fri 22:00-06:00 goes on into sat 05:59-10:00 (the times of both days overlap)"],
        ),
        ("hours: {a: {week: {sun: 22:00-06:00, mon: 06:00-10:00}}}", []),
        ("holidays:\n  c: {12-24: closed}", ["2:3: no hours name the holidays `c`"]),
        (HOLIDAYS + "{2026-01-02: closed}", []),
        (
            HOLIDAYS + "{12-31: closed, 2025-12-24: closed, 2024-12-24: closed}",
            ["4:22: `2025-12-24` and 1 more dates: this year is over (write the new dates, or `12-24` for every year)"],
        ),
        (HOLIDAYS + "{2025-12-24..2026-01-02: closed}", []),
        (
            HOLIDAYS + "{2024-12-24..2025-01-02: closed}",
            [
                "4:7: `2024-12-24..2025-01-02`: this year is over"
                " (write the new dates, or `12-24..01-02` for every year)"
            ],
        ),
        (
            "hours: {a: {time_zone: America/New_York, week: {mon: always}, holidays: c}}\n"
            "holidays: {c: {2026-03-08: [02:00-03:00, 01:00-01:30], 2027-03-14: 02:00-03:01, 03-08: 02:00-03:00}}",
            ["2:29: these times never come: the clocks are put forward over them (in America/New_York)"],
        ),
        (
            "hours: {a: {time_zone: America/New_York, week: {mon: always}, holidays: c}}\n"
            "holidays: {c: {2026-03-08..2026-03-09: 02:00-03:00}}",
            [],
        ),
        (
            "hours: {a: {week: {mon: always}, holidays: [US, c]}}\nholidays: {c: {12-25: closed}}",
            ["1:49: every day of `c` is one of the holidays before it, which hold (list it first)"],
        ),
        ("hours: {a: {week: {mon: always}, holidays: [US, c]}}\nholidays: {c: {}}", []),
    ],
)
def test_what_is_surely_not_meant(tmp_path: Path, text: str, said: list[str]) -> None:
    assert warnings(tmp_path, text) == said


def test_the_end_of_what_is_known_is_told_in_time(tmp_path: Path) -> None:
    text = "hours: {a: {week: {mon: always}, holidays: [US, c]}}\nholidays: {c: {07-05: closed}}"
    last = SPAN[-1]
    assert warnings(tmp_path, text, date(last - 1, 12, 31)) == []
    assert [each.partition(" ")[2] for each in warnings(tmp_path, text, date(last, 1, 1))] == [
        f"of `US` nothing is known after {last} (write the dates under `holidays`)",
        f"of `c` nothing is known after {last} (write the dates under `holidays`)",
    ]


def test_the_lint_of_the_whole_configuration_has_them(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("country: US\nhours: {a: {week: {}}}\n")
    assert "`a` is never open" in [each.message for each in compile(file, {}).warnings]


def test_the_guide_says_what_is_so(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/hours.md").read_text(), re.DOTALL)
    hours = made(tmp_path, text)
    assert hours["bar"].week[3] == ((1020, 1560),)
    assert "2026-10-12" not in hours["support"].dates
    assert warnings(tmp_path, text) == []


def test_nobody_knows_a_country_that_is_none() -> None:
    with pytest.raises(LookupError):
        calendars.public_holidays("XX")

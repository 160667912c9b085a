"""Routes and rates in YAML and CSV: what carriers send is read, and what is wrong is told by file, line and column."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import csv_values
from config.compile import compile  # noqa: A004
from config.compiled import Compiled
from config.csv_file import MOST_PROBLEMS, field_starts
from config.packed import decode, encode
from config.problems import ConfigError, Wrong
from dialplan.rates import price, shown, units
from dialplan.routes import RouteRule, candidates

AT = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)
BASE = """\
country: US
trunks: {a: {host: 192.0.2.1}, b: {host: 192.0.2.2}}
"""
DECK = BASE + "rate_files: [{file: r.csv, trunk: a, currency: EUR}]\n"
FILE = BASE + "route_files: [{file: r.csv, trunk: b}]\n"


def made(folder: Path, yaml: str, csv: str | bytes = "") -> Compiled:
    (folder / "r.csv").write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    (folder / "c.yaml").write_text(yaml)
    return compile(folder / "c.yaml")


def errors(folder: Path, yaml: str, csv: str | bytes = "") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        made(folder, yaml, csv)
    return [str(each).removeprefix(f"{folder}/") for each in caught.value.problems]


def tried(compiled: Compiled, number: str, draw: float = 0.0) -> list[tuple[str, str]]:
    chosen = candidates(compiled.model.routes, number, AT, draw, rates=compiled.model.rates)
    return [(each.trunk, each.rule) for each in chosen.routes]


# YAML


def test_a_route_in_yaml_with_all_of_its_keys(tmp_path: Path) -> None:
    routes = """\
routes:
  local:
    prefix: ["+1669", "+1 408"]
    trunk: a
    priority: 1
    weight: 3
    cost: 0.012
    strip: 1
    prepend: "9#"
    caller_id: withheld
    failover: [404, 503]
  shown: {prefix: "+33", trunk: a, caller_id: "+16695550100"}
  world: {trunks: [b, a]}
"""
    compiled = made(tmp_path, BASE + routes)
    assert compiled.model.routes.rules[0] == RouteRule(
        id="route:local",
        trunks=("a",),
        priority=1,
        weight=3,
        strip=1,
        prepend="9#",
        withheld=True,
        failover=(404, 503),
    )
    chosen = candidates(compiled.model.routes, "+14085550123", AT)
    assert [each.number for each in chosen.routes] == ["9#4085550123"]
    assert chosen.because == (("route:local", "route 1: a gets 9#4085550123, prefix +1408, 0.012 a minute"),)
    assert candidates(compiled.model.routes, "+33199001234", AT).routes[0].caller == "+16695550100"
    assert tried(compiled, "+442079460123") == [("b", "route:world"), ("a", "route:world")]
    assert compiled.model.origins["route:world"].line == 15


def test_least_cost_and_fall_back_are_switched_on_under_routing(tmp_path: Path) -> None:
    routes = """\
routing: {least_cost: true, fall_back: true}
routes:
  dear: {prefix: "+44", trunk: a, cost: 0.02}
  cheap: {prefix: "+44", trunk: b, cost: "0,01"}
  world: {trunk: a, prepend: "9"}
"""
    compiled = made(tmp_path, BASE + routes)
    assert tried(compiled, "+442079460123") == [("b", "route:cheap"), ("a", "route:dear"), ("a", "route:world")]


YAML_ERRORS = [
    ("routes: {x: {trunk: c}}", "3:21: there is no trunk `c` (possible: `a`, `b`)"),
    ("routes: {x: {trunks: [a, carrier]}}", "3:26: there is no trunk `carrier` (possible: `a`, `b`)"),
    ("routes: {x: {trunks: [a, a]}}", "3:26: trunk `a` is named twice"),
    ("routes: {x: {}}", "3:10: `trunk` is missing in `x`"),
    ("routes: {x: {trunk: a, trunks: [b]}}", "3:21: `trunk` and `trunks` cannot both be there (put the first one"),
    ('routes: {x: {prefix: "0044", trunk: a}}', None),
    ('routes: {x: {prefix: "00442079460", trunk: a}}', "3:22: `prefix`: a prefix begins with + and the country code"),
    (
        'routes: {x: {prefix: "442079460", trunk: a}}',
        "3:22: `prefix`: a prefix begins with + and the country code (write",
    ),
    ('routes: {x: {prefix: ["+44", "+44"], trunk: a}}', "3:30: prefix `+44` stands here twice"),
    ("routes: {x: {trunk: a, hours: office}}", "3:31: there are no opening hours `office`"),
    ("routes: {x: {trunk: a, cost: cheap}}", "3:30: `cost`: this is no amount (such as 0.012)"),
    ("routes: {x: {trunk: a, cost: -1}}", "3:30: `cost`: an amount below nothing"),
    ("routes: {x: {trunk: a, strip: 16}}", "3:31: `strip`: must be from 0 to 15"),
    ("routes: {x: {trunk: a, prepend: x}}", "3:33: `prepend`: what is put in front is made of digits, * and #"),
    (
        "routes: {x: {trunk: a, caller_id: hidden}}",
        "3:35: `caller_id`: an outside number is written with its country code",
    ),
    ("routes: {x: {trunk: a, failover: 200}}", "3:34: `failover`: must be from 400 to 699"),
    ("routes: {x: {trunk: a, prio: 1}}", "3:24: unknown key `prio` (did you mean `priority`?)"),
    ("routing: {least_cost: yes}", "3:23: `least_cost`: must be `true` or `false` (write `true`)"),
    ("route_files: [{trunk: a}]", "3:15: `file` is missing in `route_files`"),
    (
        "route_files: [{file: none.csv, trunk: a}]",
        "3:22: the file none.csv cannot be read: No such file or directory (a",
    ),
    ("route_files: [{file: r.csv, trunk: c}]", "3:36: there is no trunk `c`"),
    ("rate_files: [{file: r.csv}]", "3:14: `currency` is missing in `rate_files`"),
    ("rate_files: [{file: r.csv, currency: euro}]", "3:38: `currency`: a currency has three letters by ISO 4217"),
    (
        "rate_files: [{file: r.csv, currency: EUR, increment: 1m}]",
        "3:54: `increment`: an increment is a number of seconds",
    ),
    (
        "rate_files: [{file: r.csv, currency: EUR, unit_price: 0.1}]",
        "3:55: r.csv has no column `unit` that says how many seconds one lasts",
    ),
    (
        "rate_files: [{file: r.csv, currency: EUR, rounding: nearest}]",
        "3:53: `rounding`: ",
    ),
    (
        "rate_files: [{file: r.csv, currency: EUR}, {file: r.csv, currency: USD}]",
        "3:51: all trunks together have a file of rates already (at ",
    ),
]


@pytest.mark.parametrize(("text", "error"), YAML_ERRORS)
def test_what_is_wrong_in_yaml_is_told_with_its_place(tmp_path: Path, text: str, error: str | None) -> None:
    if error is None:
        made(tmp_path, BASE + text)
        return
    found = errors(tmp_path, BASE + text + "\n", "prefix,rate\n44,1\n")
    assert any(each.startswith(f"c.yaml:{error}") for each in found), found
    assert len(found) == 1, found


def test_hours_of_routes_are_those_of_the_configuration(tmp_path: Path) -> None:
    yaml = (
        FILE.replace("trunk: b", "trunk: b, hours: day")
        + """\
hours: {day: {week: {mon-fri: 08:00-18:00}}, night: {week: {mon-sun: 00:00-24:00}}}
routes: {night: {prefix: "+44", trunk: a, hours: night}}
"""
    )
    compiled = made(tmp_path, yaml, "prefix,hours\n44,\n441,night\n")
    assert {each.hours for each in compiled.model.routes.rules} == {"day", "night"}
    assert set(compiled.model.hours) == {"day", "night"}


# CSV as carriers send it

SAMPLES = {
    "plain": "prefix,rate\n1,0.009\n44,0.01\n4420,0.012\n",
    "a byte order mark and Windows line ends": b"\xef\xbb\xbfPrefix,Rate\r\n44,0.01\r\n4420,0.012\r\n",
    "semicolons and a decimal comma": "Vorwahl;Ziel;Preis\n44;Gro\u00dfbritannien;0,01\n4420;London;0,012\n",
    "a decimal comma in quotes": 'Destination,Dial Code,Rate\n"UK, London",4420,"0,012"\n',
    "tabs": "Dial Code\tRate per minute\tDestination\n4420\t0.012\tUK\n",
    "a letterhead above": "Carrier Ltd,,\n\nPrice list of 1 November,,\nCountry,Code,Price (EUR/min)\nUK,4420,0.012\n",
    "numbers with plus and spaces": "Prefix,Rate\n+44 20,0.012\n",
    "several codes in one field": 'Country,Dial Codes,Rate\nUK,"441, 44 20, 4423",0.012\n',
    "the destination is the prefix": "Description,Destination,Rate,Minimum Duration\nUK,4420,0.012,0\n",
    "currencies in the fields": "Code,Rate\n4420,$0.012\n",
    "an amount and its currency": "Code,Rate\n4420,0.012 EUR\n",
    "columns that are of no use": "Area,LCR,Prefix,Rate,Comment\nx,y,4420,0.012,\n",
    "empty lines and lines of separators": "prefix,rate\n\n,\n4420,0.012\n,\n\n",
    "old Macintosh line ends": "prefix,rate\r4420,0.012\r",
    "no line end at the end": "prefix,rate\n4420,0.012",
    "a new rate to come": "prefix,rate,effective date\n4420,0.012,2026-11-01\n4420,0.5,2026-11-23\n",
    "German dates": "prefix;rate;Gültig ab\n4420;0,012;01.11.2026\n",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_rates_as_carriers_send_them(tmp_path: Path, name: str) -> None:
    compiled = made(tmp_path, DECK, SAMPLES[name])
    rate = compiled.model.rates.rate("a", "+442079460123", AT.date())
    assert rate is not None and (rate.prefix, rate.per_minute, rate.currency) == ("+4420", 12_000, "EUR")
    assert decode(encode(compiled)) == compiled


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_files_as_routes(tmp_path: Path, name: str) -> None:
    compiled = made(tmp_path, FILE, SAMPLES[name])
    ((trunk, rule),) = tried(compiled, "+442079460123")
    file, _, line = rule.partition(":")
    assert (trunk, file) == ("b", "r.csv")
    text = SAMPLES[name]
    told = (text if isinstance(text, str) else text.decode()).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert "20" in told[int(line) - 1]


@pytest.mark.parametrize(
    ("heading", "row", "minimum", "increment", "fee"),
    [
        ("prefix,rate", "44,1", 1, 1, 0),
        ("prefix,rate,Billing Increment", "44,1,60/60", 60, 60, 0),
        ("prefix,rate,Increment", "44,1,6", 6, 6, 0),
        ("prefix,rate,Increment", "44,1,30+6", 30, 6, 0),
        ("prefix,rate,Min,Int,SF", "44,1,30,6,0.05", 30, 6, 50_000),
        ("prefix,rate,Initial interval,Next interval,Connection fee", "44,1,1,1,0.0", 1, 1, 0),
        ("prefix,rate,Minimum Duration", "44,1,0", 0, 1, 0),
    ],
)
def test_minimum_increment_and_fee(
    tmp_path: Path, heading: str, row: str, minimum: int, increment: int, fee: int
) -> None:
    rate = made(tmp_path, DECK, f"{heading}\n{row}\n").model.rates.rate("a", "+4420")
    assert rate is not None
    assert (rate.minimum_s, rate.increment_s, rate.fee) == (minimum, increment, fee)


def test_the_increment_of_the_whole_file(tmp_path: Path) -> None:
    yaml = DECK.replace("EUR", "EUR, increment: 60/6")
    rate = made(tmp_path, yaml, "prefix,rate,name\n44,1,UK\n").model.rates.rate("a", "+4420")
    assert rate is not None
    assert (rate.minimum_s, rate.increment_s, rate.destination, rate.place) == (60, 6, "UK", "r.csv:2")


@pytest.mark.parametrize(
    ("order", "since"), [("day-first", datetime.date(2026, 4, 3)), ("month-first", datetime.date(2026, 3, 4))]
)
def test_dates_with_slashes_are_read_as_the_operator_says(tmp_path: Path, order: str, since: datetime.date) -> None:
    compiled = made(tmp_path, DECK.replace("EUR", f"EUR, dates: {order}"), "prefix,rate,effective\n44,1,03/04/2026\n")
    assert compiled.model.rates.rate("a", "+44", since) is not None
    assert compiled.model.rates.rate("a", "+44", since - datetime.timedelta(days=1)) is None


def test_a_file_of_routes_with_columns_of_its_own(tmp_path: Path) -> None:
    yaml = BASE + "routing: {least_cost: true}\nroute_files: [{file: r.csv, failover: 404, caller_id: withheld}]\n"
    csv = "Prefix,Trunk,Priority,Weight,Cost,Strip,Prepend\n44,a,1,5,0.02,2,0\n44,b,1,5,0.01,,\n*,a,,,,,\n"
    compiled = made(tmp_path, yaml, csv)
    chosen = candidates(compiled.model.routes, "+442079460123", AT).routes
    assert [(each.trunk, each.number, each.rule) for each in chosen] == [
        ("b", "+442079460123", "r.csv:3"),
        ("a", "02079460123", "r.csv:2"),
    ]
    assert all(each.withheld and each.failover == (404,) for each in chosen)
    assert tried(compiled, "+33199001234") == [("a", "r.csv:4")]
    assert [(each.priority, each.weight) for each in compiled.model.routes.rules] == [(1, 5), (1, 5), (0, 1)]


def test_routes_by_the_rates_of_several_carriers(tmp_path: Path) -> None:
    """Their prefixes need not be the same."""
    (tmp_path / "b.csv").write_text("prefix,rate\n4420,0.02\n441,0.001\n")
    yaml = DECK.replace("]\n", ", {file: b.csv, trunk: b, currency: EUR}]\n")
    yaml += "routing: {least_cost: true}\nroutes: {world: {trunks: [b, a]}}\n"
    compiled = made(tmp_path, yaml, "prefix,rate\n44,0.01\n")
    assert [trunk for trunk, _ in tried(compiled, "+442079460123")] == ["a", "b"]
    assert [trunk for trunk, _ in tried(compiled, "+441632960123")] == ["b", "a"]


CSV_ERRORS = [
    (DECK, "code;price\n44;1\n\n0044;1\n", "4:1: a prefix begins with its country code (write `44`)"),
    (DECK, "rate,prefix\n1,020 7946\n", "2:3: a prefix begins with its country code (such as 4420)"),
    (DECK, "rate,prefix\n1,4.42E+11\n", "2:3: a spreadsheet has made another number of this prefix (format the column"),
    (DECK, "rate,prefix\n1,44-45\n", "2:3: `44-45` may be a range (write one line for each prefix)"),
    (DECK, "rate,prefix\n1,London\n", "2:3: a prefix is made of digits (the country code and"),
    (DECK, "rate,prefix\n1,\n", "2:3: a prefix is missing"),
    (DECK, "rate,prefix\n1\n", "2:2: a prefix is missing"),
    (DECK, "rate,prefix\n1,4412345678901234\n", "2:3: a prefix has 15 digits at the most"),
    (DECK, 'name,prefix,rate\n"a, b",44,free\n', "2:11: this is no amount (such as 0.012)"),
    (DECK, 'prefix,rate\n44,"1.234,50"\n', "2:4: this is no amount (without a sign for thousands: 1234.50)"),
    (DECK, "prefix,rate\n44,-0.1\n", "2:4: an amount below nothing"),
    (DECK, "prefix,rate\n44,\n", "2:4: a rate is missing (write 0 where it costs nothing)"),
    (DECK, "prefix,rate\n44,1\n33,1\n44,2\n", "4:1: prefix `+44` has a rate already (at line 2)"),
    (
        DECK,
        "prefix,rate,inc\n44,1\n" * 0 + "prefix,rate,increment\n44,1,1m\n",
        "2:6: an increment is a number of seconds",
    ),
    (DECK, "prefix,unit\n44,60\n", "2:4: nothing says what a charge unit costs (write `unit_price` for the file, or"),
    (DECK, "prefix,unit,unit price\n44,1m,1\n", "2:4: how long a unit lasts, in seconds up to 86400, is wanted here"),
    (DECK, "prefix,unit,unit price\n44,0,1\n", "2:4: how long a unit lasts"),
    (DECK, "prefix,rate,unit,unit price\n44,1,9,1\n", "2:6: a rate for a minute, and a charge unit (leave one of the"),
    (DECK, "prefix,rate,unit,unit price\n44,,,1\n", "2:4: a rate is missing"),
    (DECK, "prefix,rate,increment\n44,1,60/0\n", "2:6: an increment is from 1 to 86400 seconds"),
    (DECK, "prefix,rate,min\n44,1,-1\n", "2:6: a number of seconds is wanted here"),
    (DECK, "prefix,rate,effective\n44,1,03/04/2026\n", "2:6: day and month may stand in either order (write `dates:"),
    (DECK, "prefix,rate,effective\n44,1,31.02.2026\n", "2:6: there is no such day"),
    (DECK, "prefix,rate,effective\n44,1,soon\n", "2:6: this is no date (such as 2026-11-22)"),
    (
        DECK,
        "44,1\n33,2\n",
        "1:1: no heading with a column `prefix` and `rate` (a line above the others names the columns",
    ),
    (DECK, "prefix,rate,rate\n44,1,2\n", "1:8: several columns could be the `rate` (rename those that are not meant)"),
    (DECK, "", "1:1: no heading with a column"),
    (DECK, 'prefix,rate\n44,1\n33,"1\n', "3:1: this line cannot be taken apart (close the quote"),
    (DECK, b"prefix,rate,name\n44,1,ab\xe9\n", "2:8: not UTF-8 (save the file as `CSV UTF-8`)"),
    (FILE, "prefix,rate\n44,1\n33,1\n44,1\n", "4:1: prefix `+44` has a route to b already (at line 2)"),
    (FILE, "prefix,trunk\n44,c\n", "2:4: there is no trunk `c` (possible: `a`, `b`)"),
    (FILE, "prefix,priority\n44,-1\n", "2:4: a whole number from 0 to 65535 is wanted here"),
    (FILE, "prefix,strip\n44,x\n", "2:4: a whole number from 0 to 15 is wanted here"),
    (FILE, "prefix,prepend\n44,x\n", "2:4: what is put in front is made of digits, * and #"),
    (FILE, "prefix,hours\n44,office\n", "2:4: there are no opening hours `office`"),
    (FILE.replace(", trunk: b", ""), "prefix,trunk\n44,a\n33,\n", "3:4: a trunk is missing (name one, or `trunk:`"),
    (FILE.replace(", trunk: b", ""), "prefix\n44\n", "1:1: no heading with a column `prefix` and `trunk`"),
]


@pytest.mark.parametrize(("yaml", "csv", "error"), CSV_ERRORS)
def test_what_is_wrong_in_csv_is_told_with_line_and_column(
    tmp_path: Path, yaml: str, csv: str | bytes, error: str
) -> None:
    found = errors(tmp_path, yaml, csv)
    assert len(found) == 1 and found[0].startswith(f"r.csv:{error}"), found


def test_all_errors_of_a_file_come_at_once_and_its_number_is_bounded(tmp_path: Path) -> None:
    assert len(errors(tmp_path, DECK, "prefix,rate\n44,x\nx,1\n33,1\n0,0\n")) == 3
    found = errors(tmp_path, DECK, "prefix,rate\n" + "x,1\n" * 1000)
    assert len(found) == MOST_PROBLEMS + 1 and "too many errors" in found[-1]


def test_charge_units_and_rounding(tmp_path: Path) -> None:
    """A unit costs so much, and lasts so many seconds for that destination; a row without one goes by time."""
    yaml = DECK.replace("EUR", "EUR, unit_price: 0.06, rounding: half-even, decimals: 2")
    csv = "Prefix;Unit;Unit Price;Rate;Min\n44;60;;;\n33;14,4;0.1;;30\n41;;;0.012;\n"
    rates = made(tmp_path, yaml, csv).model.rates
    found = [rates.rate("a", f"+{code}1") for code in (44, 33, 41)]
    assert [(each.unit, each.unit_ms, each.minimum_s, each.per_minute) for each in found if each is not None] == [
        (60_000, 60_000, 0, 60_000),
        (100_000, 14_400, 30, 416_667),
        (0, 0, 1, 12_000),
    ]
    assert {(each.rounding, each.decimals, each.currency) for each in found if each is not None} == {
        ("half-even", 2, "EUR")
    }
    britain = rates.rate("a", "+441")
    assert britain is not None
    assert [units(britain, each) for each in (0, 0.001, 60, 60.001)] == [0, 1, 1, 2]
    only = made(tmp_path, DECK, "prefix,unit,unit price\n44,60,0.06\n").model.rates.rate("a", "+441")
    assert only is not None
    assert price(only, 61) == 120_000


def test_errors_in_yaml_and_csv_come_together(tmp_path: Path) -> None:
    found = errors(tmp_path, DECK + "lins: {}\n", "prefix,rate\nx,1\n")
    assert [each.split(":")[0] for each in found] == ["c.yaml", "r.csv"]


def test_a_comment_above_the_heading_makes_no_other_version_and_a_rate_does(tmp_path: Path) -> None:
    def version(csv: str) -> tuple[str, str]:
        compiled = made(tmp_path, DECK, csv)
        return compiled.version, compiled.model.version

    first = version("prefix,rate\n44,1\n")
    assert version("Our new prices\n\nprefix,rate\n44,1\n") == first
    assert version("prefix,rate\n44,2\n")[1] != first[1]


def test_the_two_kinds_of_csv_take_50_000_lines_as_compact_tables(tmp_path: Path) -> None:
    """Not one value a row: a text and a number for each prefix, and the rest in bytes."""
    rows = "".join(f"44{n:05},0.0{n % 97:02}\n" for n in range(50_000))
    yaml = DECK + "route_files: [{file: r.csv, trunk: b}]\n"
    compiled = made(tmp_path, yaml, "prefix,rate\n" + rows)
    routes = compiled.model.routes
    assert len(routes.rows) == 50_000 and len(routes.rules) == 1
    assert len(encode(compiled)) < 130 * 50_000  # routes and rates together
    assert tried(compiled, "+4412345678") == [("b", "r.csv:12347")]


# Fields


@given(st.integers(0, 10**12))
def test_an_amount_is_read_as_it_is_shown(micro: int) -> None:
    assert csv_values.amount(shown(micro)) == micro
    assert csv_values.amount(shown(micro).replace(".", ",")) == micro


@given(st.text())
def test_no_field_brings_the_reader_down(text: str) -> None:
    for check in (csv_values.prefixes, csv_values.amount, csv_values.increment, csv_values.seconds):
        try:
            check(text)
        except Wrong as wrong:
            assert wrong.message
    for order in (None, "day-first", "month-first"):
        try:
            csv_values.day(text, order)
        except Wrong as wrong:
            assert wrong.message


@given(st.lists(st.text('ab" ;', max_size=5), min_size=1, max_size=6))
def test_the_place_of_a_field_is_where_it_begins(fields: list[str]) -> None:
    line = ",".join('"' + each.replace('"', '""') + '"' for each in fields)
    starts = field_starts(line, ",")
    assert len(starts) == len(fields)
    assert all(line[start - 1] == '"' and (start == 1 or line[start - 2] == ",") for start in starts)


# What is allowed and surely not meant

LINT = [
    ('routes: {x: {prefix: "+999", trunk: a}, y: {trunk: b}}', "3:22: `+999` never matches: no country code begins so"),
    (
        'routes: {x: {prefix: "1669", trunk: a}, y: {trunk: b}}',
        "3:22: `1669` never matches: it is no service number here",
    ),
    ("routes: {x: {trunks: [b, a]}, y: {trunk: b}}", "3:34: `x` sent any number to the same already"),
    ('routes: {x: {prefix: "+44", trunk: a}}', "2:32: no route leads to trunk `b`"),
    (
        "routing: {least_cost: true}\nroutes: {x: {trunks: [a, b]}}",
        "3:23: `least_cost`: nobody has said what a call costs",
    ),
    ("route_files: [{file: r.csv, trunk: a}]\nroutes: {x: {trunk: b}}", "2:1: `+999` never matches: no country code"),
]


@pytest.mark.parametrize(("text", "warning"), LINT)
def test_what_is_surely_not_meant_is_warned_of(tmp_path: Path, text: str, warning: str) -> None:
    csv = "prefix\n999\n44\n"
    told = [str(each).removeprefix(f"{tmp_path}/") for each in made(tmp_path, BASE + text + "\n", csv).warnings]
    assert len(told) == 1, told
    assert told[0].partition(":")[2].startswith(warning), told


def test_sound_routes_bring_no_warning(tmp_path: Path) -> None:
    routes = """\
routes:
  services: {prefix: ["411", "81"], trunk: a}
  usa: {prefix: "+1", trunks: [a, b]}
  evening: {prefix: "+1", trunk: a, hours: evening}
  world: {trunk: b}
hours: {evening: {week: {mon-sun: 18:00-22:00}}}
"""
    assert made(tmp_path, BASE + routes).warnings == ()

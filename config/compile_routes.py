"""From `routes:` and the CSV files of carriers to the tables that the planner asks.

Fifty thousand lines are read in well under a second: what stands in a field is looked at once and remembered, and a
place is worked out only where something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from config import csv_file, csv_values
from config.compile_rates import rates
from config.csv_fields import PREFIX, RATE, SINCE, Fields
from config.csv_file import Sheet
from config.problems import Problem, Wrong, did_you_mean
from config.schema_routes import Route, RouteFile
from config.validate import Loaded
from dialplan.prefixes import MOST_ROWS
from dialplan.rates import RateTable
from dialplan.routes import UNKNOWN, RouteRule, RouteTable, packed_table

ROUTE_COLUMNS = {
    "prefix": PREFIX,
    "trunk": ("trunk", "carrier", "gateway", "provider"),
    "rate": RATE,
    "priority": ("priority", "prio", "preference"),
    "weight": ("weight", "share"),
    "hours": ("hours",),
    "strip": ("strip",),
    "prepend": ("prepend", "techprefix"),
    "effective date": SINCE,
}


class Outbound(msgspec.Struct):
    """What came of it."""

    routes: RouteTable
    rates: RateTable
    problems: list[Problem]


def outbound(loaded: Loaded) -> Outbound:
    """Read all routes and rates. Never raises; what is wrong is in `problems`."""
    settings = loaded.settings
    problems = list(_references(loaded))
    work = _Routes(loaded, problems)
    for name, route in settings.routes.items():
        work.route(name, route)
    for at, route_file in enumerate(settings.route_files):
        work.file(at, route_file)
    routes = RouteTable()
    if work.rules:
        how = settings.routing
        rules = tuple(work.rules)
        routes = packed_table(rules, work.rows, least_cost=how.least_cost, fall_back=how.fall_back)
    return Outbound(routes, rates(loaded, problems), problems)


def _references(loaded: Loaded) -> Iterator[Problem]:
    """Names that refer to nothing."""
    settings = loaded.settings

    def unknown(what: str, name: str | None, *path: str | int) -> Iterator[Problem]:
        if name and loaded.sound(*path):
            try:
                _known(loaded, what, name)
            except Wrong as wrong:
                yield Problem(wrong.code, loaded.mark(*path), wrong.message, wrong.hint)

    for name, route in settings.routes.items():
        place = ("routes", name)
        yield from unknown("trunks", route.trunk, *place, "trunk")
        for at, trunk in enumerate(route.trunks):
            yield from unknown("trunks", trunk, *place, "trunks", at)
            if trunk in route.trunks[:at]:
                yield Problem("duplicate-name", loaded.mark(*place, "trunks", at), f"trunk `{trunk}` is named twice")
        yield from unknown("hours", route.hours, *place, "hours")
        if route.trunk and route.trunks:
            hint = "put the first one under `trunks`, too"
            yield Problem(
                "conflicting-keys", loaded.mark(*place, "trunk"), "`trunk` and `trunks` cannot both be there", hint
            )
        elif not route.all_trunks and all(loaded.sound(*place, key) for key in ("trunk", "trunks")):
            yield Problem("missing-key", loaded.key_mark(*place), f"`trunk` is missing in `{name}`")
    for at, route_file in enumerate(settings.route_files):
        yield from unknown("trunks", route_file.trunk, "route_files", at, "trunk")
        yield from unknown("hours", route_file.hours, "route_files", at, "hours")
    for at, rate_file in enumerate(settings.rate_files):
        yield from unknown("trunks", rate_file.trunk, "rate_files", at, "trunk")


def _known(loaded: Loaded, section: str, name: str) -> str:
    """The name, if there is such a trunk or such hours. Raises Wrong."""
    if loaded.absent(section, name):
        what = "opening hours" if section == "hours" else section.removesuffix("s")
        message = f"there {'are' if section == 'hours' else 'is'} no {what} `{name}`"
        raise Wrong(message, _near(loaded, section, name), "unknown-name")
    return name


def _near(loaded: Loaded, section: str, name: str) -> str:
    return did_you_mean(name, getattr(loaded.settings, section))


class _Routes:
    """The rows of all routes as they are gathered."""

    def __init__(self, loaded: Loaded, problems: list[Problem]) -> None:
        self.rules: dict[RouteRule, int] = {}
        self.rows: dict[str, list[tuple[int, ...]]] = {}
        self._loaded = loaded
        self._problems = problems

    def _number(self, rule: RouteRule) -> int:
        return self.rules.setdefault(rule, len(self.rules))

    def route(self, name: str, route: Route) -> None:
        """One that stands in YAML."""
        rule = RouteRule(
            id=f"route:{name}",
            trunks=route.all_trunks,
            priority=route.priority,
            weight=route.weight,
            hours=route.hours or "",
            strip=route.strip,
            prepend=route.prepend,
            failover=tuple(route.failover),
            **_shown(route.caller_id),
        )
        row = (self._number(rule), UNKNOWN if route.cost is None else route.cost, 0, 0)
        for at, prefix in enumerate(route.prefix):
            mark = self._loaded.mark("routes", name, "prefix", at)
            if prefix in route.prefix[:at] and self._loaded.sound("routes", name, "prefix", at):
                self._problems.append(Problem("duplicate-route", mark, f"prefix `{prefix}` stands here twice"))
            elif len(self.rows.setdefault(prefix, [])) >= MOST_ROWS:
                self._problems.append(Problem("too-large", mark, f"more than {MOST_ROWS} routes have this prefix"))
            else:
                self.rows[prefix].append(row)

    def file(self, at: int, written: RouteFile) -> None:
        """One CSV file."""
        loaded = self._loaded
        if not loaded.sound("route_files", at, "file"):
            return
        mark = loaded.mark("route_files", at, "file")
        needed = ("prefix",) if written.trunk or not loaded.sound("route_files", at, "trunk") else ("prefix", "trunk")
        sheet = csv_file.read(loaded.folder, written.file, ROUTE_COLUMNS, needed, mark)
        if isinstance(sheet, list):
            self._problems += sheet
            return
        reading = _RouteRows(loaded, written, sheet, self._number)
        rows = self.rows
        seen: dict[tuple[str, str, str, int], int] = {}
        for line, fields in sheet.rows():
            row = reading.row(line, fields)
            if row is None:
                continue
            prefixes, rule, cost, since = row
            number = reading.numbers[rule]
            for prefix in prefixes:
                first = seen.setdefault((prefix, rule[0], rule[3], since), line)
                if first != line:
                    message = f"prefix `{prefix or '*'}` has a route to {rule[0]} already"
                    sheet.wrong("duplicate-route", line, "prefix", message, f"at line {first}")
                    continue
                there = rows.get(prefix)
                if there is None:
                    rows[prefix] = [(number, cost, since, line)]
                elif len(there) < MOST_ROWS:
                    there.append((number, cost, since, line))
                else:
                    sheet.wrong("too-large", line, "prefix", f"more than {MOST_ROWS} routes have this prefix")
        self._problems += sheet.problems


def _shown(caller_id: str | None) -> dict[str, Any]:
    withheld = caller_id == "withheld"
    return {"caller_id": "" if withheld else caller_id or "", "withheld": withheld}


_Rule = tuple[str, int, int, str, int, str]
"""Trunk, priority, weight, hours, strip, prepend: what a row may say itself."""


class _RouteRows:
    def __init__(self, loaded: Loaded, written: RouteFile, sheet: Sheet, number: Callable[[RouteRule], int]) -> None:
        self.numbers: dict[_Rule, int] = {}
        self._loaded = loaded
        self._written = written
        self._fields = Fields(sheet)
        self._number = number
        self._varies = bool({"priority", "weight", "hours", "strip", "prepend", "trunk"} & set(sheet.columns))
        self._usual = (
            written.trunk or "",
            written.priority,
            written.weight,
            written.hours or "",
            written.strip,
            written.prepend,
        )

    def row(self, line: int, fields: list[str]) -> tuple[tuple[str, ...], _Rule, int, int] | None:
        """Prefixes, rule, cost and day of a row; None when something in it is wrong."""
        get = self._fields.get
        prefixes = self._fields.prefixes(line, fields)
        cost = get(line, fields, "rate", csv_values.amount, UNKNOWN)
        since = get(line, fields, "effective date", self._day, 0)
        rule: tuple[Any, ...] = self._usual
        if self._varies:
            trunk, priority, weight, hours, strip, prepend = self._usual
            rule = (
                get(line, fields, "trunk", self._trunk, trunk or None),
                get(line, fields, "priority", lambda text: csv_values.whole(text, 0, 65535), priority),
                get(line, fields, "weight", lambda text: csv_values.whole(text, 0, 65535), weight),
                get(line, fields, "hours", self._hours, hours),
                get(line, fields, "strip", lambda text: csv_values.whole(text, 0, 15), strip),
                get(line, fields, "prepend", _prepend, prepend),
            )
            if rule[0] is None and prefixes is not None:
                self._missing(line, fields)
        if prefixes is None or cost is None or since is None or None in rule:
            return None
        made: _Rule = rule
        if made not in self.numbers:
            self.numbers[made] = self._number(self._rule(made))
        return prefixes, made, cost, since

    def _day(self, text: str) -> int:
        return csv_values.day(text, self._written.dates)

    def _rule(self, made: _Rule) -> RouteRule:
        trunk, priority, weight, hours, strip, prepend = made
        written = self._written
        return RouteRule(
            id=written.file,
            trunks=(trunk,),
            priority=priority,
            weight=weight,
            hours=hours,
            strip=strip,
            prepend=prepend,
            failover=tuple(written.failover),
            **_shown(written.caller_id),
        )

    def _missing(self, line: int, fields: list[str]) -> None:
        """A row without a trunk, where the file has none for all."""
        sheet = self._fields.sheet
        column = sheet.columns.get("trunk")
        if column is None or column >= len(fields) or not fields[column].strip():
            sheet.wrong("missing-key", line, "trunk", "a trunk is missing", "name one, or `trunk:` for the whole file")

    def _trunk(self, text: str) -> str:
        return _known(self._loaded, "trunks", text.strip())

    def _hours(self, text: str) -> str:
        return _known(self._loaded, "hours", text.strip())


def _prepend(text: str) -> str:
    bare = text.strip()
    if not bare.removeprefix("+").translate(str.maketrans("", "", "*#")).isdecimal() or len(bare) > 16:
        raise Wrong("what is put in front is made of digits, * and #")
    return bare

"""Routes that are allowed and surely not meant: prefixes that no number has, routes that add nothing, idle trunks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import phonenumbers

from config.compile_hours import hours_model
from config.problems import Mark, Problem
from config.validate import Loaded
from dialplan.lines import Profile
from dialplan.numbers import Kind, normalise
from dialplan.routes import UNKNOWN, RouteTable

MOST_TOLD = 10
"""Prefixes of files that are told of."""
LONGEST_SERVICE = 6
_CODES = frozenset(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
_BEGINNINGS = frozenset(code[:end] for code in _CODES for end in range(len(code)))


def warnings(loaded: Loaded, routes: RouteTable) -> list[Problem]:
    """All of them. `routes` is what the configuration was compiled to."""
    return [
        *_prefixes(loaded),
        *_in_files(loaded, routes),
        *_twice(loaded),
        *_idle(loaded, routes),
        *_costs(loaded, routes),
        *_never(loaded),
        *_unclaimed(loaded),
    ]


def has_country(prefix: str) -> bool:
    """Whether a country code begins like this prefix in E.164, or is its beginning."""
    digits = prefix.removeprefix("+")
    return digits[:2] in _CODES or digits[:1] in _CODES or digits[:3] in _CODES or digits in _BEGINNINGS


def _prefixes(loaded: Loaded) -> Iterator[Problem]:
    """Those in YAML that can never match."""
    profiles = _profiles(loaded)
    unlike: set[str] = set()
    for name, route in loaded.settings.routes.items():
        for at, prefix in enumerate(route.prefix):
            mark = loaded.mark("routes", name, "prefix", at)
            if prefix.startswith("+"):
                if not has_country(prefix):
                    yield Problem("unreachable-prefix", mark, f"`{prefix}` never matches: no country code begins so")
            elif prefix and (prefix in unlike or not _is_service(prefix, profiles)):
                unlike.add(prefix)
                hint = f"write `+{prefix}`, if that begins with a country code"
                yield Problem(
                    "unreachable-prefix", mark, f"`{prefix}` never matches: it is no service number here", hint
                )
                if len(unlike) >= MOST_TOLD:
                    return


def _profiles(loaded: Loaded) -> list[Profile]:
    settings = loaded.settings
    countries = {settings.country} | {line.country for line in settings.lines.values() if line.country}
    return [Profile(country) for country in sorted(countries)]


def _is_service(prefix: str, profiles: list[Profile]) -> bool:
    """Whether a service number begins like this somewhere: a few digits more are tried out."""
    return any(
        normalise(prefix + "".join(rest), profile).kind is Kind.SERVICE
        for more in range(max(0, LONGEST_SERVICE - len(prefix)) + 1)
        for rest in product("0123456789", repeat=more)
        for profile in profiles
    )


def _in_files(loaded: Loaded, routes: RouteTable) -> Iterator[Problem]:
    """Those in CSV files that can never match."""
    told = 0
    for prefix, numbers in routes.rows.all():
        if has_country(prefix) or not prefix.startswith("+"):
            continue
        for at in numbers:
            line = routes.rows.line(at)
            if line and told < MOST_TOLD:
                told += 1
                file = routes.rules[routes.rows.row(at)[0]].id
                hint = "is the country code left out?"
                mark = Mark(str(loaded.folder / file), line, 1)
                yield Problem("unreachable-prefix", mark, f"`{prefix}` never matches: no country code begins so", hint)


def _twice(loaded: Loaded) -> Iterator[Problem]:
    """A route behind another one that asks the same trunks for the same number at the same time."""
    seen: dict[tuple[object, ...], str] = {}
    for name, route in loaded.settings.routes.items():
        for at, prefix in enumerate(route.prefix):
            first = {
                seen.setdefault((prefix, trunk, route.hours, route.strip, route.prepend), name)
                for trunk in route.all_trunks
            }
            if name not in first:
                told = " and ".join(f"`{each}`" for each in sorted(first))
                whose = f"`{prefix}`" if prefix else "any number"
                mark = loaded.mark("routes", name, "prefix", at)
                yield Problem(
                    "shadowed-route",
                    mark,
                    f"{told} sent {whose} to the same already",
                    "name another trunk, or other hours",
                )


def _idle(loaded: Loaded, routes: RouteTable) -> Iterator[Problem]:
    settings = loaded.settings
    used = {trunk for rule in routes.rules for trunk in rule.trunks} | {settings.default_trunk}
    used |= set(settings.emergency.trunks).union(*(site.emergency.trunks for site in settings.sites.values()))
    if used == {None}:  # nothing goes outside at all, which is somebody's will
        return
    for name in settings.trunks:
        if name not in used:
            hint = "it takes emergency calls when all others have failed, and brings calls in"
            yield Problem("unused-trunk", loaded.key_mark("trunks", name), f"no route leads to trunk `{name}`", hint)


def _costs(loaded: Loaded, routes: RouteTable) -> Iterator[Problem]:
    if not routes or not routes.least_cost or loaded.settings.rate_files:
        return
    if all(routes.rows.row(at)[1] == UNKNOWN for _, numbers in routes.rows.all() for at in numbers):
        hint = "give routes a `cost`, or list `rate_files`"
        yield Problem(
            "unknown-cost",
            loaded.mark("routing", "least_cost"),
            "`least_cost`: nobody has said what a call costs",
            hint,
        )


def _never(loaded: Loaded) -> Iterator[Problem]:
    """Routes for hours that never open."""
    settings = loaded.settings
    if not any(route.hours for route in settings.routes.values()):
        return
    model = hours_model(settings)
    for name, route in settings.routes.items():
        hours = model.get(route.hours or "")
        if hours is not None and not any(hours.week) and not any(each.intervals for each in hours.holidays):
            message = f"route `{name}` is never taken: `{route.hours}` is never open"
            yield Problem("unreachable-route", loaded.mark("routes", name, "hours"), message)


def _unclaimed(loaded: Loaded) -> Iterator[Problem]:
    """Numbers that are shown outside and are none of ours. Carriers refuse them, or the law does."""
    settings = loaded.settings
    if not settings.dids:
        return
    shown = [(("trunks", name, "caller_id"), each.caller_id) for name, each in settings.trunks.items()]
    shown += [(("routes", name, "caller_id"), each.caller_id) for name, each in settings.routes.items()]
    for path, number in shown:
        if number and number != "withheld" and number not in settings.dids:
            hint = f'write `"{number}": []` under `dids`, if it is'
            yield Problem("unclaimed-caller-id", loaded.mark(*path), f"{number} is no number of ours", hint)

"""Calls that show what configurations decide, where there are no past ones: `requests(models, day)`.

Every internal number, code and DID is called, and from every telephone help and a few numbers outside: at home, mobile,
abroad, free of charge, premium. What depends on the time is called at every time of a week at which any hours of any of
the configurations may be otherwise (`ringplan diff`).
"""

from __future__ import annotations

import datetime
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import phonenumbers
from phonenumbers import PhoneNumberType

from dialplan.destinations import To
from dialplan.hours import Hours, zone_of
from dialplan.model import Model
from dialplan.plan import CallRequest

MOST_INSTANTS = 24
MOST_PREFIXES = 200
ABROAD = ("US", "GB", "CU")
CALLER = "+442079460958"
"""Somebody outside, by a number that belongs to nobody."""
_KINDS = (
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
)
_FILLER = "2025550100999"


def requests(models: Sequence[Model], day: datetime.date) -> list[CallRequest]:
    """The calls of all of them, in the week that `day` is in, each once."""
    times = instants(models, day)
    return list(dict.fromkeys(request for model in models for request in _requests(model, times)))


def _requests(model: Model, times: Iterable[datetime.datetime]) -> Iterator[CallRequest]:
    callers = _callers(model)
    trunk = model.default_trunk or next(iter(model.trunks), None)
    prefixes = routed_numbers(model)
    for number, at in enumerate(times):
        for device, line in callers[:1]:
            for digits in (*model.extensions, *model.services, *model.features):
                yield CallRequest(digits=digits, at=at, device=device, line=line)
        if trunk is not None:
            yield from _from_outside(model, trunk, at)
        # Who may call whom does not depend on the time; routes do, but hardly on who calls.
        sites = _of_each_site(model, callers)
        for device, line in callers if number == 0 else sites:
            yield CallRequest(digits=_help(model, device), at=at, device=device, line=line)
            for digits in kinds_of_numbers(model, line):
                yield CallRequest(digits=digits, at=at, device=device, line=line)
        for device, line in sites:
            for digits in prefixes:
                yield CallRequest(digits=digits, at=at, device=device, line=line)


def instants(models: Sequence[Model], day: datetime.date) -> list[datetime.datetime]:
    """An instant between any two at which some hours may change, the usual working time first."""
    monday = day - datetime.timedelta(days=day.weekday())
    zones: dict[str, list[Hours]] = {}
    for model in models:
        usual = usual_zone(model)
        zones.setdefault(usual, [])
        for hours in model.hours.values():
            zones.setdefault(hours.time_zone or usual, []).append(hours)
    found = [_at(monday, 10 * 60 + 30, zone) for zone in zones][:1]
    for zone, several in zones.items():
        found += [_at(when, minute, zone) for when, minute in _times(several, monday)]
    return list(dict.fromkeys(found))[:MOST_INSTANTS]


def kinds_of_numbers(model: Model, line: str) -> list[str]:
    """A number outside of each kind, as seen from a line."""
    profile = model.lines[line].profile if line in model.lines else model.profile
    found = [number for kind in _KINDS if (number := _example(profile.country, kind))]
    found += [number for country in ABROAD if (number := _example(country, PhoneNumberType.FIXED_LINE))]
    return list(dict.fromkeys(found))


def routed_numbers(model: Model) -> list[str]:
    """A number for each prefix of the routes, or for MOST_PREFIXES of them."""
    prefixes = [prefix for prefix, _ in model.routes.rows.all() if prefix[:1] == "+"] if model.routes else []
    step = 1 + len(prefixes) // MOST_PREFIXES
    return [_whole(prefix) for prefix in prefixes[::step]]


def _callers(model: Model) -> list[tuple[str, str]]:
    """Every telephone that can call, and its first line."""
    return [(device.id, device.lines[0]) for device in model.devices.values() if device.lines]


def _of_each_site(model: Model, callers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first telephone of each site."""
    found: dict[str, tuple[str, str]] = {}
    for device, line in callers:
        site = model.devices[device].site or (model.lines[line].site if line in model.lines else "")
        found.setdefault(site, (device, line))
    return list(found.values())


def _from_outside(model: Model, trunk: str, at: datetime.datetime) -> Iterator[CallRequest]:
    """Somebody calls every DID; so does a VIP of whoever is called."""
    for did, to in model.dids.items():
        yield CallRequest(digits=did, at=at, trunk=trunk, caller_number=CALLER)
        line = model.lines.get(to.name) if to.kind is To.USER else None
        vip = line.vip if line is not None else None
        contact = min((each for each in vip.contacts if each[:1] == "+"), default="") if vip is not None else ""
        if contact:
            yield CallRequest(digits=did, at=at, trunk=trunk, caller_number=contact, attested=True)
    for did in sorted(model.claimed - model.dids.keys()):
        yield CallRequest(digits=did, at=at, trunk=trunk, caller_number=CALLER)


def _help(model: Model, device: str) -> str:
    return model.emergency.places.get(device, model.emergency.elsewhere).main


def usual_zone(model: Model) -> str:
    """That of most lines."""
    counted = Counter(line.time_zone for line in model.lines.values())
    return counted.most_common(1)[0][0] if counted else "UTC"


def _times(several: Sequence[Hours], monday: datetime.date) -> Iterator[tuple[datetime.date, int]]:
    """Days of the week that differ from one another, and of each a minute between any two edges; and the next days that
    are otherwise."""
    seen = set()
    for weekday in range(7):
        weeks = tuple(hours.week[weekday] for hours in several)
        if weeks not in seen:
            seen.add(weeks)
            edges = {edge % 1440 for intervals in weeks for interval in intervals for edge in interval}
            for start, end in itertools.pairwise(sorted({0, 1440, *edges})):
                yield monday + datetime.timedelta(days=weekday), (start + end) // 2
    coming = sorted({date for hours in several for date in hours.dates if date >= monday.isoformat()})
    for date in coming[:4]:
        yield datetime.date.fromisoformat(date), 12 * 60


def _at(day: datetime.date, minute: int, zone: str) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(minute // 60, minute % 60), zone_of(zone))


@functools.cache
def _example(country: str, kind: int) -> str:
    number = phonenumbers.example_number_for_type(country, kind) if country else None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number is not None else ""


def _whole(prefix: str) -> str:
    """A number that begins so; it is long enough for most countries."""
    return prefix + _FILLER[: max(12 - len(prefix), 4)]

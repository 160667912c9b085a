"""What is allowed in a configuration but is surely not meant. Warnings never stop an exchange."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from config import addresses, lint_calls, lint_hours, lint_routes, lint_sounds, lint_unused
from config.compile_called import extensions, numbered
from config.fitting_numbers import range_warnings, slots
from config.fitting_people import people_warnings, targets
from config.fitting_tls import tls_warnings
from config.inherit import Levels
from config.problems import Mark, Problem
from config.schema import Configuration
from config.validate import Loaded
from dialplan import codes
from dialplan.countries import emergency_numbers, main_emergency
from dialplan.destinations import To
from dialplan.emergency import prefixes
from dialplan.lines import Profile
from dialplan.numbers import Kind, normalise
from dialplan.routes import RouteTable

SHORTEST_SECRET = 12
_OPERATOR = "0"


def warnings(loaded: Loaded, levels: Levels, routes: RouteTable) -> list[Problem]:
    """All of them, in the order of the rules below. The configuration has no errors; `routes` are what came of its own
    and of CSV files."""
    found: list[Problem] = []
    found += _emergency_numbers(loaded, levels)
    found += _subscriber_numbers(loaded, levels)
    found += people_warnings(loaded, levels)
    found += range_warnings(loaded)
    rules = (_lines, _emergency_trunk, _prefix, addresses.lint, _secrets)
    for rule in (*rules, _guard, tls_warnings, lint_hours.warnings):
        found.extend(rule(loaded))
    found += lint_calls.warnings(loaded, levels)
    found += lint_unused.warnings(loaded, levels, routes)
    found += lint_routes.warnings(loaded, routes)
    found += lint_sounds.warnings(loaded)
    return found


def _internal(settings: Configuration) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every internal number and where it stands."""
    for section, name, number in numbered(settings):
        yield number, (section, name, "extension")
    for section in ("extensions", "services"):
        for number in getattr(settings, section):
            yield number, (section, number)
    for name, lot in settings.park_lots.items():
        for number in slots(*lot.slots):
            yield number, ("park_lots", name, "slots")


def _profiles(levels: Levels) -> set[Profile]:
    """Where anybody may dial from."""
    settings = levels.settings
    own = {Profile(settings.country, settings.area_code or "")}
    for section in ("users", "lines"):
        for name in getattr(settings, section):
            own.add(Profile(*levels.place_of(name)))
    return own


def _emergency_numbers(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    settings = loaded.settings
    countries = {p.country for p in _profiles(levels)} | {d.country for d in settings.devices.values() if d.country}
    extra = {*settings.emergency.extra, *(each for site in settings.sites.values() for each in site.emergency.extra)}
    known = {}
    for country in sorted(countries):
        plain = emergency_numbers(country) | extra
        before = prefixes(settings.outside_prefix or "", main_emergency(country))
        known[country] = {prefix + number for prefix in before for number in plain}
    for number, path in _internal(settings):
        for country, numbers in known.items():
            if number in numbers:
                message = f"{number} is an emergency number in {country}, so it can never be dialled as an extension"
                yield Problem("shadowed-emergency", _at(loaded, path), message)
                break
    yield from _emergency_codes(loaded, known)


def _emergency_codes(loaded: Loaded, known: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Feature codes that can never be used, as what is dialled calls for help, and those that somebody dials in need
    who puts a star before everything."""
    features = loaded.settings.features
    before = tuple(code for code, name in features.items() if name in codes.CALLER_ID)
    for code, feature in features.items():
        last = code.rpartition("#")[2]
        shown = {last, *(last.removeprefix(each) for each in before if each != code and last.startswith(each))}
        for country, numbers in known.items():
            if shown & numbers:
                message = f"`{code}` calls for help in {country}, so it can never be used"
            elif last.startswith("*") and last[1:] in numbers:
                message = f"`{code}` is an emergency number in {country} behind a star: who dials it gets `{feature}`"
            else:
                continue
            hint = "choose another code"
            yield Problem("shadowed-emergency", loaded.key_mark("features", code), message, hint)
            break


def _subscriber_numbers(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """NUM-7: the extension wins, which shall be known. So it is with 0, which rings the site's operator (K.5)."""
    leads = extensions(loaded.settings)
    sites = [name for name, each in loaded.settings.sites.items() if each.operator not in (None, leads.get(_OPERATOR))]
    profiles = sorted(_profiles(levels), key=lambda p: (p.country, p.area_code))
    for number, path in _internal(loaded.settings):
        if number == _OPERATOR and sites:
            message = f"{number} is also the operator of site `{sites[0]}`, who cannot be dialled so"
            yield Problem("hidden-number", _at(loaded, path), message, "give another extension")
            continue
        for profile in profiles:
            other = normalise(number, profile)
            if other.kind is Kind.E164 or (
                other.kind is Kind.SERVICE and number not in emergency_numbers(profile.country)
            ):
                message = f"{number} is also an outside number ({other.value}), which cannot be dialled so"
                yield Problem(
                    "hidden-number", _at(loaded, path), message, f"in {profile.country} {profile.area_code}".strip()
                )
                break


def _lines(loaded: Loaded) -> Iterator[Problem]:
    settings = loaded.settings
    carried = {line for device in settings.devices.values() for line in device.lines}
    reached = {line for each in settings.extensions.values() for line in each.lines}
    reached |= {to.name for leads in settings.dids.values() for to in leads if to.kind is To.USER}
    reached |= {each.user for group in settings.ring_groups.values() for each in group.members}
    reached |= {name for queue in settings.queues.values() for name in queue.members}
    reached |= {to.name for to, _ in targets(settings) if to.kind is To.USER}
    for name in settings.users:
        if name not in carried:
            message = f"no device carries user `{name}`, who can never be rung"
            yield Problem("no-device", _at(loaded, ("users", name)), message, "a telephone under `devices` has `lines`")
    for name, line in settings.lines.items():
        if name not in carried:
            yield Problem(
                "no-device", _at(loaded, ("lines", name)), f"no device carries line `{name}`, so it can never ring"
            )
        elif not line.extension and name not in reached:
            message = f"nobody can call line `{name}`"
            yield Problem(
                "unreachable-line", _at(loaded, ("lines", name)), message, "it has no extension, DID or ring list"
            )


def _emergency_trunk(loaded: Loaded) -> Iterator[Problem]:
    settings = loaded.settings
    if settings.devices and not settings.trunks:
        message = "emergency calls cannot be made: there is no carrier under `trunks:`"
        where = next((each for each in ("trunks", "emergency", "country") if each in loaded.tree.entries), "devices")
        yield Problem("no-trunk", _at(loaded, (where,)), message, "until there is one they are refused with 503")


def _prefix(loaded: Loaded) -> Iterator[Problem]:
    prefix = loaded.settings.outside_prefix
    if not prefix:
        return
    for number, path in _internal(loaded.settings):
        if number.startswith(prefix):
            yield Problem(
                "hidden-prefix",
                _at(loaded, path),
                f"{number} begins with the outside prefix {prefix}; the extension wins",
            )


def _guard(loaded: Loaded) -> Iterator[Problem]:
    for at, network in enumerate(loaded.settings.guard.allow):
        if network.endswith("/0"):
            yield Problem(
                "guard-open",
                loaded.mark("guard", "allow", at),
                "`allow`: these are all addresses: nobody is ever banned",
            )


def _secrets(loaded: Loaded) -> Iterator[Problem]:
    settings = loaded.settings
    secrets = [
        (device.secret, device.username or name, ("devices", name, "secret"))
        for name, device in settings.devices.items()
    ]
    # A carrier's password is the carrier's choice.
    written = [
        ("trunks", name, "secret") for name, each in settings.trunks.items() if each.secret and each.secret.literal
    ]
    for secret, user, path in secrets:
        if not secret.literal:
            continue
        written.append(path)
        if len(secret.written) < SHORTEST_SECRET or secret.written == user:
            hint = f"{SHORTEST_SECRET} characters at the least, chosen at random"
            yield Problem("weak-secret", _at(loaded, path), "this secret is easily guessed", hint)
    for file in sorted({loaded.mark(*path).file for path in written}):
        if _world_readable(Path(file)):
            yield Problem(
                "readable-secret",
                loaded.tree.mark,
                f"everybody can read {file}, which holds secrets",
                f"chmod 0640 {file}",
            )


def _world_readable(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _at(loaded: Loaded, path: tuple[str, ...]) -> Mark:
    return loaded.mark(*path) if path[-1] in ("extension", "secret", "slots") else loaded.key_mark(*path)

"""The lowest internal number of a site that is free (EXT-4).

It is nobody's yet and could be dialled by everybody there: it is no park slot, no emergency number, nothing that means
a number outside, and does not begin with the outside prefix. Feature codes begin with * or #, so they are never met.
"""

from __future__ import annotations

from config.compile_called import numbered
from config.fitting_numbers import slots
from config.inherit import Levels
from config.problems import Wrong, did_you_mean
from config.validate import Loaded
from dialplan.areas import area_of
from dialplan.countries import emergency_numbers
from dialplan.emergency import NINE
from dialplan.lines import Profile
from dialplan.numbers import Kind, normalise


def extension(loaded: Loaded, site: str) -> str:
    """The number. Raises Wrong with what to write where there is none."""
    settings = loaded.settings
    place = settings.sites.get(site)
    if place is None:
        raise Wrong(f"there is no site `{site}`", did_you_mean(site, settings.sites))
    if place.extensions is None:
        raise Wrong(f"site `{site}` has no range of internal numbers", f"write `extensions: 200-299` at `{site}`")
    levels = Levels(loaded)
    country, area = levels.place(levels.shared(site), site)
    profile = Profile(country, area_of(area, country))
    taken = {number for _, _, number in numbered(settings)} | set(settings.extensions) | set(settings.services)
    taken |= {number for lot in settings.park_lots.values() for number in slots(*lot.slots)}
    taken |= set(settings.emergency.extra) | _emergency(levels)
    prefix = settings.outside_prefix
    for number in slots(*place.extensions):
        hidden = prefix is not None and number.startswith(prefix)
        if number not in taken and not hidden and normalise(number, profile).kind not in (Kind.E164, Kind.SERVICE):
            return number
    first, last = place.extensions
    raise Wrong(f"no number from {first} to {last} is free", f"make the range of `{site}` larger")


def _emergency(levels: Levels) -> set[str]:
    """Those of every country that anybody is in."""
    settings = levels.settings
    countries = {settings.country, *(device.country for device in settings.devices.values() if device.country)}
    countries |= {levels.shared(site).get("country") for site in settings.sites}
    countries |= {levels.of(name).get("country") for section in (settings.users, settings.lines) for name in section}
    extra = {number for site in settings.sites.values() for number in site.emergency.extra}
    found = extra.union(*(emergency_numbers(country) for country in countries if country))
    return found | {NINE + number for number in found}

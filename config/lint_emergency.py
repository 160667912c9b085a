"""What is allowed about emergency calls and surely not meant. One finding tells of many telephones: of the first one,
and how many more."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Problem
from config.validate import Loaded
from dialplan.emergency import NORTH_AMERICA
from dialplan.model import Emergency, EmergencyPlace


def warnings(loaded: Loaded, table: Emergency) -> Iterator[Problem]:
    """All of them. Without a trunk nobody can call for help at all, which is told elsewhere."""
    settings = loaded.settings
    if settings.trunks:
        yield from _without_address(loaded, table)
        yield from _without_number(loaded, table)
    yield from _unused(loaded, table)
    yield from _without_mail(loaded, table)


def _without_address(loaded: Loaded, table: Emergency) -> Iterator[Problem]:
    lost = [name for name, place in table.places.items() if not place.address]
    if lost:
        message = f"nobody knows where to send help to {_several(lost)}"
        hint = "write it under `addresses`, and name it: `sites: NAME: address`, or `emergency: address`"
        yield Problem("no-address", loaded.key_mark("devices", lost[0]), message, hint)


def _without_number(loaded: Loaded, table: Emergency) -> Iterator[Problem]:
    """In North America who called for help is called back by the number that was shown."""
    dids = loaded.settings.dids
    lost = []
    for name, place in table.places.items():
        shown = {place.caller_id or table.caller_ids.get(trunk, "") for trunk in _trunks(table, place)}
        if place.main == NORTH_AMERICA and not all(number in dids for number in shown):
            lost.append(name)
    if lost:
        message = f"the emergency service cannot call back who calls from {_several(lost)}"
        hint = "give the address, the line or the trunk a `caller_id` that is one of `dids`"
        yield Problem("no-callback", loaded.key_mark("devices", lost[0]), message, hint)


def _trunks(table: Emergency, place: EmergencyPlace) -> tuple[str, ...]:
    return place.trunks or table.trunks


def _unused(loaded: Loaded, table: Emergency) -> Iterator[Problem]:
    used = {place.address for place in table.places.values()}
    settings = loaded.settings
    named = {each.address for section in ("sites", "users", "devices") for each in getattr(settings, section).values()}
    for name in settings.addresses:
        if name not in used and name not in named and name != settings.emergency.address:
            message = f"no telephone is at address `{name}`"
            yield Problem("unused", loaded.key_mark("addresses", name), message, "name it, or take it away")


def _without_mail(loaded: Loaded, table: Emergency) -> Iterator[Problem]:
    settings = loaded.settings
    told = [("emergency",)] if any("@" in each for each in settings.emergency.notify) else []
    for name, site in settings.sites.items():
        if any("@" in each for each in site.emergency.notify):
            told.append(("sites", name, "emergency"))  # type: ignore[arg-type]
    if told and settings.mail is None:
        message = "nobody can be told by e-mail: there is no `mail:`"
        yield Problem("no-mail", loaded.mark(*told[0], "notify"), message, "write how it is sent under `mail`")


def _several(names: list[str]) -> str:
    more = len(names) - 1
    return f"device `{names[0]}`" + (f" and {more} more" if more else "")

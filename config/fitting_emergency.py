"""What must fit together about emergency calls: addresses, whom they show, the trunks that are named, who is told."""

from __future__ import annotations

from collections.abc import Iterator

from config.fitting_names import Names
from config.problems import Problem
from config.schema_emergency import Address, SiteEmergency
from config.validate import Loaded


def emergency_problems(loaded: Loaded) -> Iterator[Problem]:
    """All of them."""
    settings, names = loaded.settings, Names(loaded)
    yield from names.of("addresses", "address", settings.emergency.address, "emergency", "address")
    yield from _calls(loaded, names, settings.emergency, "emergency")
    for name, site in settings.sites.items():
        yield from names.of("addresses", "address", site.address, "sites", name, "address")
        yield from _calls(loaded, names, site.emergency, "sites", name, "emergency")
    for name, user in settings.users.items():
        yield from names.of("addresses", "address", user.address, "users", name, "address")
    for name, device in settings.devices.items():
        yield from names.of("addresses", "address", device.address, "devices", name, "address")
    for name, address in settings.addresses.items():
        if loaded.sound("addresses", name):
            yield from _address(loaded, name, address)
    yield from _mail(loaded)


def _calls(loaded: Loaded, names: Names, each: SiteEmergency, *path: str) -> Iterator[Problem]:
    for key, what in (("trunks", "trunk"), ("notify", "")):
        seen = set()
        for at, name in enumerate(getattr(each, key)):
            place: tuple[str | int, ...] = (*path, key, at)
            if not loaded.sound(*place):
                continue
            if name in seen:
                yield Problem("duplicate-name", loaded.mark(*place), f"{what} `{name}` is named twice".lstrip())
            elif what:
                yield from names.of("trunks", what, name, *place)
            elif "@" not in name:
                yield from names.line(name, *place)
            seen.add(name)


def _address(loaded: Loaded, name: str, each: Address) -> Iterator[Problem]:
    mark = loaded.key_mark("addresses", name)
    keys = ("street", "building", "city", "latitude", "longitude")
    if not all(loaded.sound("addresses", name, key) for key in keys):
        return
    if (each.latitude is None) is not (each.longitude is None):
        missing = "longitude" if each.longitude is None else "latitude"
        yield Problem("missing-key", mark, f"`{missing}` is missing in `{name}`", "a point on the map has both")
    if not (each.street or each.building or each.latitude) or not (each.city or each.latitude):
        key = "city" if each.street or each.building else "street"
        yield Problem("missing-key", mark, f"`{key}` is missing in `{name}`", "nobody finds the way there")
    number = each.caller_id if loaded.sound("addresses", name, "caller_id") else None
    if number and number not in loaded.settings.dids and loaded.whole and loaded.sound("dids"):
        hint = f'whoever calls back must reach you: write `"{number}": []` under `dids`'
        where = loaded.mark("addresses", name, "caller_id")
        yield Problem("foreign-caller-id", where, f"`caller_id`: {number} is no number of ours", hint)


def _mail(loaded: Loaded) -> Iterator[Problem]:
    mail = loaded.settings.mail
    if mail is None or not loaded.sound("mail", "username") or not loaded.sound("mail", "secret"):
        return
    mark = loaded.key_mark("mail")
    if mail.username and mail.secret is None:
        yield Problem("missing-key", mark, "`secret` is missing in `mail`", "the password of `username`")
    if mail.secret is not None and not mail.username:
        yield Problem("missing-key", mark, "`username` is missing in `mail`", "whose `secret` it is")
    if mail.secret is not None and mail.tls == "never":
        hint = "write `tls: start`, or `tls: always`"
        where = loaded.mark("mail", "tls")
        yield Problem("conflicting-keys", where, "`tls: never` would send the password for all to read", hint)

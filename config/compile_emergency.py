"""The emergency table: of every telephone where it is, by which numbers help is called there, who is told (EMG)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from config.compiled import MailSettings
from config.inherit import Levels
from config.schema import Configuration
from config.schema_emergency import Address, Mail
from config.schema_people import Device as DeviceSection
from dialplan import emergency
from dialplan.codes import CALLER_ID
from dialplan.countries import main_emergency
from dialplan.destinations import To
from dialplan.lines import Line
from dialplan.model import CivicAddress, Device, Emergency, EmergencyPlace

SUBMISSION = 587
SUBMISSION_TLS = 465


def emergency_table(
    settings: Configuration, levels: Levels, lines: Mapping[str, Line], devices: Mapping[str, Device]
) -> Emergency:
    """All that emergency calls are decided by."""
    extra, default = settings.emergency.extra, [settings.default_trunk] if settings.default_trunk else []
    addresses = {name: _address(each, settings.country) for name, each in settings.addresses.items()}
    direct = {to[0].name: number for number, to in settings.dids.items() if len(to) == 1 and to[0].kind is To.USER}
    by_device = emergency.places(devices, lines, extra)
    by_site = {name: _at_site(settings, name, default) for name in {each.site for each in devices.values()}}
    places = {}
    for name, place in by_device.items():
        device, site = devices[name], by_site[devices[name].site]
        address = address_of(settings, levels, name, device)
        first = device.lines[0] if device.lines else ""
        shown = addresses[address].caller_id if address in addresses else ""
        places[name] = replace(
            place,
            numbers=place.numbers | site.numbers,
            address=address,
            caller_id=shown or place.caller_id or direct.get(first, ""),
            notify=site.notify,
            trunks=site.trunks,
            device=settings.devices[name].name or name,
        )
    return Emergency(
        places=places,
        elsewhere=EmergencyPlace(
            numbers=emergency.numbers_of([settings.country], extra),
            main=main_emergency(settings.country),
            notify=_notified(settings, settings.emergency.notify),
        ),
        trunks=tuple(dict.fromkeys([*settings.emergency.trunks, *default, *settings.trunks])),
        caller_ids={name: each.caller_id for name, each in settings.trunks.items() if each.caller_id},
        prefix=settings.outside_prefix or "",
        codes=tuple(
            sorted((code for code, name in settings.features.items() if name in CALLER_ID), key=len, reverse=True)
        ),
        numbers=frozenset().union(*(place.numbers for place in places.values())),
        addresses=addresses,
    )


def _at_site(settings: Configuration, name: str, default: list[str]) -> EmergencyPlace:
    """What holds at a site, for every telephone there. Its trunks come first, then the account's, then all others."""
    account, site = settings.emergency, settings.sites.get(name)
    own = site.emergency if site is not None else None
    first = own.trunks if own is not None else []
    return EmergencyPlace(
        numbers=frozenset(own.extra if own is not None else ()),
        notify=_notified(settings, [*(own.notify if own is not None else ()), *account.notify]),
        trunks=tuple(dict.fromkeys([*first, *account.trunks, *default, *settings.trunks])) if first else (),
    )


def _notified(settings: Configuration, words: list[str]) -> tuple[str, ...]:
    """Who is told, and how: a user's telephones ring, and there is an e-mail to whoever has an address."""
    found = []
    for word in words:
        if "@" in word:
            found.append(f"mail:{word}")
            continue
        found.append(f"line:{word}")
        user = settings.users.get(word)
        if user is not None and user.email:
            found.append(f"mail:{user.email}")
    return tuple(dict.fromkeys(found))


def address_of(settings: Configuration, levels: Levels, name: str, device: Device) -> str:
    """Where a device is: its own address, else its user's, else its site's (EMG-4). One that stands at another site
    than its user's is not where the user is."""
    written: DeviceSection = settings.devices[name]
    if written.address:
        return written.address
    user = settings.users.get(device.lines[0]) if device.lines else None
    if user is not None and user.address and device.site == levels.site_of(device.lines[0]):
        return user.address
    site = settings.sites.get(device.site)
    return (site.address if site is not None else settings.emergency.address) or ""


def _address(each: Address, country: str) -> CivicAddress:
    return CivicAddress(
        country=each.country or country,
        state=each.state,
        city=each.city,
        street=each.street,
        number=each.number,
        building=each.building,
        floor=each.floor,
        room=each.room,
        postal_code=each.postal_code,
        name=each.name,
        latitude=each.latitude or "",
        longitude=each.longitude or "",
        caller_id=each.caller_id or "",
    )


def mail(each: Mail, secret: str) -> MailSettings:
    """How e-mail is sent."""
    return MailSettings(
        host=each.host,
        port=each.port or (SUBMISSION_TLS if each.tls == "always" else SUBMISSION),
        sender=each.sender,
        user=each.username or "",
        secret=secret,
        tls=each.tls,
    )

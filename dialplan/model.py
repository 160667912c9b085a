"""The compiled model: all that the planner may know about the exchange, as plain values.

`config.compile` makes it from the operator's YAML, once per version. It holds no secrets and no addresses, so it can be
printed, stored beside the records that name its version, and handed to `explain` offline. Everything that a decision
can name has an `Origin`, so that "because" can be shown as the operator's own file and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from dialplan.destinations import Destination
from dialplan.groups import AccountCode, Attendant, Conference, Mailbox, ParkLot, Queue, RingGroup, Site
from dialplan.hours import Hours
from dialplan.lines import BusyLamp as BusyLamp
from dialplan.lines import Line as Line
from dialplan.lines import Profile as Profile
from dialplan.lines import Quotas
from dialplan.rates import NO_RATES, RateTable
from dialplan.routes import NO_ROUTES, RouteTable


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the operator wrote a rule. `line` counts from 1; 0 when the rule is built in."""

    file: str
    line: int
    text: str


class Device(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A telephone (IDN-1). `country` is where it stands: it decides its emergency numbers together with its line's."""

    id: str
    lines: tuple[str, ...]
    country: str
    site: str = ""


class Service(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A number that the exchange answers itself. `source` is `echo` or what `Announce` plays (`tone:HZ`,
    `file:NAME`).
    """

    number: str
    source: str


class TrunkRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the planner must know of a carrier.

    `numbers_in` is the form in which it writes called numbers (`dialplan.forms`); in which form it wants them is the
    switch's affair. `caller_id` is what is shown of lines without one of their own. `extensions` allows calls from the
    carrier to internal numbers, not to DIDs alone (IDN-3). `foreign_callers`: numbers that are not ours may be shown
    there (FWD-11). `profile` reads numbers that it sends in national form.
    """

    id: str
    numbers_in: str = "auto"
    caller_id: str = ""
    extensions: bool = False
    foreign_callers: bool = False
    profile: Profile


class CivicAddress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Where help is to go, in the parts of RFC 5139; `latitude` and `longitude` are degrees (WGS 84), empty for none.
    `name` is who is there. `caller_id` is the number that the carrier knows the address by (EMG-1)."""

    country: str
    state: str = ""
    city: str = ""
    street: str = ""
    number: str = ""
    building: str = ""
    floor: str = ""
    room: str = ""
    postal_code: str = ""
    name: str = ""
    latitude: str = ""
    longitude: str = ""
    caller_id: str = ""

    def told(self) -> str:
        """In one line, for people: what is nearest to the caller first."""
        floor = f"floor {self.floor}" if self.floor.isdecimal() else self.floor
        room = f"room {self.room}" if self.room.isdecimal() else self.room
        street = f"{self.number} {self.street}".strip()
        city = " ".join(part for part in (self.city, self.state, self.postal_code) if part)
        geo = f"{self.latitude} {self.longitude}".strip() if not street and not city else ""
        parts = (room, floor, self.building, self.name, street, city, self.country, geo)
        return ", ".join(part for part in parts if part)


class EmergencyPlace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What holds for a device when somebody dials for help on it (EMG-4).

    `numbers` are those that call for help there, `main` stands for `urn:service:sos`. `address` names where the device
    is (`Emergency.addresses`), and `device` says which one it is, for people; `caller_id` is the number for calling
    back, empty: the trunk's. `trunks` are all trunks in this place's order (EMG-6), empty: in the table's. `notify` are
    those who are told at once (EMG-7): lines as `line:anna`, e-mail as `mail:anna@example.com`. `line` is
    the device's own, by which its caller is shown (XRL-5).
    """

    numbers: frozenset[str] = frozenset()
    main: str = "112"
    address: str = ""
    caller_id: str = ""
    notify: tuple[str, ...] = ()
    line: str = ""
    trunks: tuple[str, ...] = ()
    device: str = ""


class Emergency(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The emergency table: all that an emergency call is decided by. `places` are by device; `elsewhere` holds for one
    that nobody knows; `addresses` are by name.

    `trunks` are tried in this order: the operator's choice first, then every other one (EMG-6); `caller_ids` are what
    they show of a device without a number of its own. `prefix` is the outside prefix (EMG-5), and `codes` are those
    that hide or show the caller, the longest first; they may stand before a number. `numbers` are those that call for
    help anywhere in the house.
    """

    places: dict[str, EmergencyPlace] = {}
    elsewhere: EmergencyPlace = EmergencyPlace()
    trunks: tuple[str, ...] = ()
    caller_ids: dict[str, str] = {}
    prefix: str = ""
    codes: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()
    addresses: dict[str, CivicAddress] = {}


class Model(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One version of the dialplan. Keys of `extensions` and `services` are bare digits, of `dids` E.164 with `+`; all
    others are names.

    `extensions` holds every internal number, those of lines and groups too. A DID of the account that is assigned to
    nobody yet is in `claimed` only (EXT-2). `features` maps a feature code (`*78`) to the feature's name, and
    `call_keys` those that are pressed during a call. `serves` maps
    a delegate's line to those of its delegators. `quotas` are the account's, over all lines together.
    """

    profile: Profile
    lines: dict[str, Line] = {}
    devices: dict[str, Device] = {}
    extensions: dict[str, Destination] = {}
    services: dict[str, Service] = {}
    dids: dict[str, Destination] = {}
    claimed: frozenset[str] = frozenset()
    ring_groups: dict[str, RingGroup] = {}
    attendants: dict[str, Attendant] = {}
    queues: dict[str, Queue] = {}
    mailboxes: dict[str, Mailbox] = {}
    conferences: dict[str, Conference] = {}
    park_lots: dict[str, ParkLot] = {}
    sites: dict[str, Site] = {}
    features: dict[str, str] = {}
    call_keys: dict[str, str] = {}
    accounts: dict[str, AccountCode] = {}
    serves: dict[str, tuple[str, ...]] = {}
    quotas: Quotas = Quotas()
    trunks: dict[str, TrunkRule] = {}
    routes: RouteTable = NO_ROUTES
    rates: RateTable = NO_RATES
    default_trunk: str | None = None
    outside_prefix: str = ""
    emergency: Emergency
    hours: dict[str, Hours] = {}
    origins: dict[str, Origin] = {}
    version: str = ""


def placeless(model: Model) -> Model:
    """The same without what only tells where things stand."""
    return msgspec.structs.replace(model, origins={}, routes=model.routes.placeless(), rates=model.rates.placeless())


def versioned(model: Model) -> Model:
    """The same model with `version` set to a hash of what it decides: equal content, equal version, in any process and
    wherever its files lie. A comment more, which moves lines, makes no other version."""
    content = msgspec.msgpack.encode(placeless(msgspec.structs.replace(model, version="")), order="deterministic")
    return msgspec.structs.replace(model, version=hashlib.blake2b(content, digest_size=8).hexdigest())


def render(
    model: Model, because: tuple[tuple[str, str], ...], shorten: Callable[[str], str] = lambda file: file
) -> list[str]:
    """The (rule id, verdict) pairs of a plan as lines for people, each with file and line where there is one.

    `shorten` makes of a file's name the one to show.
    """
    shown = []
    for rule, verdict in because:
        origin = model.origins.get(rule)
        place = f" ({shorten(origin.file)}:{origin.line})" if origin and origin.line else ""
        text = f": {origin.text}" if origin and origin.text else ""
        shown.append(f"{rule}{place}{text} -> {verdict}")
    return shown

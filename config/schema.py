"""What may stand in the operator's YAML, section by section, and what holds when nothing does.

The defaults are safe as they are: there is no default password, metrics listen on the loopback only, and nobody can
call out who was not given a trunk. The descriptions go into the JSON Schema that editors show.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.schema_called import (
    AccountCodes,
    Attendant,
    CallKeys,
    Conference,
    Dids,
    Features,
    Mailbox,
    ParkLot,
    Queue,
    RingGroup,
    RingList,
)
from config.schema_calls import Calls
from config.schema_emergency import Address as CivicAddress
from config.schema_emergency import Emergency, Mail
from config.schema_guard import Guard
from config.schema_hours import Holidays, OpeningHours
from config.schema_listener import CertificateFiles, Listener, Networks
from config.schema_people import Account, Device, Group, Licences, Line, Site, User
from config.schema_prompts import Prompts
from config.schema_recordings import Recordings
from config.schema_records import Records
from config.schema_routes import RateFile, Route, RouteFile, Routing
from config.schema_tests import Test
from config.schema_trunk import Trunk, TrunkHost
from config.section import Port, Section
from config.times import TimeZone
from config.types import (
    E164,
    Address,
    AreaCode,
    Boolean,
    Country,
    Dscp,
    Extension,
    Host,
    Identifier,
    OneOrMore,
    PortRange,
    Sound,
    Text,
    choice,
    duration,
    integer,
)

__all__ = ["CertificateFiles", "Configuration", "Listener", "Section", "Trunk", "TrunkHost"]

Addresses = Annotated[list[Address], OneOrMore()]
Algorithms = Annotated[list[Annotated[str, choice("sha-256", "md5")]], OneOrMore()]


def _usual_listeners() -> list[Listener]:
    return [
        Listener(transport=transport, address=address)
        for address in ("0.0.0.0", "::")  # noqa: S104
        for transport in ("udp", "tcp")
    ]


class Media(Section):
    """The sound."""

    address: Addresses = Field(
        default=["0.0.0.0", "::"],  # noqa: S104
        min_length=1,
        max_length=2,
        description="the address that sound is received on: one, or one of IPv4 and one of IPv6",
    )
    advertise: Addresses = Field(
        default_factory=list,
        max_length=2,
        description="the address in SDP for peers outside, one a family at the most; that of `listen` when left out",
    )
    local_networks: Networks | None = Field(
        default=None, description="peers in these networks are told the interface's own; as in `listen`"
    )
    dscp: Dscp = Field(default=46, description="the mark of its packets: a name such as EF or a number from 0 to 63")
    ports: PortRange = Field(default=(20000, 29999), description="the UDP ports for sound")
    workers: Annotated[int, integer(1, 64)] = Field(
        default=1, description="processes that relay sound; about one for each core"
    )
    silence: Annotated[float, duration(0, 86400)] = Field(
        default=60.0, description="a call ends after so long without sound; 0s: never"
    )
    rest: Annotated[float, duration(0, 3600)] = Field(
        default=5.0, description="how long a port rests before it is used again"
    )


class Registrar(Section):
    """How telephones sign in."""

    realm: Text = Field(default="ringplan", min_length=1, description="the realm of digest authentication")
    default_expires: Annotated[float, duration(10, 86400)] = Field(
        default=3600.0, description="when the telephone names no time"
    )
    min_expires: Annotated[float, duration(10, 86400)] = Field(
        default=60.0, description="a shorter wish is refused with 423"
    )
    max_expires: Annotated[float, duration(10, 604800)] = Field(
        default=7200.0, description="a longer wish is cut to this"
    )
    contacts: Annotated[int, integer(1, 100)] = Field(
        default=16, description="how many telephones a line may be registered on"
    )
    qualify: Annotated[float, duration(0, 3600)] = Field(
        default=60.0,
        description="how often each telephone is asked by OPTIONS whether it can be reached; 0s: never",
    )
    algorithms: Algorithms = Field(
        default=["sha-256", "md5"],
        min_length=1,
        description="how passwords are proven, best first; md5 alone for telephones that stumble over sha-256",
    )
    nonce_lifetime: Annotated[float, duration(10, 86400)] = Field(
        default=300.0, description="how long a challenge may be answered"
    )


class Metrics(Section):
    """Prometheus metrics and /healthz."""

    enabled: Boolean = Field(default=True, description="whether they are served at all")
    address: Address = Field(default="127.0.0.1", description="the address to serve them on")
    port: Port = Field(default=9464, description="the port")


class Log(Section):
    """The log."""

    level: Annotated[str, choice("debug", "info", "warning", "error")] = Field(default="info", description="how much")
    format: Annotated[str, choice("auto", "text", "json")] = Field(
        default="auto", description="auto: text on a terminal, else json"
    )


class Configuration(Section):
    """All of it."""

    country: Country = Field(description="the country of the exchange, by ISO 3166")
    area_code: AreaCode | None = Field(default=None, description="the area code of numbers dialled without one")
    time_zone: TimeZone | None = Field(
        default=None, description="the IANA name of a place, such as America/Los_Angeles; UTC when left out"
    )
    outside_prefix: Extension | None = Field(
        default=None, description="a digit dialled before outside numbers, such as 9"
    )
    domains: Annotated[list[Host], OneOrMore()] = Field(
        default_factory=list,
        description="the names of this exchange in SIP addresses, the one that is shown first; none: any name is taken",
    )
    listen: list[Listener] = Field(
        default_factory=_usual_listeners,
        min_length=1,
        description="where SIP is spoken; UDP and TCP on port 5060, IPv4 and IPv6, when left out",
    )
    account: Account = Field(default_factory=Account, description="settings of everybody")
    licences: Licences = Field(default_factory=dict, description="kinds of licences, and how many there are")
    sites: dict[Identifier, Site] = Field(default_factory=dict, description="the places of the company")
    groups: dict[Identifier, Group] = Field(
        default_factory=dict, description="people who have settings in common; what rings together is in `ring_groups`"
    )
    users: dict[Identifier, User] = Field(default_factory=dict, description="the people")
    lines: dict[Identifier, Line] = Field(
        default_factory=dict, description="what is called without being anybody's: common-area telephones"
    )
    devices: dict[Identifier, Device] = Field(default_factory=dict, description="the telephones")
    extensions: dict[Extension, RingList] = Field(default_factory=dict, description="numbers that ring several lines")
    ring_groups: dict[Identifier, RingGroup] = Field(default_factory=dict, description="who rings together")
    attendants: dict[Identifier, Attendant] = Field(default_factory=dict, description="menus that answer calls")
    mailboxes: dict[Identifier, Mailbox] = Field(default_factory=dict, description="mailboxes that are nobody's own")
    queues: dict[Identifier, Queue] = Field(default_factory=dict, description="call queues")
    conferences: dict[Identifier, Conference] = Field(default_factory=dict, description="rooms to meet in by telephone")
    park_lots: dict[Identifier, ParkLot] = Field(default_factory=dict, description="where calls are parked")
    features: Features = Field(
        default_factory=dict, description='what is dialled to use a feature, such as `"*78": dnd_on`'
    )
    call_keys: CallKeys = Field(
        default_factory=dict,
        description='what is pressed during a call to use a feature, such as `"*2": transfer`; none: keys do nothing',
    )
    account_codes: AccountCodes = Field(default_factory=dict, description="customers whom calls are charged to")
    services: dict[Extension, Sound] = Field(
        default_factory=dict, description="numbers that the exchange answers: `echo`, or `tone:HZ`"
    )
    trunks: dict[Identifier, Trunk] = Field(default_factory=dict, description="carriers")
    routes: dict[Identifier, Route] = Field(
        default_factory=dict, description="which numbers outside go to which trunks: `docs/routes.md`"
    )
    route_files: list[RouteFile] = Field(
        default_factory=list, description="the same in CSV files, as carriers send them"
    )
    rate_files: list[RateFile] = Field(default_factory=list, description="what calls cost, in CSV files")
    routing: Routing = Field(default_factory=Routing, description="how a route is chosen")
    default_trunk: Identifier | None = Field(
        default=None, description="where outside calls go that no route takes; none, and no route: they are refused"
    )
    dids: dict[E164, Dids] = Field(
        default_factory=dict,
        description="all outside numbers of ours, and where each leads: a destination, several users and lines, or [] "
        "for one that is not used yet",
    )
    hours: dict[Identifier, OpeningHours] = Field(
        default_factory=dict, description="opening hours, which others refer to by name"
    )
    holidays: Holidays = Field(
        default_factory=dict,
        description="days that are not as the week: by name, dates (`2026-12-24`; `12-25` for all years;"
        " `12-27..12-30`) and times",
    )
    tests: list[Test] = Field(
        default_factory=list, description="calls, and what is expected of them; a load with a red one is refused"
    )
    addresses: dict[Identifier, CivicAddress] = Field(
        default_factory=dict, description="where help is to go: `docs/emergency.md`"
    )
    emergency: Emergency = Field(default_factory=Emergency, description="emergency calls: `docs/emergency.md`")
    mail: Mail | None = Field(default=None, description="how e-mail is sent; none is, when left out")
    media: Media = Field(default_factory=Media, description="the sound")
    recordings: Recordings = Field(default_factory=Recordings, description="recorded calls")
    prompts: Prompts = Field(default_factory=Prompts, description="the words that the exchange says")
    registrar: Registrar = Field(default_factory=Registrar, description="how telephones sign in")
    calls: Calls = Field(default_factory=Calls, description="times of a call")
    guard: Guard = Field(default_factory=Guard, description="protection against strangers")
    metrics: Metrics = Field(default_factory=Metrics, description="Prometheus metrics and /healthz")
    log: Log = Field(default_factory=Log, description="the log")
    records: Records = Field(default_factory=Records, description="call records")

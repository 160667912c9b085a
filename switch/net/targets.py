"""Where a SIP host is, by RFC 3263 and RFC 2782: DNS records in, ordered targets out. No I/O, no clock, no chance.

`search` is a conversation: it yields the questions that it needs answered now, gets the answers, and returns groups of
targets by priority and weight. `order` draws one sequence from those. The resolver carries questions to name servers;
a test answers them from a table.

    numeric host                        itself, port given or the usual one                            (4.1, 4.2)
    host and port                       its addresses; the transport given, else UDP, or TLS when secure
    host and transport                  SRV of that transport, else its addresses
    host alone                          NAPTR -> SRV of each, else SRV of each transport, else its addresses
    secure (sips)                       the same by TLS only
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec

RANK = 1 << 16
"""A more preferred transport comes before every priority (16 bits) of a less preferred one."""
NAPTR_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
SRV_PREFIX = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
MOST_HOSTS = 32
"""So many SRV records are looked at; a zone that lists more is no carrier's."""
MOST_TARGETS = 64
_REMEMBERED = 4096
"""Addresses of telephones and carriers, as they were read."""
_LONGEST = 64
"""Characters of an address with brackets and a scope. What is longer is a name, and none to be remembered: a far end
may write thousands that are as long as a message."""


class Target(msgspec.Struct, frozen=True):
    """One address to try. `transport` is udp, tcp or tls; `name` the name that was asked for, which a certificate has
    to bear (RFC 5922 section 7.2)."""

    transport: str
    address: str
    port: int
    name: str


class Group(msgspec.Struct, frozen=True):
    """Targets that stand or fall together in the lottery of RFC 2782: the addresses of one server."""

    priority: int
    weight: int
    targets: tuple[Target, ...]


class Place(msgspec.Struct, frozen=True):
    """One host that the operator wrote, with a priority and a weight of its own, and what it was found to be."""

    priority: int
    weight: int
    groups: tuple[Group, ...]


class Question(msgspec.Struct, frozen=True):
    """A name and what is wanted of it: A, AAAA, SRV or NAPTR."""

    name: str
    type: str


class Srv(msgspec.Struct, frozen=True):
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    host: str


class Naptr(msgspec.Struct, frozen=True):
    """RFC 3403, as far as RFC 3263 uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


Record = str | Srv | Naptr
Answers = Mapping[Question, Sequence[Record] | None]
"""None: there was no answer. An empty sequence: there is no such record."""
Search = Generator[list[Question], Answers, tuple[Group, ...]]
Families = Callable[[str], Sequence[str]]
"""The address types that a transport of ours can reach, the preferred one first: `A`, `AAAA`."""


class Wish(msgspec.Struct, frozen=True):
    """Whom we look for. `port` 0 and `transport` "" are not given; `secure` is sips."""

    host: str
    port: int = 0
    transport: str = ""
    secure: bool = False


class UnresolvedError(Exception):
    """Nothing is known: `why` in words for the operator."""

    def __init__(self, wish: Wish, why: str) -> None:
        super().__init__(f"{wish.host}: {why}")
        self.why = why


_Entry = TypeVar("_Entry", Group, Place)


def usual_port(transport: str) -> int:
    """RFC 3261 section 19.1.2."""
    return 5061 if transport == "tls" else 5060


def numeric(host: str) -> str | None:
    """The address that `host` is, as sockets write it, without brackets; None for a name."""
    return _numeric(host) if len(host) <= _LONGEST else None


@lru_cache(_REMEMBERED)
def _numeric(host: str) -> str | None:
    """Each call asks for the address that it goes to, and to read one takes longer than to send the INVITE there."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


def search(wish: Wish, transports: Sequence[str], families: Families) -> Search:
    """The groups that a host stands for. `transports` are ours, the preferred one first. Raises UnresolvedError."""
    wanted = _transport(wish)
    address = numeric(wish.host)
    if address is not None:
        transport = wanted or ("tls" if wish.secure else "udp")
        return (Group(0, 0, (Target(transport, address, wish.port or usual_port(transport), address),)),)
    host = wish.host.rstrip(".").lower()
    if wish.port:
        transport = wanted or ("tls" if wish.secure else "udp")
        return (yield from _addresses(wish, host, transport, wish.port, families))
    usable = _usable(wish, wanted, transports)
    if not usable:
        raise UnresolvedError(wish, f"no listener of ours speaks {wanted or 'tls'}")
    services: list[tuple[str, str]] = []
    if not wanted:
        services = _services((yield [Question(host, "NAPTR")])[Question(host, "NAPTR")] or (), usable)
    services = services or [(transport, SRV_PREFIX[transport] + host) for transport in usable]
    found = yield from _servers(wish, services, families)
    if found is not None:
        return found
    # 4.2: without any SRV record the name itself is the server.
    transport = wanted or ("tls" if wish.secure else "udp")
    return (yield from _addresses(wish, host, transport, usual_port(transport), families))


def order(groups: Iterable[Group], draw: Callable[[], float]) -> tuple[Target, ...]:
    """One sequence to try: priorities ascending, within each the lottery by weight (RFC 2782). `draw` gives 0 <= x < 1
    anew for each place. A target that is there twice comes once."""
    targets = (target for group in _lottery(groups, draw) for target in group.targets)
    return tuple(dict.fromkeys(targets))[:MOST_TARGETS]


def spread(places: Iterable[Place], draw: Callable[[], float]) -> tuple[Target, ...]:
    """The same over several hosts: the lottery among them first, then that of each."""
    targets = (target for place in _lottery(places, draw) for target in order(place.groups, draw))
    return tuple(dict.fromkeys(targets))[:MOST_TARGETS]


def _lottery(entries: Iterable[_Entry], draw: Callable[[], float]) -> list[_Entry]:
    rest = sorted(entries, key=lambda entry: (entry.priority, entry.weight))
    drawn = []
    while rest:
        best = rest[0].priority
        pool = [entry for entry in rest if entry.priority == best]
        rest = rest[len(pool) :]
        while pool:
            drawn.append(pool.pop(_drawn([entry.weight for entry in pool], draw) if len(pool) > 1 else 0))
    return drawn


def _drawn(weights: Sequence[int], draw: Callable[[], float]) -> int:
    """Whose turn it is: a whole number from 0 to the sum, both included, against the running sums. Those of weight 0
    stand first and are drawn rarely, unless all are."""
    total = sum(weights)
    if not total:
        return int(draw() * len(weights))
    at, running = int(draw() * (total + 1)), 0
    for index, weight in enumerate(weights):
        running += weight
        if running >= at:
            return index
    return len(weights) - 1


def _transport(wish: Wish) -> str:
    """The transport that was asked for; sips over a stream is TLS (RFC 3261 section 26.2.2)."""
    if wish.secure and wish.transport == "tcp":
        return "tls"
    if wish.secure and wish.transport == "udp":
        raise UnresolvedError(wish, "sips cannot go by UDP")
    return wish.transport


def _usable(wish: Wish, wanted: str, transports: Sequence[str]) -> list[str]:
    if wanted:
        return [wanted]
    return [each for each in transports if not wish.secure or each == "tls"]


def _services(records: Sequence[Record], usable: Sequence[str]) -> list[tuple[str, str]]:
    """Transport and SRV name of each NAPTR record that we can use: those of the lowest order, by preference."""
    found = [
        record
        for record in records
        if isinstance(record, Naptr)
        and record.flags.lower() == "s"
        and NAPTR_SERVICES.get(record.service.upper()) in usable
        and record.replacement.strip(".")
    ]
    if not found:
        return []
    first = min(record.order for record in found)
    found = sorted((each for each in found if each.order == first), key=lambda each: each.preference)
    return [(NAPTR_SERVICES[each.service.upper()], each.replacement.rstrip(".").lower()) for each in found]


def _servers(
    wish: Wish, services: Sequence[tuple[str, str]], families: Families
) -> Generator[list[Question], Answers, tuple[Group, ...] | None]:
    """The groups behind SRV records; None when there is not one record. Raises UnresolvedError when there are
    records that lead nowhere, or when a name server owes us an answer: addresses may be somebody else's then."""
    answers = yield [Question(name, "SRV") for _, name in services]
    lost = [name for _, name in services if answers[Question(name, "SRV")] is None]
    servers: list[tuple[int, str, Srv]] = []
    listed = False
    for rank, (transport, name) in enumerate(services):
        for record in answers[Question(name, "SRV")] or ():
            if isinstance(record, Srv):
                listed = True
                # A host of "." says that the service is decidedly not there.
                if record.host.strip(".") and record.port and len(servers) < MOST_HOSTS:
                    servers.append((rank * RANK + record.priority, transport, record))
    if not listed:
        if lost:
            raise UnresolvedError(wish, f"no answer for the SRV records of {lost[0]}")
        return None
    questions = {Question(_host(srv), family): None for _, transport, srv in servers for family in families(transport)}
    found = (yield list(questions)) if questions else {}
    groups = []
    for priority, transport, srv in servers:
        targets = _targets(_host(srv), transport, srv.port, wish.host.rstrip(".").lower(), found, families)
        if targets:
            groups.append(Group(priority, srv.weight, targets))
    if not groups:
        raise UnresolvedError(wish, "its SRV records lead to no address that we can reach")
    return tuple(groups)


def _addresses(
    wish: Wish, host: str, transport: str, port: int, families: Families
) -> Generator[list[Question], Answers, tuple[Group, ...]]:
    found = yield [Question(host, family) for family in families(transport)]
    targets = _targets(host, transport, port, host, found, families)
    if not targets:
        lost = any(each is None for each in found.values())
        raise UnresolvedError(
            wish, "the name server does not answer" if lost else "it has no address that we can reach"
        )
    return (Group(0, 0, targets),)


def _host(srv: Srv) -> str:
    return srv.host.rstrip(".").lower()


def _targets(host: str, transport: str, port: int, name: str, found: Answers, families: Families) -> tuple[Target, ...]:
    return tuple(
        Target(transport, str(address), port, name)
        for family in families(transport)
        for address in found.get(Question(host, family)) or ()
    )

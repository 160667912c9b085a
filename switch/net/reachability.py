"""Which address of ours a peer is told: the interface's own, or the one that we are known by outside.

An exchange behind a static NAT, in a cloud or in a container has two names. A telephone in one of its own networks has
to be told the address of the interface, as the other may not even lead back inside; everybody else the advertised one.
It goes by where a message came from, so that a telephone that walks out of the building is told otherwise at once.

Pure: the networks are read once, at a start; `Transports` remembers the outcome for each flow.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

import msgspec

from switch.net.flows import family_of
from switch.sip.flow import unscoped

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NUMERIC = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", re.ASCII)


class Reach(msgspec.Struct, frozen=True):
    """How one listener is known. `advertise` is an address or a host name, empty for the interface's own; `networks`
    are those whose peers are told the interface's own all the same."""

    advertise: str = ""
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, advertise: str, networks: Iterable[str]) -> Reach:
        """From the texts of the configuration. Raises ValueError for what is no network."""
        return cls(advertise, tuple(ipaddress.ip_network(each, strict=False) for each in networks))

    @property
    def numeric(self) -> bool:
        """Whether `advertise` is an address: a host name is nothing for SDP, where telephones look up no names."""
        return _NUMERIC.fullmatch(self.advertise) is not None

    def fits(self, family: socket.AddressFamily) -> bool:
        """Whether there is something to tell a peer that speaks this family; a host name may have addresses of both."""
        return bool(self.advertise) and (not self.numeric or family_of(self.advertise) is family)

    def inside(self, peer: str) -> bool:
        """Whether a numeric host is in one of the local networks."""
        address = ipaddress.ip_address(unscoped(peer))
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)

    def told(self, peer: str) -> str:
        """What `peer` is to be told in Via and Contact; empty for the interface's own address."""
        return self.advertise if self.fits(family_of(peer)) and not self.inside(peer) else ""


OWN = Reach()
"""Where nothing was configured: every peer is told the interface's own address."""


def sound_address(reaches: Iterable[Reach], bound: str, peer: str) -> str:
    """What SDP says to `peer` of ports that are bound on `bound`; empty for the interface's own address.

    Of `reaches` the first that has an address of the family decides, which need not be the family that the peer's
    signalling speaks.
    """
    family = family_of(bound)
    for reach in reaches:
        if reach.numeric and reach.fits(family):
            return "" if reach.inside(peer) else reach.advertise
    return ""

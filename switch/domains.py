"""Which hosts in a SIP address mean this exchange (RFC 3261 sections 8.2.2.1 and 10.3).

Telephones write whatever they were told to reach us by: a name, an alias of it, or an address, which behind NAT need
not even be one of ours. So a numeric host always means us. Names mean us when the operator lists them under `domains`;
where none is listed, every name does. Nothing is ever relayed to another domain, so the list protects from
mistakes (a telephone that is set up for somebody else's exchange), not from strangers.
"""

from __future__ import annotations

import ipaddress

import msgspec


class Domains(msgspec.Struct, frozen=True):
    """`names` are in small letters, the first one is what we call ourselves in From and To; empty: any."""

    names: tuple[str, ...] = ()

    @property
    def own(self) -> str:
        """The name that telephones are shown; empty when there is none, and an address has to do."""
        return self.names[0] if self.names else ""

    def include(self, host: str) -> bool:
        """Whether that host means us. `host` is empty for tel: and urn:, which have none."""
        if not self.names or not host or host.lower().rstrip(".") in self.names:
            return True
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return True

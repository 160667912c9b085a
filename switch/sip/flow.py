"""A flow: the path on which a message came and on which its answer goes back (RFC 5626 calls it the same)."""

from __future__ import annotations

import msgspec

Address = tuple[str, int]


def unscoped(host: str) -> str:
    """A numeric host without the scope of a link-local address (`fe80::1%eth0`), which means something to this machine
    alone and has no place in a message (RFC 4007 section 11.2)."""
    return host.partition("%")[0] if "%" in host else host


class Flow(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """`transport` is "udp", "tcp" or "tls"; `local` our end, `remote` the far end as we see it, both (numeric host,
    port); a link-local host has its scope behind a percent sign.

    `connection` numbers the connections of one run of the exchange; 0 for UDP. Flows compare by value, so one that was
    written down can be made again. `hop` is a host name, with a port if one was given, that messages go to once it is
    known whose it is (`switch/net/hops.py`); `remote` is then where they go otherwise.
    """

    transport: str
    local: Address
    remote: Address
    connection: int = 0
    hop: str = ""

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats what is lost, so that the transaction need not (RFC 3261 section 17)."""
        return self.transport != "udp"

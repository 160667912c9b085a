"""Where carriers call from: by address, network, certificate, or the Contact that we registered with them (IDN-3).

Our Contact's user part is a secret between the carrier's registrar and us, so whoever sends to it has it from there.
It crosses the wire in the clear, though; so a call that has nothing else to show for itself reaches DIDs alone, and
what it says of the caller's identity is not believed beyond From.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Protocol

from switch.calls.dialect import Dialect
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow, unscoped
from switch.sip.uri import Uri

Proven = Callable[[Flow], tuple[str, ...]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_REMEMBERED = 4096
"""Addresses that were asked about: telephones', mostly."""


class Known(Protocol):
    """A carrier and its addresses."""

    @property
    def id(self) -> str: ...

    @property
    def sources(self) -> tuple[str, ...]: ...


class Places:
    """All of them, for one version of the configuration. The first trunk that names an address has it, but our Contact
    tells two accounts at one carrier apart."""

    __slots__ = ("_by_name", "_by_source", "_by_token", "_names", "_networks", "_sources")

    def __init__(self, trunks: Iterable[Known] = (), dialects: Mapping[str, Dialect] | None = None) -> None:
        self._by_source: dict[str, str] = {}
        self._sources: dict[str, frozenset[str]] = {}
        networks: list[tuple[Network, str]] = []
        known = dialects or {}
        for trunk in trunks:
            dialect = known.get(trunk.id)
            settings = dialect.settings if dialect is not None else None
            # Who names certificates and no addresses wants certificates.
            only = settings is not None and bool(settings.certificates) and not settings.sources
            sources = () if only else trunk.sources
            self._sources[trunk.id] = frozenset(sources)
            for source in sources:
                if "/" in source:
                    networks.append((ipaddress.ip_network(source), trunk.id))
                else:
                    self._by_source.setdefault(source, trunk.id)
        # The narrowest first.
        self._networks = sorted(networks, key=lambda each: -each[0].prefixlen)
        self._by_token = {each.token: name for name, each in known.items() if each.token}
        self._names = {name: frozenset(each.settings.certificates) for name, each in known.items()}
        self._by_name: dict[str, str] = {}
        for name, certificates in self._names.items():
            for certificate in certificates:
                self._by_name.setdefault(certificate, name)

    def __bool__(self) -> bool:
        return bool(self._by_source or self._networks or self._by_token or self._by_name)

    def at(self, flow: Flow, proven: Proven) -> str | None:
        """The carrier at the other end of a flow. A certificate says more than an address."""
        if self._by_name:
            for name in proven(flow):
                if name in self._by_name:
                    return self._by_name[name]
        host, port = flow.remote
        found = self._by_source.get(f"{host}:{port}") or self._by_source.get(host)
        if found is None and self._networks:
            address = _read(host)
            return next((trunk for network, trunk in self._networks if address in network), None)
        return found

    def by_token(self, uri: str) -> str | None:
        """The carrier with which we registered the Contact that a Request-URI names."""
        if not self._by_token:
            return None
        try:
            return self._by_token.get(Uri.parse(uri).user_text)
        except RemoteProtocolError:
            return None

    def comes_from(self, trunk: str, flow: Flow, proven: Proven) -> bool:
        """Whether the far end of a flow is that carrier by something better than our Contact."""
        names = self._names.get(trunk)
        if names and not names.isdisjoint(proven(flow)):
            return True
        host, port = flow.remote
        sources = self._sources.get(trunk, frozenset())
        if host in sources or f"{host}:{port}" in sources:
            return True
        address = _read(host) if self._networks else None
        return address is not None and any(address in network for network, name in self._networks if name == trunk)


@lru_cache(_REMEMBERED)
def _read(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """A numeric host as an address. Raises ValueError."""
    return ipaddress.ip_address(unscoped(host))

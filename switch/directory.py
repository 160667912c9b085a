"""Where logical targets live: lines resolve to registered contacts, trunks to their hosts, addresses back to trunks.

The dialplan says who is called; this says only over which flow and under which URI such a one is reached at the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from dialplan.model import Model
from switch.calls.calls import Source
from switch.calls.context import Phone
from switch.registrar import Registrar
from switch.sip.flow import Flow

FlowTo = Callable[[str, str, int, tuple[str, int] | None], Flow | None]


class TrunkHost(msgspec.Struct, frozen=True):
    """One carrier: where its calls go to, and the source addresses by which it is known (IDN-3)."""

    id: str
    transport: str
    host: str
    port: int
    sources: tuple[str, ...]
    domain: str = ""


class Directory:
    """Resolves targets against one version of the model and the registrar of the moment."""

    def __init__(
        self,
        registrar: Registrar,
        flow_to: FlowTo,
        advertised: Callable[[Flow], tuple[str, int]] = lambda flow: flow.local,
    ) -> None:
        self._registrar = registrar
        self._flow_to = flow_to
        self._advertised = advertised
        self._model: Model | None = None
        self._trunks: dict[str, TrunkHost] = {}
        self._by_source: dict[str, str] = {}
        self._users: dict[str, str] = {}

    def use(self, model: Model, trunks: Mapping[str, TrunkHost]) -> None:
        """Take another version of the configuration."""
        self._model = model
        self._trunks = dict(trunks)
        self._by_source = {source: trunk.id for trunk in trunks.values() for source in trunk.sources}
        self._users = {line: line for line in model.lines}
        for line in model.lines.values():
            if line.extension:
                self._users.setdefault(line.extension, line.id)

    def line_of(self, user: str, host: str) -> str | None:
        """The line whose address of record that is: by the line's own name, or by its extension. Any host is ours."""
        return self._users.get(user)

    def line(self, line: str, now: float) -> list[Phone]:
        """Every live contact of a line, the highest q first."""
        phones = []
        for binding in self._registrar.contacts(line, now):
            address = binding.flow
            local = (address.local_host, address.local_port)
            flow = self._flow_to(*binding.next_hop, local)
            if flow is not None:
                phones.append(Phone(binding.uri, self._aor(line, flow), flow, binding.path))
        return phones

    def trunk(self, trunk: str, number: str, now: float) -> list[Phone]:
        """The carrier's host; empty when it is not known or not reachable from here."""
        host = self._trunks.get(trunk)
        if host is None:
            return []
        flow = self._flow_to(host.transport, host.host, host.port, None)
        if flow is None:
            return []
        domain = host.domain or (f"[{host.host}]" if ":" in host.host else host.host)
        place = domain if host.port == 5060 else f"{domain}:{host.port}"
        uri = number if number.startswith("urn:") else f"sip:{number}@{place}"
        return [Phone(uri, uri, flow)]

    def trunk_at(self, flow: Flow) -> str | None:
        """The carrier that a message came from, by its source: `address` or `address:port`."""
        host, port = flow.remote
        return self._by_source.get(f"{host}:{port}") or self._by_source.get(host)

    def caller(self, device: str, line: str) -> Source:
        """A telephone as a caller, shown by its line's extension and name."""
        model = self._model
        known = model.lines.get(line) if model is not None else None
        number, name = (known.extension or known.id, known.name) if known is not None else (line, "")
        return Source(device=device, line=line, number=number, name=name)

    def _aor(self, line: str, flow: Flow) -> str:
        host, _ = self._advertised(flow)  # the socket's own address may be 0.0.0.0
        return f"sip:{line}@{f'[{host}]' if ':' in host else host}"

"""Where logical targets live: lines resolve to registered contacts, trunks to their hosts, addresses back to trunks.

The dialplan says who is called; this says only over which flow and under which URI such a one is reached at the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from dialplan.model import CivicAddress, Model
from dialplan.plan import TrunkTarget
from switch.binding import Binding
from switch.calls.calls import Source
from switch.calls.context import Phone
from switch.calls.dialect import Dialect
from switch.calls.hearing import hear
from switch.calls.leg import line_of, trunk_of
from switch.domains import Domains
from switch.places import Places
from switch.registrar import Registrar
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.message import Request
from switch.sip.uri import Uri, literal
from switch.trunk_hosts import FlowTo, Hunt, TrunkHost, TrunkHosts


def _music(name: str) -> tuple[str, ...]:
    """Without prompts: the file as it is named, else a short tone now and then."""
    return (f"file:{name}",) if name else ("tone:440:300", "silence:700")


class Directory:
    """Resolves targets against one version of the model and the registrar of the moment."""

    def __init__(
        self,
        registrar: Registrar,
        flow_to: FlowTo,
        advertised: Callable[[Flow], tuple[str, int]] = lambda flow: flow.local,
        alive: Callable[[Flow], bool] = lambda flow: True,
        draw: Callable[[], float] = lambda: 0.0,
        proven: Callable[[Flow], tuple[str, ...]] = lambda flow: (),
    ) -> None:
        self.hosts = TrunkHosts(flow_to, draw)
        self._registrar = registrar
        self._flow_to = flow_to
        self._advertised = advertised
        self._alive = alive
        self._proven = proven
        self._model: Model | None = None
        self._dialects: dict[str, Dialect] = {}
        self._places = Places()
        self._users: dict[str, str] = {}
        self.domains = Domains()
        self.music: Callable[[str], tuple[str, ...]] = _music
        """What is heard on hold, by the name of a file; empty where none was chosen (MOH-1)."""
        self.file: Callable[[str], tuple[str, ...]] = _music
        """A sound file that the configuration names."""
        self.srtp: Mapping[str, str] = {}
        """How SRTP is offered to a device, where that is not as it asks."""
        self.lost: Container[tuple[str, str, int]] = ()
        """The contacts that are known to be out of reach (`switch/qualify.py`), by line, URI and reg-id."""

    def use(
        self,
        model: Model,
        trunks: Mapping[str, TrunkHost],
        dialects: Mapping[str, Dialect] = MappingProxyType({}),
        domains: Domains = Domains(),
    ) -> None:
        """Take another version of the configuration."""
        self._model = model
        self.domains = domains
        self.hosts.use(trunks)
        self._dialects = {trunk.id: dialects.get(trunk.id) or Dialect(trunk.settings) for trunk in trunks.values()}
        self._places = Places(trunks.values(), self._dialects)
        self._users = {line: line for line in model.lines}
        for line in model.lines.values():
            if line.extension:
                self._users.setdefault(line.extension, line.id)

    @property
    def model(self) -> Model:
        """The version in force. Raises LookupError before there is one."""
        if self._model is None:
            raise LookupError("there is no configuration yet")
        return self._model

    def lines_of(self, device: str) -> tuple[str, ...]:
        """The lines that a telephone carries; none of one that the configuration does not know."""
        known = self._model.devices.get(device) if self._model is not None else None
        return known.lines if known is not None else ()

    def line_of(self, user: str, host: str) -> str | None:
        """The line whose address of record that is: by the line's own name, or by its extension, at a host of ours."""
        return self._users.get(user) if self.domains.include(host) else None

    def delegators(self, line: str) -> Container[str]:
        """See `switch.identity.Shared`."""
        return self._model.serves.get(line, ()) if self._model is not None else ()

    def line(self, line: str, now: float) -> list[Phone]:
        """Every telephone of a line that is not known to be out of reach, the highest q first."""
        phones, bindings = [], []
        several, srtp = False, self.srtp.get
        lost = self.lost
        for binding in self._registrar.contacts(line, now):
            if lost and (line, binding.uri, binding.reg_id) in lost:
                continue
            flow = self.way(binding)
            if flow is not None:
                several = several or binding.reg_id > 0
                to, device = self.aor(line, flow), binding.device
                phones.append(Phone(binding.uri, to, flow, binding.path, device, srtp=srtp(device, "")))
                bindings.append(binding)
        return self._by_telephone(bindings, phones) if several and len(phones) > 1 else phones

    def _by_telephone(self, bindings: list[Binding], found: list[Phone]) -> list[Phone]:
        """One for each telephone, which is tried over one flow at a time (RFC 5626 section 5.3): first over those that
        stand, of them the one that was registered last."""
        groups: dict[tuple[str, str, int], list[tuple[Binding, Phone]]] = {}
        for number, (binding, phone) in enumerate(zip(bindings, found, strict=True)):
            alone = 0 if binding.reg_id else 1 + number
            groups.setdefault((binding.device, binding.instance, alone), []).append((binding, phone))
        phones = []
        for ways in groups.values():
            if len(ways) > 1:
                ways.sort(key=lambda way: (self._alive(_source(way[0])), way[0].at), reverse=True)
            first, *others = [phone for _, phone in ways]
            phones.append(replace(first, ways=tuple(others)) if others else first)
        return phones

    def reach(self, flow: Flow, target: str, device: str, contacts: tuple[str, ...], hop: str, now: float) -> Flow:
        """See `switch.calls.context.Directory`. A telephone that has registered over a new connection is found there;
        one that has not yet may take connections at the address in its Contact, as a carrier does."""
        if not flow.reliable or self._alive(flow):
            return flow
        line = line_of(target)
        bindings = self._registrar.contacts(line, now) if line else []
        same = [binding for binding in bindings if binding.uri in contacts]
        own = [binding for binding in bindings if device and binding.device == device]
        near = [binding for binding in own if binding.flow.remote_host == flow.remote[0]]
        for known in (same, near, own):
            standing = [binding for binding in known if self._alive(_source(binding))]
            if len(standing) == 1:
                return self.way(standing[0]) or flow
        for binding in same:
            if binding.direct is not None:
                return self.way(binding) or flow
        if flow.transport == "tls":
            return self._carrier_again(flow, trunk_of(target)) or flow
        try:
            uri = Uri.parse(hop)
        except RemoteProtocolError:
            return flow
        if uri.host.strip("[]") != flow.remote[0]:
            return flow
        local = (flow.local[0], 0)
        return self._flow_to(flow.transport, flow.remote[0], uri.port or 5060, local) or flow

    def _carrier_again(self, flow: Flow, trunk: str) -> Flow | None:
        """A TLS connection to the carrier at the far end: to the host that it was, else to one of the trunk's. A
        telephone connects to us, and nothing would prove who answers at its address."""
        host, port = flow.remote
        known = [(each, target) for each, target, _ in self.hosts.all() if target.transport == "tls"]
        fitting = [(each, target) for each, target in known if target.address == host or each.id == trunk]
        fitting.sort(key=lambda each: (each[1].address != host, each[1].port != port))
        return self.hosts.flow(*fitting[0]) if fitting else None

    def way(self, binding: Binding) -> Flow | None:
        """The flow to a contact: over its own connection while that stands, else to where it can be connected to."""
        address = binding.flow
        hop = binding.next_hop
        if address.transport != "udp" and not self._alive(_source(binding)):
            if binding.direct is not None:
                hop = binding.direct
            elif binding.received is not None:
                return None  # behind NAT it is for the telephone to connect
        return self._flow_to(*hop, (address.local_host, address.local_port))

    def trunk(self, target: TrunkTarget, emergency: bool, now: float) -> Hunt | None:
        """The carrier's hosts, to be tried one after the other; None when none is known."""
        known = self.hosts.trunk(target.trunk)
        if known is None or not known.places:
            return None
        return Hunt(self.hosts, known, self._dialects[target.trunk], target, emergency, now)

    def dialect(self, trunk: str) -> Dialect | None:
        """How a carrier writes; None when the configuration has it no more."""
        return self._dialects.get(trunk)

    def carrier(self, flow: Flow, request: Request) -> Source | None:
        """The carrier that an INVITE came from, and what it says (IDN-3); None for anybody else. Raises
        RemoteProtocolError 400."""
        places = self._places
        if not places:
            return None
        trunk = places.by_token(request.uri)
        proven = trunk is None or places.comes_from(trunk, flow, self._proven)
        if trunk is None:
            trunk = places.at(flow, self._proven)
            if trunk is None:
                return None
        heard = hear(self._dialects[trunk], request, proven)
        return Source(
            trunk=trunk,
            number=heard.number,
            name=heard.name,
            called=heard.called,
            proven=proven,
            hidden=heard.hidden,
            believed=heard.believed,
            forwards=heard.forwards,
        )

    def trunk_at(self, flow: Flow) -> str | None:
        """The carrier whose messages come over that flow, by its address or its certificate."""
        return self._places.at(flow, self._proven)

    def caller(self, device: str, line: str) -> Source:
        """A telephone as a caller, shown by its line's extension and name."""
        number, name = self.shown(line)
        return Source(device=device, line=line, number=number, name=name)

    def shown(self, line: str) -> tuple[str, str]:
        """See `switch.calls.context.Directory`."""
        known = self._model.lines.get(line) if self._model is not None else None
        return (known.extension or known.id, known.name) if known is not None else (line, "")

    def address(self, name: str) -> CivicAddress | None:
        """See `switch.calls.context.Directory`."""
        return self._model.emergency.addresses.get(name) if self._model is not None else None

    def own(self, device: str) -> tuple[str, str]:
        """See `switch.calls.context.Directory`. Its first line: the others are there besides (IDN-2)."""
        known = self._model.devices.get(device) if self._model is not None else None
        if known is None or not known.lines:
            return "", known.site if known is not None else ""
        return known.lines[0], known.site or self._site(known.lines[0])

    def site(self, entity: str) -> str:
        """See `switch.calls.context.Directory`."""
        kind, _, name = entity.partition(":")
        return self._site(name) if kind == "user" else ""

    def _site(self, line: str) -> str:
        known = self._model.lines.get(line) if self._model is not None else None
        return known.site if known is not None else ""

    def whereabouts(self, device: str, address: str) -> tuple[str, str]:
        """See `switch.calls.context.Directory`."""
        place = self._model.emergency.places.get(device) if self._model is not None else None
        where = self.address(address)
        name = place.device if place is not None else ""
        return name or device or "unknown telephone", where.told() if where is not None else ""

    def sound(self, source: str) -> tuple[str, ...]:
        """See `switch.calls.context.Directory`."""
        kind, _, name = source.partition(":")
        return self.file(name) if kind == "file" else (source,)

    def hold_music(self, target: str) -> tuple[str, ...]:
        """See `switch.calls.context.Directory`."""
        line = self._model.lines.get(line_of(target)) if self._model is not None else None
        music = line.policy.hold_music if line is not None else ""
        return self.music(music)

    def aor(self, line: str, flow: Flow) -> str:
        """The address of a line as a telephone on that flow is shown it."""
        host = self.domains.own or self._advertised(flow)[0]  # the socket's own address may be 0.0.0.0
        return f"sip:{line}@{literal(host)}"


def _source(binding: Binding) -> Flow:
    """The flow that a contact was registered over."""
    flow = binding.flow
    return Flow(flow.transport, (flow.local_host, flow.local_port), (flow.remote_host, flow.remote_port))

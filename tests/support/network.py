"""An in-memory network on the virtual clock, and stations on it: an endpoint each, with a core that a test scripts.

Datagrams are lost, doubled, delayed and overtaken as the knobs say, by a seeded generator, so that a failing test fails
again. Streams lose nothing and keep their order, until they are cut. A NAT gives its hosts one outside address.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from switch.clock import VirtualClock
from switch.sip.effects import Effect, Send
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.flow import Address, Flow

Deliver = Callable[[bytes, Flow, float], object]
Lost = Callable[[Flow, float], object]


class Packet(NamedTuple):
    """One line of the network's log: what was sent, whether or not it arrived."""

    at: float
    source: Address
    target: Address
    data: bytes

    @property
    def start(self) -> str:
        """The method or the status code."""
        first = self.data.split(b" ", 2)
        return (first[1] if first[0] == b"SIP/2.0" else first[0]).decode()


class Host:
    """One address on the network."""

    def __init__(self, network: Network, address: Address, deliver: Deliver, lost: Lost | None) -> None:
        self.network = network
        self.address = address
        self.deliver = deliver
        self.lost = lost

    def flow_to(self, remote: Address, transport: str = "udp") -> Flow:
        """A flow from here to there; over TCP a new connection."""
        if transport == "udp":
            return Flow("udp", self.address, remote)
        return self.network.connect(self, remote, transport)


class Nat:
    """Hides hosts behind one address. A packet from outside gets in only by a mapping that one from inside has made."""

    def __init__(self, public: str, *, strict: bool = True, first_port: int = 40000) -> None:
        self.public = public
        self.strict = strict
        """Whether only those who were sent to may answer."""
        self._ports = itertools.count(first_port)
        self._out: dict[Address, Address] = {}
        self._in: dict[Address, Address] = {}
        self._permitted: set[tuple[Address, Address]] = set()

    def outward(self, inside: Address, target: Address) -> Address:
        """The address that a packet leaves with."""
        if inside not in self._out:
            self._out[inside] = (self.public, next(self._ports))
            self._in[self._out[inside]] = inside
        self._permitted.add((self._out[inside], target))
        return self._out[inside]

    def inward(self, outside: Address, source: Address) -> Address | None:
        """Where a packet goes inside; None when it stays outside."""
        if self.strict and (outside, source) not in self._permitted:
            return None
        return self._in.get(outside)

    def forget(self) -> None:
        """Drop every mapping, as a router that restarts."""
        self._out.clear()
        self._in.clear()
        self._permitted.clear()


class Network:
    """Carries packets between hosts. Knobs may be turned at any time; probabilities are from 0 to 1."""

    def __init__(
        self,
        clock: VirtualClock,
        seed: int = 1,
        *,
        delay_s: float = 0.01,
        jitter_s: float = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
    ) -> None:
        self.clock = clock
        self.delay_s = delay_s
        self.jitter_s = jitter_s
        """Random extra delay; more than the distance between two packets lets one overtake the other."""
        self.loss = loss
        self.duplicate = duplicate
        self.drop: Callable[[Packet], bool] = lambda packet: False
        """A datagram for which this says True is lost."""
        self.log: list[Packet] = []
        self.counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._hosts: dict[Address, Host] = {}
        self._nats: dict[str, Nat] = {}
        self._streams: dict[int, tuple[Host, Flow, Host, Flow]] = {}
        self._numbers = itertools.count(1)
        self._ports = itertools.count(50000)

    def attach(self, address: Address, deliver: Deliver, lost: Lost | None = None) -> Host:
        """Put a host on the network. `deliver(data, flow, now)` gets its packets, `lost(flow, now)` its cut streams."""
        host = self._hosts[address] = Host(self, address, deliver, lost)
        return host

    def detach(self, address: Address) -> None:
        """Take it off: packets to it vanish."""
        self._hosts.pop(address, None)

    def put_behind(self, nat: Nat, *hosts: str) -> None:
        """Hide hosts behind a NAT."""
        self._nats.update((host, nat) for host in hosts)

    def connect(self, client: Host, remote: Address, transport: str = "tcp") -> Flow:
        """A stream from `client` to `remote`; one to nowhere is lost at once."""
        number = next(self._numbers)
        source = (client.address[0], next(self._ports))
        near = Flow(transport, source, remote, number)
        server = self._hosts.get(remote)
        if server is None:
            self.clock.timers.start(self.clock.now(), self, lambda now: client.lost and client.lost(near, now))
            return near
        nat = self._nats.get(source[0])
        seen = nat.outward(source, remote) if nat and self._nats.get(remote[0]) is not nat else source
        self._streams[number] = (client, near, server, Flow(transport, remote, seen, number))
        return near

    def cut(self, flow: Flow) -> None:
        """Break a stream; both ends are told."""
        near_host, near, far_host, far = self._streams.pop(flow.connection)
        now = self.clock.now()
        for host, end in ((near_host, near), (far_host, far)):
            if host.lost is not None:
                host.lost(end, now)

    def send(self, flow: Flow, data: bytes) -> None:
        """Carry `data` along a flow, as seen by its sender."""
        now = self.clock.now()
        packet = Packet(now, flow.local, flow.remote, data)
        self.log.append(packet)
        if flow.transport != "udp":
            self._send_stream(flow, data, now)
            return
        copies = 1
        if self.drop(packet) or self._random.random() < self.loss:
            self.counts["lost"] += 1
            copies = 0
        elif self._random.random() < self.duplicate:
            self.counts["doubled"] += 1
            copies = 2
        for _ in range(copies):
            self._carry(packet, now + self.delay_s + self._random.random() * self.jitter_s)

    def sent(self, start: str, source: Address | None = None) -> list[float]:
        """When messages of this method or status were sent, by anybody or by `source`."""
        return [round(p.at, 6) for p in self.log if p.start == start and source in (None, p.source)]

    def on_timer(self, what: Any, now: float) -> None:
        """A packet arrives."""
        what(now)

    def _carry(self, packet: Packet, when: float) -> None:
        source, target = packet.source, packet.target
        near, far = self._nats.get(source[0]), self._nats.get(target[0])
        if near is not None and near is not far:
            source = near.outward(source, target)
        outside = next((nat for nat in self._nats.values() if nat.public == target[0]), None)
        if outside is not None and outside is not near:
            inside = outside.inward(target, source)
            if inside is None:
                self.counts["filtered"] += 1
                return
            target = inside
        elif far is not None and far is not near:
            self.counts["unroutable"] += 1
            return

        def arrive(now: float) -> None:
            host = self._hosts.get(target)
            if host is None:
                self.counts["nobody"] += 1
            else:
                self.counts["delivered"] += 1
                host.deliver(packet.data, Flow("udp", target, source), now)

        self.clock.timers.start(when, self, arrive)

    def _send_stream(self, flow: Flow, data: bytes, now: float) -> None:
        stream = self._streams.get(flow.connection)
        if stream is None:
            host = next((h for h in self._hosts.values() if h.address[0] == flow.local[0]), None)
            self.clock.timers.start(now, self, lambda at: host and host.lost and host.lost(flow, at))
            return
        near_host, near, far_host, far = stream
        host, end = (far_host, far) if flow == near else (near_host, near)

        def arrive(at: float) -> None:
            if flow.connection in self._streams:
                self.counts["delivered"] += 1
                host.deliver(data, end, at)

        self.clock.timers.start(now + self.delay_s, self, arrive)


class Station:
    """An endpoint on the network. `core(effect, now)` sees every effect but Send; all are kept in `seen`."""

    def __init__(
        self,
        network: Network,
        address: Address,
        core: Callable[[Effect, float], object] | None = None,
        timings: Timings | None = None,
    ) -> None:
        clock = network.clock
        numbers = itertools.count(1)
        self.network = network
        self.clock = clock
        self.core = core
        self.seen: list[Effect] = []
        self.trace: list[tuple[str, object, str]] = []
        name = f"{address[0]}.{address[1]}".replace(".", "-")
        sent_by = f"{address[0]}:{address[1]}"
        self.endpoint = Endpoint(
            clock.timers,
            timings or Timings(),
            lambda: f"{name}-{next(numbers)}",
            lambda flow: sent_by,
        )
        self.endpoint.trace = lambda txn, state, event, after: self.trace.append((state, event, after))
        self.host = network.attach(address, self._receive, self._lost)
        clock.timers.on_ran.append(self.drain)

    def flow_to(self, other: Station | Address, transport: str = "udp") -> Flow:
        """A flow to another station."""
        return self.host.flow_to(other.host.address if isinstance(other, Station) else other, transport)

    def drain(self, now: float) -> None:
        """Carry out the endpoint's effects."""
        while self.endpoint.out:
            for effect in self.endpoint.take():
                if isinstance(effect, Send):
                    self.network.send(effect.flow, effect.data)
                else:
                    self.seen.append(effect)
                    if self.core is not None:
                        self.core(effect, now)

    def of(self, kind: type[Any]) -> list[Any]:
        """The effects of one kind, in order."""
        return [effect for effect in self.seen if isinstance(effect, kind)]

    def left(self) -> dict[str, int]:
        """What is still held; empty when all is over."""
        endpoint = self.endpoint
        held = {
            "servers": len(endpoint.servers),
            "clients": len(endpoint.clients),
            "digests": len(endpoint.digests),
            "merges": len(endpoint.merges),
            "unfinished": len(endpoint.unfinished),
            "timers": len(endpoint.timers),
        }
        return {name: count for name, count in held.items() if count}

    def _receive(self, data: bytes, flow: Flow, now: float) -> None:
        self.endpoint.receive(data, flow, now)
        self.drain(now)

    def _lost(self, flow: Flow, now: float) -> None:
        self.endpoint.send_failed(flow, now)
        self.drain(now)

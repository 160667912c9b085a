"""The hosts of every trunk: which of them a call tries, in what order, and how each of them stands.

A call gets a `Hunt`: targets one after the other, those that are well first, in the order of priorities and the lottery
of weights (RFC 3263, 2782); then those that are avoided, since a carrier of whom nothing is well may be so again. A
host is avoided that

    said nothing, or broke the connection     for `avoid`, twice as long after each further failure, until it answers
    answered 503                              for as long as its Retry-After says, else for `avoid`
    did not answer our OPTIONS                until it does (`switch/trunk_pings.py`)

Any other answer, a refusal too, shows that it lives. Which answers let the next host be tried is another matter: those
of the trunk's `failover`; of an emergency call, all (EMG-6). Which lead to the next route, the route may say itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from config.compiled import TrunkSettings
from dialplan.plan import TrunkTarget
from switch.calls.context import Phone
from switch.calls.dialect import Dialect
from switch.net.targets import Place, Target, spread, usual_port
from switch.sip.flow import Flow
from switch.sip.uri import hostport, literal

LONGEST_S = 3600.0
GROWTH = 16
"""Silence lets a host be avoided for at most so many times `avoid`."""

FlowTo = Callable[..., Flow | None]
"""(transport, address, port, local, name, profile) -> the flow, or None when there is no way."""


class TrunkHost(msgspec.Struct, frozen=True):
    """One carrier: what the operator says of it, where its hosts were found to be, and the source addresses by which
    it is known (IDN-3). Without places it cannot be called."""

    settings: TrunkSettings
    places: tuple[Place, ...]
    sources: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its name in the configuration."""
        return self.settings.id

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target, in the order of priorities and weights without the lottery."""
        return spread(self.places, lambda: 0.999)


class Health(msgspec.Struct):
    """How one target stands. `up` is what OPTIONS says: None when it is not asked. `why` is in words, `since` and
    `avoid_until` in monotonic seconds; `strict`: not even an answer to OPTIONS ends that time."""

    up: bool | None = None
    why: str = ""
    since: float = 0.0
    rtt_s: float = 0.0
    failures: int = 0
    avoid_until: float = 0.0
    strict: bool = False

    def well(self, now: float) -> bool:
        """Whether it is tried in its turn."""
        return self.up is not False and now >= self.avoid_until


class TrunkHosts:
    """All trunks of the moment. `on_change(trunk, target, up, why)` is told when a target comes or goes."""

    def __init__(
        self,
        flow_to: FlowTo,
        draw: Callable[[], float],
        on_change: Callable[[str, Target, bool, str], object] = lambda *_: None,
    ) -> None:
        self.failovers: dict[str, int] = {}
        """By trunk: how often a call went on to another host."""
        self.on_change = on_change
        self._flow_to = flow_to
        self._draw = draw
        self._trunks: dict[str, TrunkHost] = {}
        self._health: dict[tuple[str, Target], Health] = {}

    def use(self, trunks: Mapping[str, TrunkHost]) -> None:
        """Take another version. What is known of targets that are in it still holds."""
        self._trunks = dict(trunks)
        self._health = {
            (trunk.id, target): self._health.get((trunk.id, target)) or Health()
            for trunk in trunks.values()
            for target in trunk.targets
        }
        self.failovers = {trunk: self.failovers.get(trunk, 0) for trunk in trunks}

    def trunk(self, trunk: str) -> TrunkHost | None:
        """What is known of a trunk."""
        return self._trunks.get(trunk)

    def trunks(self) -> list[TrunkHost]:
        """All of them."""
        return list(self._trunks.values())

    def all(self) -> Iterator[tuple[TrunkHost, Target, Health]]:
        """Every target and how it stands."""
        for trunk in self._trunks.values():
            for target in trunk.targets:
                health = self._health.get((trunk.id, target))
                if health is not None:
                    yield trunk, target, health

    def flow(self, trunk: TrunkHost, target: Target) -> Flow | None:
        """The way to a target; None when no listener of ours leads there."""
        return self._flow_to(target.transport, target.address, target.port, None, target.name, trunk.id)

    def order(self, trunk: TrunkHost, now: float) -> list[Target]:
        """The targets that a call tries, in order."""
        drawn = spread(trunk.places, self._draw)
        if len(drawn) == 1:
            return list(drawn)
        return sorted(drawn, key=lambda target: not self._of(trunk, target).well(now))

    def failed(self, trunk: TrunkHost, target: Target, status: int, retry_after_s: float, now: float) -> None:
        """A request there came to nothing: `status` 0 is silence or a broken connection."""
        health = self._of(trunk, target)
        if status not in (0, 503):
            self.answered(trunk, target, now)
            return
        was = health.well(now)
        avoid_s = trunk.settings.avoid_s
        if status:
            length_s = min(retry_after_s, LONGEST_S) or avoid_s
            health.why = f"503, for {length_s:.0f} s" if retry_after_s else "503"
        else:
            health.failures += 1
            length_s = avoid_s * min(2 ** (health.failures - 1), GROWTH)
            health.why = "no answer"
        health.strict = status != 0
        health.avoid_until = max(health.avoid_until, now + min(length_s, LONGEST_S))
        if was and not health.well(now):
            health.since = now
            self.on_change(trunk.id, target, False, health.why)

    def answered(self, trunk: TrunkHost, target: Target, now: float) -> None:
        """It answered: whatever it said, it lives."""
        health = self._of(trunk, target)
        health.failures = 0
        if health.avoid_until and not (health.strict and now < health.avoid_until):
            was = health.well(now)
            health.avoid_until = 0.0
            self._told_well(trunk.id, target, health, was, now)

    def pinged(self, trunk: TrunkHost, target: Target, up: bool, why: str, rtt_s: float, now: float) -> None:
        """What came of an OPTIONS."""
        health = self._of(trunk, target)
        was, knew = health.well(now), health.up
        health.up = up
        if up:
            health.rtt_s = rtt_s
            health.failures = 0
            if not health.strict:
                health.avoid_until = 0.0
            if knew is None or not was:
                self._told_well(trunk.id, target, health, was, now)
            return
        health.why = why
        if knew is not False:
            health.since = now
            self.on_change(trunk.id, target, False, why)

    def forget_pings(self, trunk: TrunkHost, target: Target) -> None:
        """It is not asked any more."""
        self._of(trunk, target).up = None

    def _told_well(self, trunk: str, target: Target, health: Health, was: bool, now: float) -> None:
        if health.well(now):
            health.why = ""
            health.since = now
            if not was:
                self.on_change(trunk, target, True, "")

    def _of(self, trunk: TrunkHost, target: Target) -> Health:
        health = self._health.get((trunk.id, target))
        # A call may outlive the host that it began with; what it learns of that is of no more use.
        return health if health is not None else Health()


class Hunt:
    """One call's way through the targets of one trunk; see `switch.calls.context.Hunt`."""

    __slots__ = ("_dialect", "_emergency", "_hosts", "_left", "_target", "_trunk", "_wanted")

    def __init__(
        self, hosts: TrunkHosts, trunk: TrunkHost, dialect: Dialect, wanted: TrunkTarget, emergency: bool, now: float
    ) -> None:
        self._dialect = dialect
        self._hosts = hosts
        self._trunk = trunk
        self._wanted = wanted
        self._emergency = emergency
        self._left = hosts.order(trunk, now)
        self._target: Target | None = None

    @property
    def more(self) -> bool:
        """Whether there is a target that was not tried."""
        return bool(self._left)

    def next(self, now: float) -> Phone | None:
        """The next target that there is a way to."""
        while self._left:
            target = self._left.pop(0)
            flow = self._hosts.flow(self._trunk, target)
            if flow is not None:
                if self._target is not None:
                    self._hosts.failovers[self._trunk.id] = self._hosts.failovers.get(self._trunk.id, 0) + 1
                self._target = target
                dialect = self._dialect
                wanted, place = self._wanted, place_of(self._trunk, target)
                uri = dialect.help(wanted.number, place) if self._emergency else dialect.called(wanted.number, place)
                routes = dialect.toward(uri, place)
                return Phone(uri, uri, flow, routes, "", dialect, wanted.caller, withheld=wanted.withheld)
        return None

    def failed(self, status: int, retry_after_s: float, now: float) -> bool:
        """The last one failed; whether the next is to be tried."""
        if self._target is not None:
            self._hosts.failed(self._trunk, self._target, status, retry_after_s, now)
        return self._emergency or status == 0 or status in self._trunk.settings.failover

    def fails_over(self, status: int) -> bool:
        """Whether the next route is tried after that answer: as the route says, else as if it were the host's and not
        the called number's. 0 is none at all."""
        return status == 0 or status in (self._wanted.failover or self._trunk.settings.failover)

    def answered(self, now: float) -> None:
        """The last one said something good."""
        if self._target is not None:
            self._hosts.answered(self._trunk, self._target, now)


def place_of(trunk: TrunkHost, target: Target) -> str:
    """What stands behind the @ in the address of somebody there."""
    domain = trunk.settings.domain or target.name
    written = next((each.port for each in trunk.settings.hosts if each.host == domain), 0)
    return hostport(domain, written) if written not in (0, usual_port(target.transport)) else literal(domain)

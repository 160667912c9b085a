"""How every carrier stands, for `ringplan trunks`, `ringplan status` and the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from switch.calls.leg import is_trunk, trunk_of
from switch.core import Core
from switch.metrics import Labelled, Readings
from switch.net.targets import Target
from switch.sip.uri import hostport
from switch.trunk_hosts import Health
from switch.views import TrunkHostView, TrunkView


def trunk_views(core: Core, now: float) -> tuple[TrunkView, ...]:
    """All of them, as the configuration has them. `now` is monotonic."""
    calls = calls_by_trunk(core)
    states = core.registrations.states()
    hosts: dict[str, list[TrunkHostView]] = {}
    for trunk, target, health in core.directory.hosts.all():
        hosts.setdefault(trunk.id, []).append(_host(target, health, now))
    views = []
    for trunk in core.directory.hosts.trunks():
        state = states.get(trunk.id)
        views.append(
            TrunkView(
                trunk=trunk.id,
                domain=trunk.settings.domain,
                registration=state.state if state is not None else "",
                why=state.why if state is not None else "",
                since=state.since if state is not None else None,
                next_s=max(0.0, state.next - now) if state is not None else 0.0,
                expires_s=max(0.0, state.until - now) if state is not None else 0.0,
                calls=calls[trunk.id],
                channels=trunk.settings.channels,
                hosts=tuple(hosts.get(trunk.id, ())),
            )
        )
    return tuple(views)


def registered(core: Core) -> Iterable[tuple[tuple[str, ...], float]]:
    """By trunk: 1 while a registration holds."""
    return [((trunk,), float(state.state == "registered")) for trunk, state in core.registrations.states().items()]


def figures(core: Core, now: Callable[[], float]) -> Readings:
    """What a scrape reads of trunks, by name without the `ringplan_` in front. `now` is monotonic."""
    hosts, channels = core.directory.hosts, core.calls.context.channels

    def well() -> Iterable[tuple[tuple[str, ...], float]]:
        at = now()
        return [((trunk.id, _place(target)), float(health.well(at))) for trunk, target, health in hosts.all()]

    def rtt() -> Iterable[tuple[tuple[str, ...], float]]:
        return [((trunk.id, _place(target)), health.rtt_s) for trunk, target, health in hosts.all() if health.up]

    def calls() -> Iterable[tuple[tuple[str, ...], float]]:
        used = calls_by_trunk(core)
        return [((trunk.id,), used[trunk.id]) for trunk in hosts.trunks()]

    host = ("trunk", "host")
    return {
        "trunk_host_up": Labelled("1 while a host of a trunk is well, 0 while it is avoided or down", host, well),
        "trunk_host_rtt_seconds": Labelled("How long a host of a trunk took to answer the last OPTIONS", host, rtt),
        "trunk_calls": Labelled("Calls that are up on a trunk, both ways", ("trunk",), calls),
        "trunk_failovers": Labelled(
            "Calls that went on to another host of the trunk",
            ("trunk",),
            lambda: [((trunk,), count) for trunk, count in hosts.failovers.items()],
            True,
        ),
        "trunk_refused": Labelled(
            "Calls that a trunk's channels or calls a second did not allow",
            ("trunk", "limit"),
            lambda: list(channels.refused.items()),
            True,
        ),
    }


def sick(core: Core, now: float) -> Iterable[str]:
    """One sentence for each trunk of which no host is well, and for each that is not registered and ought to be."""
    for trunk in trunk_views(core, now):
        if not trunk.hosts:
            yield f"trunk {trunk.trunk}: none of its hosts is found"
        elif all(host.state != "well" for host in trunk.hosts):
            yield f"trunk {trunk.trunk}: no host is well ({trunk.hosts[0].why})"
        if trunk.registration == "failed":
            yield f"trunk {trunk.trunk} is not registered: {trunk.why}"


def calls_by_trunk(core: Core) -> Counter[str]:
    """Calls that are up, by each trunk that they use."""
    used: Counter[str] = Counter()
    for call in core.calls.by_id.values():
        used.update({trunk_of(leg.target) for leg in call.legs.values() if is_trunk(leg.target)})
    return used


def _host(target: Target, health: Health, now: float) -> TrunkHostView:
    state = "well" if health.well(now) else "down" if health.up is False else "avoided"
    named = f" ({target.name})" if target.name and target.name != target.address else ""
    return TrunkHostView(
        host=f"{_place(target)}{named}",
        state=state,
        why=health.why if state != "well" else "",
        rtt_s=health.rtt_s if health.up else 0.0,
    )


def _place(target: Target) -> str:
    return f"{target.transport} {hostport(target.address, target.port)}"

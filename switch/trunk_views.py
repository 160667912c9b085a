"""How every carrier stands, for `ringplan trunks`, `ringplan status` and the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from switch.calls.leg import is_trunk
from switch.core import Core
from switch.net.targets import Target
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
                hosts=tuple(hosts.get(trunk.id, ())),
            )
        )
    return tuple(views)


def registered(core: Core) -> Iterable[tuple[tuple[str, ...], float]]:
    """By trunk: 1 while a registration holds."""
    return [((trunk,), float(state.state == "registered")) for trunk, state in core.registrations.states().items()]


def calls_by_trunk(core: Core) -> Counter[str]:
    """Calls that are up, by each trunk that they use."""
    used: Counter[str] = Counter()
    for call in core.calls.by_id.values():
        used.update({leg.target.partition(":")[2] for leg in call.legs.values() if is_trunk(leg.target)})
    return used


def _host(target: Target, health: Health, now: float) -> TrunkHostView:
    state = "well" if health.well(now) else "down" if health.up is False else "avoided"
    address = f"[{target.address}]" if ":" in target.address else target.address
    named = f" ({target.name})" if target.name and target.name != target.address else ""
    return TrunkHostView(
        host=f"{target.transport} {address}:{target.port}{named}",
        state=state,
        why=health.why if state != "well" else "",
        rtt_s=health.rtt_s if health.up else 0.0,
    )

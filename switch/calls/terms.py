"""What holds while a call is up, as its record keeps it: the plan's policies, for the engines that carry them out."""

from __future__ import annotations

from dialplan.lines import Announce, Policy
from records.events import Terms


def terms_of(policy: Policy | None, *, in_place: bool = False) -> Terms | None:
    """The policy as events have it; None where it says nothing, which is usual. `in_place`: it takes the place of what
    another one says, so that nothing is something."""
    if policy is None:
        return None
    told = policy.announce is not Announce.NONE  # of a recording that the operator switches on
    if not (in_place or told or policy.limit_s or policy.record or policy.on_demand or policy.hold_music):
        return None
    record = tuple(sorted(policy.record)) if policy.record else ()
    return Terms(policy.owner, policy.limit_s, record, policy.on_demand, policy.announce.value, policy.hold_music)

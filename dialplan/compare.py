"""What differs between two plans for the same call, in words for people: `compare(old, new) -> changes`.

Two plans are walked side by side, from their first step on along the same exits. Names of steps, and by which rule
something was decided, are no difference; nor is what only comes behind another target, since that follows from it.
`shape` says which changes are of one sort, so that the same new ring time of five hundred people is one line.
"""

from __future__ import annotations

import enum
import re

import msgspec

from dialplan import plan as p
from dialplan.lines import Policy


class Kind(enum.StrEnum):
    """What is otherwise, the gravest first."""

    EMERGENCY = "emergency"
    NOW_REFUSED = "now refused"
    NOW_REACHES = "now reaches"
    REFUSAL = "refused otherwise"
    CALLER = "other caller"
    NUMBER = "other number"
    TARGET = "other target"
    TRUNK = "other trunk"
    SENT = "other number sent"
    CALLER_ID = "other caller ID"
    FORWARD = "other forward"
    RING_TIME = "other ring time"
    ACCOUNT_CODE = "account code"
    LIMIT = "other limit"
    RECORDING = "other recording"
    HOLD_MUSIC = "other hold music"
    FAILOVER = "other failover"
    OTHER = "other"


class Change(msgspec.Struct, frozen=True, gc=False):
    """One difference. `where` is the way to it, such as `on busy`, or whose branch it is; empty: the call as such."""

    kind: Kind
    old: str
    new: str
    where: str = ""

    def __str__(self) -> str:
        """One line for people."""
        where = f" ({self.where})" if self.where else ""
        return f"{self.kind.value}{where}: {self.old} → {self.new}"


Changes = tuple[Change, ...]
ENDS = "the call ends"
CALLED = "[called]"
"""Stands in a shape for whoever is called."""
_UNSAID = {"version": "", "because": (), "consulted": (), "dialled": "", "entity": ""}
"""Of a plan, what is no difference: how it was come to, and how it is shown."""


def compare(old: p.Plan, new: p.Plan) -> Changes:
    """All differences, each told once; empty when the call goes the same way."""
    if msgspec.structs.replace(old, **_UNSAID) == msgspec.structs.replace(new, **_UNSAID):
        return ()
    walk = _Comparison(old, new)
    walk.plans()
    order = list(Kind)
    return tuple(sorted(dict.fromkeys(walk.found), key=lambda change: order.index(change.kind)))


def shape(changes: Changes, plan: p.Plan) -> Changes:
    """The changes without what is this call's own: who is called, and the number. `plan` is the old one."""
    called = _called(plan)
    own = re.compile(rf"(?<![\w-]){re.escape(called)}(?![\w-])") if called else None
    return tuple(_without(each, own) for each in changes)


def describe(plan: p.Plan, step: str = "") -> str:
    """What a step does, in a few words; by default the first."""
    return _described(plan.step(step or plan.entry))


class _Comparison:
    """One comparison while it goes on."""

    __slots__ = ("_new", "_old", "_seen", "found")

    def __init__(self, old: p.Plan, new: p.Plan) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()
        self.found: list[Change] = []

    def plans(self) -> None:
        """Compare what holds for the whole call, and the first steps."""
        old, new = self._old, self._new
        self._say(Kind.EMERGENCY, _emergency(old), _emergency(new))
        refused = [isinstance(plan.step(plan.entry), p.Reject) for plan in (old, new)]
        if refused[0] != refused[1]:
            self._say(Kind.NOW_REFUSED if refused[1] else Kind.NOW_REACHES, describe(old), describe(new))
            return
        self._say(Kind.NUMBER, old.number, new.number)
        self._say(Kind.LIMIT, _time(old.max_duration_s), _time(new.max_duration_s))
        self._say(Kind.ACCOUNT_CODE, old.account or "none", new.account or "none")
        self._say(Kind.CALLER_ID, f"line {old.line or 'none'}", f"line {new.line or 'none'}")
        self._policies(old.policy, new.policy, "")
        self._steps(old.entry, new.entry, "")

    def _say(self, kind: Kind, old: str, new: str, where: str = "") -> None:
        if old != new:
            self.found.append(Change(kind, old, new, where))

    def _steps(self, old_id: str, new_id: str, where: str) -> None:
        if (old_id, new_id) in self._seen:
            return
        self._seen.add((old_id, new_id))
        old, new = self._old.step(old_id), self._new.step(new_id)
        before = len(self.found)
        match old, new:
            case p.Ring(), p.Ring():
                self._rings(old, new, where)
            case p.Trunk(), p.Trunk():
                self._trunks(old, new, where)
            case p.Reject(), p.Reject():
                self._say(Kind.FORWARD if where else Kind.REFUSAL, _described(old), _described(new), where)
                self._say(Kind.OTHER, _told(old.announce), _told(new.announce), where)
                self._say(Kind.OTHER, old.reason.value, new.reason.value, where)
            case p.Replan(), p.Replan():
                self._moved(old, new, where)
                self._say(Kind.OTHER, _asks(old.request), _asks(new.request), where)
            case _:
                self._moved(old, new, where)
        if type(old) is type(new) and len(self.found) == before:
            self._say(Kind.OTHER, _hops(old), _hops(new), where)

    def _moved(self, old: p.Step, new: p.Step, where: str) -> None:
        """Another target, or none."""
        asked = isinstance(old, p.Collect) or isinstance(new, p.Collect)
        kind = Kind.ACCOUNT_CODE if asked else Kind.FORWARD if where else Kind.TARGET
        self._say(kind, _described(old), _described(new), where)

    # -- ringing

    def _rings(self, old: p.Ring, new: p.Ring, where: str) -> None:
        before, after = _stages(old), _stages(new)
        if before != after:
            self._say(Kind.FORWARD if where else Kind.TARGET, _described(old), _described(new), where)
        ones, others = _branches(old), _branches(new)
        both = [name for name in ones if name in others]
        if not both:
            return
        alone = len(ones) == 1
        for name in both:
            self._branch(ones[name], others[name], where if alone else _join(where, name))
        if before == after:
            for one, other in zip(old.stages, new.stages, strict=True):
                self._say(Kind.RING_TIME, _time(one.ring_s), _time(other.ring_s), _join(where, "the whole stage"))
        self._say(Kind.OTHER, f"judged by {old.judge or 'all'}", f"judged by {new.judge or 'all'}", where)
        self._say(Kind.OTHER, f"rotates {old.group or 'nobody'}", f"rotates {new.group or 'nobody'}", where)
        self._exits(old.exits, new.exits, where)

    def _branch(self, old: p.Branch, new: p.Branch, where: str) -> None:
        self._say(Kind.RING_TIME, _ringing(old), _ringing(new), where)
        self._say(Kind.OTHER, _behalf(old), _behalf(new), where)
        self._target(old.target, new.target, where)
        self._policies(old.policy, new.policy, where)
        self._exits(old.exits, new.exits, where)

    def _target(self, old: p.Target, new: p.Target, where: str) -> None:
        if isinstance(old, p.TrunkTarget) and isinstance(new, p.TrunkTarget):
            self._way_out(old, new, where)

    def _exits(self, old: dict[p.Outcome, str], new: dict[p.Outcome, str], where: str) -> None:
        if not old and not new:
            return
        for outcome in p.Outcome:
            one, other = old.get(outcome), new.get(outcome)
            place = _join(where, f"on {outcome.value.replace('_', ' ')}")
            if one is not None and other is not None:
                self._steps(one, other, place)
            elif one is not None or other is not None:
                before = ENDS if one is None else describe(self._old, one)
                self._say(Kind.FORWARD, before, ENDS if other is None else describe(self._new, other), place)

    # -- outside

    def _trunks(self, old: p.Trunk, new: p.Trunk, where: str) -> None:
        before, after = _names(old), _names(new)
        self._say(Kind.TRUNK, before, after, where)
        others = {route.trunk: route for route in new.routes}
        for route in old.routes:
            if route.trunk in others:
                other = others[route.trunk]
                self._way_out(route, other, where if len(old.routes) == 1 else _join(where, route.trunk))
        self._say(Kind.RING_TIME, _time(old.ring_s), _time(new.ring_s), where)
        self._policies(old.policy, new.policy, where)

    def _way_out(self, old: p.Route | p.TrunkTarget, new: p.Route | p.TrunkTarget, where: str) -> None:
        self._say(Kind.SENT, old.number, new.number, where)
        self._say(Kind.CALLER_ID, _caller(old), _caller(new), where)
        self._say(Kind.FAILOVER, _statuses(old.failover), _statuses(new.failover), where)

    # -- what holds during the call

    def _policies(self, old: Policy | None, new: Policy | None, where: str) -> None:
        if old == new:
            return
        one, other = old or _NO_POLICY, new or _NO_POLICY
        self._say(Kind.LIMIT, _time(one.limit_s), _time(other.limit_s), where)
        self._say(Kind.RECORDING, _recording(one), _recording(other), where)
        self._say(Kind.HOLD_MUSIC, one.hold_music or "the usual", other.hold_music or "the usual", where)
        self._say(Kind.OTHER, f"rules of {one.owner or 'nobody'}", f"rules of {other.owner or 'nobody'}", where)


_NO_POLICY = Policy()

# Words


def _described(step: p.Step) -> str:
    match step:
        case p.Ring():
            return f"rings {_stages(step)}"
        case p.Trunk():
            return f"trunk {_names(step)}"
        case p.Voicemail():
            return f"voicemail of {step.mailbox}" + (" after a loop" if step.loop else "")
        case p.Attendant():
            return f"attendant {step.attendant}"
        case p.Queue():
            return f"queue {step.queue}"
        case p.Conference():
            return f"conference {step.room}"
        case p.Park():
            return f"parked in {step.lot} {step.slot}".rstrip()
        case p.Retrieve():
            return f"retrieves {step.slot} of {step.lot}"
        case p.Feature():
            return f"feature {step.feature} {step.argument}".rstrip()
        case p.Announce():
            return f"plays {step.source}"
        case p.Echo():
            return "echo"
        case p.Collect():
            return f"asks for the {step.what.replace('_', ' ')}" + (f" of {step.account}" if step.account else "")
        case p.Replan():
            return f"goes on to {step.request.to or step.request.digits}"
        case p.Reject():
            return f"refused {step.status} {step.text or step.reason.value.replace('_', ' ')}"


def _stages(ring: p.Ring) -> str:
    return ", then ".join(" + ".join(map(_branch_name, stage.branches)) for stage in ring.stages)


def _branch_name(branch: p.Branch) -> str:
    name = _target_name(branch.target)
    return f"({name}: {branch.skip.value.replace('_', ' ')})" if branch.skip is not None else name


def _target_name(target: p.Target) -> str:
    return target.line if isinstance(target, p.LineTarget) else f"trunk {target.trunk}"


def _branches(ring: p.Ring) -> dict[str, p.Branch]:
    """By target; one that rings again in a later stage is there again."""
    found: dict[str, p.Branch] = {}
    for stage in ring.stages:
        for branch in stage.branches:
            name = _target_name(branch.target)
            found[name if name not in found else f"{name} again" if f"{name} again" not in found else branch.id] = (
                branch
            )
    return found


def _called(plan: p.Plan) -> str:
    """The one line that the call is for, if there is one."""
    step = plan.step(plan.entry)
    if isinstance(step, p.Ring):
        lines = {
            each.target.line
            for stage in step.stages
            for each in stage.branches
            if isinstance(each.target, p.LineTarget)
        }
        return step.judge or (lines.pop() if len(lines) == 1 else "")
    return step.mailbox if isinstance(step, p.Voicemail) else ""


def _without(change: Change, own: re.Pattern[str] | None) -> Change:
    old, new, where = change.old, change.new, change.where
    if change.kind in (Kind.SENT, Kind.NUMBER):
        same = _common_end(old, new)
        if same > 2:
            old, new = old[:-same] + "…", new[:-same] + "…"
    elif own is not None:
        old, new, where = (own.sub(CALLED, text) for text in (old, new, where))
    return Change(change.kind, old, new, where)


def _common_end(one: str, other: str) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count


def _join(where: str, more: str) -> str:
    return f"{where}, {more}" if where else more


def _names(trunk: p.Trunk) -> str:
    return ", ".join(dict.fromkeys(route.trunk for route in trunk.routes)) or "none"


def _time(seconds: float) -> str:
    if not seconds:
        return "no limit"
    minutes, rest = divmod(seconds, 60)
    return f"{seconds:g} s" if rest or minutes < 5 else f"{minutes:g} min"


def _ringing(branch: p.Branch) -> str:
    delay = f" after {branch.delay_s:g} s" if branch.delay_s else ""
    return f"{branch.ring_s:g} s{delay}" + (" from the first ringing" if branch.from_ringing else "")


def _behalf(branch: p.Branch) -> str:
    behalf = f"on behalf of {branch.for_}" if branch.for_ else "for itself"
    return behalf + (", takes the channel of another call" if branch.preempt else "")


def _caller(way: p.Route | p.TrunkTarget) -> str:
    shown = way.caller or "the caller's own"
    return f"withheld ({shown})" if way.withheld else shown


def _statuses(statuses: tuple[int, ...]) -> str:
    return ", ".join(map(str, statuses)) or "the trunk's own"


def _recording(policy: Policy) -> str:
    found = [*sorted(policy.record), *(["on demand"] if policy.on_demand else [])]
    told = "" if policy.announce.value == "none" else f", told to {policy.announce.value}"
    return (", ".join(found) or "none") + told


def _emergency(plan: p.Plan) -> str:
    if not plan.emergency:
        return "an ordinary call"
    notified = f", tells {', '.join(plan.notify)}" if plan.notify else ""
    by = f" ({plan.device})" if plan.device else ""
    return f"emergency call from {plan.address or 'no known address'}{by}{notified}"


def _told(announce: str) -> str:
    return f"told {announce}" if announce else "told nothing"


def _asks(request: p.CallRequest) -> str:
    digits = "" if request.to is not None else f" {request.digits}"
    return f"asks again for {request.to or 'a number'}{digits} after {request.hops} forwards"


def _hops(step: p.Step) -> str:
    hops: tuple[p.Hop, ...] = getattr(step, "hops", ())
    return ", ".join(map(_hop, hops)) or "not forwarded"


def _hop(hop: p.Hop) -> str:
    outside = f", outside {hop.outside}" if hop.outside else ""
    return f"forwarded by {hop.by} {hop.number} {hop.name} ({hop.cause}{outside})"

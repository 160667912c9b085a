"""What happens when somebody is called, as sentences: from the same plan that a live call would get.

A sentence is a pair: **when** it happens and **what** does, with values to be put in, and how deep it stands: what
follows from a sentence stands one deeper. Which words it gets is a language's own affair (`english.py`): it has a whole
sentence for each pair, so nothing is put together here that another language would order otherwise.

    first, next        at the beginning; when a stage before has rung in vain
    delayed            after a time, while others ring
    busy, no_answer, outage, nobody    one condition; however it was that nobody took the call
    closed, open       outside of the hours and within them
    vip, others        for VIPs, for everybody else
    press, timeout, invalid            in a menu
    always             of every call

Who calls is a caller from outside whom nobody knows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from dialplan import hours
from dialplan.destinations import Destination, To, of_text, user
from dialplan.explanation import summary
from dialplan.facts import NO_FACTS, Facts
from dialplan.lines import Line, Permission, Policy
from dialplan.model import Model, TrunkRule
from dialplan.outside import leads_outside
from dialplan.plan import (
    Announce,
    Attendant,
    Branch,
    CallRequest,
    Collect,
    Conference,
    Echo,
    Feature,
    LineTarget,
    Outcome,
    Park,
    Plan,
    Queue,
    Reject,
    Replan,
    Retrieve,
    Ring,
    Step,
    Trunk,
    Voicemail,
)
from dialplan.planner import plan
from dialplan.question import QuestionError, meant
from dialplan.rates import MICRO

DEEPEST = 8
MOST_SENTENCES = 200
_OUTSIDE = "(outside)"
_VIP_NUMBER = "+10005550100"


class Said(msgspec.Struct, frozen=True):
    """One sentence: see above. `values` are names, numbers, and times in seconds (`…_s`)."""

    depth: int
    when: str
    what: str
    values: Mapping[str, str | float] = {}


def destination(model: Model, name: str) -> Destination:
    """Who is meant: a user or line, an extension, a DID, a ring group, an attendant … Raises QuestionError."""
    if name in model.lines:
        return user(name)
    if name in model.extensions:
        return model.extensions[name]
    if name in model.dids:
        return model.dids[name]
    named: tuple[tuple[To, Mapping[str, object]], ...] = (
        (To.RING_GROUP, model.ring_groups),
        (To.ATTENDANT, model.attendants),
        (To.QUEUE, model.queues),
        (To.CONFERENCE, model.conferences),
        (To.PARK, model.park_lots),
    )
    kind, colon, bare = name.partition(":")
    for to, known in named:
        if (bare if kind == to.value and colon else name) in known:
            return Destination(to, bare if colon else name)
    found = of_text(name)
    if colon and found is not None and found.kind is not To.USER:
        return found
    if colon and kind == To.USER.value and bare in model.lines:
        return user(bare)
    if (dialled := _dialled(model, name)) is not None:
        raise QuestionError(
            "name", f"`{name}` is {dialled}", f"`ringplan explain --from WHO --to '{name}'` says what it does"
        )
    known_names = [*model.lines, *model.extensions, *model.dids, *(each for _, known in named for each in known)]
    raise QuestionError("name", f"nobody and nothing is called `{name}`", meant(name, known_names))


def _dialled(model: Model, name: str) -> str | None:
    """What is dialled and is nobody: a park slot, a number that we answer, a feature code."""
    if name in model.services:
        return "a number that the exchange answers itself"
    if name in model.features:
        return f"the code of the feature `{model.features[name]}`"
    slots = (lot for lot, each in model.park_lots.items() if each.has(name))
    return next((f"a slot of the park lot `{lot}`" for lot in slots), None)


def tell(
    model: Model, to: Destination, at: datetime.datetime, *, fixed: bool = False, facts: Facts = NO_FACTS
) -> list[Said]:
    """What happens when somebody calls `to`. `fixed`: at that instant; else also what is otherwise when it is open, or
    closed. `facts`: what is so at the moment, such as what users have set for themselves."""
    owner = _owner(model, to)
    name = getattr(owner, "hours", "")
    place = zone(model, to)
    known = model.hours.get(name)
    if fixed or known is None:
        return _Teller(model, at, facts).whole(to, at, 0)
    change = hours.next_change(known, at, place)
    now_open = hours.is_open(known, at, place).open
    moments = {now_open: at} if change is None else {now_open: at, not now_open: change}
    if len(moments) == 1:
        return _Teller(model, at, facts).whole(to, at, 0)
    said: list[Said] = []
    for is_open in (True, False):
        teller = _Teller(model, at, facts)
        teller.say(0, "open" if is_open else "closed", "hours", hours=name)
        said += teller.whole(to, moments[is_open], 1)
    return said


def zone(model: Model, to: Destination) -> str:
    """The zone in which a time is meant: that of whoever is called."""
    return str(getattr(_owner(model, to), "time_zone", "UTC"))


def _owner(model: Model, to: Destination) -> object:
    known: Mapping[To, Mapping[str, object]] = {
        To.USER: model.lines,
        To.RING_GROUP: model.ring_groups,
        To.ATTENDANT: model.attendants,
        To.QUEUE: model.queues,
    }
    return known.get(to.kind, {}).get(to.name)


class _Teller:
    """Walks plans and gathers sentences."""

    def __init__(self, model: Model, at: datetime.datetime, facts: Facts) -> None:
        trunks = {**model.trunks, _OUTSIDE: TrunkRule(id=_OUTSIDE, profile=model.profile, numbers_in="e164")}
        self.model = msgspec.structs.replace(model, trunks=trunks)
        self.at = at
        self.facts = facts
        self.said: list[Said] = []
        self._menus: set[str] = set()

    def say(self, depth: int, when: str, what: str, **values: str | float) -> None:
        if len(self.said) < MOST_SENTENCES:
            self.said.append(Said(depth, when, what, values))

    def whole(self, to: Destination, at: datetime.datetime, depth: int) -> list[Said]:
        """A call to `to` at that instant."""
        self.at = at
        line = self.model.lines.get(to.name) if to.kind is To.USER else None
        if line is None or line.vip is None:
            self._plan(self._planned(to), "first", depth)
        else:
            self.say(depth, "vip", "heading", name=self._line(line.id))
            self._plan(self._planned(to, vip=line), "first", depth + 1)
            self.say(depth, "others", "heading", name=self._line(line.id))
            self._plan(self._planned(to), "first", depth + 1)
        if line is not None and any(each.what.startswith("rings") for each in self.said):
            self._held(line.policy, depth)
        return self.said

    def _planned(self, to: Destination, vip: Line | None = None) -> Plan:
        model, number = self.model, None
        if vip is not None and vip.vip is not None:
            screen = msgspec.structs.replace(vip.vip, contacts=frozenset({_VIP_NUMBER}))
            lines = {**model.lines, vip.id: msgspec.structs.replace(vip, vip=screen)}
            model, number = msgspec.structs.replace(model, lines=lines), _VIP_NUMBER
        request = CallRequest(
            digits="", at=self.at, trunk=_OUTSIDE, to=to, caller_number=number, attested=number is not None
        )
        return plan(model, request, self.facts)

    def _held(self, policy: Policy, depth: int) -> None:
        if "inbound" in policy.record:
            self.say(depth, "always", f"recorded_{policy.announce.value}")
        if policy.limit_s:
            self.say(depth, "always", "limited", time_s=policy.limit_s)

    # A step

    def _plan(self, made: Plan, when: str, depth: int, **values: str | float) -> None:
        self._step(made, made.step(made.entry), when, depth, **values)

    def _step(self, made: Plan, step: Step, when: str, depth: int, **values: str | float) -> None:
        if depth > DEEPEST:
            return
        match step:
            case Ring():
                self._ring(made, step, when, depth, values)
            case Trunk():
                self.say(depth, when, "external", number=step.routes[0].number, **values)
            case Voicemail():
                self.say(depth, when, "voicemail", owner=self._mailbox(step.mailbox), **values)
            case Attendant():
                self._menu(step, when, depth, values)
            case Queue():
                self.say(depth, when, "queue", queue=_name(self.model.queues, step.queue), **values)
            case Conference():
                self.say(depth, when, "conference", room=_name(self.model.conferences, step.room), **values)
            case Park():
                self.say(depth, when, "park", lot=_name(self.model.park_lots, step.lot), **values)
            case Retrieve() | Feature() | Collect() | Announce() | Echo():
                self.say(depth, when, "service", service=summary(step), **values)
            case Reject():
                what = {486: "ends_busy", 482: "ends_loop"}.get(step.status, "ends")
                if step.announce == "closed":
                    what = "ends_closed"
                self.say(depth, when, what, **values)
            case Replan():
                self.say(depth, when, "again", to=str(step.request.to), **values)

    def _menu(self, step: Attendant, when: str, depth: int, values: Mapping[str, str | float]) -> None:
        menu = self.model.attendants.get(step.attendant)
        self.say(depth, when, "attendant", attendant=_name(self.model.attendants, step.attendant), **values)
        if menu is None or step.attendant in self._menus:
            return
        self._menus.add(step.attendant)
        told: dict[Destination, str] = {}
        for key, to in menu.choices.items():
            how = key if key in ("timeout", "invalid") else "press"
            if told.setdefault(to, key) != key:
                self.say(depth + 1, how, "same", key=key, other=told[to])
            else:
                self._plan(self._planned(to), how, depth + 1, key=key)
        if menu.directory:
            self.say(depth + 1, "menu", "directory", key=menu.directory)
        if menu.dial_extension:
            self.say(depth + 1, "menu", "extensions")

    # Ringing

    def _ring(self, made: Plan, step: Ring, when: str, depth: int, values: Mapping[str, str | float]) -> None:
        inner = depth if when == "first" else depth + 1
        for number, stage in enumerate(step.stages):
            there = depth if number == 0 else inner
            at_once = [each for each in stage.branches if each.delay_s == 0 and each.skip is None]
            self._rings(at_once, stage.ring_s, when if number == 0 else "next", there, values)
            for at, branch in enumerate(stage.branches):
                if branch.delay_s and branch.skip is None:
                    self._later(branch, stage.branches[:at], inner)
                self._exits(made, branch.exits, self._target(branch), (there if branch in at_once else inner) + 1)
        last = step.stages[-1] if step.stages else None
        alone = last is not None and len(step.stages) == 1 and len(last.branches) == 1
        name = self._target(last.branches[0]) if alone and last is not None else ""
        if step.judge:
            name = self._line(step.judge)
            if not any(each.target == LineTarget(step.judge) for stage in step.stages for each in stage.branches):
                # K.2: whoever is not rung does not answer, whatever it was.
                self._step(made, made.step(step.exits[Outcome.NO_ANSWER]), "nobody", inner) if step.exits else self.say(
                    inner, "nobody", "ends"
                )
                return
        self._exits(made, step.exits, name, inner, ends=True)

    def _later(self, branch: Branch, before: Iterable[Branch], depth: int) -> None:
        """One that begins after a delay: beside others, or after them."""
        name = self._target(branch)
        if any(each.delay_s + each.ring_s > branch.delay_s for each in before):
            self.say(depth, "delayed", "rings", name=name, time_s=branch.delay_s)
        else:
            self.say(depth, "next", "rings", name=name, time_s=branch.ring_s)

    def _rings(
        self, branches: list[Branch], stage_s: float, when: str, depth: int, values: Mapping[str, str | float]
    ) -> None:
        if not branches:
            return
        longest = max(branch.ring_s for branch in branches)
        time_s = min(longest, stage_s) if stage_s else longest
        names = [self._target(branch) for branch in branches]
        if len(names) == 1:
            self.say(depth, when, "rings", **{**values, "name": names[0], "time_s": time_s})
        else:
            self.say(depth, when, "rings_together", **{**values, "names": "|".join(names), "time_s": time_s})

    def _exits(self, made: Plan, exits: Mapping[Outcome, str], name: str, depth: int, *, ends: bool = False) -> None:
        """Where each outcome leads; in one sentence when it is the same for all."""
        steps = {outcome: made.step(exits[outcome]) for outcome in _OUTCOMES if outcome in exits}
        same = {(type(step).__name__, summary(step)) for step in steps.values()}
        if len(steps) == len(_OUTCOMES) and len(same) == 1:
            self._step(made, next(iter(steps.values())), "nobody", depth, who=name)
            return
        for outcome in _OUTCOMES:
            when = outcome.value if name else _OF_ALL[outcome]
            if outcome in steps:
                self._step(made, steps[outcome], when, depth, who=name)
            elif ends and not steps and outcome is Outcome.NO_ANSWER:
                self.say(depth, "nobody", "ends", who=name)
            elif ends and steps:
                self.say(depth, when, "ends_busy" if outcome is Outcome.BUSY else "ends", who=name)

    def _target(self, branch: Branch) -> str:
        target = branch.target
        return self._line(target.line) if isinstance(target, LineTarget) else target.number

    def _line(self, name: str) -> str:
        return _name(self.model.lines, name)

    def _mailbox(self, name: str) -> str:
        return _name(self.model.mailboxes, name) if name in self.model.mailboxes else self._line(name)


_OUTCOMES = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.OUTAGE)
_OF_ALL = {Outcome.NO_ANSWER: "nobody", Outcome.BUSY: "all_busy", Outcome.OUTAGE: "all_out"}


def _name(known: Mapping[str, object], name: str) -> str:
    return str(getattr(known.get(name), "name", "") or name)


# What a line may call


def tell_calls(model: Model, line: Line) -> list[Said]:
    """What somebody may call, and what holds of these calls."""
    return [Said(0, "calls", what, values) for what, values in _calls(model, line)]


def _calls(model: Model, line: Line) -> Iterator[tuple[str, dict[str, str | float]]]:
    name: dict[str, str | float] = {"name": line.name or line.id}
    outside = line.outside
    yield "inside", name
    if not leads_outside(model):
        yield "no_way_out", name
        return
    if not line.set_up:
        yield "not_set_up", name
        return
    yield outside.permission.value, {**name, "country": line.profile.country}
    if outside.permission is Permission.EMERGENCY:
        return
    if outside.permission is Permission.DOMESTIC and outside.domestic_regions:
        yield "regions", {"regions": _list(sorted(outside.domestic_regions))}
    yield ("allowed", {"prefixes": _list(outside.allow)}) if outside.allow else ("denied", {})
    if outside.account_code:
        yield "account_code", name
    yield from _limits(line)
    if outside.hide_caller_id:
        yield "hidden", name
    else:
        yield ("shown", {"number": line.caller_id}) if line.caller_id else ("shown_as_trunk", {})
    if "outbound" in line.policy.record:
        yield f"recorded_{line.policy.announce.value}", {}


def _limits(line: Line) -> Iterator[tuple[str, dict[str, str | float]]]:
    quotas = line.outside.quotas
    if line.policy.limit_s:
        yield "limited", {"time_s": line.policy.limit_s}
    if quotas.calls:
        yield "at_a_time", {"count": quotas.calls}
    for what, amount in (("minutes_hour", quotas.minutes_hour), ("minutes_day", quotas.minutes_day)):
        if amount:
            yield what, {"minutes": amount}
    for what, cost in (("cost_hour", quotas.cost_hour), ("cost_day", quotas.cost_day)):
        if cost:
            yield what, {"cost": cost / MICRO}


def _list(words: Iterable[str]) -> str:
    """Several words as one value, which a language takes apart again."""
    return "|".join(words)

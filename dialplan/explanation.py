"""One call explained: every rule that was asked and what it said, who rings when and for how long, what holds of the
call, and how it ends. A value, for the terminal, for machines and for pages alike.

    rules       each rule that was asked, in order, with its place in the operator's files
    bars        who rings: one bar a branch, on the axis of seconds since the call came
    events      what happens between: forwards, announcements, services, the planner asked again, the end
    otherwise   where the call would have gone had a telephone done something else
    holds       caller ID, limit, recording, account code
    ending      how it ends, or that it goes on
"""

from __future__ import annotations

import msgspec

from dialplan import vocabulary as v
from dialplan.model import Model
from dialplan.numbers import clean
from dialplan.plan import Branch, LineTarget, Outcome, Plan, Reject, Replan, Ring, Step, Trunk
from dialplan.question import Answer, Fate, named
from dialplan.simulate import Moment, What, name_of


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was asked. `line` 0: it is built in, or a default. `text` is what `config` says of its place: who it
    was set for."""

    rule: str
    verdict: str
    file: str = ""
    line: int = 0
    text: str = ""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One target that is rung, from `start_s` to `end_s`. `target` is `line:NAME` or `trunk:NAME`, `name` what people
    call it, `number` the one that the carrier is sent. `outcome` is `answered`, one of `plan.Outcome`, or `stopped`.
    `for_` is on whose behalf it rings. `nobody`: it has no telephone, or no free channel. `order`: its place
    among bars and events."""

    target: str
    name: str = ""
    number: str = ""
    start_s: float
    end_s: float
    outcome: str
    for_: str = ""
    nobody: bool = False
    order: int = 0


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens at an instant. `what` is one of `simulate.What`: forward, service, ask, announce, end.

    Of a forward `by` forwards with the SIP `cause`. `detail` names the service, the announcement or the reason.
    """

    at_s: float
    what: str
    detail: str = ""
    by: str = ""
    name: str = ""
    cause: int = 0
    status: int = 0
    order: int = 0


class Else(msgspec.Struct, frozen=True, kw_only=True):
    """Where the call would go on: had the telephones of `of` come to one of `outcomes`, to `to`."""

    of: str
    outcomes: tuple[str, ...]
    to: str


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How the call ends when nobody answers, or that it is answered. `hears`: what the caller is told."""

    result: str
    reason: str = ""
    status: int = 0
    hears: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `caller` is the telephone or trunk, `on` the line that it calls on. `dialled` never holds a password.
    `at` has the offset of the zone that it is told in. `decisions` names the dialplan: `Model.version`."""

    caller: str
    on: str = ""
    caller_name: str = ""
    caller_number: str = ""
    dialled: str
    number: str
    at: str
    zone: str
    decisions: str
    emergency: bool = False
    account: str = ""
    rules: tuple[Rule, ...]
    bars: tuple[Bar, ...]
    events: tuple[Event, ...]
    otherwise: tuple[Else, ...]
    holds: Fate
    ending: Ending
    lasts_s: float


def explain(model: Model, asked: Answer, zone: str) -> Explanation:
    """Explain what came of a question. `zone` is the IANA name of the zone in which its instant is told."""
    got, first, last = asked.simulation, asked.plans[0], asked.plans[-1]
    caller = asked.question.caller
    device = model.devices.get(caller.device)
    on = caller.line or (device.lines[0] if device is not None and device.lines else "")
    return Explanation(
        caller=f"trunk:{caller.trunk}" if caller.trunk else caller.device,
        on=on,
        caller_name=name_of_line(model, on) if on else "",
        caller_number=asked.question.number,
        dialled=first.dialled or asked.question.dial,
        number=last.number if last.number and clean(last.number) else first.number,
        at=asked.question.at.isoformat(),
        zone=zone,
        decisions=model.version,
        emergency=first.emergency,
        account=last.account,
        rules=tuple(_rule(model, rule, verdict) for rule, verdict in asked.because()),
        bars=tuple(_bars(model, asked)),
        events=tuple(_events(model, asked)),
        otherwise=tuple(_otherwise(model, asked)),
        holds=asked.fate(),
        ending=_ending(asked),
        lasts_s=got.at_s,
    )


def name_of_line(model: Model, name: str) -> str:
    """What people call a line; empty where that is no more than its name."""
    line = model.lines.get(name)
    return line.name if line is not None else ""


def _rule(model: Model, rule: str, verdict: str) -> Rule:
    origin = model.origins.get(rule)
    if origin is None:
        # A row of a CSV file: the file's route, and the row's own line.
        file, _, row = rule.rpartition(":")
        if file and row.isdecimal() and "." in file:
            return Rule(rule=rule, verdict=verdict, file=file, line=int(row))
        return Rule(rule=rule, verdict=verdict)
    return Rule(rule=rule, verdict=verdict, file=origin.file, line=origin.line, text=origin.text)


def _bars(model: Model, asked: Answer) -> list[Bar]:
    """Who was rung, in the order in which they began. Every branch that was started ends exactly once."""
    got = asked.simulation
    began: dict[str, tuple[float, Branch]] = {}
    made: dict[str, Bar] = {}
    nobody = {(moment.at_s, moment.target) for moment in got.sent(What.NOBODY)}
    places: dict[tuple[float, str], int] = {}
    for place, moment in enumerate(got.timeline):
        if moment.what in (What.INVITE, What.NOBODY):
            places.setdefault((moment.at_s, moment.target), place)

    def end(branch_id: str, at_s: float, outcome: str) -> None:
        start_s, branch = began[branch_id]
        target = name_of(branch)
        line = isinstance(branch.target, LineTarget)
        made[branch_id] = Bar(
            target=target,
            name=name_of_line(model, branch.target.line) if isinstance(branch.target, LineTarget) else "",
            number="" if isinstance(branch.target, LineTarget) else branch.target.number,
            start_s=start_s,
            end_s=at_s,
            outcome=outcome,
            for_=branch.for_ if line else "",
            nobody=(round(start_s, 3), target) in nobody,
            order=places.get((round(start_s, 3), target), 0),
        )

    for at_s, command in got.commands:
        match command:
            case v.StartBranch(branch):
                began[branch.id] = (at_s, branch)
            case v.StopBranch(name, _, outcome):
                end(name, at_s, outcome.value if outcome is not None else "stopped")
            case v.Connect(name):
                end(name, at_s, "answered")
    for name in began:
        if name not in made:
            end(name, got.at_s, "stopped")
    return [made[name] for name in began]


def _events(model: Model, asked: Answer) -> list[Event]:
    services = {step.id: named(step) for step in asked.services}
    return [
        _event(model, moment, services, place)
        for place, moment in enumerate(asked.simulation.timeline)
        if moment.what in _TOLD
    ]


_TOLD = (What.FORWARD, What.SERVICE, What.ASK, What.ANNOUNCE, What.END)


def _event(model: Model, moment: Moment, services: dict[str, str], order: int) -> Event:
    detail = services.get(moment.target, moment.detail)
    hop = moment.hop
    return Event(
        at_s=moment.at_s,
        what=moment.what.value,
        detail=detail,
        by=hop.by if hop is not None else "",
        name=(hop.name or name_of_line(model, hop.by)) if hop is not None else "",
        cause=hop.cause if hop is not None else 0,
        status=moment.status,
        order=order,
    )


def _ending(asked: Answer) -> Ending:
    got = asked.simulation
    if got.termination is None:
        return Ending(result="answered" if got.connected else "unfinished")
    heard = got.sent(What.ANNOUNCE)
    ended = got.termination
    return Ending(
        result=ended.result.value,
        reason=ended.reason.value,
        status=ended.sip_status,
        hears=heard[-1].detail if heard else "",
    )


# What else could have happened


def _otherwise(model: Model, asked: Answer) -> list[Else]:
    """The exits of the steps and branches that the call came to, without those that it took."""
    made = asked.simulation.plan
    entered: dict[str, None] = {step.id: None for step in asked.services}
    for _, command in asked.simulation.commands:
        if isinstance(command, v.StartBranch):
            entered[command.step] = None
    found: list[Else] = []
    for step_id in tuple(entered):
        step = made.step(step_id)
        if isinstance(step, Ring):
            branches = [branch for stage in step.stages for branch in stage.branches]
            targets = dict.fromkeys(_bare(name_of(branch)) for branch in branches)
            who = f"ring_group:{step.group}" if step.group else step.judge or ", ".join(targets)
            found += _exits(made, who, step.exits, entered)
            for branch in branches:
                found += _exits(made, _bare(name_of(branch)), branch.exits, entered)
    return _together(found)


def _together(found: list[Else]) -> list[Else]:
    """What leads to one place, in one."""
    made: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in found:
        before = made.get((each.of, each.to), ())
        made[each.of, each.to] = tuple(dict.fromkeys((*before, *each.outcomes)))
    return [Else(of=of, outcomes=outcomes, to=to) for (of, to), outcomes in made.items()]


def _exits(made: Plan, who: str, exits: dict[Outcome, str], entered: dict[str, None]) -> list[Else]:
    return [
        Else(of=who, outcomes=(outcome.value,), to=summary(made.step(to)))
        for outcome, to in exits.items()
        if to not in entered
    ]


def summary(step: Step) -> str:
    """A step in a few words: who rings, which number is called, what answers, how it is refused."""
    match step:
        case Ring():
            names = dict.fromkeys(_bare(name_of(each)) for stage in step.stages for each in stage.branches)
            return ", ".join(names)
        case Trunk():
            return f"{step.routes[0].number} by {', '.join(dict.fromkeys(route.trunk for route in step.routes))}"
        case Reject():
            return f"{step.status} {step.text}".rstrip()
        case Replan():
            return str(step.request.to or step.request.digits)
    return named(step)


def _bare(target: str) -> str:
    return target.removeprefix("line:")

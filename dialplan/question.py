"""A call that somebody asks about: `ringplan explain`, the operators' tests, `ringplan tell`. Values in, an answer out.

A `Question` is the call as a person thinks of it, an `Answer` is what the planner and the walk make of it, with
pretended telephones. The planner is asked again wherever the call comes to a place that could not be known beforehand:
what the caller presses in a menu and which account code is given are part of the question.

Whoever is not named in `phones` has a telephone that rings and is not answered, a line without any device none. A
carrier that is not named rings, too.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from dialplan import hours
from dialplan.destinations import Destination, To
from dialplan.facts import NO_FACTS, Facts
from dialplan.forms import read
from dialplan.groups import Attendant as Menu
from dialplan.lines import Policy
from dialplan.model import Model
from dialplan.numbers import clean
from dialplan.plan import (
    Announce,
    Attendant,
    CallRequest,
    Collect,
    Conference,
    Echo,
    Feature,
    LineTarget,
    Park,
    Plan,
    Queue,
    Retrieve,
    Service,
    Step,
    TrunkTarget,
    Voicemail,
)
from dialplan.planner import plan
from dialplan.pretend import RINGS, Phone, Script
from dialplan.simulate import Simulation, What, simulate
from dialplan.vocabulary import StepDone


class QuestionError(ValueError):
    """A question about something that is not there. `part` is the part of the question that is wrong, `hint` what may
    have been meant."""

    def __init__(self, part: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.part = part
        self.message = message
        self.hint = hint


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a telephone and the line that it calls on, or a trunk."""

    device: str = ""
    line: str = ""
    trunk: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `at` is zone-aware (see `zone`). `number` and `name` are the caller's, as a trunk brings them.

    `presses` is what the caller presses in menus, one after the other: a key, `timeout` or `invalid`. `account` is the
    account code that is given when one is asked for. `hangs_up_s`: when the caller gives up; None: never.
    """

    dial: str
    caller: Caller
    at: datetime.datetime
    number: str = ""
    name: str = ""
    anonymous: bool = False
    attested: bool = False
    account: str = ""
    presses: tuple[str, ...] = ()
    phones: Script = {}
    hangs_up_s: float | None = None
    facts: Facts = NO_FACTS


class Answer(msgspec.Struct, kw_only=True):
    """What comes of a question. `plans` has the first plan and then each further answer of the planner. `services` are
    those that the call came to."""

    question: Question
    request: CallRequest
    plans: list[Plan]
    simulation: Simulation
    services: list[Step]

    @property
    def plan(self) -> Plan:
        """The first."""
        return self.plans[0]

    def because(self) -> Iterator[tuple[str, str]]:
        """Every rule that was asked, and what it said, in order."""
        for each in self.plans:
            yield from each.because

    def fate(self) -> Fate:
        """What holds of the call in the end."""
        return _fate(self)


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What holds of a call when it is answered.

    `by` is who or what answered: `line:NAME`, `trunk:NAME` or a service as `named` writes it; empty when nobody did.
    `caller_id` is the number that the carrier sees, `withheld` whether it is hidden. `limit_s` 0: none. `limited_by`
    and `recorded_by` are the lines whose rules count (LIM-10, REC-1); `announce` who is told of the recording.
    """

    by: str = ""
    outside: bool = False
    caller_id: str = ""
    withheld: bool = False
    limit_s: float = 0.0
    limited_by: str = ""
    recorded_by: tuple[str, ...] = ()
    announce: str = "none"


def answer(model: Model, question: Question) -> Answer:
    """Ask the planner, and let the pretended telephones ring. Never raises for anything that a caller can do."""
    caller = question.caller
    request = CallRequest(
        digits=question.dial,
        at=question.at,
        device=caller.device or None,
        line=caller.line or None,
        trunk=caller.trunk or None,
        caller_number=question.number or None,
        caller_name=question.name or None,
        anonymous=question.anonymous,
        attested=question.attested,
    )
    plans = [plan(model, request, question.facts)]
    services: list[Step] = []
    presses = list(reversed(question.presses))

    def again(asked: CallRequest) -> Plan:
        plans.append(plan(model, asked, question.facts))
        return plans[-1]

    def served(step: Service) -> StepDone | None:
        services.append(step)
        chosen = _chosen(model, question, plans[-1], request, step, presses)
        return StepDone(step.id, "replan", chosen) if chosen is not None else None

    got = simulate(
        plans[0],
        _Telephones(model, question.phones),
        otherwise=(RINGS,),
        caller_gone_after_s=question.hangs_up_s,
        replan=again,
        served=served,
    )
    return Answer(question=question, request=request, plans=plans, simulation=got, services=services)


def _chosen(
    model: Model, question: Question, made: Plan, request: CallRequest, step: Service, presses: list[str]
) -> CallRequest | None:
    """How the call goes on from a menu, or with the account code that was asked for; None: it stays there."""
    replace = msgspec.structs.replace
    if isinstance(step, Attendant) and presses:
        menu = model.attendants.get(step.attendant)
        to = _pressed(model, menu, presses.pop()) if menu is not None else None
        hops = request.hops + len(step.hops)
        return replace(request, to=to, account=made.account, hops=hops) if to is not None else None
    if isinstance(step, Collect):
        account = step.account or question.account
        if account in model.accounts and step.number and not request.account:
            return replace(request, digits=step.number, account=account)
    return None


def _pressed(model: Model, menu: Menu, keys: str) -> Destination | None:
    """Where keys lead in a menu; an internal number where those may be dialled."""
    number = model.extensions.get(keys) if menu.dial_extension else None
    return menu.choices.get(keys) or number or menu.choices.get("invalid")


class _Telephones(Mapping[str, Sequence[Phone]]):
    """The script, and a telephone that rings for every line that has a device; others have none."""

    __slots__ = ("_lines", "_model", "_script")

    def __init__(self, model: Model, script: Script) -> None:
        self._model = model
        self._script = script
        self._lines: frozenset[str] | None = None

    def __getitem__(self, target: str) -> Sequence[Phone]:
        if target in self._script:
            return self._script[target]
        if target.startswith("trunk:"):
            return (RINGS,)
        if self._lines is None:
            self._lines = frozenset(f"line:{line}" for each in self._model.devices.values() for line in each.lines)
        return (RINGS,) if target in self._lines else ()

    def __iter__(self) -> Iterator[str]:
        return iter(self._script)

    def __len__(self) -> int:
        return len(self._script)


# What came of it


def named(step: Step) -> str:
    """A service as operators write it: like a destination, else by what it does."""
    match step:
        case Voicemail():
            return f"voicemail:{step.mailbox}"
        case Attendant():
            return f"attendant:{step.attendant}"
        case Queue():
            return f"queue:{step.queue}"
        case Conference():
            return f"conference:{step.room}"
        case Park():
            return f"park:{step.lot}"
        case Retrieve():
            return f"retrieve:{step.slot}"
        case Announce():
            return f"announce:{step.source}"
        case Feature():
            return f"feature:{step.feature}"
        case Collect():
            return f"collect:{step.what}"
        case Echo():
            return "echo"
    return step.id


def _fate(asked: Answer) -> Fate:
    got, made = asked.simulation, asked.plans[-1]
    branch = got.branch
    if branch is None:
        found = next((each for each in reversed(asked.services) if each.id == got.connected), None)
        return Fate(by=named(found) if found is not None else "")
    target = branch.target
    inbound = asked.question.caller.trunk != ""
    if isinstance(target, LineTarget):
        by = f"line:{target.line}"
        policies = [("inbound" if inbound else "internal", branch.policy)]
        if not inbound:
            policies.append(("internal", made.policy))
        # LIM-9: internal calls are not limited.
        return _held(Fate(by=by), branch.policy if inbound else None, policies)
    return _out(target, branch.policy or (None if inbound else made.policy))


def _out(target: TrunkTarget, policy: Policy | None) -> Fate:
    fate = Fate(by=f"trunk:{target.trunk}", outside=True, caller_id=target.caller, withheld=target.withheld)
    return _held(fate, policy, [("outbound", policy)])


def _held(fate: Fate, limiting: Policy | None, recording: Iterable[tuple[str, Policy | None]]) -> Fate:
    records = [policy for way, policy in recording if policy is not None and way in policy.record]
    told = {policy.announce.value for policy in records}
    announce = next(iter(told)) if len(told) == 1 else "all" if told - {"none"} else "none"
    limit_s = limiting.limit_s if limiting is not None else 0.0
    return msgspec.structs.replace(
        fate,
        limit_s=limit_s,
        limited_by=limiting.owner if limiting is not None and limit_s else "",
        recorded_by=tuple(dict.fromkeys(policy.owner for policy in records)),
        announce=announce,
    )


def forwarders(asked: Answer) -> list[str]:
    """Who forwarded the call, in order: names of lines, and others as `ring_group:NAME`."""
    return [moment.hop.by for moment in asked.simulation.sent(What.FORWARD) if moment.hop is not None]


# Who calls, and when


def caller_of(model: Model, name: str, line: str = "") -> Caller:
    """Who is meant by a user, a line, a device, a trunk or an extension. `line`: the one that is called on, when it is
    not the telephone's first. Raises QuestionError."""
    kind, colon, bare = name.partition(":")
    if not colon:
        kind, bare = "", name
    if line and line not in model.lines:
        raise QuestionError("line", f"there is no line `{line}`", meant(line, model.lines))
    if kind in ("", "user", "line"):
        number = model.extensions.get(bare) if bare not in model.lines else None
        user = number.name if number is not None and number.kind is To.USER else bare
        if user in model.lines:
            return _of_line(model, user, line)
    if kind in ("", "device") and bare in model.devices:
        return Caller(device=bare, line=line)
    if kind in ("", "trunk") and bare in model.trunks:
        return Caller(trunk=bare)
    known = {"": [*model.lines, *model.devices, *model.trunks], "device": [*model.devices], "trunk": [*model.trunks]}
    what = {"": "user, line, device or trunk", "device": "device", "trunk": "trunk"}.get(kind, "user or line")
    raise QuestionError("from", f"there is no {what} `{bare}`", meant(bare, known.get(kind, [*model.lines])))


def _of_line(model: Model, user: str, line: str) -> Caller:
    own = [each.id for each in model.devices.values() if each.lines and each.lines[0] == user]
    also = [each.id for each in model.devices.values() if user in each.lines]
    for device in (*own, *also):
        return Caller(device=device, line=line or user)
    raise QuestionError("from", f"`{user}` has no telephone to call from", "none of `devices` has this line")


def meant(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all when they are few."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, 1)
    if near:
        return f"did you mean `{near[0]}`?"
    return "there are " + ", ".join(names) if 0 < len(names) <= 12 else ""


def zone(model: Model, caller: Caller, dial: str) -> str:
    """The zone in which a time without one is meant: the caller's; of a call from outside that of whoever is called."""
    if caller.trunk:
        trunk = model.trunks.get(caller.trunk)
        value = read(dial, trunk.numbers_in, trunk.profile.country) if trunk is not None else dial
        digits = clean(dial)
        found = next((model.dids[form] for form in (value, digits, "+" + digits) if form in model.dids), None)
        if found is None:
            return "UTC"
        owners: Mapping[To, Mapping[str, object]] = {
            To.USER: model.lines,
            To.RING_GROUP: model.ring_groups,
            To.ATTENDANT: model.attendants,
            To.QUEUE: model.queues,
        }
        entity = owners.get(found.kind, {}).get(found.name)
        return str(getattr(entity, "time_zone", "UTC"))
    device = model.devices.get(caller.device)
    name = caller.line or (device.lines[0] if device is not None and device.lines else "")
    line = model.lines.get(name)
    return line.time_zone if line is not None else "UTC"


def instant(model: Model, at: datetime.datetime, caller: Caller, dial: str) -> datetime.datetime:
    """That time, zone-aware."""
    if at.tzinfo is not None:
        return at
    return at.replace(tzinfo=hours.zone_of(zone(model, caller, dial)))

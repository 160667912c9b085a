"""Plans for tests of the walk: short ways to write them, and random ones of every shape."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from random import Random

from dialplan import vocabulary as v
from dialplan.plan import (
    Announce,
    Attendant,
    Branch,
    CallRequest,
    Collect,
    Conference,
    Echo,
    Feature,
    Hop,
    LineTarget,
    Outcome,
    Park,
    Plan,
    Queue,
    Reject,
    Replan,
    Retrieve,
    Ring,
    Route,
    Service,
    Stage,
    Step,
    Trunk,
    Voicemail,
)
from dialplan.pretend import Phone, phones
from dialplan.simulate import Simulation, What
from dialplan.termination import Reason

AT = datetime.datetime(2026, 3, 2, 9, 30, tzinfo=datetime.UTC)
LINES = "abcd"
TRUNKS = "xy"


def request(digits: str = "101") -> CallRequest:
    return CallRequest(digits=digits, at=AT)


def branch(line: str, ring_s: float = 20.0, delay_s: float = 0.0, **more: object) -> Branch:
    return Branch(id=f"b/{line}", target=LineTarget(line), ring_s=ring_s, delay_s=delay_s, **more)  # type: ignore[arg-type]


def ring(*branches: Branch, step: str = "ring", stage_s: float = 0.0, **more: object) -> Ring:
    return Ring(id=step, stages=(Stage(branches, stage_s),), **more)  # type: ignore[arg-type]


def plan_of(*steps: Step, emergency: bool = False) -> Plan:
    return Plan(entry=steps[0].id, steps=steps, number="101", emergency=emergency)


def script(text: str) -> dict[str, tuple[Phone, ...]]:
    return phones(text)


def seen(got: Simulation, *what: What) -> list[str]:
    """Moments of these kinds as people read them; INVITE and CANCEL unless told."""
    return [str(moment) for moment in got.sent(*(what or (What.INVITE, What.CANCEL)))]


# Random ones


class Company:
    """Everything random about one history, out of one seed: plans, telephones, services, and when the caller leaves."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.plans = [random_plan(random) for _ in range(random.choice((1, 1, 2, 3)))]
        self.script = {name: self._phones() for name in [f"line:{n}" for n in LINES] + [f"trunk:{n}" for n in TRUNKS]}
        self.gone_s = float(random.randrange(60)) if random.random() < 0.3 else None

    def replan(self, asked: CallRequest) -> Plan:
        return self.plans[int(asked.digits) % len(self.plans)]

    def served(self, service: Service) -> v.StepDone | None:
        kind = self._random.choice((None, "done", "failed", "unavailable", "replan"))
        if kind is None:
            return None
        return v.StepDone(service.id, kind, request(str(self._random.randrange(9))) if kind == "replan" else None)

    def _phones(self) -> tuple[Phone, ...]:
        return tuple(random_phone(self._random) for _ in range(self._random.choice((0, 1, 1, 1, 2, 3))))


def random_phone(random: Random) -> Phone:
    after_s = float(random.choice((0, 0, 1, 2, 4, 5, 10, random.randrange(61))))
    ringing_s = random.choice((0.0, 0.0, 0.0, 1.0, 4.0, 6.0, None))
    status = random.choice((None, None, 200, 200, 0, 408, 480, 486, 487, 404, 500, 503, 600, 603))
    return Phone(status=status, after_s=after_s, ringing_s=ringing_s, full=random.random() < 0.05)


def random_plan(random: Random) -> Plan:
    ids = [f"s{n}" for n in range(random.randrange(1, 7))]
    steps = tuple(_step(random, each, ids) for each in ids)
    return Plan(entry="s0", steps=steps, number="1", emergency=random.random() < 0.15)


_SERVICES = (Announce, Echo, Voicemail, Attendant, Queue, Conference, Park, Retrieve, Feature, Collect)
_NAMES: dict[type, dict[str, str]] = {
    Announce: {"source": "tone:425"},
    Echo: {},
    Voicemail: {"mailbox": "m"},
    Attendant: {"attendant": "m"},
    Queue: {"queue": "q"},
    Conference: {"room": "r"},
    Park: {"lot": "l"},
    Retrieve: {"lot": "l", "slot": "1"},
    Feature: {"feature": "f"},
    Collect: {"what": "account_code", "number": "+1"},
}


def _step(random: Random, step_id: str, ids: Sequence[str]) -> Step:
    kind = random.choice(("ring", "ring", "ring", "ring", "trunk", "service", "reject", "replan"))
    hops = tuple(Hop(random.choice(LINES), 486) for _ in range(random.choice((0, 0, 1, 2))))
    if kind == "ring":
        stages = tuple(_stage(random, f"{step_id}.{n}", ids) for n in range(random.choice((0, 1, 1, 2, 3))))
        judge = random.choice(("", "", "", *LINES))
        return Ring(id=step_id, stages=stages, exits=_exits(random, ids), judge=judge, hops=hops)
    if kind == "trunk":
        routes = tuple(Route(random.choice(TRUNKS), "+1") for _ in range(random.randrange(4)))
        return Trunk(id=step_id, routes=routes, ring_s=30.0, hops=hops)
    if kind == "reject":
        return Reject(id=step_id, status=480, reason=random.choice(list(Reason)), announce=random.choice(("", "busy")))
    if kind == "replan":
        return Replan(id=step_id, request=request(str(random.randrange(9))), hops=hops)
    service = random.choice(_SERVICES)
    made: Step = service(id=step_id, **_NAMES[service])  # type: ignore[arg-type]
    return made


def _stage(random: Random, name: str, ids: Sequence[str]) -> Stage:
    branches = tuple(
        Branch(
            id=f"{name}.{line}",
            target=LineTarget(line),
            delay_s=float(random.choice((0, 0, 0, 3, 10))),
            ring_s=float(random.choice((1, 5, 10, 20, 60))),
            from_ringing=random.random() < 0.4,
            exits=_exits(random, ids) if random.random() < 0.4 else {},
            skip=random.choice(list(Outcome)) if random.random() < 0.1 else None,
        )
        for line in random.sample(LINES, random.randrange(4))
    )
    return Stage(branches, float(random.choice((0, 0, 5, 10, 30))))


def _exits(random: Random, ids: Sequence[str]) -> dict[Outcome, str]:
    return {outcome: random.choice(ids) for outcome in Outcome if random.random() < 0.4}

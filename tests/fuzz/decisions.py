"""A fuzzer for what decides: the planner, and the way from YAML to it. Seeded, bounded, repeatable.

`fuzz_planner`: companies whose forwards, groups, delegates and hours lead anywhere and nowhere, asked with digits,
requests and facts that are bent at random. `fuzz_yaml`: sound and broken configurations, bent, which either compile or
are refused with ConfigError and nothing else; what has compiled is asked, too.

How much work an input costs is counted in calls of functions, which no other program on the machine can change, and
which ends a loop that would never end. What calls none (a pattern gone wild, an addition of megabytes) shows in CPU
time; an input that is slow is tried twice more, and only one that is slow each time is told.
"""

from __future__ import annotations

import datetime
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from config import codes, loader, packed, validate
from config.compile import compile_loaded
from config.compiled import Compiled
from config.problems import ConfigError
from dialplan.destinations import NOWHERE, Destination, To
from dialplan.draft import MOST_STEPS
from dialplan.facts import Condition, Facts, LineFacts
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards, Line, Others, Vip
from dialplan.model import Model, render
from dialplan.plan import CallRequest, Plan, Ring
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import simulate
from tests.fuzz.fuzzer import Escape
from tests.support.companies import company

MOST_CALLS = 60_000
"""Of functions, in one decision. A usual one takes a few hundred."""
SLOW_S = 0.005
COMPILE_CALLS = 3_000_000
COMPILE_SLOW_S = 2.0
TRIES = 3
FAILURES = 10

CORPUS = Path(__file__).parents[1] / "corpus"
AT = datetime.datetime(2026, 3, 2, 9, 30, tzinfo=datetime.UTC)

DIALLED = (
    "911", "9911", "112", "201", "20000", "5555555", "212-555-5555", "+442079460000", "011442079460000", "12125555555",
    "0", "00", "+", "*78", "*97", "*11*4711*1234#5555555", "*11*4711#+33155501000", "*20000#5555555", "*1", "#", "**",
    "90011", "90010", "urn:service:sos", "urn:service:sos.fire", "URN:SERVICE:", "0445;phone-context=+1",
    "5555555;phone-context=example.com", "anna", "u00001", "", " ", "\u00b2\u0663", "(0)", "+49(0)30123456", "1" * 15,
)  # fmt: skip
SPICE = (
    "*", "#", "**", "*#", "+", "++", "0", "00", "011", "(0)", "-", ".", " ", ";", ";phone-context=", ";ext=", "@", "%",
    "%00", "\x00", "\r\n", "\t", "\u200b", "\u202e", "\xa0", "\u0663", "\u00b2", "\U0001d7d8", "\ud800", "\xff", "urn:",
    "urn:service:", "sos", "911", "112", "x", "A", "\u0131", ",", "p", "w", "*201#", "*11*", "tel:", "sip:", "e9", "∞",
)  # fmt: skip
YAML_SPICE = (
    "none", "[]", "{}", "null", "~", "0", "-1", "1e9", "9" * 400, "always", "voicemail", "closed", "0s", "10s", "+1",
    '""', "'", '"', "*a", "&a", "!!x", "- ", ": ", ": {", "]", "}", "? ", "|", ">", "%", "@", "`", "\t", "\x00", "---",
    "ring_group:front", "user:u00000", "attendant:main", "queue:help", "external:+33155501000", "voicemail:", "anna",
    "2026-02-30", "02-29..02-28", "24:00-00:00", "22:00-06:00", "mon-sun", "Etc/GMT+7", "UTC", "FR", "XX", "+33", "911",
    "env:A", "env:NOWHERE", "file:../../x", "true", "hours:", "<<: *a", "𝟘", "\ud7ff", "0" * 5000, "[" * 30,
    "{a: " * 30, "hours: office", "delegates: [u00000]", "forward: {always: u00000}", "members: []", "privileges: []",
)  # fmt: skip


def run_planner(count: int, seed: int) -> list[str]:
    """So many questions; what went wrong, one line each, at most FAILURES."""
    rng, failures = random.Random(seed), list[str]()
    models = [_sound(rng) for _ in range(4)]
    model = models[0]
    for number in range(count):
        if number % 20 == 0:
            model = rng.choice(models) if rng.random() < 0.3 else bent(rng.choice(models), rng)
        request, facts = ask(model, rng), _facts(model, rng)
        try:
            made = bounded(lambda model=model, request=request, facts=facts: plan(model, request, facts))
            look(made, model)
            if number % 10 == 0:
                dice = random.Random(number)
                bounded(lambda made=made, model=model, facts=facts, dice=dice: _walk(made, model, facts, dice))
        except Exception as error:
            failures.append(f"#{number} {type(error).__name__}: {error} for {request!r} {facts!r}"[:2000])
            if len(failures) >= FAILURES:
                break
    return failures


def run_yaml(count: int, seed: int) -> list[str]:
    """So many bent configurations; what went wrong, one line each, at most FAILURES."""
    rng, failures = random.Random(seed), list[str]()
    sources = [file.read_text("utf-8") for file in sorted(CORPUS.glob("*/*.yaml"))]
    sources += [company(users=users, seed=seed) for seed, users in enumerate((1, 3, 12, 12, 12, 25))] * 20
    for number in range(count):
        text = mutate(rng.choice(sources), sources, rng)
        try:
            compiled = bounded(lambda text=text: configuration(text), COMPILE_CALLS, COMPILE_SLOW_S)
            if compiled is not None:
                for _ in range(3):
                    request, facts = ask(compiled.model, rng), _facts(compiled.model, rng)
                    model = compiled.model
                    look(bounded(lambda model=model, r=request, f=facts: plan(model, r, f)), model)
        except Exception as error:
            failures.append(f"#{number} {type(error).__name__}: {error} for {text!r}"[:6000])
            if len(failures) >= FAILURES:
                break
    return failures


T = TypeVar("T")


def bounded(work: Callable[[], T], most: int = MOST_CALLS, slow_s: float = SLOW_S) -> T:
    """What the work gives. Raises Escape for too much of it."""
    result, took = _counted(work, most)
    if took > slow_s:
        times = []
        for _ in range(TRIES):
            began = time.thread_time()
            work()
            times.append(time.thread_time() - began)
        if min(times) > slow_s:
            raise Escape(f"took {min(times) * 1000:.0f} ms")
    return result


def _counted(work: Callable[[], T], most: int) -> tuple[T, float]:
    left = most

    def count(frame: Any, what: str, argument: Any) -> None:
        nonlocal left
        if what.endswith("call"):
            left -= 1
            if left < 0:
                raise Escape(f"more than {most} calls of functions")

    before = sys.getprofile()
    began = time.thread_time()
    sys.setprofile(count)
    try:
        result = work()
    finally:
        sys.setprofile(before)
    return result, time.thread_time() - began


# Decisions


def look(made: Plan, model: Model) -> None:
    """What holds of every plan. Raises Escape."""
    steps = {step.id: step for step in made.steps}
    if len(steps) != len(made.steps) or made.entry not in steps:
        raise Escape("a plan whose steps have no names of their own")
    if len(steps) > MOST_STEPS + 60:
        raise Escape(f"a plan of {len(steps)} steps")
    for step in made.steps:
        if isinstance(step, Ring):
            branches = [branch for stage in step.stages for branch in stage.branches]
            led = [*step.exits.values(), *(exit_to for branch in branches for exit_to in branch.exits.values())]
            if not steps.keys() >= set(led):
                raise Escape("an exit to a step that is not there")
            if not all(0 <= branch.ring_s <= 3600 and 0 <= branch.delay_s < 1e6 for branch in branches):
                raise Escape("a branch that rings for ever")
    render(model, made.because)


def _walk(made: Plan, model: Model, facts: Facts, rng: random.Random) -> None:
    phones = (
        Phone(),
        Phone(status=200, after_s=5.0),
        Phone(status=486),
        Phone(status=603, after_s=1.0),
        Phone(status=0),
    )
    script = {f"line:{name}": (rng.choice(phones),) for name in model.lines} | {"trunk:carrier": (rng.choice(phones),)}
    done = simulate(made, script, replan=lambda request: plan(model, request, facts))
    if done.termination is None and not done.connected:
        raise Escape("a walk without an end")
    if done.armed:
        raise Escape(f"timers that are left: {done.armed}")


def ask(model: Model, rng: random.Random) -> CallRequest:
    """A call of somebody to somewhere, or of nobody to nowhere."""
    device: str | None = rng.choice([*model.devices, "nobody", ""])
    trunk: str | None = None
    if rng.random() < 0.3:
        device, trunk = None, rng.choice([*model.trunks, "nobody"])
    someone = rng.choice([None, "", "nobody", *list(model.lines)[:20]])
    return CallRequest(
        digits=digits(model, rng),
        at=AT + datetime.timedelta(minutes=rng.randrange(60 * 24 * 400)),
        device=device,
        line=rng.choice([None, None, someone]),
        trunk=trunk,
        caller_number=rng.choice([None, "", "+16695550142", "anonymous", digits(model, rng)]),
        caller_name=rng.choice([None, "Anna", "\x00"]),
        proven=rng.random() < 0.8,
        hops=rng.choice((0, 0, 0, 1, 5, 6, 70, 10**9)),
        visited=tuple(str(_destination(model, rng)) for _ in range(rng.choice((0, 0, 3, 200)))),
        attested=rng.random() < 0.5,
        anonymous=rng.random() < 0.2,
        transferor=rng.choice([None, None, someone]),
        account=rng.choice(["", "", "4711", "x"]),
        to=_destination(model, rng) if rng.random() < 0.4 else None,
    )


def digits(model: Model, rng: random.Random) -> str:
    """What somebody may dial, or a header may say."""
    known = (*DIALLED, *list(model.extensions)[:50], *list(model.dids)[:50], *model.features)
    text = rng.choice(known)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(5):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1:
                text = text[:at] + rng.choice(SPICE) + text[at:]
            case 2:
                text = text[:at] + rng.choice(known) + text[at:]
            case 3:
                text = text[:at] + text[at:] * rng.choice((2, 10, 50))
            case _:
                text = text[:at] + rng.choice(SPICE) * rng.choice((1, 20, 2000))
        text = text[:65_000]
    return text


def _destination(model: Model, rng: random.Random) -> Destination:
    kind = rng.choice(list(To))
    by_kind: Mapping[To, Any] = {
        To.USER: model.lines,
        To.RING_GROUP: model.ring_groups,
        To.ATTENDANT: model.attendants,
        To.QUEUE: model.queues,
        To.VOICEMAIL: [*model.mailboxes, "", *model.lines],
        To.CONFERENCE: model.conferences,
        To.PARK: model.park_lots,
        To.EXTERNAL: [*list(model.dids), "+442079460000", "+16695550177", "911", "nonsense", "+"],
        To.ANNOUNCE: ["tone:425", "file:x", ""],
    }
    names = [*by_kind.get(kind, ()), "nobody"]
    return Destination(kind, rng.choice(names)) if rng.random() < 0.95 else Destination(kind, "x" * 1000)


def _facts(model: Model, rng: random.Random) -> Facts:
    lines = {
        name: LineFacts(
            dnd=rng.random() < 0.2,
            forwards={each: _destination(model, rng) for each in rng.sample(list(Condition), rng.randrange(3))},
            after_s=rng.choice((0.0, -1.0, 5.0, 20.0, 1e9, float("nan"), float("inf"))),
            active=rng.choice((0, 0, 1, 2, 10**9)),
            idle_since=rng.choice((0.0, 1e9, -1.0)),
            external=rng.randrange(10),
            minutes_hour=rng.choice((0.0, 1e9)),
            cost_day=rng.choice((0, 10**18)),
            out_of=frozenset(rng.sample([*model.ring_groups, *list(model.lines)[:9], "x"], 1)),
            helped_at=rng.choice((None, None, AT)),
            locked=rng.random() < 0.1,
        )
        for name in rng.sample(list(model.lines), min(len(model.lines), rng.choice((0, 2, 30))))
    }
    cursors = {name: rng.choice((-5, 0, 3, 10**12)) for name in model.ring_groups}
    return Facts(lines=lines, cursors=cursors, draw=rng.random())


def _sound(rng: random.Random) -> Model:
    compiled = configuration(company(users=rng.choice((1, 12, 25)), seed=rng.randrange(10**6)))
    assert compiled is not None
    return compiled.model


def bent(model: Model, rng: random.Random) -> Model:
    """The same company with forwards, groups, delegates and hours that lead anywhere."""

    def to() -> Destination | None:
        return rng.choice((None, NOWHERE, _destination(model, rng), _destination(model, rng)))

    names = list(model.lines)
    hours = ["", "", "nobody's", *model.hours]

    def line(each: Line) -> Line:
        delegates = tuple(
            Delegate(line=rng.choice([*names, "x"]), place=rng.random() < 0.5, pending=rng.random() < 0.2)
            for _ in range(rng.choice((0, 0, 1, 15)))
        )
        vip = None
        if rng.random() < 0.4:
            vip = Vip(contacts=frozenset(rng.sample(names, 1)), others=rng.choice(list(Others)))
        always = to() if rng.random() < 0.3 else None
        forwards = Forwards(busy=to(), no_answer=to(), outage=to(), always=always)
        return replace(
            each, forwards=forwards, delegates=delegates, vip=vip, hours=rng.choice(hours), closed=to(),
            calls=rng.choice((0, 1)), ring_s=rng.choice((5.0, 30.0)),
        )  # fmt: skip

    groups = {
        name: RingGroup(
            id=name,
            strategy=rng.choice(list(Strategy)),
            members=tuple(
                Member(line=rng.choice([*names, "x"]), delay_s=rng.choice((0.0, 9.0)), weight=rng.choice((0, 1, 1000)))
                for _ in range(rng.choice((0, 1, 5, 40)))
            ),
            ring_s=rng.choice((0.0, 40.0)),
            external=rng.random() < 0.5,
            hours=rng.choice(hours),
            closed=to(),
            otherwise=to(),
        )
        for name in model.ring_groups
    }
    lines = {name: line(each) if rng.random() < 0.8 else each for name, each in model.lines.items()}
    serves: dict[str, tuple[str, ...]] = {}
    for name, each in lines.items():
        for delegate in each.delegates:
            serves[delegate.line] = (*serves.get(delegate.line, ()), name)
    dids = {number: _destination(model, rng) for number in model.dids}
    attendants = {name: replace(each, hours=rng.choice(hours), closed=to()) for name, each in model.attendants.items()}
    queues = {name: replace(each, hours=rng.choice(hours), closed=to()) for name, each in model.queues.items()}
    return replace(
        model, lines=lines, ring_groups=groups, serves=serves, dids=dids, attendants=attendants, queues=queues
    )


# Configurations


def configuration(text: str) -> Compiled | None:
    """What comes of a configuration, through bytes and back; None when it is refused. Raises whatever else comes
    out."""
    try:
        compiled = compile_loaded(
            validate.validate(loader.read(text, "x.yaml"), CORPUS / "csv"), "x.yaml", {"A": "a-long-secret-of-a-phone"}
        )
        problems = compiled.warnings
    except ConfigError as error:
        compiled, problems = None, error.problems
        if not problems:
            raise Escape("refused without a reason") from None
    for each in problems:
        if each.code not in codes.CODES or each.mark.line < 1 or each.mark.column < 1:
            raise Escape(f"a finding without its place or code: {each}")
    return packed.decode(packed.encode(compiled)) if compiled is not None else None


def mutate(text: str, others: list[str], rng: random.Random) -> str:
    """A configuration bent in one to six places: lines and words taken out, doubled, moved, or of another one."""
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        match rng.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[rng.randrange(len(lines))])
            case 2:
                lines.insert(at, rng.choice(rng.choice(others).split("\n")))
            case 3:
                lines[at] = rng.choice((" ", "  ", "    ")) + lines[at]
            case 4 | 5:
                words = lines[at].split(" ")
                words[rng.randrange(len(words))] = rng.choice(YAML_SPICE)
                lines[at] = " ".join(words)
            case 6:
                word = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:word] + rng.choice(YAML_SPICE) + lines[at][word:]
            case _:
                word = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:word] + lines[at][word + 1 :]
        text = "\n".join(lines)
    return text[:200_000]

"""Which rules calls have touched, and which none has: by the place where the operator wrote them.

A rule counts as touched when a call depended on it: it was asked and had something to say, somebody rang by it, or it
held of the call. That it was only planned, as the forward of a condition that did not come about, is not enough. What
tells who somebody is and where (names, countries, zones), and telephones, are no rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from dialplan import rules
from dialplan.destinations import Destination, To
from dialplan.facts import Condition
from dialplan.forwarding import CAUSES
from dialplan.model import Model
from dialplan.plan import Hop, LineTarget, Outcome, Ring, Trunk, TrunkTarget, Voicemail
from dialplan.question import Answer, named
from dialplan.simulate import What
from dialplan.vocabulary import StartBranch, StopBranch

_NO_RULES = frozenset(
    ("country", "area_code", "time_zone", "name", "listed", "busy_lamp", "billable", "hold_music", "lock")
)
_NO_KINDS = frozenset(("device", "group", "site"))
_PLANNED = {f".forward.{each.value}": CAUSES[each] for each in Condition if each is not Condition.ALWAYS}
_WITHOUT_HOPS = (To.ANNOUNCE, To.ECHO, To.PARK)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One place in the configuration, the rules that come from it, and whether any call touched one."""

    file: str
    line: int
    rules: tuple[str, ...]
    touched: bool


class Coverage(msgspec.Struct, frozen=True):
    """All places, in order."""

    places: tuple[Place, ...]

    @property
    def missed(self) -> tuple[Place, ...]:
        return tuple(each for each in self.places if not each.touched)

    @property
    def percent(self) -> float:
        """How many of them are touched. 100 where there is nothing to touch."""
        count = len(self.places)
        return 100.0 * (count - len(self.missed)) / count if count else 100.0


def coverage(model: Model, answers: Iterable[Answer]) -> Coverage:
    """What these calls have touched of a model."""
    hit: set[str] = set()
    for each in answers:
        hit.update(touched(model, each))
    places: dict[tuple[str, int], list[str]] = {}
    for rule, origin in model.origins.items():
        if origin.line and _is_rule(rule):
            places.setdefault((origin.file, origin.line), []).append(rule)
    return Coverage(
        tuple(
            Place(file=file, line=line, rules=tuple(found), touched=any(map(hit.__contains__, map(_asked_as, found))))
            for (file, line), found in sorted(places.items())
        )
    )


def _is_rule(rule: str) -> bool:
    kind, _, name = rule.partition(":")
    if kind in _NO_KINDS or (kind == "queue" and name.endswith(".overflow")):  # which the queue itself asks, later
        return False
    return kind != "user" or not (".mailbox." in name or name.rpartition(".")[2] in _NO_RULES)


def _asked_as(rule: str) -> str:
    """The name under which the planner asks a setting that has parts."""
    for part in (".quotas.", ".record."):
        before, found, _ = rule.partition(part)
        if found:
            return before + part[:-1]
    return rule


def touched(model: Model, asked: Answer) -> set[str]:
    """The ids of the rules that a call depended on."""
    forwards = [moment.hop for moment in asked.simulation.sent(What.FORWARD) if moment.hop is not None]
    found = {rule for rule, _ in asked.because() if _happened(model, rule, forwards)}
    found.update(_rung(model, asked))
    found.update(_asked_of_lines(model, asked))
    for step in asked.services:
        found.add(named(step))
        if isinstance(step, Voicemail):
            found.add(rules.of_line(step.mailbox, "voicemail"))
    fate = asked.fate()
    if fate.limited_by:
        found.add(rules.of_line(fate.limited_by, "call_limit"))
    found.update(rules.of_line(line, "record") for line in fate.recorded_by)
    account = asked.plans[-1].account
    if account:
        found.add(rules.account(account))
    return found


def _happened(model: Model, rule: str, forwards: list[Hop]) -> bool:
    """Of a line, whether it forwarded the call (that it was rung is seen elsewhere); of a forward for a condition,
    whether the call was forwarded by it."""
    if rule.startswith("user:") and rule[5:] in model.lines:
        return any(hop.by == rule[5:] for hop in forwards)
    for suffix, cause in _PLANNED.items():
        if rule.endswith(suffix):
            name = rule.removeprefix("user:").removesuffix(suffix)
            line = model.lines.get(name)
            to: Destination | None = getattr(line.forwards, suffix.rpartition(".")[2], None) if line else None
            return any(hop.by == name and hop.cause == cause for hop in forwards) or (
                to is not None and to.kind in _WITHOUT_HOPS
            )
    if rule.startswith("ring_group:") and rule.endswith(".otherwise"):
        return any(hop.by.startswith("ring_group:") for hop in forwards)
    return True


def _rung(model: Model, asked: Answer) -> Iterator[str]:
    """What those who were rung rang by."""
    got = asked.simulation
    if got.branch is not None and isinstance(got.branch.target, LineTarget):
        yield rules.of_line(got.branch.target.line, "record")
    began: dict[str, str] = {}
    for _, command in got.commands:
        if isinstance(command, StopBranch) and command.outcome is not None and command.branch in began:
            yield from _switched_off(model, began[command.branch], command.outcome)
        if not isinstance(command, StartBranch):
            continue
        branch, step = command.branch, got.plan.step(command.step)
        if isinstance(branch.target, LineTarget):
            name = began[branch.id] = branch.target.line
            yield rules.line(name)
            yield rules.of_line(name, "forward.after" if branch.from_ringing else "ring")
        else:
            yield from _out(branch.target, step, branch.policy.owner if branch.policy is not None else "")
        if isinstance(step, Ring) and step.group in model.ring_groups:
            yield rules.group(model.ring_groups[step.group])


def _switched_off(model: Model, name: str, outcome: Outcome) -> Iterator[str]:
    """What a line does not do when its telephones have come to nothing counts, too: no forward, no mailbox."""
    line = model.lines.get(name)
    if line is None:
        return
    condition = Outcome.NO_ANSWER if outcome is Outcome.REJECTED else outcome
    if getattr(line.forwards, condition.value) is None:
        yield rules.of_line(name, f"forward.{condition.value}")
    if not line.mailbox:
        yield rules.of_line(name, "voicemail")


def _out(target: TrunkTarget, step: object, owner: str) -> Iterator[str]:
    yield f"trunk:{target.trunk}"
    if isinstance(step, Trunk):
        yield from (route.rule for route in step.routes if route.trunk == target.trunk)
    if owner:
        yield rules.of_line(owner, "caller_id")
        if target.withheld:
            yield rules.of_line(owner, "hide_caller_id")


def _asked_of_lines(model: Model, asked: Answer) -> Iterator[str]:
    """Settings of the lines that the call came to, where the planner names something else, or nothing, for them."""
    said = {rule for rule, _ in asked.because()}
    for name, line in model.lines.items():
        prefix = rules.line(name)
        if f"{prefix}.permission" in said:
            yield from (rules.of_line(name, "domestic_regions"), rules.of_line(name, "caller_id"))
        if prefix not in said and not any(each.startswith(prefix + ".") for each in said):
            continue
        if line.hours and f"hours:{line.hours}" in said:
            yield rules.of_line(name, "hours")
        if asked.question.facts.line(name).active:
            yield from (rules.of_line(name, "calls"), rules.of_line(name, "call_waiting"))

"""Two versions of a dialplan compared by calls: which would go another way, and how (`ringplan diff`).

Both decide every call, and their plans are compared as values (`dialplan.compare`). Changes of one sort are one `Group`
with a count and an example, so that what somebody meant to change is one line, and what nobody meant stands out.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from dialplan.compare import Change, Changes, Kind, compare, describe, shape
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan
from dialplan.planner import plan
from dialplan.sample import requests
from records.cdr import CallRecord
from switch.call_lists import Callers, Listed
from switch.past import Question, question_of, questions

MOST_GROUPS = 10_000
NOBODY = "nobody can call so"


class Asked(NamedTuple):
    """One call: its name, and what each of both models is asked, which are the same but where a list names the caller.
    None: nobody in that model could make the call."""

    name: str
    old: Question | None
    new: Question | None


class Example(msgspec.Struct, frozen=True):
    """A call that would change: `caller` and `called` as they were dialled."""

    name: str
    at: datetime.datetime
    caller: str
    called: str
    changes: Changes


class Group(msgspec.Struct):
    """Calls that would change alike. `changes` are what they have in common; `example` is the first."""

    changes: Changes
    example: Example
    count: int = 0


class Report(msgspec.Struct):
    """What came of it. `kinds` counts calls, each under every kind of its changes. `impossible` calls nobody can make
    in either. `left_out` changed, too, but in so many ways that no more were kept."""

    calls: int = 0
    changed: int = 0
    impossible: int = 0
    left_out: int = 0
    kinds: Counter[Kind] = msgspec.field(default_factory=Counter)
    groups: dict[Changes, Group] = {}

    def ordered(self) -> list[Group]:
        """The most frequent first; of those alike the gravest."""
        order = list(Kind)
        return sorted(self.groups.values(), key=lambda each: (-each.count, order.index(each.changes[0].kind)))


def differences(old: Model, new: Model, calls: Iterable[Asked]) -> Report:
    """Let both decide the calls."""
    report = Report()
    for call in calls:
        report.calls += 1
        if call.old is None and call.new is None:
            report.impossible += 1
            continue
        before = plan(old, *call.old[:2]) if call.old is not None else None
        after = plan(new, *call.new[:2]) if call.new is not None else None
        changes, alike = _compared(before, after)
        if not changes:
            continue
        report.changed += 1
        report.kinds.update({change.kind for change in changes})
        group = report.groups.get(alike)
        if group is None:
            if len(report.groups) >= MOST_GROUPS:
                report.left_out += 1
                continue
            asked = call.old or call.new
            assert asked is not None
            group = report.groups[alike] = Group(alike, _example(call.name, asked.request, changes))
        group.count += 1
    return report


def _compared(before: Plan | None, after: Plan | None) -> tuple[Changes, Changes]:
    """The changes, and what of them is alike in other calls."""
    if before is not None and after is not None:
        changes = compare(before, after)
        return changes, shape(changes, before) if changes else ()
    was = describe(before) if before is not None else NOBODY
    becomes = describe(after) if after is not None else NOBODY
    alike = Change(Kind.CALLER, NOBODY if before is None else "a call", NOBODY if after is None else "a call")
    return (Change(Kind.CALLER, was, becomes),), (alike,)


def _example(name: str, request: CallRequest, changes: Changes) -> Example:
    caller = request.device or request.caller_number or "anonymous"
    if request.line and request.line != request.device:
        caller = f"{caller} ({request.line})"
    return Example(name, request.at, caller, request.digits, changes)


# Where the calls come from


def from_records(records: Iterable[CallRecord]) -> Iterator[Asked]:
    """Past calls, each with the facts and the instant that it had, and each time that the planner was asked again."""
    for record in records:
        for asked in questions(record):
            yield Asked(record.call, asked, asked)


def from_list(calls: Iterable[Listed], old: Model, new: Model, zone: str) -> Iterator[Asked]:
    """The calls of a list."""
    before, after = Callers(old, zone), Callers(new, zone)
    for each in calls:
        yield Asked(each.row.get("call") or each.place, before.question(each), after.question(each))


def made_up(old: Model, new: Model, day: datetime.date) -> Iterator[Asked]:
    """Every number of both configurations, in the week that `day` is in (`dialplan.sample`)."""
    for request in requests((old, new), day):
        asked = question_of("", request, "")
        yield Asked("", asked, asked)

"""Past calls decided again: with the model, the facts and the instant that they had, or with another model.

A call's record keeps what its decision was made with (`records.events.CallStarted`), so the planner can be asked again,
a year later, and must say the same: `agrees`. `ringplan explain --call` and `ringplan diff` stand on this.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from dialplan.facts import NO_FACTS, Facts
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan
from dialplan.planner import plan
from records.cdr import CallRecord
from records.text import clean
from switch.decided import draw_of, facts_of

Because = tuple[tuple[str, str], ...]


class Question(NamedTuple):
    """What the planner was asked, and with which facts. `known` is False where the record does not tell the facts."""

    request: CallRequest
    facts: Facts
    known: bool = True


class Answer(NamedTuple):
    """A question decided again, and what was said then."""

    question: Question
    plan: Plan
    recorded: Because

    @property
    def agrees(self) -> bool:
        """Whether the same rules said the same. What else was said then is the exchange's (`Past.besides`)."""
        return _clean(self.plan.because) == _clean(self.recorded[: len(self.plan.because)])


class Past(NamedTuple):
    """A past call decided again: its first decision, and each time that the planner was asked again."""

    answers: tuple[Answer, ...]

    @property
    def agrees(self) -> bool:
        """Whether every decision comes out as it did."""
        return all(answer.agrees for answer in self.answers)

    @property
    def besides(self) -> Because:
        """What the exchange said besides the planner: a carrier without a free channel, too many forwards."""
        return tuple(pair for answer in self.answers for pair in answer.recorded[len(answer.plan.because) :])


def question(record: CallRecord) -> Question:
    """What the planner was asked when the call came."""
    request = CallRequest(
        digits=record.dialled,
        at=record.started_at,
        device=record.device,
        line=record.line,
        trunk=record.trunk,
        caller_number=record.caller_number or None,
        caller_name=record.caller_name or None,
        proven=record.proven,
        hops=record.hops,
        attested=record.attested,
        anonymous=record.hidden and record.trunk is not None,
    )
    return question_of(record.call, request, record.facts)


def questions(record: CallRecord) -> list[Question]:
    """The same, and what it was asked later on. A record of a version that did not keep that has the first only."""
    found = [question(record)]
    for asked in record.again:
        try:
            request = msgspec.json.decode(asked.request, type=CallRequest)
        except msgspec.DecodeError:
            break
        found.append(question_of(record.call, request, asked.facts))
    return found


def again(record: CallRecord, model: Model) -> Past:
    """The call decided again by that model."""
    asked = questions(record)
    later = [each.because for each in record.again]
    first = len(record.because) - sum(map(len, later))
    recorded = [record.because[:first], *later]
    return Past(tuple(Answer(each, plan(model, *each[:2]), then) for each, then in zip(asked, recorded, strict=False)))


def question_of(call: str, request: CallRequest, kept: str) -> Question:
    """The question with the facts that were kept as text (`switch.decided.told`), and the draw of that call."""
    try:
        return Question(request, facts_of(call, kept))
    except msgspec.DecodeError:
        return Question(request, msgspec.structs.replace(NO_FACTS, draw=draw_of(call)), False)


def _clean(because: Because) -> Because:
    return tuple((clean(rule), clean(verdict)) for rule, verdict in because)

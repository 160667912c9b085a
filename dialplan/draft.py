"""A plan while it is being made: what is asked, what may be seen, and the steps and reasons so far.

The modules of the planner share one `Draft`. Each adds steps and gets their ids; a step that leads on is added after
those that it leads to. `Path` is where in the plan one is: how the call came there.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dialplan.destinations import Destination
from dialplan.facts import Facts, Helped, LineFacts, cursor_of, shown_of
from dialplan.lines import Line, Policy
from dialplan.model import Model
from dialplan.plan import CallRequest, Hop, Plan, Reject, Step
from dialplan.termination import Reason

MOST_STEPS = 200
"""A plan that would grow beyond this goes on with `Replan` instead: no configuration makes planning slow."""
MOST_REASONS = 1500
"""The same of the rules that were asked: stages and groups of very many lines are few steps."""


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """How the call came to a step. `hops` are its forwards, `visited` the rule ids of the entities that it has been at
    (FWD-9). `first` is the line that was called at first, whose mailbox a loop ends in. `member`: this is a branch of a
    group, where forwards to users alone are followed, and external ones where `external` is set (FWD-10); `ringing` are
    the lines that ring in that group already, and are not rung a second time."""

    hops: tuple[Hop, ...] = ()
    visited: tuple[str, ...] = ()
    first: str = ""
    member: bool = False
    external: bool = False
    ringing: frozenset[str] = frozenset()


class Draft:
    """One plan in the making. `follow` is the planner's way to a destination: it adds the steps and returns the id of
    the first; None where the destination cannot be followed, and counts as absent (K.8)."""

    __slots__ = (
        "_names",
        "because",
        "calling",
        "consulted",
        "entity",
        "facts",
        "follow",
        "model",
        "request",
        "speaking",
        "steps",
    )

    def __init__(
        self,
        model: Model,
        request: CallRequest,
        facts: Facts,
        follow: Callable[[Draft, Destination, Path], str | None],
    ) -> None:
        self.model = model
        self.request = request
        self.facts = facts
        self.follow = follow
        self.calling: Line | None = None
        """The line that a telephone calls on, once that is known."""
        self.speaking: Line | None = None
        """The line of who calls: another one where that is a delegate, who calls on the delegator's (SLN)."""
        self.entity = ""
        """What is called, see `Plan.entity`."""
        self.because: list[tuple[str, str]] = []
        self.consulted: dict[str, LineFacts | None] = {}
        """What was asked, by the names of `Plan.consulted`; of a line, what was so."""
        self.steps: list[Step] = []
        self._names: dict[str, int] = {}

    @property
    def full(self) -> bool:
        """Whether what comes next has to wait for a `Replan`."""
        return len(self.steps) >= MOST_STEPS or len(self.because) >= MOST_REASONS

    def say(self, rule: str, verdict: str) -> None:
        """A rule was asked, and this is what it said."""
        self.because.append((rule, verdict))

    def ask(self, line: str) -> LineFacts:
        """What is so with a line at the moment. That it was asked is remembered."""
        known = self.consulted.get(line)
        if known is None:
            known = self.consulted[line] = self.facts.line(line)
        return known

    def makes_call(self, line: str) -> bool:
        """Whether that line makes this call: the one that is called on, or that of a delegate who speaks on it."""
        calling, speaking = self.calling, self.speaking
        return (calling is not None and calling.id == line) or (speaking is not None and speaking.id == line)

    def cursor(self, group: str) -> int:
        """Who is next in a rotating group."""
        self.consulted[cursor_of(group)] = None
        return self.facts.cursors.get(group, 0)

    def shown(self, number: str) -> Helped | None:
        """Who has shown that number in an emergency call."""
        if number not in self.facts.shown:
            return None
        self.consulted[shown_of(number)] = None
        return self.facts.shown[number]

    def name(self, wanted: str) -> str:
        """An id for a step that no other step has."""
        count = self._names.get(wanted, 0)
        self._names[wanted] = count + 1
        return f"{wanted}.{count + 1}" if count else wanted

    def add(self, step: Step) -> str:
        """Put a step into the plan. Returns its id."""
        self.steps.append(step)
        return step.id

    def plan(
        self,
        entry: str,
        number: str,
        *,
        policy: Policy | None = None,
        emergency: bool = False,
        dialled: str = "",
        line: str = "",
        device: str = "",
        address: str = "",
        notify: tuple[str, ...] = (),
    ) -> Plan:
        """The finished plan."""
        return Plan(
            entry=entry,
            steps=tuple(self.steps),
            number=number,
            emergency=emergency,
            because=tuple(self.because),
            version=self.model.version,
            policy=policy,
            consulted=tuple(self.consulted),
            account=self.request.account,
            dialled=dialled,
            line=line or (self.calling.id if self.calling is not None else ""),
            address=address,
            notify=notify,
            entity=self.entity,
            device=device,
        )


def reject(draft: Draft, step: str, status: int, reason: Reason, text: str, announce: str = "") -> str:
    """Add a refusal; its id."""
    return draft.add(Reject(id=draft.name(step), status=status, reason=reason, text=text, announce=announce))

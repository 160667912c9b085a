"""The values that flow through a routing decision: the request, the facts, and the plan that comes out.

A `Plan` is plain data and finite: a graph of steps with ids whose exits name other ids. It can be printed, replayed,
stored in the journal and walked with simulated phones. Registrations do not appear in it: a target is logical ("this
line", "this trunk"), and the Ringer resolves contacts when the plan is walked.
"""

from __future__ import annotations

import datetime
import enum

import msgspec

from dialplan.termination import Reason

MOST_FORWARDS = 5
"""How often a call may be forwarded; once more ends it like a loop (SPEC K.10)."""


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call when it arrives. Wall time is `at`, zone-aware.

    `digits` is the user part of the Request-URI with its escapes undone, or a whole `urn:` URI. Exactly one of
    `device` (an authenticated telephone, IDN-2) and `trunk` (a recognised carrier, IDN-3) is set.
    A carrier that is not `proven`, since only our registered Contact names it, reaches DIDs and nothing else.
    `hops`: how often the call was forwarded so far, elsewhere too.
    """

    digits: str
    at: datetime.datetime
    device: str | None = None
    line: str | None = None
    trunk: str | None = None
    caller_number: str | None = None
    caller_name: str | None = None
    proven: bool = True
    hops: int = 0
    visited: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The few moving things that a decision may see. None of them is needed by today's planner but the draw."""

    draw: float = 0.0


class LineTarget(msgspec.Struct, frozen=True, tag="line"):
    """Every registered contact of one line (an AOR)."""

    line: str


class TrunkTarget(msgspec.Struct, frozen=True, tag="trunk"):
    """A number sent to a carrier. The trunk's own way to write numbers is applied when the INVITE is written.

    `caller` is the number that is shown (CID-1); empty: the caller's own.
    """

    trunk: str
    number: str
    caller: str = ""


Target = LineTarget | TrunkTarget


class Outcome(enum.StrEnum):
    """How one contact, branch or stage ended without being answered (FWD-4 to FWD-8)."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    OUTAGE = "outage"


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One target inside a stage. It starts `delay_s` after the stage and rings for `ring_s` at the most.

    `preempt`: an emergency call comes back to a trunk that was full, and takes the channel of another call (EMG-6).
    """

    id: str
    target: Target
    delay_s: float = 0.0
    ring_s: float = 30.0
    preempt: bool = False


class Stage(msgspec.Struct, frozen=True):
    """Branches that ring together. The stage ends when one is answered or all have ended."""

    branches: tuple[Branch, ...]


class Ring(msgspec.Struct, frozen=True, kw_only=True, tag="ring"):
    """Ring the stages in order. `exits` maps an outcome to the id of the next step; without one the call ends by
    FWD-7.
    """

    id: str
    stages: tuple[Stage, ...]
    exits: dict[Outcome, str] = {}


class Route(msgspec.Struct, frozen=True):
    """One way out to the public network. See `TrunkTarget`."""

    trunk: str
    number: str
    caller: str = ""


class Trunk(msgspec.Struct, frozen=True, kw_only=True, tag="trunk_step"):
    """Try the routes in order; a route that is unreachable or answers 5xx gives way to the next."""

    id: str
    routes: tuple[Route, ...]
    ring_s: float = 120.0


class Announce(msgspec.Struct, frozen=True, kw_only=True, tag="announce"):
    """Answer and play `source` until the caller hangs up or it ends. A source is `tone:HZ` or `file:NAME`."""

    id: str
    source: str


class Echo(msgspec.Struct, frozen=True, kw_only=True, tag="echo"):
    """Answer and send the caller's own sound back."""

    id: str


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag="reject"):
    """End the call with a final SIP status."""

    id: str
    status: int
    reason: Reason
    text: str = ""


Step = Ring | Trunk | Announce | Echo | Reject


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A finite graph of steps. `entry` names the first; `emergency` frees the call of every limit (OUT-6).

    `because` holds (rule id, verdict) pairs; text, file and line are rendered on demand from the model of `version`.
    `number` is what was decided to be the called number, normalised. `max_duration_s` of 0 is no limit.
    """

    entry: str
    steps: tuple[Step, ...]
    number: str
    emergency: bool = False
    max_duration_s: float = 0.0
    because: tuple[tuple[str, str], ...] = ()
    version: str = ""

    def step(self, step_id: str) -> Step:
        """The step of that id. Raises KeyError for an id that the plan does not have."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

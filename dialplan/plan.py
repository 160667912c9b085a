"""The values that flow through a routing decision: the request, the facts, and the plan that comes out.

A `Plan` is plain data and finite: a graph of steps with ids whose exits name other ids. It can be printed, replayed,
stored in the journal and walked with simulated phones. Registrations do not appear in it: a target is logical ("this
line", "this trunk"), and the Ringer resolves contacts when the plan is walked.
"""

from __future__ import annotations

import datetime
import enum

import msgspec

from dialplan.destinations import Destination
from dialplan.lines import Policy
from dialplan.termination import Reason

MOST_FORWARDS = 5
"""How often a call may be forwarded; once more ends it like a loop (SPEC K.10)."""


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call when it arrives. Wall time is `at`, zone-aware.

    `digits` is the user part of the Request-URI with its escapes undone, or a whole `urn:` URI. Exactly one of
    `device` (an authenticated telephone, IDN-2) and `trunk` (a recognised carrier, IDN-3) is set. `line` is the one
    that the device calls on; it may be a delegator's (SLN).
    A carrier that is not `proven`, since only our registered Contact names it, reaches DIDs and nothing else.
    `attested`: its caller's number has attestation A (RFC 8224). `anonymous`: the caller asks not to be shown.
    `hops`: how often the call was forwarded so far, elsewhere too; `visited` are the entities that have forwarded it.
    `transferor` is the line that transfers the call to these digits, `transferor_device` its telephone: the digits are
    read as that line's, and its permission counts (K.8). Then a `trunk` too may bring any number. `account` is the
    account code that was given and found good (CST-2). `to` replaces the digits where the destination is known.
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
    attested: bool = False
    anonymous: bool = False
    transferor: str | None = None
    account: str = ""
    to: Destination | None = None
    transferor_device: str | None = None


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
    withheld: bool = False
    failover: tuple[int, ...] = ()


Target = LineTarget | TrunkTarget


class Outcome(enum.StrEnum):
    """How one contact, branch or stage ended without being answered (FWD-4 to FWD-8)."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    OUTAGE = "outage"


class Hop(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One forward that lies behind a step: who forwarded, and with which SIP `cause` (FWD-9: 486 busy, 408 no answer,
    503 outage; 302 always; 480 closed). `number` is what colleagues know who forwarded by, `outside` what others do;
    empty where it is the number that the call itself shows there."""

    by: str
    cause: int
    number: str = ""
    name: str = ""
    outside: str = ""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One target inside a stage. It starts `delay_s` after the stage and rings for `ring_s` at the most.

    `from_ringing`: that time counts from the first 18x, at the latest from `SILENT_S` after the start (FWD-3).
    `exits` leads to the step that the branch goes on with, by outcome, while the others ring on (FWD-10); what that
    step comes to is then what the branch comes to. `policy` holds when this branch answers. `for_` is the line on whose
    behalf it rings, for a delegate (DRC-3).
    `skip`: the target is not rung, and the branch has this outcome at once: the line has no room for another call, does
    not want to be disturbed, or sends every call on. Its exit counts as if the telephones had said so.
    `preempt`: an emergency call comes back to a trunk that was full, and takes the channel of another call (EMG-6).
    """

    id: str
    target: Target
    delay_s: float = 0.0
    ring_s: float = 30.0
    from_ringing: bool = False
    exits: dict[Outcome, str] = {}
    policy: Policy | None = None
    for_: str = ""
    skip: Outcome | None = None
    preempt: bool = False


SILENT_S = 4.0
"""FWD-3: how long at the most a ring time waits for the first 18x before it counts."""


class Stage(msgspec.Struct, frozen=True):
    """Branches that ring together. The stage ends when one is answered, when all have ended, or after `ring_s` seconds
    (0: no such limit), when those that ring still come to no answer."""

    branches: tuple[Branch, ...]
    ring_s: float = 0.0


class Ring(msgspec.Struct, frozen=True, kw_only=True, tag="ring"):
    """Ring the stages in order. `exits` maps an outcome to the id of the next step; without one the call ends by
    FWD-7.

    `judge` is the line whose branches decide which outcome it is (K.2: after the last VIP stage the principal's own
    condition counts, and no answer where the principal was not rung at all); empty: all branches (FWD-6). `hops` are
    the forwards that led here. `group` is the ring group that rings. When the call comes to a rotating one, whose
    cursor is in `Plan.consulted`, that cursor moves on by one. `entity` is who is called, as `user:anna`.
    """

    id: str
    stages: tuple[Stage, ...]
    exits: dict[Outcome, str] = {}
    judge: str = ""
    hops: tuple[Hop, ...] = ()
    group: str = ""
    entity: str = ""


class Route(msgspec.Struct, frozen=True):
    """One way out to the public network. See `TrunkTarget`. `rule` is the id of the route's rule."""

    trunk: str
    number: str
    caller: str = ""
    withheld: bool = False
    failover: tuple[int, ...] = ()
    rule: str = ""


class Trunk(msgspec.Struct, frozen=True, kw_only=True, tag="trunk_step"):
    """Try the routes in order; a route that is unreachable or answers 5xx gives way to the next. `policy` is that of
    the line that pays: the caller's, or the one that forwarded the call outside (LIM-10, FWD-11)."""

    id: str
    routes: tuple[Route, ...]
    ring_s: float = 120.0
    policy: Policy | None = None
    hops: tuple[Hop, ...] = ()


class Announce(msgspec.Struct, frozen=True, kw_only=True, tag="announce"):
    """Answer and play `source` until the caller hangs up or it ends. A source is `tone:HZ` or `file:NAME`."""

    id: str
    source: str


class Echo(msgspec.Struct, frozen=True, kw_only=True, tag="echo"):
    """Answer and send the caller's own sound back."""

    id: str


class Voicemail(msgspec.Struct, frozen=True, kw_only=True, tag="voicemail"):
    """Answer with a mailbox's greeting and take a message. `loop`: a loop of forwards ends here (FWD-9)."""

    id: str
    mailbox: str
    hops: tuple[Hop, ...] = ()
    loop: bool = False


class Attendant(msgspec.Struct, frozen=True, kw_only=True, tag="attendant"):
    """Answer with a menu. What the caller chooses is a request of its own (`Replan`)."""

    id: str
    attendant: str
    hops: tuple[Hop, ...] = ()


class Queue(msgspec.Struct, frozen=True, kw_only=True, tag="queue"):
    """Let the caller wait for a member of the queue."""

    id: str
    queue: str
    hops: tuple[Hop, ...] = ()


class Conference(msgspec.Struct, frozen=True, kw_only=True, tag="conference"):
    """Let the caller into a meet-me room."""

    id: str
    room: str
    hops: tuple[Hop, ...] = ()


class Park(msgspec.Struct, frozen=True, kw_only=True, tag="park"):
    """Park the call in a lot; `slot` empty: in the first that is free."""

    id: str
    lot: str
    slot: str = ""


class Retrieve(msgspec.Struct, frozen=True, kw_only=True, tag="retrieve"):
    """Take a parked call out of its slot."""

    id: str
    lot: str
    slot: str


class Feature(msgspec.Struct, frozen=True, kw_only=True, tag="feature"):
    """Do what a feature code asks for. `argument` is what was dialled behind the code."""

    id: str
    feature: str
    argument: str = ""


class Collect(msgspec.Struct, frozen=True, kw_only=True, tag="collect"):
    """Ask the caller for digits: `what` is `account_code` or `account_password`. When they are good, the planner is
    asked again, with `number` for digits and the account's code in `CallRequest.account` (CST-2). `account` is known
    when only the password is wanted; `given` is the password when it was dialled along, and is never shown."""

    id: str
    what: str
    number: str
    account: str = ""
    given: str = ""

    @property
    def asks(self) -> bool:
        """Whether the caller has to be asked for something: not all was dialled along."""
        return not (self.number and self.account and (self.given or self.what == "account_code"))

    def __repr__(self) -> str:
        return f"Collect(id={self.id!r}, what={self.what!r}, account={self.account!r})"


class Replan(msgspec.Struct, frozen=True, kw_only=True, tag="replan"):
    """Ask the planner again: for what could not be known beforehand, or what would have made the plan too large."""

    id: str
    request: CallRequest
    hops: tuple[Hop, ...] = ()


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag="reject"):
    """End the call with a final SIP status. `announce` names what the caller is told before, where there is a voice
    for it (K.8)."""

    id: str
    status: int
    reason: Reason
    text: str = ""
    announce: str = ""


Service = Announce | Echo | Voicemail | Attendant | Queue | Conference | Park | Retrieve | Feature | Collect
"""Steps that the exchange carries out itself, each by an executor of its own."""

Step = Ring | Trunk | Service | Replan | Reject


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A finite graph of steps. `entry` names the first; `emergency` frees the call of every limit (OUT-6).

    `because` holds (rule id, verdict) pairs; text, file and line are rendered on demand from the model of `version`.
    `number` is what was decided to be the called number, normalised. `policy` is the calling line's. `consulted` are
    the lines whose facts were asked for, and groups as `cursor:NAME` (see `facts.Facts.of`). `account` is the account
    code that the call is charged to. `dialled` is how the digits may be shown where they hold a password; empty: as
    they are. `line` is the one that the call is made on, by which its caller is shown (SLN, XRL-5). Of an emergency
    call, `address` names where help is to go (EMG-4), `device` the telephone there, and `notify` those who are told at
    once (EMG-7). `entity` is what is called, whatever becomes of it: a destination as `user:anna` or
    `ring_group:front`, `external` (the `number`), `emergency`, `service:600`, `feature:park`, `park:front` for a slot
    of that lot; empty: nothing that there is.
    """

    entry: str
    steps: tuple[Step, ...]
    number: str
    emergency: bool = False
    max_duration_s: float = 0.0
    because: tuple[tuple[str, str], ...] = ()
    version: str = ""
    policy: Policy | None = None
    consulted: tuple[str, ...] = ()
    account: str = ""
    dialled: str = ""
    line: str = ""
    address: str = ""
    notify: tuple[str, ...] = ()
    entity: str = ""
    device: str = ""

    def step(self, step_id: str) -> Step:
        """The step of that id. Raises KeyError for an id that the plan does not have."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

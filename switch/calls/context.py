"""What a call may use of the exchange it lives in, as one object that `switch/core.py` fills in and hands down."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dialplan.facts import Facts
from dialplan.model import CivicAddress
from dialplan.plan import CallRequest, Plan, Service, TrunkTarget
from dialplan.vocabulary import Finish
from media.engine import MediaEngine, PlayEnded, RecordEnded
from records.events import CallEvent
from switch.calls.channels import Channels
from switch.calls.dialect import Dialect
from switch.domains import Domains
from switch.facts import LiveFacts
from switch.sip.endpoint import Endpoint
from switch.sip.flow import Flow
from switch.sip.session_timer import SessionSettings

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.leg import Leg
    from switch.calls.services import Executors
    from switch.calls.serving import Resumes
    from switch.calls.state import CallState

Hook = Callable[["Call", float], None]


class Phone(msgspec.Struct, frozen=True):
    """Where one INVITE of a branch goes: a registered contact of `device`, or a carrier (no device), which has a
    `dialect`, and is shown `caller` (empty: the caller's own number; `withheld`: none). `to` is the To header's URI,
    `srtp` says how SRTP is offered (`sound.py`), `ways` are other flows to the same telephone, tried one after the
    other when this one fails (RFC 5626)."""

    uri: str
    to: str
    flow: Flow
    routes: tuple[str, ...] = ()
    device: str = ""
    dialect: Dialect | None = None
    caller: str = ""
    ways: tuple[Phone, ...] = ()
    withheld: bool = False
    srtp: str = ""


class Hunt(Protocol):
    """The hosts of a carrier, tried one after the other (RFC 3263 section 4.3)."""

    @property
    def more(self) -> bool:
        """Whether there is one that was not tried."""

    def next(self, now: float) -> Phone | None:
        """The next one; None after the last."""

    def failed(self, status: int, retry_after_s: float, now: float) -> bool:
        """The last one failed, `status` 0 without an answer. Whether the next one is to be tried."""

    def fails_over(self, status: int) -> bool:
        """Whether that answer speaks of the host, so that another one, or another carrier, may do better."""

    def answered(self, now: float) -> None:
        """The last one lives, and takes the call."""


class Directory(Protocol):
    """Resolves logical targets to telephones, at the moment they are rung."""

    domains: Domains
    """By which names we are known."""

    def line(self, line: str, now: float) -> list[Phone]:
        """Every live contact of a line."""

    def trunk(self, target: TrunkTarget, emergency: bool, now: float) -> Hunt | None:
        """The carrier's hosts; None when none of them is known."""

    def shown(self, line: str) -> tuple[str, str]:
        """The number and the name that stand for a line in the house."""

    def address(self, name: str) -> CivicAddress | None:
        """Where help is to go; None when the configuration has that address no more."""

    def own(self, device: str) -> tuple[str, str]:
        """The own line of a telephone, which says who is behind it, and its site."""

    def site(self, entity: str) -> str:
        """The site of a line, by `user:` and its name; empty of all else that can be called."""

    def whereabouts(self, device: str, address: str) -> tuple[str, str]:
        """A telephone by its name for people, and in words where that address is."""

    def sound(self, source: str) -> tuple[str, ...]:
        """A source of the dialplan's (`plan.Announce`) as those of a `media.engine.Tune`: where a file is."""

    def hold_music(self, target: str) -> tuple[str, ...]:
        """What somebody hears whom that line (`line:anna`), or carrier, holds: sources of a `media.engine.Tune`."""

    def dialect(self, trunk: str) -> Dialect | None:
        """How a carrier writes; None when the configuration has it no more."""

    def reach(self, flow: Flow, target: str, device: str, contacts: tuple[str, ...], hop: str, now: float) -> Flow:
        """The way to the far end of a dialog. Where a connection is gone it is another one, if there is any: to a live
        contact of the line, that of `contacts` or of `device`; or to the next `hop`'s own address. Else `flow`."""


class CallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times of the call layer. `unreachable_s`: a phone that says nothing for so long counts as an outage (FWD-4).
    `trying_s`: a carrier that says 100 and nothing more is left after that time besides, by an emergency call that has
    another way. `warn_by` (beep, message, both) and `warn_to` (inside, both) are of the warning before a call's limit
    (LIM-2). `announcements`: whether refusals are told before the answer (early), after one (answer), or not (off)."""

    unreachable_s: float = 4.0
    trying_s: float = 10.0
    silence_s: float = 60.0
    sessions: SessionSettings = SessionSettings()
    warn_by: str = "beep"
    warn_to: str = "inside"
    announcements: str = "off"

    def extension_lines(self, reliable: bool) -> tuple[str, ...]:
        """The header lines in which our INVITEs say what we can do; `reliable`: also take 18x reliably."""
        tags = [tag for tag, wanted in (("100rel", reliable), ("timer", self.sessions.interval_s)) if wanted]
        supported = f"Supported: {', '.join((*tags, 'replaces', 'norefersub'))}"
        return (supported, *self.sessions.lines) if self.sessions.interval_s else (supported,)


def _unset(*_: object) -> None:
    raise LookupError("the call layer has not been wired")


class Context(msgspec.Struct):
    """The exchange, as calls see it. `at` is the wall time of the input at hand; those from `plan` on are set by
    `Calls`. `executors` carry out steps (`services.py`); `unserved` hears of a call's step that nobody does."""

    endpoint: Endpoint
    engine: MediaEngine
    directory: Directory
    settings: CallSettings
    token: Callable[[], str]
    advertised: Callable[[Flow], tuple[str, int]]
    sound_address: Callable[[Flow, str], str]
    """The address for SDP: where the far end of a flow sends its sound to ports that are bound on an address."""
    at: Callable[[], datetime.datetime]
    record: Callable[[CallEvent], None]
    on_error: Callable[[BaseException, str], None]
    channels: Channels
    facts: LiveFacts
    executors: Executors
    unserved: Callable[[str, Service], object] = lambda call, step: None
    misread: Callable[[str], object] = lambda trunk: None
    """Told of a carrier's price that cannot be read."""
    plan: Callable[[CallRequest, Facts], Plan] = _unset  # type: ignore[assignment]
    preempt: Callable[[str, float], bool] = _unset  # type: ignore[assignment]
    """End a call that is none of emergency on a trunk, so that a channel is free. False when there is none."""
    tell: Callable[[CallState, float], object] = _unset
    """Told of a call that has become one for help: those who are to know of it are told (EMG-7)."""
    forget_leg: Callable[[str], object] = _unset
    remember_leg: Callable[[str, Any], object] = _unset
    forget_call: Callable[[str], object] = _unset
    register_media: Callable[[int, Any], object] = _unset
    forget_media: Callable[[int], object] = _unset
    resumes: Resumes = MappingProxyType({})
    """How services are made again after a crash, by the first part of their name."""
    answered: tuple[Hook, ...] = ()
    """Told when a telephone or a carrier has answered the caller, who was not answered before."""
    joined: tuple[Hook, ...] = ()
    """Told whenever else it has changed who talks with whom: when a service answers, and after a crash, too."""
    overdue: Hook = lambda call, now: None
    """Told of an input for a call that is up for longer than it may (`Call.deadline`), before it is looked at."""
    over: tuple[Hook, ...] = ()
    """Told when a call is over of which something was noted (`Call.noted`), before its record is closed."""
    digit: Callable[[Call, Leg, str, float], None] = lambda call, leg, digit, now: None
    """Told of a digit that a leg sends while no service listens."""
    played: Callable[[Call, Leg, PlayEnded, float], bool] = lambda call, leg, event, now: False
    """Told of the end of a tune that has an id, before anybody else. Whether it was a feature's own, played over what
    the leg hears otherwise, and nobody else's business."""
    announce: Callable[[Call, Finish, float], bool] = lambda call, ending, now: False
    """Asked when a walk has come to nothing: whether the caller, or the front that was answered before and has no peer,
    is told why by voice, and the rest follows by itself."""
    recorded: Callable[[RecordEnded, float], None] = lambda event, now: None
    """Told of each recording that has ended, also when its leg is no more."""
    lost: Callable[[int, float], None] = lambda media, now: None
    """Told of a media leg whose worker has died, before its call is: the ends of its recordings are never told."""
    calls: Callable[[], Iterable[Call]] = lambda: ()
    """All that are up."""
    leg_of: Callable[[str], Leg | None] = lambda tag: None
    """The leg with that tag of ours, of whatever call."""
    may_take: Callable[[str, str, Leg], bool] = lambda device, line, leg: leg.target == f"line:{line}"
    """Whether a device that calls on a line may take that leg's place (INVITE with Replaces)."""
    extensions: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Header lines of our INVITEs: without reliable 18x, and with."""

"""What a call is: a value, and the one function that changes it.

`CallState` is a fold of `apply` over the call's events. Live code applies each event the moment it is decided; recovery
applies the same events read from the journal. After every flow test the two are compared, so nothing that has to
survive a crash can hide elsewhere.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from dialplan.termination import Reason, Result, Termination
from records import events as e
from switch.calls import limits

AHEAD = 1000
"""So far sequence numbers and versions of descriptions jump after a crash: more are never used without a word of it."""
_ORIGIN = re.compile(rb"(?m)^(o=\S+ \d+ )(\d+)")

MOVED = Termination(Result.ANSWERED, Reason.JOINED, 200)
"""The ending of a leg that lives on in another call."""


class LegState(msgspec.Struct):
    """One leg: the caller's is number 0, the others are the contacts that were rung."""

    target: str
    contact: str
    flow: e.FlowAddress
    dialog: e.Dialog | None = None
    branch: str = ""
    media: e.MediaPort | None = None
    described: bytes = b""
    far: e.FarEnd | None = None
    offer: bytes = b""
    device: str = ""
    ringing: bool = False
    answered: bool = False
    held: bool = False
    settled: bytes = b""
    session: e.SessionTimed | None = None
    invited: int = 0
    """Our sequence number when it was answered."""
    met: bool = False
    """Whether anything has happened on it since that tells that its far end knows of the answer."""
    terms: e.Terms | None = None
    """Those of the line whose leg it is."""
    ended: Termination | None = None
    party: e.Party | None = None
    """Who it is, if it came out of another call."""
    user: str = ""
    """The own line of its telephone, which stands at `site`."""
    site: str = ""
    rated: e.LegRated | None = None
    """What it costs, of a carrier's that was answered."""
    talked: tuple[e.Stretch, ...] = ()
    """Who has talked with such a leg before; whom it talks with now, it does so `since` then."""
    since: datetime.datetime | None = None


class RecordingState(msgspec.Struct):
    """A recording that is on (`records.events.RecordingStarted`): by leg the spool and the side, and which of them
    have heard the announcement."""

    file: str
    by: str
    spools: dict[int, tuple[str, int]]
    announced: set[int]
    paused: bool = False


class CallState(msgspec.Struct):
    """A call between `CallStarted` and `CallEnded`. `n` is the number of the next event. `front` is the leg for whom
    others are rung, and whom a service serves: the caller, until he has left the call."""

    id: str
    n: int
    started: e.CallStarted
    legs: dict[int, LegState]
    answered_at: datetime.datetime | None = None
    front: int = 0
    peer: int | None = None
    service: str = ""
    service_s: float = 0.0
    """For so long the service sounds, from `served_at`; 0: until somebody hangs up, or it ends."""
    served_at: datetime.datetime | None = None
    numbered: int = 0
    """The highest number that a leg has had: none is used twice."""
    recovered: int = 0
    transfer: e.TransferBegun | None = None
    """The transfer that is under way."""
    transfers: int = 0
    """How many there were."""
    ended: Termination | None = None
    parked: e.Parked | None = None
    recording: RecordingState | None = None
    """What is being recorded."""
    recordings: int = 0
    """How many files were begun."""
    unrecorded: bool = False
    """Recording was switched off, or could not begin: no more of it by itself."""
    periods: limits.Periods = ()
    """The clocks of its limit (`limits.py`)."""
    members: dict[int, e.RoomEntered] = {}
    """The legs that are in a room, and how."""
    helped: e.CallReplanned | None = None
    """The decision by which it was sent on to an emergency number."""
    unparked: bool = False
    """Whether it was parked just now: who joins it next takes it over (LIM-7)."""
    account: str = ""
    """The account code that it is charged to."""
    billable: tuple[str, ...] = ()
    """The lines whose talk is billable now."""

    @property
    def asked(self) -> e.CallStarted:
        """How it began; of one that was sent on to an emergency number, as if it had begun by that: where help is to
        go, and who is told."""
        return self.started if self.helped is None else sent_on(self.started, self.helped)

    @property
    def for_help(self) -> bool:
        """Whether it is an emergency call, was sent on as one, or a leg is in it that came out of one."""
        if self.started.emergency or self.helped is not None:
            return True
        return bool(self.periods) and any(each.party == limits.EXEMPT for each in self.periods)


def sent_on(started: e.CallStarted, event: e.CallReplanned) -> e.CallStarted:
    """How a call that began so would have begun by that decision, which makes it one for help."""
    known = event.help or e.Help(started.number)
    return msgspec.structs.replace(
        started,
        at=event.at,
        emergency=True,
        number=known.number,
        device=known.device or None,
        line=known.line or None,
        address=known.address,
        notify=known.notify,
    )


def begin(event: e.CallStarted) -> CallState:
    """The state after a call's first event."""
    device, user, site = event.device or "", event.user, event.site if event.user else ""
    caller = LegState(_caller(event), "", event.flow, device=device, terms=event.terms, user=user, site=site)
    return CallState(event.call, 1, event, {0: caller}, account=event.account)


def apply(state: CallState, event: e.CallEvent) -> None:
    """Change the state by one event. Nothing else may. An event that was applied already changes nothing."""
    if event.n < state.n:
        return
    state.n = event.n + 1
    _APPLY[type(event)](state, event)


def fold(events: Iterable[e.CallEvent]) -> CallState:
    """The state that a call's events add up to. Raises ValueError when they do not begin with `CallStarted`."""
    iterator = iter(events)
    first = next(iterator, None)
    if not isinstance(first, e.CallStarted):
        raise ValueError("a call's events begin with CallStarted")
    state = begin(first)
    for event in iterator:
        apply(state, event)
    return state


def _leg_started(state: CallState, event: e.LegStarted) -> None:
    state.numbered = max(state.numbered, event.leg)
    state.legs[event.leg] = LegState(
        event.target,
        event.contact,
        event.flow,
        event.dialog,
        event.branch,
        device=event.device,
        user=event.user,
        site=event.site,
    )


def _leg_media(state: CallState, event: e.LegMedia) -> None:
    leg = state.legs[event.leg]
    leg.met = leg.answered
    leg.media = event.media
    leg.described = event.described
    leg.far = event.far
    leg.settled = event.settled
    if event.far is not None:
        leg.offer = b""


def _leg_ringing(state: CallState, event: e.LegRinging) -> None:
    state.legs[event.leg].ringing = True


def _leg_answered(state: CallState, event: e.LegAnswered) -> None:
    leg = state.legs[event.leg]
    leg.answered = True
    leg.dialog = event.dialog
    leg.invited = event.dialog.local_cseq
    if event.far is not None:
        leg.far = event.far
    leg.offer = event.offer
    if event.leg == 0:
        state.answered_at = event.at


def _leg_moved(state: CallState, event: e.LegMoved) -> None:
    leg = state.legs[event.leg]
    leg.met = leg.answered
    leg.dialog = event.dialog
    leg.flow = event.flow
    if event.branch:
        leg.branch = event.branch


def _leg_held(state: CallState, event: e.LegHeld) -> None:
    state.legs[event.leg].held = event.held


def _leg_ended(state: CallState, event: e.LegEnded) -> None:
    if state.members:
        state.members.pop(event.leg, None)
    if state.periods:
        state.periods = limits.without(state.periods, event.leg)
    # A leg that was rung in vain is of no more use to a call that lives on; its CDR line stands in the journal.
    if event.leg == 0 or event.leg == state.peer or event.leg == state.front:
        state.legs[event.leg].ended = _termination(event)
    else:
        del state.legs[event.leg]


def _connected(state: CallState, event: e.Connected) -> None:
    state.front = event.front
    state.peer = event.leg if event.leg != event.front else None
    state.service = event.service
    state.served_at = event.at if event.service else None
    state.service_s = event.terms.limit_s if event.service and event.terms is not None else 0.0
    if event.terms is not None and not event.service and not _outside(state, event.leg):
        state.legs[event.leg].terms = event.terms
    state.periods = _periods(state, event)
    state.unparked = False


MEETING = "conference:"
"""What the service of a meet-me conference is called; the name of the room follows."""


def _periods(state: CallState, event: e.Connected) -> limits.Periods:
    """The clocks of its limit, now that these two are joined, or a service of ours has the front."""
    before, front, leg = state.periods, event.front, event.leg
    outside = [front] if _outside(state, front) else []
    if leg != front and _outside(state, leg):
        outside.append(leg)
    if not outside and not before:
        return ()  # which is most calls
    if event.service and event.service.startswith(MEETING):
        return ()
    # Whoever waits beside them, as while a third party is rung, is in the call still, and so is his clock (LIM-5).
    beside = tuple(each for each in before if each.leg not in (front, leg)) if before else ()
    if not outside:
        return beside
    if state.started.emergency or state.helped is not None:
        return beside + tuple(limits.Period(side, limits.EXEMPT, "", 0.0, event.at) for side in outside)
    parties = _inside(state, event, outside) if leg != front else ()
    inherit = state.unparked or state.parked is not None
    return beside + limits.regroup(before, outside, parties, event.at, inherit=inherit)


def _inside(state: CallState, event: e.Connected, outside: Sequence[int]) -> tuple[limits.Party, ...]:
    """Whose limit counts (LIM-10). Whoever is called outside brings the terms of who pays; else they are the set's, as
    where somebody outside comes to it out of another call (LIM-4)."""
    if len(outside) == 2:
        return (_party("", event.terms),) if event.terms is not None else ()
    side = state.legs[event.front if event.front not in outside else event.leg]
    if event.terms is None or event.leg not in outside or any(each.leg == event.leg for each in state.periods):
        return (_party(side.target, side.terms),)
    return (_party(side.target, event.terms),)


def _party(name: str, terms: e.Terms | None) -> limits.Party:
    return limits.Party(name, terms.owner, terms.limit_s) if terms is not None else limits.Party(name)


def _outside(state: CallState, leg: int) -> bool:
    return state.legs[leg].target.startswith("trunk:")


def _leg_taken(state: CallState, event: e.LegTaken) -> None:
    state.numbered = max(state.numbered, event.leg)
    state.legs[event.leg] = LegState(
        event.target,
        event.contact,
        event.flow,
        event.dialog,
        media=event.media,
        described=event.described,
        far=event.far,
        device=event.device,
        answered=True,
        held=event.held,
        settled=event.settled,
        session=event.session,
        terms=event.terms,
        party=event.party,
        user=event.user,
        site=event.site,
    )
    state.periods += limits.taken(event.leg, event.clocks)


def _leg_given(state: CallState, event: e.LegGiven) -> None:
    state.members.pop(event.leg, None)
    state.periods = limits.without(state.periods, event.leg)
    # The caller's remains, as what the call was begun by.
    if event.leg == 0:
        state.legs[0].ended = MOVED
    else:
        del state.legs[event.leg]
    if event.leg == state.peer:
        state.peer = None


def _call_ended(state: CallState, event: e.CallEnded) -> None:
    state.ended = _termination(event)


def _session_timed(state: CallState, event: e.SessionTimed) -> None:
    state.legs[event.leg].session = event if event.interval_s else None


def _recovered(state: CallState, event: e.Recovered) -> None:
    state.recovered += 1
    for leg in state.legs.values():
        jump(leg)


def jump(leg: LegState) -> None:
    """What the former process has sent on an answered leg since we last wrote down its numbers, nobody knows. So our
    next request and our next description are far ahead of both; gaps are legal (RFC 3261 section 12.2.1.1)."""
    if leg.answered and leg.dialog is not None:
        leg.dialog = msgspec.structs.replace(leg.dialog, local_cseq=leg.dialog.local_cseq + AHEAD)
        leg.described, leg.settled = _ahead(leg.described), _ahead(leg.settled)


def _ahead(described: bytes) -> bytes:
    """The description, as a version that is so much later (RFC 8866 section 5.2)."""
    return _ORIGIN.sub(lambda found: b"%s%d" % (found[1], int(found[2]) + AHEAD), described, count=1)


def _handed_over(state: CallState, event: e.CallHandedOver) -> None:
    state.recovered += 1


def _replanned(state: CallState, event: e.CallReplanned) -> None:
    if event.emergency and (state.helped is not None or not state.for_help):
        state.helped = event
    state.account = event.account or state.account


def _leg_rated(state: CallState, event: e.LegRated) -> None:
    leg, before = state.legs[event.leg], state.legs[event.leg].rated
    since = event.at
    if before is None:
        leg.talked, since = event.earlier, event.at if event.earlier else event.since
    elif leg.since is not None and event.at > leg.since:
        leg.talked = (*leg.talked, e.Stretch(leg.since, before.to, before.name, event.at))
    leg.rated, leg.since = event, since


def _account_changed(state: CallState, event: e.AccountChanged) -> None:
    state.account = event.account


def _billable_set(state: CallState, event: e.BillableSet) -> None:
    others = tuple(each for each in state.billable if each != event.user)
    state.billable = (*others, event.user) if event.on else others


def _parked(state: CallState, event: e.Parked) -> None:
    state.parked = event


def _unparked(state: CallState, event: e.Unparked) -> None:
    # Whoever has joined it already has it with its clocks.
    state.parked, state.unparked = None, state.peer is None


def _room_entered(state: CallState, event: e.RoomEntered) -> None:
    state.members[event.leg] = event
    if not event.room:
        state.periods = _three_way(state, event.at)


def _room_left(state: CallState, event: e.RoomLeft) -> None:
    state.members.pop(event.leg, None)


def _three_way(state: CallState, at: datetime.datetime) -> limits.Periods:
    """Who is in a three-way call talks with all others in it: what runs goes on, the earliest rules (LIM-5)."""
    outside = [leg for leg in state.members if _outside(state, leg)]
    inside = [leg for leg in state.members if leg not in outside]
    if state.started.emergency or state.helped is not None or not outside or not inside:
        return state.periods
    beside = tuple(period for period in state.periods if period.leg not in outside)
    parties = [_party(state.legs[leg].target, state.legs[leg].terms) for leg in inside]
    return beside + limits.regroup(state.periods, outside, parties, at)


def _limit_warned(state: CallState, event: e.LimitWarned) -> None:
    state.periods = limits.warned(state.periods, event.at)


def _transfer_begun(state: CallState, event: e.TransferBegun) -> None:
    state.transfer = event
    state.transfers += 1


def _transfer_over(state: CallState, event: e.TransferOver) -> None:
    begun, state.transfer = state.transfer, None
    # The planner is asked just before a transfer begins: it was this one that was to lead there, and not one before.
    if event.outcome != "done" and begun is not None and state.helped is not None and state.helped.n + 1 == begun.n:
        state.helped = None


def _recording_started(state: CallState, event: e.RecordingStarted) -> None:
    if state.recording is None or state.recording.file != event.file:
        state.recording = RecordingState(event.file, event.by, {}, set())
        state.recordings += 1
    state.recording.spools[event.leg] = event.spool, event.side
    if event.announced:
        state.recording.announced.add(event.leg)


def _recording_paused(state: CallState, event: e.RecordingPaused) -> None:
    if state.recording is not None:
        state.recording.paused = event.paused


def _recording_ended(state: CallState, event: e.RecordingEnded) -> None:
    if event.why != "refused":
        state.recording, state.unrecorded = None, True


def _aside(state: CallState, event: e.CallEvent) -> None:
    """Of importance to others than the call itself."""


def _call_started(state: CallState, event: e.CallStarted) -> None:
    raise ValueError("a call starts once")


# To make a member of an Enum from its value takes five times as long as to look it up.
_RESULTS: dict[str, Result] = {each.value: each for each in Result}
_REASONS: dict[str, Reason] = {each.value: each for each in Reason}

_APPLY: dict[type, Callable[..., None]] = {
    e.CallStarted: _call_started,
    e.LegStarted: _leg_started,
    e.LegMedia: _leg_media,
    e.LegRinging: _leg_ringing,
    e.LegAnswered: _leg_answered,
    e.LegMoved: _leg_moved,
    e.LegHeld: _leg_held,
    e.LegEnded: _leg_ended,
    e.Connected: _connected,
    e.CallEnded: _call_ended,
    e.Recovered: _recovered,
    e.CallHandedOver: _handed_over,
    e.SessionTimed: _session_timed,
    e.CallForwarded: _aside,
    e.GroupRung: _aside,
    e.CallReplanned: _replanned,
    e.Parked: _parked,
    e.MenuChosen: _aside,
    e.Unparked: _unparked,
    e.QueueEntered: _aside,
    e.QueueOffered: _aside,
    e.QueueLeft: _aside,
    e.RoomEntered: _room_entered,
    e.RoomLeft: _room_left,
    e.LimitWarned: _limit_warned,
    e.LegTaken: _leg_taken,
    e.LegGiven: _leg_given,
    e.TransferBegun: _transfer_begun,
    e.TransferOver: _transfer_over,
    e.RecordingStarted: _recording_started,
    e.RecordingPaused: _recording_paused,
    e.RecordingEnded: _recording_ended,
    e.LegRated: _leg_rated,
    e.AccountChanged: _account_changed,
    e.BillableSet: _billable_set,
}


def _termination(event: e.LegEnded | e.CallEnded) -> Termination:
    return Termination(_RESULTS[event.result], _REASONS[event.reason], event.sip_status)


def _caller(event: e.CallStarted) -> str:
    if event.line is not None:
        return f"line:{event.line}"
    return f"trunk:{event.trunk}" if event.trunk is not None else f"device:{event.device}"

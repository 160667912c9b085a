"""A call: what its legs report is decided into events, each event is applied to its state, and effects follow.

The call has one owner, the exchange's loop, which feeds it one input at a time. `state` is changed only by
`state.apply` through `record`; everything else here (usages, the Ringer, sound) is machinery that recovery can do
without or build again from the state.

    ringing   the Ringer walks the plan; the caller hears 18x
    talking   the front (the caller, at first) and another leg are joined, or the front has a service of ours
    over      the record is closed; what remains of the signalling (BYE, 487) runs out by itself

What it does is in the rooms beside it, as functions that are handed the call: `inviting.py` calls a telephone,
`early.py` is the time before the answer, `answering.py` the answer, `joining.py` the bridge, `offers.py` what is
negotiated later, `serving.py` a service of ours in place of a telephone, `onward.py` a walk after the answer,
`pairing.py` and `moving.py` others who are joined then, `ending.py` the end, and `breaking.py` the end by a bug of
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dialplan import vocabulary as v
from dialplan.plan import Outcome, Plan
from dialplan.termination import Reason, Result, Termination
from media.engine import Digit, DigitsSent, LegLost, MediaEvent, PlayEnded, RecordEnded, Silent
from records import events as e
from switch.calls import onward, ports, rating, referring
from switch.calls.breaking import break_off
from switch.calls.context import Context
from switch.calls.early import Early
from switch.calls.ending import end, leg_over
from switch.calls.endings import (
    CANCELLED,
    CLEARED,
    UNACKNOWLEDGED,
    leg_ending,
)
from switch.calls.joining import reconnect
from switch.calls.leg import CALLER, IMPATIENT, UNREACHABLE, Leg, flow_value, is_trunk
from switch.calls.letter import Rung
from switch.calls.offers import Offers
from switch.calls.onward import Errand
from switch.calls.ringer import Ringer
from switch.calls.serving import Service, release
from switch.calls.sound import SdpError
from switch.calls.state import CallState, apply, begin
from switch.calls.transfer import Transfer
from switch.sip import leg_events as sip
from switch.sip import refer
from switch.sip.reason import cause_of
from switch.sip.usage_state import CALLING, EARLY, ENDED

NEVER = float("inf")


class Call:
    """One call with its legs. Made by `Calls`; fed by its legs, the Ringer's timers and the media engine."""

    __slots__ = (
        "context",
        "deadline",
        "early",
        "errand",
        "failing",
        "id",
        "legs",
        "noted",
        "numbered",
        "offers",
        "prompt",
        "refused",
        "ringer",
        "rung",
        "said",
        "service",
        "state",
        "tone",
        "transfer",
        "unfit",
        "why",
    )

    def __init__(self, context: Context, state: CallState) -> None:
        self.context = context
        self.state = state
        self.id = state.id
        """Our own id of the call; never a SIP Call-ID."""
        self.legs: dict[int, Leg] = {}
        self.ringer: Ringer | None = None
        self.offers = Offers()
        self.early = Early()
        self.unfit = False
        """Whether a carrier was left out as it takes none of the caller's codecs."""
        self.why: Sequence[str] = ()
        """The Reason header lines with which the caller gave up."""
        self.refused: tuple[int, Sequence[str]] = (0, ())
        """The latest refusal of a called leg that gave a reason, and the Reason header lines."""
        self.said = ""
        """Why an executor refused its step, for the caller."""
        self.prompt = ""
        """The same as the id of a prompt; empty where none says it."""
        self.service: Service | None = None
        """What serves the front, if anything of ours does."""
        self.errand: Errand | None = None
        """What is behind a walk after the answer, while it goes on."""
        self.tone = False
        """Whether the front hears a ringing tone of ours."""
        self.transfer: Transfer | None = None
        """The transfer that is under way."""
        self.failing: Termination | None = None
        """How the call ends when the front has heard that nobody was reached."""
        self.noted = state.n > 1
        """Whether somebody remembers something of it besides, and wants to know when it is over (`Context.over`). Of
        one that was taken over, anybody may."""
        self.deadline = NEVER
        """When it is cut by its limit: what comes in that instant comes too late (K.12)."""
        self.rung: dict[int, Rung] = {}
        """After a hand-over: those who ring already, by leg, until the walk rings them (`adopting.py`)."""
        self.numbered = state.numbered
        """The highest leg number in use so far; numbers are not used twice."""

    @classmethod
    def started(cls, context: Context, event: e.CallStarted) -> Call:
        """A new call; its first event is recorded."""
        call = cls(context, begin(event))
        context.record(event)
        return call

    @property
    def secure(self) -> bool:
        """Whether the caller wants it to go by TLS all the way (sips:, RFC 3261 section 26.2.2)."""
        caller = self.legs.get(CALLER)
        asked = caller.usage.pending_request if caller is not None else None
        return asked is not None and asked.uri[:5].lower() == "sips:"

    @property
    def caller(self) -> Leg:
        """Leg 0, which has begun the call. It may have left it since it was answered."""
        return self.legs[CALLER]

    @property
    def front(self) -> Leg:
        """The leg for whom others are rung, and whom a service serves."""
        return self.legs[self.state.front]

    @property
    def engaged(self) -> bool:
        """Whether the call is about something else than its two sides."""
        return bool(self.service or self.errand or self.transfer or self.ringer)

    @property
    def for_help(self) -> bool:
        """See `CallState.for_help`."""
        return self.state.for_help

    @property
    def over(self) -> bool:
        """Whether the call's record is closed."""
        return self.state.ended is not None

    def begin(self, plan: Plan, now: float) -> None:
        """Start to walk the plan."""
        self.ringer = Ringer(self, plan)
        self.ringer.feed(v.Begin(), now)

    # -- what the Ringer asks -----------------------------------------------------------------------------------

    def service_over(self, now: float) -> None:
        """What the caller listened to has ended."""
        if self.state.ended is None:
            self.why = CLEARED
            end(self, self.failing or Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200), now)

    def done(self, done: v.StepDone, now: float) -> None:
        """An executor has carried out its step, or could not. Its service has the front no more."""
        release(self, now)
        if self.ringer is not None:
            self.ringer.feed(done, now)

    def refuse_step(self, step: str, ending: Termination | None, text: str, now: float, prompt: str = "") -> None:
        """A step cannot be carried out, or must not: the caller is told why. Without `ending` it has the step's own
        (`dialplan.endings.unavailable`). `prompt` is what is said of it, where refusals are."""
        self.said, self.prompt = text, prompt
        self.done(v.StepDone(step, "unavailable", None, ending), now)

    # -- what the legs report -----------------------------------------------------------------------------------

    def on_leg(self, leg: Leg, event: sip.LegEvent, now: float) -> None:
        """Decide on one event of a leg."""
        if leg.usage.price is not None:
            rating.told(self, leg)
        if type(event) is sip.Closed:
            self.context.forget_leg(leg.tag)
            return
        if type(event) is sip.Astray:
            leg.say_bye(now)
            return
        if leg.unreachable is not None:
            leg.stop_waiting()
        if now >= self.deadline:
            self.context.overdue(self, now)
        if leg.index not in self.legs:
            self._too_late(leg, event, now)
            return
        _ON_LEG[type(event)](self, leg, event, now)

    def on_unreachable(self, leg: Leg, now: float) -> None:
        """A telephone has not said a word since its INVITE was sent: an outage (FWD-4)."""
        if leg.index in self.legs and leg.usage.state is CALLING:
            leg.usage.cancel(now)
            self._failed(leg, 0, True, now)
        elif self._wants_help(leg):
            settings, timers = self.context.settings, self.context.endpoint.timers
            leg.unreachable = timers.after(settings.trying_s, now, leg, IMPATIENT)

    def on_impatient(self, leg: Leg, now: float) -> None:
        """A carrier has said that it tries, and no more: somebody who calls for help does not wait for it while there
        is another way (EMG-6)."""
        if self._wants_help(leg) and self.ringer is not None and self.ringer.more(leg):
            leg.usage.cancel(now)
            self._failed(leg, 0, True, now)

    def _wants_help(self, leg: Leg) -> bool:
        state = self.state.legs.get(leg.index)
        waits = state is not None and not state.ringing and leg.usage.state is EARLY
        return waits and leg.index in self.legs and self.for_help and is_trunk(leg.target)

    def on_media(self, leg: Leg, event: MediaEvent, now: float) -> None:
        """The media engine reports on a leg."""
        if leg.index not in self.legs:
            return
        if self.state.answered_at is None or not (leg.usage.confirmed or leg.index == self.state.front):
            if leg.listener is not None:
                leg.listener.heard(self, leg, event, now)
            elif type(event) is LegLost:
                if self.early.held is not None:
                    end(self, Termination(Result.FAILED, Reason.MEDIA_LOST, 503), now)
                else:
                    self._lost_while_ringing(leg, now)
            return
        match event:
            case Silent() if self.for_help:
                pass  # who hides makes no sound, and telephones send nothing then; `watch.py` finds those that are gone
            case Silent():
                self.gone(leg, Termination(Result.ANSWERED, Reason.MEDIA_TIMEOUT, 200), now)
            case LegLost():
                self.gone(leg, Termination(Result.ANSWERED, Reason.MEDIA_LOST, 200), now)
            case Digit() | PlayEnded() | RecordEnded() | DigitsSent():
                self._sounded(leg, event, now)

    def _sounded(self, leg: Leg, event: Digit | PlayEnded | RecordEnded | DigitsSent, now: float) -> None:
        if type(event) is PlayEnded and event.id and self.context.played(self, leg, event, now):
            return
        if leg.listener is not None:
            leg.listener.heard(self, leg, event, now)
        elif self.service is not None:
            self.service.heard(self, leg, event, now)
        elif type(event) is Digit:
            self.context.digit(self, leg, event.digit, now)
        elif type(event) is PlayEnded and not self.tone and self.failing is None:
            if self.state.service and leg.index == self.state.front:
                self.service_over(now)
            else:
                self._silent_music(leg, event)

    def _silent_music(self, leg: Leg, event: PlayEnded) -> None:
        """A held leg's music cannot be played: it hears the exchange's own (MOH-2)."""
        by = self.other(leg)
        if event.failed and by is not None and by.sound.held and not by.music:
            by.music = self.context.directory.hold_music("")
            reconnect(self)

    def _lost_while_ringing(self, leg: Leg, now: float) -> None:
        """The port that we have described to that side is no more."""
        if leg.index == CALLER:
            if not (self.for_help and ports.replaced(self, leg)):
                end(self, Termination(Result.FAILED, Reason.MEDIA_LOST, 503), now)
            return
        leg.usage.cancel(now)
        if self.for_help and self.ringer is not None and self.ringer.renew(leg):
            leg_over(self, leg, leg_ending(Outcome.OUTAGE, 500))
            self.ringer.ring_anew(leg, now)
        else:
            self._failed(leg, 500, False, now)

    def broken(self, error: Exception, now: float) -> None:
        """A bug of ours met this call (`breaking.py`)."""
        break_off(self, error, now)

    def end_broken(self, now: float) -> None:
        """Recovery found that one side had gone."""
        end(self, Termination(Result.ANSWERED, Reason.DIALOG_LOST, 481), now)

    def end_soundless(self, now: float) -> None:
        """Recovery found that a media worker had died as well. What served the front has not begun again."""
        self.service = None
        end(self, Termination(Result.ANSWERED, Reason.MEDIA_LOST, 200), now)

    def media_refused(self, now: float) -> None:
        """The two sides turned out to have no sound in common after they were joined."""
        end(self, Termination(Result.ANSWERED, Reason.MEDIA_REFUSED, 488), now)

    def rejoined(self, now: float) -> None:
        """Who talks with whom has changed: features are told (`Context.joined`)."""
        for each in self.context.joined:
            each(self, now)

    def drop(self, leg: Leg, termination: Termination) -> None:
        """A leg has no more part in the call, which goes on; its far end has been told, or has said so itself."""
        leg_over(self, leg, termination)

    def hang_up_leg(self, leg: Leg, termination: Termination, now: float, lines: Sequence[str] = ()) -> None:
        """End one answered leg by BYE; the call goes on."""
        self.offers.leaving(self, leg, now)
        leg.reach(now)
        if leg.usage.needs_ack:
            leg.usage.ack(now)
        leg.usage.bye(now, lines)
        leg_over(self, leg, termination)

    def gone(self, leg: Leg, termination: Termination, now: float) -> None:
        """A leg's far end has hung up, or is lost. The call is over, unless it can go on without that leg."""
        keeper = self.errand or self.service
        if keeper is not None and keeper.left(self, leg, now):
            if leg.index in self.legs:
                if leg.usage.confirmed:
                    self.hang_up_leg(leg, termination, now)
                else:
                    self.offers.leaving(self, leg, now)
                    self.context.forget_leg(leg.tag)
                    leg_over(self, leg, termination, cause_of(self.why))
            return
        end(self, termination, now, leg)

    def hang_up(self, now: float) -> None:
        """The operator ends the call."""
        termination = Termination(Result.ANSWERED, Reason.OPERATOR, 200)
        if self.state.answered_at is None:
            termination = Termination(Result.FAILED, Reason.OPERATOR, 503)
        end(self, termination, now)

    def preempt(self, now: float) -> None:
        """An emergency call needs this one's channel (EMG-6)."""
        termination = Termination(Result.ANSWERED, Reason.PREEMPTED, 200)
        if self.state.answered_at is None:
            termination = Termination(Result.FAILED, Reason.PREEMPTED, 480)
        end(self, termination, now)

    # -- ringing ------------------------------------------------------------------------------------------------

    def _progress(self, leg: Leg, event: sip.Progress, now: float) -> None:
        if self.state.answered_at is None:
            self.early.progress(self, leg, event, now)
        else:
            onward.progress(self, leg, event, now)

    def _pracked(self, leg: Leg, event: sip.Pracked, now: float) -> None:
        self.early.pracked(self, event.body, now)

    def _unpracked(self, leg: Leg, event: sip.Unpracked, now: float) -> None:
        end(self, UNACKNOWLEDGED, now)

    def _resent(self, leg: Leg, event: sip.Resent, now: float) -> None:
        """After a crash our next request has to go on from that number, and a CANCEL to name the INVITE that stands."""
        if self.state.legs[leg.index].answered:
            leg.record_dialog()
            return
        at, flow = self.context.at(), flow_value(leg.usage.flow)
        moved = e.LegMoved(self.id, self.state.n, at, leg.index, leg.dialog_value(), flow, leg.usage.branch)
        self.record(moved)
        if self.for_help:
            unreachable_s = self.context.settings.unreachable_s
            leg.unreachable = self.context.endpoint.timers.after(unreachable_s, now, leg, UNREACHABLE)

    def _answer(self, leg: Leg, event: sip.Answer, now: float) -> None:
        if self.ringer is None or self.ringer.over:
            self._too_late(leg, event, now)
            return
        leg.asserted, leg.hides = event.asserted, event.hides
        if event.body:
            try:
                leg.sound.remote = leg.sound.parsed(event.body)
            except SdpError:
                leg.sound.remote = None
        self.ringer.heard(leg, now)
        self.ringer.feed(v.Answered(leg.branch, leg.contact), now)
        if leg.index not in self.legs and leg.usage.needs_ack:
            self._too_late(leg, event, now)  # its time was over in this very instant

    def give_up(self, leg: Leg, status: int, now: float) -> None:
        """A telephone that rings cannot be used."""
        leg.usage.cancel(now)
        self._failed(leg, status, False, now)

    def _refusal(self, leg: Leg, event: sip.Refusal, now: float) -> None:
        if event.reasons:
            self.refused = event.status, event.reasons
        self._failed(leg, event.status, event.silent, now, event.retry_after_s, cause_of(event.reasons))

    def _failed(
        self, leg: Leg, status: int, silent: bool, now: float, retry_after_s: float = 0.0, cause: str = ""
    ) -> None:
        outcome, _ = v.outcome_of(0 if silent else status, trunk=is_trunk(leg.target))
        if leg.usage.state is ENDED:
            self.context.forget_leg(leg.tag)
        leg_over(self, leg, leg_ending(outcome, status or 408), cause)
        if self.ringer is not None:
            self.ringer.failed(leg, 0 if silent else status, retry_after_s, now)

    def _cancelled(self, leg: Leg, event: sip.Cancelled, now: float) -> None:
        self.why = event.reasons
        if self.ringer is not None and not self.ringer.over:
            self.ringer.feed(v.CallerGone(), now)
        else:
            end(self, CANCELLED, now)

    # -- what else a telephone asks for -------------------------------------------------------------------------

    def _referred(self, leg: Leg, event: sip.Referred, now: float) -> None:
        referring.asked(self, leg, event, now)

    def _keyed(self, leg: Leg, event: sip.Keyed, now: float) -> None:
        """A key told by INFO is as one by RFC 4733."""
        if leg.sound.lease is not None:
            self.on_media(leg, Digit(leg.sound.lease.leg, event.key, event.duration_ms), now)

    def _nothing(self, leg: Leg, event: sip.LegEvent, now: float) -> None:
        """Nothing follows from it."""

    # -- ending -------------------------------------------------------------------------------------------------

    def _acked(self, leg: Leg, event: sip.Acked, now: float) -> None:
        self.offers.acked(self, leg, event.body, now)

    def _offered(self, leg: Leg, event: sip.Offer, now: float) -> None:
        if self.state.answered_at is None:
            self.early.offered(self, leg, event, now)
        elif not leg.usage.confirmed:
            onward.offered(leg, event, now)
        else:
            self.offers.asked(self, leg, event.body, now)

    def _offer_cancelled(self, leg: Leg, event: sip.OfferCancelled, now: float) -> None:
        self.offers.cancelled(self, leg, now)

    def _offer_answered(self, leg: Leg, event: sip.OfferAnswer, now: float) -> None:
        self.offers.answered(self, leg, event.body, now)

    def _offer_refused(self, leg: Leg, event: sip.OfferRefusal, now: float) -> None:
        self.offers.refused(self, leg, event.status, now)

    def _refreshed(self, leg: Leg, event: sip.Refreshed, now: float) -> None:
        self.offers.refreshed(self, leg, now)

    def _refresh_due(self, leg: Leg, event: sip.RefreshDue, now: float) -> None:
        self.offers.refresh(self, leg, now)

    def _lapsed(self, leg: Leg, event: sip.Lapsed, now: float) -> None:
        end(self, Termination(Result.ANSWERED, Reason.SESSION_EXPIRED, 408), now)

    def _ended(self, leg: Leg, event: sip.Ended, now: float) -> None:
        reason = Reason.CALLER_HUNG_UP if leg.index == CALLER else Reason.CALLEE_HUNG_UP
        self.why = event.reasons
        if self.state.answered_at is None:
            # It hung up while its answer waited for the caller's PRACK.
            end(self, Termination(Result.NO_ANSWER, reason, 480), now, leg)
        else:
            self.gone(leg, Termination(Result.ANSWERED, reason, 200), now)

    def _lost(self, leg: Leg, event: sip.Lost, now: float) -> None:
        if self.state.answered_at is None:
            end(self, Termination(Result.ANSWERED, Reason.DIALOG_LOST, event.status), now)
        else:
            self.gone(leg, Termination(Result.ANSWERED, Reason.DIALOG_LOST, event.status), now)

    # -- what they share ----------------------------------------------------------------------------------------

    def _too_late(self, leg: Leg, event: sip.LegEvent, now: float) -> None:
        """Something came for a leg that the call has done with: a 2xx that crossed a decision is ended politely."""
        if type(event) is sip.Answer:
            leg.usage.ack(now)
            leg.usage.bye(now)
        elif type(event) is sip.Offer:
            leg.usage.refuse_offer(487, now)
        elif type(event) is sip.OfferAnswer and leg.usage.needs_ack:
            leg.usage.ack(now)
        elif type(event) is sip.Referred:
            refer.refuse(leg.usage, event.number, 481, now)
        elif type(event) is sip.Refusal or type(event) is sip.Ended:
            self.context.forget_leg(leg.tag)

    def other(self, leg: Leg) -> Leg | None:
        """The leg that this one talks with; None while a service of ours talks with the front, or it is in a room."""
        if leg.index in self.state.members:
            return None
        if leg.index != self.state.front:
            return self.legs.get(self.state.front)
        return self.legs.get(self.state.peer) if self.state.peer is not None else None

    def record(self, event: e.CallEvent) -> None:
        """Apply one event to the state and hand it to the journal."""
        apply(self.state, event)
        self.context.record(event)


_ON_LEG: dict[type, Callable[..., None]] = {
    sip.Progress: Call._progress,
    sip.Pracked: Call._pracked,
    sip.Unpracked: Call._unpracked,
    sip.Resent: Call._resent,
    sip.Answer: Call._answer,
    sip.Refusal: Call._refusal,
    sip.Cancelled: Call._cancelled,
    sip.Acked: Call._acked,
    sip.Offer: Call._offered,
    sip.OfferCancelled: Call._offer_cancelled,
    sip.OfferAnswer: Call._offer_answered,
    sip.OfferRefusal: Call._offer_refused,
    sip.Refreshed: Call._refreshed,
    sip.RefreshDue: Call._refresh_due,
    sip.Lapsed: Call._lapsed,
    sip.Referred: Call._referred,
    sip.NotifyFailed: Call._nothing,
    sip.Keyed: Call._keyed,
    sip.Priced: Call._nothing,
    sip.Ended: Call._ended,
    sip.Lost: Call._lost,
}

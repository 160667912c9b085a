"""All calls that are up: found by our id, by the tag of a leg's dialog, or by a media leg."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import msgspec
from msgspec import structs

from dialplan.facts import NO_FACTS, Facts
from dialplan.plan import MOST_FORWARDS, CallRequest, Plan, Reject
from dialplan.termination import Reason, Result
from media.engine import Lease, LegLost, MediaEvent, RecordEnded
from records import events as e
from switch import redact
from switch.calls import sound
from switch.calls.alarm import Alarms
from switch.calls.anew import place, stood, to_adopt, usage_of_caller
from switch.calls.call import Call
from switch.calls.channels import Limits
from switch.calls.context import CallSettings, Context
from switch.calls.joining import rejoin
from switch.calls.leg import CALLER, NOBODY, Leg, flow_value
from switch.calls.letter import Letter
from switch.calls.recovery import farewell, recover
from switch.calls.sound import SdpError
from switch.calls.taking import replaced_by, take
from switch.calls.terms import terms_of
from switch.decided import draw_of, told
from switch.sip.errors import RemoteProtocolError
from switch.sip.message import Request
from switch.sip.parts import session_description
from switch.sip.privacy import impossible, withheld
from switch.sip.transaction import ServerTransaction
from switch.sip.uri import Uri

T = TypeVar("T")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, as established by authentication or by where a trunk calls from: never by From alone (IDN-2, IDN-3).

    Of a trunk, `called` is the number that it calls; `proven` is False when only our registered Contact names it.
    `hidden`, `believed` and `forwards`: see `switch.calls.hearing.Heard`.
    """

    device: str | None = None
    line: str | None = None
    trunk: str | None = None
    number: str = ""
    name: str = ""
    called: str = ""
    proven: bool = True
    hidden: bool = False
    believed: bool = False
    forwards: tuple[e.Forwarded, ...] = ()


class Calls:
    """The call layer. `plan` is the dialplan, with the model of the moment already in it."""

    def __init__(self, context: Context, plan: Callable[[CallRequest, Facts], Plan]) -> None:
        self.context = context
        self.plan = plan
        self.by_id: dict[str, Call] = {}
        self.by_tag: dict[str, Leg] = {}
        self.by_media: dict[int, Leg] = {}
        self._adopting: set[int] | None = None
        """During recovery: the media legs that no worker has any more."""
        self.alarms = Alarms(context)
        self.use(context.settings)
        context.plan = plan
        context.preempt, context.tell = self.preempt, self.alarms.soon
        context.remember_leg = self.by_tag.__setitem__
        context.forget_leg = self._forget_leg
        context.leg_of = self.by_tag.get
        context.calls = self.by_id.values
        context.forget_call = lambda call: self.by_id.pop(call, None)
        context.register_media = self.by_media.__setitem__
        context.forget_media = lambda leg: self.by_media.pop(leg, None)

    def use(self, settings: CallSettings) -> None:
        """Take other times for the calls to come."""
        self.context.settings = settings
        self.context.extensions = settings.extension_lines(False), settings.extension_lines(True)

    def _forget_leg(self, tag: str) -> None:
        """Nothing more is to come of the leg. Its transactions remember the usage for half a minute yet, so that
        repeated responses are met; the call itself they need not keep alive."""
        leg = self.by_tag.pop(tag, None)
        if leg is not None:
            leg.usage.owner = NOBODY

    def invite(self, txn: ServerTransaction, source: Source, now: float) -> None:
        """A new call. Raises RemoteProtocolError for a request that cannot make a dialog, or that asks for privacy of a
        kind that there is not (500), and SdpError (NotAcceptable
        is one) for a description that we cannot serve; nothing has been recorded then."""
        context, request = self.context, txn.request
        offer = session_description(request)
        dialect = context.directory.dialect(source.trunk) if source.trunk is not None else None
        codecs = dialect.settings.codecs if dialect is not None else ()
        asked = sound.parsed(offer, codecs) if offer else None
        call_id = context.token()
        usage = usage_of_caller(context, txn, call_id, source.trunk is not None, dialect)
        wanted = self._wanted(request, source)
        facts, plan = self._decided(wanted, call_id)
        replaced = None
        if not plan.emergency and request.header("Replaces") is not None:
            replaced = replaced_by(context, request, source.device, source.line)
            plan = structs.replace(plan, because=(*plan.because, ("replaces", "takes the place of another leg")))
        if plan.line and plan.line != source.line:
            # Chosen by a code before the number, or an emergency call on somebody else's line.
            number, name = context.directory.shown(plan.line)
            source = structs.replace(source, line=plan.line, number=number, name=name)
        if not plan.emergency:
            unknown = impossible(request)
            if unknown:
                raise RemoteProtocolError(500, f"Privacy Not Possible ({', '.join(unknown)})")
            if source.forwards:
                plan = _within_limit(plan, source)
        if source.trunk is not None and not context.channels.free(source.trunk):
            plan = _congested(plan, source.trunk)
            context.channels.refused[source.trunk, "channels"] += 1
        directory = context.directory
        user, site = directory.own(source.device) if source.device is not None else ("", directory.site(plan.entity))
        started = e.CallStarted(
            call_id,
            0,
            wanted.at,
            request.call_id,
            source.device,
            source.line,
            source.trunk,
            source.number,
            source.name,
            plan.dialled or wanted.digits,
            plan.number,
            plan.emergency,
            plan.max_duration_s,
            plan.because,
            flow_value(txn.flow),
            tuple(request.values("Via")),
            request.from_value,
            redact.shown(request.to_value, wanted.digits, plan.dialled) if plan.dialled else request.to_value,
            request.cseq,
            plan.version,
            source.hidden if source.trunk is not None else withheld(request),
            source.believed,
            source.forwards if source.believed else (),
            told(facts, plan.consulted) if plan.consulted else "",
            wanted.hops,
            wanted.proven,
            wanted.attested,
            terms_of(plan.policy),
            plan.account,
            plan.address,
            plan.notify,
            user,
            site,
            plan.entity,
        )
        call = Call.started(context, started)
        leg = Leg(call, CALLER, call.state.legs[CALLER].target)
        leg.usage = usage
        if plan.dialled:
            # Dialogs are told apart by their tags (RFC 3261 section 12): nobody minds what else To said.
            usage.dialog.local = redact.shown(usage.dialog.local, wanted.digits, plan.dialled)
        usage.owner = leg
        leg.sound.codecs = codecs
        leg.sound.remote = asked
        call.legs[CALLER] = leg
        self.by_id[call_id] = call
        self.by_tag[call_id] = leg
        usage.trying(now)
        try:
            if replaced is not None:
                take(call, replaced, now)
            else:
                call.begin(plan, now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)
        if plan.notify:
            self.alarms.tell(started, now)

    def _decided(self, wanted: CallRequest, call_id: str) -> tuple[Facts, Plan]:
        """What the dialplan says, and the facts that it saw. An emergency call needs none: should they fail us, or a
        decision by them, it is decided without (OUT-6). Other calls fail then, since locks and quotas are not known."""
        context = self.context
        try:
            facts = context.facts.at(wanted.at, draw_of(call_id))
            return facts, self.plan(wanted, facts)
        except Exception as error:
            plan = self.plan(wanted, NO_FACTS)
            if not plan.emergency:
                raise
            context.on_error(error, f"decision of emergency call {call_id}")
            return NO_FACTS, plan

    def limit(self, limits: Mapping[str, Limits]) -> None:
        """Take other limits of trunks; what they carry is counted anew."""
        context = self.context
        context.record = context.channels.use(limits, (call.state for call in self.by_id.values()))

    def preempt(self, trunk: str, now: float) -> bool:
        """End the youngest call on a trunk that is none of emergency (EMG-6). False when there is none."""
        target = f"trunk:{trunk}"
        for call in sorted(self.by_id.values(), key=lambda call: call.state.started.at, reverse=True):
            if not call.for_help and any(leg.target == target for leg in call.legs.values()):
                try:
                    call.preempt(now)
                except Exception as error:  # noqa: BLE001  see Call.broken
                    call.broken(error, now)
                return True
        return False

    def is_emergency(self, request: Request, source: Source) -> bool:
        """Whether that INVITE is an emergency call, which must not be refused for who makes it (OUT-6)."""
        return self.plan(self._wanted(request, source), NO_FACTS).emergency

    def _wanted(self, request: Request, source: Source) -> CallRequest:
        digits = source.called
        if not digits:
            uri = Uri.parse(request.uri)
            digits = request.uri if uri.scheme == "urn" else uri.dialled()
        return CallRequest(
            digits=digits,
            proven=source.proven,
            at=self.context.at(),
            device=source.device,
            line=source.line,
            trunk=source.trunk,
            caller_number=source.number or None,
            caller_name=source.name or None,
            hops=_times(source.forwards) if source.forwards else 0,
            anonymous=source.hidden and source.trunk is not None,
        )

    def on_media(self, event: MediaEvent, now: float) -> None:
        """The media engine reports on one of its legs."""
        if type(event) is RecordEnded:
            self._recording(self.context.recorded, event, now)
        elif type(event) is LegLost:
            if self._adopting is not None:
                self._adopting.add(event.leg)
                return
            self._recording(self.context.lost, event.leg, now)
        leg = self.by_media.get(event.leg)
        if leg is not None:
            try:
                leg.call.on_media(leg, event, now)
            except Exception as error:  # noqa: BLE001  see Call.broken
                leg.call.broken(error, now)

    def _recording(self, hook: Callable[[T, float], None], what: T, now: float) -> None:
        """Also of a leg that is no more."""
        try:
            hook(what, now)
        except Exception as error:  # noqa: BLE001  a recording must not cost a call
            self.context.on_error(error, f"recording of {what}")

    def _give_up(self, events: list[e.CallEvent], error: Exception) -> None:
        """Recovery failed over a call: its record is closed, so that it is not tried again."""
        context, last = self.context, events[-1]
        context.on_error(error, f"recovery of call {last.call}")
        answered = any(isinstance(event, e.LegAnswered) and event.leg == CALLER for event in events)
        result = Result.ANSWERED if answered else Result.FAILED
        ended = e.CallEnded(last.call, last.n + 1, context.at(), result, Reason.INTERNAL_ERROR, 500)
        context.record(ended)

    def recover(
        self,
        calls: Iterable[list[e.CallEvent]],
        now: float,
        ended: Iterable[list[e.CallEvent]] = (),
        letter: Letter | None = None,
        untold: Mapping[tuple[str, str], Sequence[e.CallEvent]] = MappingProxyType({}),
    ) -> None:
        """Take over what the journal says was up when the exchange died; `ended` had ended just before. The `letter` of
        one that has handed over says what need not be guessed (`letter.py`). `untold`: see `Recovery`."""
        leases: dict[int, Lease] = {}
        begun: list[tuple[Call, Sequence[e.CallEvent]]] = []
        for events in calls:
            try:
                started = letter.begun.get(events[0].call) if letter is not None else None
                if started is not None:
                    call = stood(self.context, events, started, now)
                    if call is not None:
                        begun.append((call, events))
                else:
                    call = recover(self.context, events, now, letter)
            except Exception as error:  # noqa: BLE001  one call that cannot be taken over must not keep all others down
                self._give_up(events, error)
                continue
            if call is None:
                continue
            self.by_id[call.id] = call
            for leg in call.legs.values():
                self.by_tag[leg.tag] = leg
                if leg.sound.lease is not None:
                    leases[leg.sound.lease.leg] = leg.sound.lease
                    self.by_media[leg.sound.lease.leg] = leg
            leases.update(to_adopt(call))
        for last in ended:
            try:
                for leg in farewell(self.context, last, now, letter):
                    self.by_tag[leg.tag] = leg
            except Exception as error:  # noqa: BLE001  its record is closed already
                self.context.on_error(error, f"ended call {last[-1].call}")
        self.context.channels.count(call.state for call in self.by_id.values())
        lost: set[int] = set()
        self._adopting = lost
        self.context.engine.adopt(leases)
        self._adopting = None
        for call in list(self.by_id.values()):
            if call.state.ended is None and call.state.answered_at is not None:
                try:
                    leases_of = (leg.sound.lease for leg in call.legs.values())
                    if any(lease is not None and lease.leg in lost for lease in leases_of):
                        call.end_soundless(now)
                        continue
                    rejoin(call, now)
                    call.offers.restore(call, now)
                    call.rejoined(now)
                except Exception as error:  # noqa: BLE001  see Call.broken
                    call.broken(error, now)
        for call, known in begun:
            try:
                place(call, known, now)
            except Exception as error:  # noqa: BLE001  see Call.broken
                call.broken(error, now)
        for media in lost & self.by_media.keys():
            self.on_media(LegLost(media), now)  # of calls that are still being set up
        told = self.alarms.again((call.state for call in self.by_id.values() if call.state.for_help), now)
        self.alarms.owed(untold, told, now)


def _times(forwards: Iterable[e.Forwarded]) -> int:
    return sum(each.count for each in forwards)


def _within_limit(plan: Plan, source: Source) -> Plan:
    """The plan for a call that was forwarded before it came. Too often is a loop (SPEC K.10): 482 when the number was
    among those that forwarded it, else 483."""
    times = _times(source.forwards)
    if times <= MOST_FORWARDS:
        return plan
    status = 482 if any(each.number == plan.number for each in source.forwards) else 483
    step = Reject(id="forwards", status=status, reason=Reason.LOOP)
    verdict = f"it was forwarded {times} times before it came here, and {MOST_FORWARDS} is the limit"
    because = (*plan.because, (f"trunk:{source.trunk}", verdict))
    return structs.replace(plan, entry=step.id, steps=(step,), because=because)


def _congested(plan: Plan, trunk: str) -> Plan:
    """The plan for a call from a trunk whose channels are all in use: the carrier's caller hears that we are busy. 503
    would make the carrier take us for dead."""
    step = Reject(id="channels", status=486, reason=Reason.CONGESTION)
    because = (*plan.because, (f"trunk:{trunk}", "all its channels are in use"))
    return structs.replace(plan, entry=step.id, steps=(step,), because=because)


__all__ = ["Calls", "SdpError", "Source"]

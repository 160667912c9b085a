"""What the commands may ask of a running exchange: the handlers behind the control socket, and what `/healthz` says."""

from __future__ import annotations

import datetime
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from records.events import Bound, CallEnded, CallStarted, LegStarted
from switch.calls.call import Call
from switch.calls.leg import CALLER, Leg
from switch.control import Handler, Refused
from switch.core import Core
from switch.one_call import meant
from switch.qualify import Reach
from switch.reception import printable
from switch.sip.uri import hostport
from switch.sip.usage_state import State
from switch.sip.writer import REASONS
from switch.trace import Tracer
from switch.trunk_views import trunk_views
from switch.views import (
    CallView,
    LegView,
    PhonesView,
    PhoneView,
    RefusedView,
    ReloadView,
    StatusView,
    TraceView,
    TransferView,
    TrunksView,
    WorkerView,
)

RECENT_CALLS = 2000
"""Of so many calls that ended the SIP Call-IDs are remembered, so that they can be traced."""


class Standing(Protocol):
    """What the composition root knows that the core does not."""

    def status(self) -> Mapping[str, Any]:
        """Fields of StatusView: version, configuration, config, listeners, workers, devices, lines."""

    def troubles(self) -> Iterable[str]:
        """One sentence for each thing that is wrong."""

    def warnings(self) -> Iterable[str]:
        """One sentence for each thing that works as configured, but is surely not meant."""

    def devices(self) -> Mapping[str, str]:
        """The names for people of all devices, by id."""


class Known:
    """What is remembered of one call: by SIP Call-ID who that leg is and its contact (empty for the caller)."""

    __slots__ = ("called", "caller", "ended", "legs")

    def __init__(self) -> None:
        self.caller = ""
        self.called = ""
        self.ended: CallEnded | None = None
        self.legs: dict[str, tuple[str, str]] = {}

    @property
    def result(self) -> str:
        """How the call ended, in words; empty while it is up."""
        if self.ended is None:
            return ""
        result, reason = self.ended.result, self.ended.reason
        return (f"{result}, {reason}" if reason and reason != result else result).replace("_", " ")


class Recent:
    """The SIP Call-IDs of the last calls, by our own id: bounded, and filled from the events as they are journalled."""

    def __init__(self, limit: int = RECENT_CALLS) -> None:
        self._limit = limit
        self._calls: dict[str, Known] = {}

    def started(self, event: CallStarted) -> None:
        """A call began."""
        known = self._of(event.call)
        known.caller = event.caller_number or "anonymous"
        known.called = event.number or event.dialled
        known.legs[event.sip_call_id] = (event.device or event.trunk or "", "")

    def leg(self, event: LegStarted) -> None:
        """A leg of the call was begun."""
        self._of(event.call).legs[event.dialog.call_id] = (event.target, event.contact)

    def ended(self, event: CallEnded) -> None:
        """The call is over."""
        known = self._calls.get(event.call)
        if known is not None:
            known.ended = event

    def forget(self, call: str) -> None:
        """The call is to be known no more."""
        self._calls.pop(call, None)

    def _of(self, call: str) -> Known:
        known = self._calls.get(call)
        if known is None:
            if len(self._calls) >= self._limit:
                self._calls.pop(next(iter(self._calls)))
            known = self._calls[call] = Known()
        return known

    def find(self, text: str) -> tuple[str, Known] | None:
        """The call whose id, or whose SIP Call-ID, is or begins with `text`; the latest when there are several."""
        if text in self._calls:
            return text, self._calls[text]
        for call in reversed(self._calls):
            known = self._calls[call]
            if text and (call.startswith(text) or text in known.legs):
                return call, known
        return None


class Operations:
    """The handlers. `reload` is the composition root's, since it swaps what is wired there."""

    def __init__(
        self,
        core: Core,
        tracer: Tracer,
        recent: Recent,
        standing: Standing,
        reload: Callable[[], Awaitable[ReloadView]],
        now: Callable[[], float],
    ) -> None:
        self._core = core
        self._tracer = tracer
        self._recent = recent
        self._standing = standing
        self._reload = reload
        self._now = now
        self._started_at = datetime.datetime.now(datetime.UTC)

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {
            "status": self.status,
            "calls": self.calls,
            "phones": self.phones,
            "trunks": self.trunks,
            "trace": self.trace,
            "hangup": self.hang_up,
            "transfer": self.transfer,
            "reload": self.reload,
        }

    def status(self, _: dict[str, Any]) -> StatusView:
        """How the exchange is."""
        core = self._core
        given = dict(self._standing.status())
        workers: tuple[WorkerView, ...] = given.pop("workers", ())
        registered = {bound.line for bound in core.registrar.bindings()}
        return StatusView(
            process=os.getpid(),
            started_at=self._started_at,
            troubles=tuple(self._standing.troubles()),
            warnings=tuple(self._standing.warnings()),
            refused=self._refused(),
            workers=workers,
            trunks=trunk_views(core, self._now()),
            lines_registered=len(registered),
            contacts=len(core.registrar),
            calls=len(core.calls.by_id),
            emergencies=tuple(_emergency(call) for call in core.calls.by_id.values() if call.for_help),
            calls_started=core.counters.calls_started,
            calls_answered=core.counters.calls_answered,
            transactions=len(core.endpoint.clients) + len(core.endpoint.servers),
            messages_in=core.counters.messages_in,
            messages_out=core.counters.messages_out,
            **given,
        )

    def calls(self, _: dict[str, Any]) -> tuple[CallView, ...]:
        """The calls that are up, the oldest first."""
        return tuple(_view(call) for call in self._core.calls.by_id.values())

    def call(self, call: str) -> CallView | None:
        """One call as it is now; None when it is over."""
        up = self._core.calls.by_id.get(call)
        return None if up is None else _view(up)

    def phones(self, _: dict[str, Any]) -> PhonesView:
        """Who is registered, from where, and who is not."""
        names = self._standing.devices()
        bindings = sorted(self._core.registrar.bindings(), key=lambda bound: (bound.line, bound.device, bound.at))
        there = {bound.device for bound in bindings}
        reach, now, at = self._core.qualifier.reach, self._now(), datetime.datetime.now(datetime.UTC)
        return PhonesView(
            phones=tuple(_phone_view(bound, names.get(bound.device, ""), reach(bound), now, at) for bound in bindings),
            absent=tuple(sorted(device for device in names if device not in there)),
            refused=self._refused(),
        )

    def trunks(self, _: dict[str, Any]) -> TrunksView:
        """How the carriers stand."""
        return TrunksView(trunks=trunk_views(self._core, self._now()))

    def _refused(self) -> tuple[RefusedView, ...]:
        now = datetime.datetime.now(datetime.UTC).timestamp()
        return tuple(
            RefusedView(user=each.user, address=each.host, why=each.why, count=each.count, last_at=_utc(each.last_at))
            for each in self._core.refusals.lately(now)
        )

    def trace(self, args: dict[str, Any]) -> TraceView:
        """The messages of one call, live or recent; or those by which a telephone registered, or tried to."""
        asked = str(args.get("call", ""))
        found = self._recent.find(asked)
        if found is None:
            registrations = self._tracer.registrations(asked) if asked else ()
            if not registrations:
                raise Refused("no such call is up, or recent enough to be remembered, and no telephone of that name")
            names = dict.fromkeys(registrations, asked)
            messages = self._tracer.views(names, self._core.calls.context.advertised)
            return TraceView(call=asked, messages=messages, registrations=True)
        call, known = found
        return self._traced(call, known)

    def _traced(self, call: str, known: Known) -> TraceView:
        names = {call_id: self._name(*leg) for call_id, leg in known.legs.items()}
        messages = self._tracer.views(names, self._core.calls.context.advertised)
        up = self._core.calls.by_id.get(call)
        return TraceView(
            call=call,
            caller=known.caller,
            called=known.called,
            result=known.result or (_view(up).state if up is not None else ""),
            messages=messages,
            incomplete=not messages or not _is_beginning(messages[0].text),
        )

    def _name(self, target: str, contact: str) -> str:
        """Who is at the other end of a leg: the telephone, where it is registered still; else the line or trunk."""
        if contact:
            for bound in self._core.registrar.bindings():
                if bound.uri == contact:
                    return bound.device
        return target.partition(":")[2] or target

    def hang_up(self, args: dict[str, Any]) -> CallView:
        """End the one call whose id is, or begins with, what was given. Returns it as it was."""
        call = meant(self._core, args)
        ended = _view(call)
        self._core.hang_up(call.id, self._now())
        return ended

    def transfer(self, args: dict[str, Any]) -> TransferView:
        """Send the one call whose id is, or begins with, what was given on to a number. Raises Refused when that may
        not be, or leads nowhere."""
        call, to = meant(self._core, args), str(args.get("to", ""))
        status, by = self._core.transfer(call.id, to, self._now())
        if status:
            why = WHY.get(status) or f"{status} {REASONS.get(status, '')}".rstrip()
            raise Refused(f"the call is not transferred to {to}: {why}")
        return TransferView(call=call.id, to=to, by=by)

    async def reload(self, _: dict[str, Any]) -> ReloadView:
        """Take the configuration anew. Raises Refused with one line an error; then nothing has changed."""
        return await self._reload()


WHY: Mapping[int, str] = MappingProxyType(
    {
        403: "it may not be called, or the call is not one of two telephones with one of ours",
        404: "there is no such number",
        482: "it would come back to one of the two who talk",
        484: "that is neither an extension nor a whole number; write it as that telephone dials it, such as 205",
        491: "it is being transferred already",
    }
)
"""What the statuses mean with which a transfer is refused."""


def _is_beginning(text: str) -> bool:
    return text.startswith("INVITE ")


def _utc(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


def _phone_view(bound: Bound, name: str, reach: Reach | None, now: float, at: datetime.datetime) -> PhoneView:
    flow = bound.flow
    known = reach if reach is not None and reach.up is not None else None
    return PhoneView(
        device=bound.device,
        name=name,
        line=bound.line,
        address=f"{flow.transport} {hostport(flow.remote_host, flow.remote_port)}",
        contact=printable(bound.uri),
        user_agent=printable(bound.user_agent),
        at=bound.at,
        expires_at=_utc(bound.expires_at),
        reachable=known.up if known is not None else None,
        rtt_s=known.rtt_s if known is not None else 0.0,
        since=at - datetime.timedelta(seconds=now - known.since) if known is not None else None,
    )


def _emergency(call: Call) -> str:
    view = _view(call)
    where = ", ".join(each for each in (view.device, view.address) if each)
    return f"{view.caller} calls {view.called} for help from {where}"


def _view(call: Call) -> CallView:
    recording = call.state.recording
    started = call.state.started
    held = any(leg.sound.held for leg in call.legs.values())
    state = "ringing" if call.state.answered_at is None else "held" if held else "talking"
    parked = call.state.parked
    device = address = ""
    asked = call.state.asked
    if call.for_help:
        device, address = call.context.directory.whereabouts(asked.device or "", asked.address)
    caller = started.caller_number
    if call.state.helped is not None and asked.line is not None:
        caller, _ = call.context.directory.shown(asked.line)  # who wants help, as people are told (EMG-7)
    return CallView(
        call=call.id,
        started_at=started.at,
        answered_at=call.state.answered_at,
        caller=caller or "anonymous",
        called=asked.number or asked.dialled,
        state="parked" if parked is not None else state,
        slot=parked.slot if parked is not None else "",
        emergency=call.for_help,
        device=device or started.device or "",
        address=address or asked.address,
        answered_by=", ".join(_answered_by(call)),
        recording="" if recording is None else "paused" if recording.paused else "on",
        legs=tuple(_leg_view(leg) for leg in call.legs.values()),
        room=_room(call),
        part=", ".join(_part(call)),
        service=call.state.service,
    )


def _answered_by(call: Call) -> list[str]:
    """Who talks with the caller: one, or two in a call of three."""
    state = call.state
    others = [leg for leg in state.members if leg != CALLER]
    if not others and state.peer is not None:
        others = [state.peer]
    return [state.legs[leg].target.partition(":")[2] for leg in others if leg in state.legs]


def _room(call: Call) -> str:
    members = call.state.members
    return next((each.room for each in members.values() if each.room), "three-way" if members else "")


def _part(call: Call) -> list[str]:
    own = call.state.members.get(call.state.front)
    words = {"chair": own.chair, "locks": own.locks, "muted": own.muted} if own is not None else {}
    return [word for word, true in words.items() if true]


def _leg_view(leg: Leg) -> LegView:
    usage = leg.usage
    state = {State.CALLING: "trying", State.EARLY: "ringing", State.CONFIRMED: "talking"}.get(usage.state, "ended")
    if leg.index == CALLER and leg.call.state.answered_at is None:
        state = "ringing"
    return LegView(
        leg=leg.index,
        who=leg.target,
        state="held" if leg.sound.held else state,
        flow=f"{usage.flow.transport} {hostport(*usage.flow.remote)}",
        sip_call_id=usage.dialog.call_id,
    )

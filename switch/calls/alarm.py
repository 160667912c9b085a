"""Who is told at once when somebody calls for help (EMG-7): telephones that ring, and letters.

Nothing of it is a call of the exchange's: the record of the emergency call says who was to be told, and `HelpTold` what
came of it. A telephone rings with the caller's number and a name such as `EMERGENCY 911: Lobby phone, 2nd floor`, for a
minute; who answers hears a tone until he hangs up. Do-not-disturb, forwards and limits do not hold. It begins when the
emergency call is on its way already, and whatever goes wrong with it does not reach that call. After a crash it is
lost; `again` tells once more of calls that had just begun, and `owed` writes the letters that may not have left.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from dialplan.emergency import TEST
from media.engine import Lease, Tune
from records.events import CallEvent, CallReplanned, CallStarted, HelpTold
from switch.calls import sound
from switch.calls.context import Context, Phone
from switch.calls.leg import UNREACHABLE
from switch.calls.presentation import contact_value, uri_of
from switch.calls.sound import SdpError, Sound
from switch.calls.state import CallState, fold, sent_on
from switch.sip import leg_events as sip
from switch.sip.dialog import Dialog
from switch.sip.headers import quote
from switch.sip.invite import InviteUsage

RING_S = 60.0
HEARD_S = 30.0
FRESH_S = 120.0
"""A call that began longer ago is not told of again after a crash."""
OWED_S = 900.0
"""A letter that may not have left is written anew for as long as it would have been tried."""
LONGEST_NAME = 80
TONE = "tone:850"


class Letter(msgspec.Struct, frozen=True, gc=False):
    """An e-mail to one address, about that emergency call."""

    call: str
    to: str
    subject: str
    text: str


class Alarms:
    """Tells them. `post` takes letters (`switch/mailing.py`), or says why it cannot."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.post: Callable[[Letter], str] = lambda letter: "nothing sends e-mail"
        self.ringing: dict[tuple[str, str], Person] = {}
        """By calling device and line: who is being told at the moment."""
        self._soon: set[str] = set()
        """Calls of which they will be told in this very instant."""

    def tell(self, started: CallStarted, now: float) -> None:
        """Somebody calls for help."""
        for to in started.notify:
            try:
                self._tell(started, to, now)
            except Exception as error:  # noqa: BLE001  the others are told all the same, and the call goes on
                self.context.on_error(error, f"telling {to} of emergency call {started.call}")

    def soon(self, state: CallState, now: float) -> None:
        """A call has become one for help: they are told when what is at hand is done, and it is on its way."""
        self._soon.add(state.id)
        self.context.endpoint.timers.after(0.0, now, self, self.of(state))

    def on_timer(self, what: object, now: float) -> None:
        """It is on its way. Should it be over already, they are told all the same: somebody needed help."""
        assert isinstance(what, CallStarted)
        self._soon.discard(what.call)
        self.tell(what, now)

    def of(self, state: CallState) -> CallStarted:
        """What is told of a call: who the caller is, of one that was sent on, is the line where help is to go."""
        return self._named(state.asked) if state.helped is not None else state.started

    def _named(self, started: CallStarted) -> CallStarted:
        if started.line is None:
            return started
        number, name = self.context.directory.shown(started.line)
        return msgspec.structs.replace(started, caller_number=number, caller_name=name)

    def again(self, calls: Iterable[CallState], now: float) -> list[str]:
        """After a crash: these are up still. Those of which people are told once more."""
        at = self.context.at()
        told = []
        for state in calls:
            started = self.of(state)
            if state.id in self._soon:
                told.append(state.id)
            elif started.notify and at - started.at <= datetime.timedelta(seconds=FRESH_S):
                self.tell(started, now)
                told.append(started.call)
        return told

    def owed(self, untold: Mapping[tuple[str, str], Sequence[CallEvent]], told: Iterable[str], now: float) -> None:
        """After a crash or a stop: the letters of these calls, up or not, by call and whom, with the events of each;
        but for calls that were `told` of again."""
        at, again = self.context.at(), frozenset(told)
        for (call, to), events in untold.items():
            if to.startswith("mail:") and call not in again:
                started = self._owing(events)
                if at - started.at <= datetime.timedelta(seconds=OWED_S):
                    self.tell(msgspec.structs.replace(started, notify=(to,)), now)

    def _owing(self, events: Sequence[CallEvent]) -> CallStarted:
        """What is told of that call, also when it has not come to be one for help."""
        state = fold(events)
        asked = [event for event in events if isinstance(event, CallReplanned) and event.help is not None]
        if state.for_help or not asked:
            return self.of(state)
        return self._named(sent_on(state.started, asked[-1]))

    def close(self, now: float) -> None:
        """The exchange stops."""
        for person in list(self.ringing.values()):
            person.over("not_answered", now)

    def told(self, call: str, to: str, outcome: str, why: str = "") -> None:
        """What came of it, for the record."""
        self.context.facts.record(HelpTold(call, to, outcome, why, self.context.at()))

    def _tell(self, started: CallStarted, to: str, now: float) -> None:
        kind, _, name = to.partition(":")
        device, where = self.context.directory.whereabouts(started.device or "", started.address)
        if kind == "mail":
            why = self.post(letter(started, name, device, where))
            if why:
                self.told(started.call, to, "failed", why)
            return
        key = (started.device or "", name)
        if key in self.ringing:
            return  # the same telephone calls again while this one rings
        phones = [each for each in self.context.directory.line(name, now) if each.device != started.device]
        person = self.ringing[key] = Person(self, key, started, to)
        try:
            person.ring(phones, headline(started, device, where), now)
        except Exception:
            self.ringing.pop(key, None)  # so that the next call from there is told of
            raise


def headline(started: CallStarted, device: str, where: str) -> str:
    """What a telephone shows."""
    what = f"TEST {started.number}" if started.number == TEST else started.number
    text = f"EMERGENCY {what}: {device}" + (f", {where}" if where else "")
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def letter(started: CallStarted, to: str, device: str, where: str) -> Letter:
    """What is written."""
    caller = " ".join(part for part in (started.caller_name, started.caller_number) if part)
    rows = (
        ("Dialled", started.number + (" (a test, which calls nobody)" if started.number == TEST else "")),
        ("Telephone", device),
        ("Line", caller or "none"),
        ("Where", where or "nobody has said"),
        ("When", started.at.isoformat(" ", "seconds")),
        ("Call", started.call),
    )
    text = "Somebody has called for help.\n\n" + "".join(f"{name + ':':<11}{value}\n" for name, value in rows)
    return Letter(started.call, to, headline(started, device, where), text)


class Person:
    """Somebody whose telephones ring, until one of them answers."""

    def __init__(self, alarms: Alarms, key: tuple[str, str], started: CallStarted, to: str) -> None:
        self.alarms = alarms
        self.key = key
        self.started = started
        self.to = to
        self.rings: list[Ring] = []
        self.outcome = ""

    def ring(self, phones: list[Phone], shown: str, now: float) -> None:
        """All of them at once."""
        for phone in phones:
            ring = Ring(self, phone)
            try:
                if ring.begin(shown, now):
                    self.rings.append(ring)
            except Exception as error:  # noqa: BLE001  the others ring all the same
                ring.give_up()
                self.alarms.context.on_error(error, f"ringing {phone.uri} for emergency call {self.started.call}")
        if not self.rings:
            self.over("unreachable", now)

    def answered(self, ring: Ring, now: float) -> None:
        """One has answered: the others are quiet."""
        self._say("answered")
        for other in self.rings[:]:
            if other is not ring:
                other.stop(now)
                self.rings.remove(other)

    def lost(self, ring: Ring, now: float) -> None:
        """One is over."""
        if ring in self.rings:
            self.rings.remove(ring)
        if not self.rings:
            self.over("not_answered", now)

    def over(self, outcome: str, now: float) -> None:
        """Nothing rings any more."""
        for ring in self.rings[:]:
            ring.stop(now)
        self.rings.clear()
        self._say(outcome)
        self.alarms.ringing.pop(self.key, None)

    def _say(self, outcome: str) -> None:
        if not self.outcome:
            self.outcome = outcome
            self.alarms.told(self.started.call, self.to, outcome)


class Ring:
    """One telephone that rings for it, with what `Core` wants of a leg."""

    def __init__(self, person: Person, phone: Phone) -> None:
        self.person = person
        self.phone = phone
        self.call = self
        self.sound = Sound()
        self.usage: InviteUsage = None  # type: ignore[assignment]  # set by `begin`
        self._done = False
        self._timer: Any = None

    def begin(self, shown: str, now: float) -> bool:
        """Send the INVITE. False when there is no port for its sound."""
        context, flow = self.person.alarms.context, self.phone.flow
        made = context.engine.lease(None, ":" in flow.remote[0])
        if made is None:
            return False
        self.sound.lease = Lease(made.leg, made.worker, context.sound_address(flow, made.address), made.port)
        context.engine.open(self.sound.lease, HEARD_S * 2)
        host, port = context.advertised(flow)
        own = context.directory.domains.own or host
        started, tag = self.person.started, context.token()
        local = f"{quote(shown)} <{uri_of(started.caller_number, own)}>"
        dialog = Dialog(
            f"{context.token()}@{host}", tag, "", local, f"<{self.phone.to}>", self.phone.uri, self.phone.routes
        )
        lines = [f"P-Asserted-Identity: {local}", "Priority: emergency"]
        contact = contact_value(host, port, flow.transport, "", (dialog.target, dialog.next_hop()))
        offer = sound.offer_ourselves(self.sound)
        self.usage = InviteUsage.outgoing(context.endpoint, flow, dialog, contact, lines, offer, now, self)
        context.remember_leg(tag, self)
        self._timer = context.endpoint.timers.after(RING_S, now, self, UNREACHABLE)
        return True

    def give_up(self) -> None:
        """It could not begin."""
        self._done = True
        if self.sound.lease is not None:
            self.person.alarms.context.engine.close(self.sound.lease.leg)

    def record_path(self, leg: object) -> None:
        """Nothing of it is in the journal."""

    def heard(self, event: sip.LegEvent, now: float) -> None:
        """The usage reports something."""
        try:
            self._heard(event, now)
        except Exception as error:  # noqa: BLE001  it concerns nobody else
            self.person.alarms.context.on_error(error, "an alarm's telephone")
            self._close(now)

    def on_timer(self, what: object, now: float) -> None:
        """It has rung, or was heard, for long enough; or a timer of the usage."""
        if what is UNREACHABLE:
            self._timer = None
            self._close(now)
            return
        event = self.usage.on_timer(what, now)
        if event is not None:
            self.heard(event, now)

    def stop(self, now: float) -> None:
        """It is not to ring or to sound any more."""
        if self._done:
            return
        self._done = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.sound.lease is not None:
            self.person.alarms.context.engine.close(self.sound.lease.leg)
        if self.usage.needs_ack:
            self.usage.ack(now)
        self.usage.bye(now)
        self.usage.cancel(now)

    def _close(self, now: float) -> None:
        self.stop(now)
        self.person.lost(self, now)

    def _heard(self, event: sip.LegEvent, now: float) -> None:
        match event:
            case sip.Closed() | sip.Astray():
                self._forget()
            case sip.Answer() if self._done:
                self.usage.ack(now)
                self.usage.bye(now)
            case sip.Answer():
                self.usage.ack(now)
                self._sound(event.body, now)
            case sip.Offer():
                self.usage.refuse_offer(488, now)
            case sip.Refusal() | sip.Ended() | sip.Lost():
                self._forget()
                self._close(now)

    def _sound(self, body: bytes, now: float) -> None:
        """He hears a tone; one whose description cannot be used has seen what there is to know."""
        context = self.person.alarms.context
        if self._timer is not None:
            self._timer.cancel()
        self._timer = context.endpoint.timers.after(HEARD_S, now, self, UNREACHABLE)
        self.person.answered(self, now)
        assert self.sound.lease is not None
        try:
            sound.note(self.sound, self.sound.parsed(body), self.usage.flow.remote[0])
        except SdpError:
            return
        sound.tell(context.engine, self.sound)
        context.engine.play(self.sound.lease.leg, Tune((TONE,)))

    def _forget(self) -> None:
        self.person.alarms.context.forget_leg(self.usage.dialog.local_tag)

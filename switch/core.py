"""The exchange without its sockets: packets, time and media events in; packets, journal entries and commands out.

Synchronous and free of I/O of its own, so that a test can put a virtual clock and an in-memory network around it, and
`switch/app.py` a loop and real sockets. Every input is handled to its end before the next one:

    input -> endpoint and calls decide -> all their events into the journal in one append -> packets are sent

So nothing is ever promised to a peer that a crash could make us forget. Inputs that arrive together, a 180 and a 200
say, are decided one by one, but share the append: with `soon` (the loop's call_soon) the last two steps wait for the
end of the loop's turn.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from dialplan.facts import Facts
from dialplan.plan import CallRequest, Plan, Service
from media.engine import MediaEngine, MediaEvent
from records import events as e
from switch.admission import Admission
from switch.auth import Authenticator
from switch.calls import referring
from switch.calls.calls import Calls
from switch.calls.channels import Channels, Limits
from switch.calls.context import CallSettings, Context
from switch.calls.letter import Letter, write
from switch.calls.prolonging import Prolonging
from switch.calls.services import BUILT_IN
from switch.calls.watch import Watch
from switch.directory import Directory
from switch.facts import LiveFacts
from switch.gate import Gate, OpenGate
from switch.mailboxes import Mailboxes
from switch.metrics import Counters
from switch.presence.dialogs import Dialogs, Presence
from switch.presence.lamps import Lamps
from switch.presence.message_summary import MessageSummary
from switch.presence.subscriptions import Subscriptions
from switch.presence.unasked import Unasked
from switch.qualify import Qualifier, QualifySettings
from switch.reception import Refusals
from switch.registrar import Registrar
from switch.registration import Registrations
from switch.sip import effects as fx
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.invite import InviteUsage
from switch.sip.message import Request
from switch.sip.transaction import ServerTransaction
from switch.trunk_pings import TrunkPings

CHECKED = frozenset(("INVITE", "UPDATE", "PRACK", "OPTIONS", "REFER"))
"""Requests in a dialog that are refused when they ask for more than we know. A BYE is taken whatever it asks for."""


def _nothing(*_: object) -> None:
    """What is left to do for an exchange that has handed over."""


class Core:
    """The exchange. `journal` gets each input's events before `send` gets its packets."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        registrar: Registrar,
        authenticator: Authenticator,
        directory: Directory,
        engine: MediaEngine,
        plan: Callable[[CallRequest, Facts], Plan],
        settings: CallSettings,
        token: Callable[[], str],
        advertised: Callable[[Flow], tuple[str, int]],
        at: Callable[[], datetime.datetime],
        journal: Callable[[list[e.AnyEvent]], None],
        send: Callable[[Flow, bytes], None],
        on_error: Callable[[BaseException, str], None],
        counters: Counters,
        soon: Callable[[Callable[[], None]], object] | None = None,
        refusals: Refusals | None = None,
        gate: Gate | None = None,
        draw: Callable[[], float] = lambda: 0.5,
        sound_address: Callable[[Flow, str], str] | None = None,
        unserved: Callable[[str, Service], object] = lambda call, step: None,
    ) -> None:
        self.endpoint = endpoint
        self.registrar = registrar
        self.authenticator = authenticator
        self.directory = directory
        self.engine = engine
        self.counters = counters
        self.refusals = refusals or Refusals()
        gate = gate or OpenGate()
        endpoint.knows = gate.knows
        endpoint.malformed = gate.malformed
        self._journal = journal
        self._send = send
        self.muted = False
        """Whether the journal is closed to us, or another's."""
        self._clock_at = at
        self._at = at()
        self._on_error = on_error
        self._soon = soon
        self._flushing = False
        self._events: list[e.AnyEvent] = []
        self._sends: list[fx.Send] = []
        self.facts = LiveFacts(self._events.append, on_error)
        self.mailboxes = Mailboxes(self._events.append, on_error)
        self.watch, self.prolonging = Watch(), Prolonging()
        self.calls = Calls(
            Context(
                endpoint,
                engine,
                directory,
                settings,
                token,
                advertised,
                sound_address or (lambda flow, bound: bound),
                lambda: self._at,
                self.facts.record,
                on_error,
                Channels(self.facts.record),
                self.facts,
                BUILT_IN,
                unserved,
            ),
            plan,
        )
        self.calls.context.misread = self._misread
        self.pings = TrunkPings(endpoint, directory.hosts, token, advertised)
        self.registrations = Registrations(endpoint, directory, token, advertised, lambda: self._at, draw)
        self.qualifier = Qualifier(endpoint, registrar, directory, token, advertised, draw)
        self.lamps = Lamps(self.calls.by_id, self._events.append)
        self.subscriptions = Subscriptions(
            endpoint,
            directory.reach,
            token,
            advertised,
            lambda: self._at,
            self._events.append,
            directory.lines_of,
            directory.delegators,
        )
        self.subscriptions.watched = self.watched
        self.messages = MessageSummary(self.mailboxes.counts, lambda: directory.model, self._line_of)
        self.subscriptions.add(
            Dialogs(self.lamps, lambda: directory.model, self._line_of),
            self.messages,
            Presence(self.lamps, lambda: directory.model, self._line_of, registrar.has),
        )
        self.unasked = Unasked(endpoint, directory, token, advertised, registrar.bindings, self.messages.summary)
        self.mailboxes.on_change += (lambda mailbox: self.lamps.changed(f"mailbox:{mailbox}"),)
        self.admission = Admission(
            endpoint=endpoint,
            registrar=registrar,
            authenticator=authenticator,
            directory=directory,
            calls=self.calls,
            registered=self._registered,
            subscriptions=self.subscriptions,
            gate=gate,
            refusals=self.refusals,
            counters=counters,
            at=lambda: self._at,
            note=self._events.extend,
        )
        endpoint.turned_away = self.admission.without_password
        self._effects: dict[type, Callable[..., None]] = {
            fx.Incoming: self._on_incoming,
            fx.Answered: self._on_answered,
            fx.AckReceived: self._on_ack,
            fx.Cancelled: self._on_cancelled,
            fx.TimedOut: self._on_timed_out,
            fx.Failed: self._on_failed,
            fx.Stray: self._on_stray,
        }

    # -- inputs -------------------------------------------------------------------------------------------------

    def begin_turn(self) -> None:
        """Packets that arrived together come now. What they lead to waits for `flush`, which is the caller's to call
        when it has handed on the last of them."""
        self._at = self._clock_at()
        self._flushing = True

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One datagram, or one message out of a stream."""
        if not self._flushing:
            self._at = self._clock_at()
        self.counters.messages_in += 1
        try:
            self.endpoint.receive(data, flow, now)
        except Exception as error:  # noqa: BLE001  one message must not take along those behind it on its connection
            self._failed(error, "message")
        self._finish(now)

    def flow_lost(self, flow: Flow, now: float) -> None:
        """The transport could not send on a flow, or a connection broke."""
        self._at = self._clock_at()
        self.endpoint.send_failed(flow, now)
        if flow.connection:
            # What was taken over from a former process knows it without a number.
            self.endpoint.send_failed(Flow(flow.transport, flow.local, flow.remote), now)
        self._finish(now)

    def unframed(self, error: RemoteProtocolError, flow: Flow, now: float) -> None:
        """A stream cannot be cut into messages any more; what could be read of the last one is answered."""
        self.endpoint.refuse_unread(error, flow)
        self._finish(now)

    def run_timers(self, now: float) -> None:
        """Time has passed."""
        self._at = self._clock_at()
        timers = self.endpoint.timers
        try:
            timers.run(now)
        except Exception as error:  # noqa: BLE001  a failing timer ends its own work, never the exchange
            self._failed(error, "timer")
        if self.registrar.out:
            self._events += self.registrar.out
            self._registered(self.registrar.out, now)
            self.registrar.out.clear()
        self._finish(now)

    def media(self, event: MediaEvent, now: float) -> None:
        """The media engine has something to say."""
        self._at = self._clock_at()
        self.calls.on_media(event, now)
        self._finish(now)

    def hang_up(self, call_id: str, now: float) -> bool:
        """The operator ends a call. False when there is no such call."""
        self._at = self._clock_at()
        call = self.calls.by_id.get(call_id)
        if call is None:
            return False
        try:
            call.hang_up(now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)
        self._finish(now)
        return True

    def transfer(self, call_id: str, to: str, now: float) -> tuple[int, str]:
        """The operator sends a call on to a number. The SIP status with which that is refused, 0 when it has begun, and
        whose place in the call is taken (`line:bob`)."""
        self._at = self._clock_at()
        call, status, by = self.calls.by_id[call_id], 500, None
        try:
            status, by = referring.by_operator(call, to, now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)
        self._finish(now)
        return status, by.target if by is not None else ""

    def go_on(self, act: Callable[[float], object], now: float) -> None:
        """Something that was done off the loop has come to its end, or was asked for by a command: `act` says what
        follows from it. An exchange that has handed over leaves that to the next one."""
        if self.muted:
            return
        self._at = self._clock_at()
        try:
            act(now)
        except Exception as error:  # noqa: BLE001  it is one call's
            self._failed(error, "off the loop")
        self._finish(now)

    def look(self, now: float) -> None:
        """To be called every few seconds: what no timer watches over."""
        self._at = self._clock_at()
        self.watch.look(list(self.calls.by_id.values()), now)
        self.prolonging.look(self.calls.by_id.values(), now)
        self.facts.look(self._at)
        self._finish(now)

    def wish(self, wishes: Iterable[e.LineSet | e.QuotaReset], now: float) -> None:
        """Somebody has set what holds for a line (`switch/wishing.py` has looked at it): from the next call on."""
        for each in wishes:
            self.facts.record(each)
        self._finish(now)

    def note(self, events: Iterable[e.StoredEvent], now: float) -> None:
        """Somebody has done something to records of the past: the journal has it, and the exchange knows no more."""
        self._events += events
        self._finish(now)

    def help_told(self, call: str, to: str, outcome: str, why: str, now: float) -> None:
        """Somebody was told of an emergency call by other means than a telephone, or could not be."""
        self._at = self._clock_at()
        self.calls.alarms.told(call, to, outcome, why)
        self._finish(now)

    def prune(self, keep: Callable[[e.Bound], bool], now: float) -> None:
        """After a reload: end the registrations that the configuration no longer allows."""
        self._at = self._clock_at()
        ended = self.registrar.prune(keep, self._at)
        self._events += ended
        self._registered(ended, now)
        self.subscriptions.prune(now)
        self._finish(now)

    def qualify(self, settings: QualifySettings, now: float) -> None:
        """Ask the telephones that are registered, and those to come, as these settings say."""
        self.qualifier.use(settings, now)
        self._finish(now)

    def tell_unasked(self, lines: Mapping[str, str], now: float) -> None:
        """These telephones are told of the messages of that line although they do not subscribe."""
        self.unasked.use(lines, now)
        self._finish(now)

    def trunks_changed(self, now: float) -> None:
        """The directory has been given other trunks, or the same at other addresses."""
        self._at = self._clock_at()
        trunks = self.directory.hosts.trunks()
        self.pings.use(trunks, now)
        limits = {each.id: Limits(each.settings.channels, each.settings.calls_per_second) for each in trunks}
        self.calls.limit(limits)
        self.registrations.use(now)
        self._finish(now)

    def mute(self) -> None:
        """Another process goes on: nothing more is written or sent, whatever happens here still."""
        self._journal = self._send = _nothing
        self.muted = True

    def letter(self) -> Letter:
        """At a hand-over, when nothing more is read: what the next exchange is told of the calls."""
        return write(self.endpoint, self.calls.by_tag.values(), self.calls.by_id.values())

    def recover(
        self,
        calls: Iterable[list[e.CallEvent]],
        now: float,
        ended: Iterable[list[e.CallEvent]] = (),
        letter: Letter | None = None,
        untold: Mapping[tuple[str, str], Sequence[e.CallEvent]] = MappingProxyType({}),
    ) -> None:
        """After a crash: take over the calls whose events the journal holds without an end. `ended` are those that
        ended within the last 64*T1, whose BYEs may not have left. After a hand-over there is a `letter`. `untold` are
        emergency calls of which somebody may not have been told."""
        self._at = self._clock_at()
        self.calls.recover(calls, now, ended, letter, untold)
        self._finish(now)

    def resume(self, subscribed: Iterable[e.Subscribed], now: float) -> None:
        """After a start, when the calls are taken over: the subscriptions go on that the journal knows."""
        self._at = self._clock_at()
        self.subscriptions.resume(subscribed, now)
        self.unasked.registered(self.registrar.bindings(), now)
        self._finish(now)

    def drain(self, until: float, now: float) -> None:
        """The exchange is to stop, and waits for the calls that are up until that instant: none is begun any more but
        for help."""
        self.admission.draining = until
        self._finish(now)

    def close(self, now: float) -> None:
        """The exchange stops in order: its calls are ended, and no new ones are begun."""
        self.admission.closing = True
        for call in list(self.calls.by_id):
            self.hang_up(call, now)
        self.calls.alarms.close(now)
        self.registrations.close(now)
        self._finish(now)

    def watched(self, any_: bool) -> None:
        """Calls are followed for lamps only while there is one."""
        self.lamps.follow(any_)
        self.facts.hand_on(self.lamps.record if any_ else self._events.append)

    def _misread(self, trunk: str) -> None:
        self.counters.costs_misread += 1

    def _line_of(self, user: str) -> str | None:
        return self.directory.line_of(user, "")

    def _registered(self, events: Iterable[e.Bound | e.Unbound], now: float) -> None:
        self.qualifier.note(events, now)
        self.subscriptions.registered(events, now)
        self.unasked.registered(events, now)

    # -- after each input ---------------------------------------------------------------------------------------

    def _finish(self, now: float) -> None:
        out = self.endpoint.out
        while out:
            effects = out[:]
            out.clear()
            for effect in effects:
                if effect.__class__ is fx.Send:
                    self._sends.append(effect)
                    continue
                try:
                    self._effects[effect.__class__](effect, now)
                except Exception as error:  # noqa: BLE001  one bad input must not take the others' calls along
                    self._failed(error, type(effect).__name__)
                    self._give_up(effect, now)
        if self.lamps.touched or self.lamps.lit:
            for resource in self.lamps.settle():
                self.subscriptions.changed(resource, now)
                if resource.startswith("mailbox:"):
                    self.unasked.changed(now)
        if self._soon is None:
            self.flush()
        elif not self._flushing:
            self._flushing = True
            self._soon(self.flush)

    def flush(self) -> None:
        """Carry out what was decided: the journal first, then the wire."""
        self._flushing = False
        if self._events:
            self._journal(self._events)
            self._events.clear()
        if self._sends:
            sends, self._sends = self._sends, []
            self.counters.messages_out += len(sends)
            for send in sends:
                try:
                    self._send(send.flow, send.data)
                except Exception as error:  # noqa: BLE001  one way that is broken must not cost the others theirs
                    self._failed(error, "sending")

    def _failed(self, error: BaseException, where: str) -> None:
        self._on_error(error, where)

    def _give_up(self, effect: object, now: float) -> None:
        """A bug of ours met this request: it is answered, so that the peer does not go on repeating it."""
        if isinstance(effect, fx.Incoming):
            try:
                self.endpoint.respond(effect.txn, 500, now)
            except Exception as error:  # noqa: BLE001
                self._failed(error, "answering 500")

    # -- effects of the endpoint --------------------------------------------------------------------------------

    def _on_incoming(self, effect: fx.Incoming, now: float) -> None:
        txn, request = effect.txn, effect.request
        if self.qualifier.lost:
            self.qualifier.heard(txn.flow, now)
        try:
            if request.to_tag is not None:
                self._in_dialog(txn, request, now)
            else:
                self.admission.request(txn, request, now)
        except RemoteProtocolError as error:
            if request.to_tag in self.calls.by_tag:
                self.endpoint.respond(txn, error.status, now, reason=error.text or None)
            else:
                self.endpoint.answer_once(txn, error.status, now, reason=error.text or None)

    def _in_dialog(self, txn: ServerTransaction, request: Request, now: float) -> None:
        leg = self.calls.by_tag.get(request.to_tag or "")
        if leg is not None:
            dialog = leg.usage.dialog
            if dialog.call_id == request.call_id and leg.usage.speaks_with(request.from_tag or ""):
                if request.method in CHECKED and not self.admission.understood(txn, request, now):
                    return
                event = leg.usage.on_request(txn, now)
                if request.method != "BYE":
                    leg.record_path()
                if event is not None:
                    leg.heard(event, now)
                return
        if request.method == "REGISTER":
            self.admission.register(txn, request, now)
            return
        held = self.subscriptions.by_tag.get(request.to_tag or "")
        if held is not None and request.method == "SUBSCRIBE" and held.sub.speaks_with(request):
            if self.admission.understood(txn, request, now):
                self.admission.subscribe(txn, request, held, now)
            return
        self.endpoint.answer_once(txn, 481, now)

    def _on_answered(self, effect: fx.Answered, now: float) -> None:
        """The owner of a request of ours is a leg's usage, or whoever else asks (`TrunkPings`): that one has the same
        `on_response` and `on_timeout`, and makes no event of it."""
        usage = effect.txn.owner
        if isinstance(usage, InviteUsage):
            try:
                event = usage.on_response(effect.txn, effect.response, now)
            except RemoteProtocolError:
                # A 2xx that cannot be read cannot be acknowledged either; the far end's timers end it.
                event = usage.on_timeout(effect.txn, now) if effect.response.status >= 200 else None
            if event is not None:
                usage.owner.heard(event, now)
        elif usage is not None:
            usage.on_response(effect.txn, effect.response, now)

    def _on_ack(self, effect: fx.AckReceived, now: float) -> None:
        request = effect.request
        leg = self.calls.by_tag.get(request.to_tag or "")
        if leg is not None and leg.usage.dialog.call_id == request.call_id:
            event = leg.usage.on_ack(request)
            if event is not None:
                leg.heard(event, now)

    def _on_cancelled(self, effect: fx.Cancelled, now: float) -> None:
        usage = effect.txn.owner
        if isinstance(usage, InviteUsage):
            event = usage.on_cancel(effect.txn, now, effect.reasons)
            if event is not None:
                usage.owner.heard(event, now)
        else:
            self.endpoint.respond(effect.txn, 487, now)

    def _on_timed_out(self, effect: fx.TimedOut, now: float) -> None:
        self._dead(effect.txn, now, transport=False)

    def _on_failed(self, effect: fx.Failed, now: float) -> None:
        usage = effect.txn.owner
        if isinstance(effect.txn, ServerTransaction):
            # The caller's connection broke while the call was ringing: nobody is there to answer to.
            event = usage.on_cancel(effect.txn, now) if isinstance(usage, InviteUsage) else None
            if event is not None:
                usage.owner.heard(event, now)
            return
        self._dead(effect.txn, now, transport=True)

    def _dead(self, txn: object, now: float, *, transport: bool) -> None:
        usage = getattr(txn, "owner", None)
        if usage is None or isinstance(txn, ServerTransaction):
            return
        event = usage.on_timeout(txn, now, transport=transport)
        if event is not None and isinstance(usage, InviteUsage):
            usage.owner.heard(event, now)

    def _on_stray(self, effect: fx.Stray, now: float) -> None:
        """A 2xx of an INVITE that a former process sent. One of a dialog that was taken over gets its ACK. For others
        there is nothing to acknowledge with, and the far end ends them by its own timer (RFC 3261 13.3.1.4)."""
        response = effect.response
        try:
            leg = self.calls.by_tag.get(response.from_tag or "")
            ours = leg is not None and leg.usage.dialog.call_id == response.call_id
        except RemoteProtocolError:
            return  # nobody can tell whose answer that is
        if leg is not None and ours:
            leg.reach(now)
            leg.usage.on_stray(response, now)

"""The one place where everything is wired: loop, sockets, media, journal, configuration; and how it starts and stops.

Started by the supervisor (`switch/supervisor.py`) with listening sockets as inherited descriptors. The order of a start
is what a crash makes important: read the journal, take the bindings and the calls out of it, meet the media workers,
and only then read the first packet, so that a BYE that waited in the kernel finds its call.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import structlog

import switch
from config.certificates import folder_of
from config.compiled import Compiled
from dialplan import planner
from dialplan.facts import Facts
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan
from media.client import WorkerEngine
from media.engine import MediaEvent, Stats
from records import events as e
from records.heartbeat import Watch
from records.journal import FileJournal
from records.recovery import Recovery
from switch import bounding, configuration, handed, handover, mailing, process, prompting, proof
from switch.accounts import Accounts, private_key
from switch.arguments import DRAINS, LIVES, ExchangeArguments
from switch.auth import Authenticator
from switch.billing import Billing
from switch.bounding import Bounding
from switch.carriers import Carriers
from switch.certificates import LOOK_S, Certificates, Handshakes
from switch.chores import Chores
from switch.clock import LoopClock
from switch.control import ControlServer, Refused
from switch.core import Core
from switch.directory import Directory
from switch.draining import Draining
from switch.explaining import Explaining
from switch.figures import readings
from switch.forgetting import Forgetting
from switch.guarding import Guarding
from switch.hiding import Hiding
from switch.in_force import InForce
from switch.installing import House, install
from switch.keyed import Keyed
from switch.lifting import Lifting
from switch.live import Live
from switch.lookups import Lookups
from switch.mailbox_room import MailboxRoom
from switch.mailing import Mailer
from switch.metrics import Counters
from switch.net.hops import Hops
from switch.net.resolver import Resolver
from switch.net.transports import Transports
from switch.notices import Notices
from switch.operations import Operations, Recent
from switch.parked import ParkedAsking
from switch.private import private_token
from switch.prompts.prompts import Prompts
from switch.reception import TURN_S, Ration, Refusals, Roll, Sight
from switch.recordings import RecordCommand, Recordings
from switch.registrar import Registrar
from switch.replay import welcome
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.standing import ExchangeStanding
from switch.state_file import StateFile
from switch.succession import ReadAhead, Succession, report, say, succeed
from switch.tally import Tally
from switch.telling import Telling
from switch.tokens import Tokens
from switch.trace import Tracer
from switch.watch_server import WatchServer
from switch.watching import Watching
from switch.wishing import Wishing

NONCE_KEY_BYTES = 32
"""The key that signs digest nonces is new at each start: a phone is challenged once more, and no request can be
replayed over a restart."""
SEGMENT_BYTES = 16 * 1024 * 1024
"""A start reads the segments that remain; small ones go sooner."""
PROMPTS_S = 20.0
"""After a start all prompts are made that are not there yet; those that somebody hears before, at once."""
GOODBYE_S = 2.0
"""How long an orderly stop waits for the answers to its BYEs."""


class Exchange:
    """Everything that lives in the process. `run` goes from start to stop."""

    def __init__(
        self,
        arguments: ExchangeArguments,
        compiled: Compiled,
        loop: asyncio.AbstractEventLoop,
        taken: handover.Taken | None = None,
    ) -> None:
        self._arguments = arguments
        self._taken = taken
        """What a former exchange has handed over; None after any other end of it."""
        self._places = arguments.places
        self._loop = loop
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("exchange")
        self._stopping = asyncio.Event()
        self._began = 0.0
        """When the turn at hand began."""
        self._counters = Counters()
        self._notices = Notices(self._log, self._counters, compiled.log.level == "debug")
        self._tracer = Tracer()
        self._recent = Recent()
        self._token = Tokens()
        self._chance = random.SystemRandom().random
        self._clock = LoopClock(loop)
        self._chores = Chores(self._notices.error, lambda: self.core.flush())
        self._wire_world(compiled)
        self._wire_core(compiled)
        self._wire_state(compiled)
        self._wire_people()
        self._wire_standing(compiled)
        self._wire_configuration(compiled)
        self._wire_asking()

    # -- wiring, in this order ----------------------------------------------------------------------------------

    def _wire_world(self, compiled: Compiled) -> None:
        """Names, carriers, the journal, media, sockets."""
        clock, loop = self._clock, self._loop
        self._resolver = Resolver(clock.now, self._chance)
        self._carriers = Carriers(self._resolver.find)
        lookups = Lookups(self._resolver, self._chance, self._log)
        self._accounts = Accounts(private_key(self._places.data / "trunks.key"), self._token)
        self._hops = Hops(lookups.known, lookups.ask, self._flow_to, self._put)
        self._journal = FileJournal(self._places.data / "journal", segment_bytes=SEGMENT_BYTES)
        self._roll = Roll(self._log.info)
        self._sight = Sight(self._log.info)
        self._ban_log = Ration(self._log.warning, "more sources banned", "sources")
        self._refusals = Refusals(self._log.warning)
        self._engine = WorkerEngine([str(self._places.worker(index)) for index in range(self._arguments.workers)])
        self._engine.on_event = self._media
        self._transports = Transports(
            loop,
            clock.timers,
            clock.now,
            self._packet,
            self._flow_lost,
            self._unframed,
            handed.limits(compiled.guard),
            on_tls_failure=Handshakes(self._log.warning, self._refuse, clock.now).failed,
            begins=self._turn_begins,
            ends=self._turn_ends,
        )
        self._certificates = Certificates(
            folder_of(self._places.config), self._show_certificates, self._log.info, self._log.warning, clock.at
        )

    def _wire_core(self, compiled: Compiled) -> None:
        """The core, and what it is made of."""
        clock, token, chance, taken = self._clock, self._token, self._chance, self._taken
        self._credentials = handed.Credentials()
        registrar = Registrar(clock.timers, _Lines(self), handed.registrar_settings(compiled))
        self._directory = Directory(
            registrar,
            self._flow_to,
            self._transports.advertised,
            self._transports.alive,
            chance,
            self._transports.peer_names,
        )
        self._prompts = Prompts(self._places.data / "prompts", self._notices.prompt)
        self._directory.music, self._directory.file = self._prompts.hold_music, self._prompts.file
        self._directory.hosts.on_change = self._notices.host_changed
        authenticator = Authenticator(handed.auth_settings(compiled), self._credentials, os.urandom(NONCE_KEY_BYTES))
        if taken is not None and taken.will.nonces is not None:
            authenticator.nonces.take(taken.will.nonces)
        endpoint = Endpoint(clock.timers, Timings(), token, self._transports.sent_by)
        endpoint.large = self._transports.stream_for
        self.core = Core(
            endpoint=endpoint,
            registrar=registrar,
            authenticator=authenticator,
            directory=self._directory,
            engine=self._engine,
            plan=self._plan,
            settings=handed.call_settings(compiled, compiled.media.silence_s),
            token=token,
            advertised=self._transports.advertised,
            sound_address=self._transports.sound_address,
            at=clock.at,
            journal=self._append,
            send=self._send,
            on_error=self._notices.error,
            draw=chance,
            counters=self._counters,
            refusals=self._refusals,
            gate=self._transports.guard,
            soon=self._loop.call_soon,
            unserved=self._notices.unserved,
        )
        self._engine.before = self.core.flush

    def _wire_state(self, compiled: Compiled) -> None:
        """What outlives the process: the state file; and the journal's bound."""
        core, clock, guard = self.core, self._clock, self._transports.guard
        self._feeder = Watch(self._places.heartbeat, time.time())
        self._state = StateFile(self._places.data / "state.sqlite3", core, guard, self._journal, clock, self._log)
        keep, keep_subscription = self._state.bindings.add, self._state.subscriptions.add
        self._tally = Tally(self._counters, self._recent, self._roll, keep, self._notices, keep_subscription)
        self._telling = Telling(core, self._journal, clock.now, clock.at, besides=self._state.told)
        self._bounding = Bounding(
            self._places.journal,
            compiled.records.journal_max,
            open_calls=lambda: core.calls.by_id,
            told=lambda: self._telling.complete,
            end=lambda: self._journal.end.segment,
            stored=self._feeder.stored,
            log=self._log,
        )

    def _wire_people(self) -> None:
        """What people use: mailboxes, recordings, features, e-mail."""
        core, clock = self.core, self._clock
        self._wishing = Wishing(self._model, core.facts, clock.at, lambda events: core.wish(events, clock.now()))
        self._mailboxes = MailboxRoom(
            self._places.data / "voicemail", core, clock, self._token, self._chores, self._notices, self._log
        )
        self._recordings = Recordings(
            self._places.data / "recordings",
            core,
            clock,
            self._chores,
            self._log,
            lambda: not self._journal.health().waiting_events,
        )
        self._keyed = Keyed(core, self._chores, clock)
        house = House(
            model=self._model,
            wish=self._wishing.change,
            check_account=self._keyed.account,
            account_refused=self._notices.account_code_refused,
            words=self._prompts,
            desk=self._mailboxes.desk,
            check_conference=self._keyed.conference,
            recordings=self._recordings,
        )
        self._features = install(core.calls.context, house)
        core.messages.shared = self._mailboxes.desk.of_line
        self._post = ThreadPoolExecutor(2, "mail")
        self._mailer = Mailer(
            lambda call, to, outcome, why: core.help_told(call, to, outcome, why, clock.now()),
            self._chores.begin,
            self._post,
            write=mailing.written,
        )
        core.calls.alarms.post = self._mailer.post

    def _wire_standing(self, compiled: Compiled) -> None:
        """Who hears of what, how all stands, and how a stop goes."""
        core, clock, guard, load = self.core, self._clock, self._transports.guard, self._transports.load
        self._emergency_numbers = handed.EmergencyNumbers()
        guard.urgent, guard.bans.tell = self._emergency_numbers.__contains__, self._ban_log.tell
        load.urgent, load.is_copy = self._emergency_numbers.__contains__, core.endpoint.has_seen
        load.tell = self._log.warning
        core.registrations.on_change = self._notices.registration_changed
        core.qualifier.on_change = self._sight.changed
        clock.run = self._run_timers
        self._draining = Draining(
            core, self._loop, clock.now, lambda: self._in_force.compiled.calls.drain_s, self._log, self._stopping.set
        )
        self._standing = ExchangeStanding(
            arguments=self._arguments,
            compiled=compiled,
            refusal=configuration.refusal(self._places.data),
            core=core,
            journal=self._journal,
            bounding=self._bounding,
            load=load,
            keepers=self._state.keepers,
            engine=self._engine,
            certificates=self._certificates,
            feeder=self._feeder,
            accounts=self._accounts,
            now=clock.now,
        )

    def _wire_configuration(self, compiled: Compiled) -> None:
        """The configuration, and all who keep something of it."""
        folder = folder_of(self._places.config)
        self._in_force = InForce(
            compiled,
            self._places,
            slow=(
                self._certificates.use,
                lambda new: prompting.use(self._prompts, new, folder, self._places.data / "prompts"),
            ),
            takers=(
                self._credentials.use,
                self._keyed.use,
                lambda new: self._emergency_numbers.use(new.model),
                self._take_mail,
                lambda new: self._mailboxes.use(new, folder),
                lambda new: self._recordings.use(new, folder),
            ),
            core=self.core,
            accounts=self._accounts,
            resolver=self._resolver,
            carriers=self._carriers,
            guard=self._transports.guard,
            standing=self._standing,
            counters=self._counters,
            notices=self._notices,
            clock=self._clock,
            log=self._log,
        )

    def _wire_asking(self) -> None:
        """Who asks: operators, metrics, the next exchange."""
        core, clock = self.core, self._clock
        lifting = Lifting(self._model, core.facts, clock.at, lambda events: core.wish(events, clock.now()))
        self._standing.draining = lambda: self._draining.trouble
        self._standing.quotas, self._standing.mailboxes = lifting.warnings, self._mailboxes.asking.warnings
        operations = Operations(core, self._tracer, self._recent, self._standing, self._in_force.reload, clock.now)
        guarding = Guarding(self._transports.guard, clock.now)
        explaining = Explaining(
            self._model, core.facts, lambda: {bound.line for bound in core.registrar.bindings()}, clock.at
        )
        watching = Watching(core.subscriptions, clock.now, clock.at)
        record = RecordCommand(core, self._features.recording, clock.now)
        parked = ParkedAsking(self._features.parking, clock.at)
        billing = Billing(core, self._features.billable, self._model, self._token, clock)
        hiding = Hiding(clock.at, lambda events: core.note(events, clock.now()))
        self._forgetting = Forgetting(
            core,
            self._recordings,
            self._mailboxes.desk,
            self._recent,
            self._chores,
            self._places.data / "state.sqlite3",
            self._journal.begin_segment,
            clock.at,
            lambda events: core.note(events, clock.now()),
        )
        asked = (
            *(self._forgetting, operations, guarding, self._wishing, lifting, explaining, watching),
            *(self._mailboxes.asking, record, parked, hiding, billing),
        )
        self._control = ControlServer(
            {name: handler for each in asked for name, handler in each.handlers().items()},
            self._notices.error,
            self._settle,
            core.flush,
        )
        figures = readings(
            core,
            self._transports,
            self._journal.health,
            lambda: self._feeder.lag_s(time.time()),
            self._certificates.ends,
            clock.now,
            self._bounding,
        )
        self._live = Live(
            core.calls.by_id.keys,
            operations.call,
            core.registrar.bindings,
            core.mailboxes.counts,
            self._loop.call_later,
            core.mailboxes.names,
            core.flush,
        )
        shown = private_token(self._places.data / "events.token")
        self._watch = WatchServer(self._counters, figures, self._standing.troubles, self._live, shown)
        self._succession = Succession(
            self._loop,
            core=core,
            transports=self._transports,
            clock=clock,
            engine=self._engine,
            journal=self._journal,
            nonces=core.authenticator.nonces,
            watch=self._watch,
            keepers=self._state.keepers,
            chores=self._chores,
            log=self._log,
            unwilling=self._unwilling,
            over=self._stopping.set,
        )

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start, serve until a signal says stop, stop in order."""
        await self._start()
        try:
            await self._stopping.wait()
        finally:
            await (self._leave() if self._succession.begun else self._stop())

    async def _start(self) -> None:
        await self._in_force.start()
        compiled = self._in_force.compiled
        self._journal.start()
        now = self._clock.now()
        found = self._remember(now)
        self._engine.start()
        try:
            await self._engine.ready()
        except TimeoutError:
            self._log.error("media workers are not ready: calls are refused until they are")
        self._open_sockets(compiled)
        # Only now: recovered calls speak over sockets that are there, and hear only what comes after this.
        self._go_on(found, now)
        self.core.qualify(handed.qualify_settings(compiled), now)
        self._begin_chores()
        told = report(self._taken, self.core) if self._arguments.standby else b""
        await self._let_in(compiled)
        if not self._arguments.standby:
            gc.collect()  # one in standby has done so before
        gc.freeze()
        # Calls hold no cycles once they are over, so the search for cycles may be rare.
        gc.set_threshold(20_000, 20, 50)
        say(self._arguments, told)
        self._beat()
        self._turn()
        self._tell()
        self._loop.call_later(PROMPTS_S, self._prompts.prepare_all)
        self._log.info(
            "serving",
            version=switch.VERSION,
            configuration=self._in_force.compiled.version,
            calls_taken_over=len(self.core.calls.by_id),
        )

    def _remember(self, now: float) -> Recovery:
        """What the last exchange knew, out of the journal and the state file."""
        journal = self._journal if self._taken is None else ReadAhead(self._journal, self._taken.frames)
        found = self._state.restore(journal, now)
        welcome(self.core, self._transports.guard, self._in_force.compiled.devices, now)
        self._roll.know(self.core.registrar.bindings())
        for call in found.calls.values():
            self._tally.recall(call)
        return found

    def _open_sockets(self, compiled: Compiled) -> None:
        for listening in self._arguments.sockets:
            sock = socket.socket(fileno=listening.fd)
            reach, dscp = handed.reach(compiled, listening)
            if listening.transport == "udp":
                self._transports.add_udp(sock, reach)
            elif listening.transport == "tls":
                self._transports.add_tls(sock, reach, dscp=dscp)
            else:
                self._transports.add_tcp(sock, reach, dscp)
        self._show_certificates()
        self._transports.sound = handed.sound_reach(compiled.media)

    def _go_on(self, found: Recovery, now: float) -> None:
        """Take over the last exchange's calls and subscriptions, and its connections if it has handed them over."""
        if self._taken is not None:
            for stream, connection in self._taken.streams:
                self._transports.take(stream, connection)
        letter = self._taken.will.letter if self._taken else None
        self.core.recover(found.calls.values(), now, found.ended, letter, found.untold)
        self.core.resume(found.subscribed.values(), now)

    def _begin_chores(self) -> None:
        self._mailboxes.start()
        self._recordings.start()
        self._state.start()
        self._chores.repeat("carriers", lambda: self._carriers.again_s, self._in_force.find_carriers_again)
        self._chores.repeat("journal", lambda: bounding.LOOK_S, self._bounding.look)
        head = proof.HeadLog(self._places.head, self._log.info, self._clock.at)
        self._chores.repeat("head", lambda: proof.LOOK_S, head.look)
        self._chores.repeat("certificates", lambda: LOOK_S, self._certificates.look)
        self._chores.begin("forgetting", self._forgetting.settle())

    async def _let_in(self, compiled: Compiled) -> None:
        """Hear those who ask: operators, metrics, the next exchange, and signals."""
        await self._control.start(self._places.control)
        if compiled.metrics.enabled:
            # One that has handed over may take a moment to let go of the port.
            why = await self._watch.open(compiled.metrics, tries=20 if self._taken is not None else 1)
            if why:
                self._standing.unwatched = why
                self._log.error(why)
        self._succession.door.open(self._places.handover)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._draining.told)
        self._loop.add_signal_handler(
            signal.SIGHUP, lambda: self._chores.begin("reload", self._in_force.reload_by_signal())
        )

    async def _stop(self) -> None:
        now = self._clock.now()
        self.core.close(now)
        deadline = now + GOODBYE_S
        while (self.core.calls.by_tag or self.core.registrations.leaving) and self._clock.now() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        self._chores.close()
        self._post.shutdown(wait=False, cancel_futures=True)
        self._mailboxes.close()
        await asyncio.to_thread(self._prompts.close)
        await self._resolver.close()
        await self._control.stop()
        await self._watch.stop()
        self.core.flush()
        self._transports.close()
        self._engine.shut()
        self._clock.close()
        await self._state.stop()
        self.core.mute()  # the loop has a few turns left, and the journal none
        self._journal.close()
        self._log.info("stopped")

    def _unwilling(self) -> str:
        """Why we cannot hand over at the moment."""
        return "the exchange is being stopped" if self._stopping.is_set() or self._draining.active else ""

    async def _leave(self) -> None:
        """Our place is another's: let go of everything, and touch nothing."""
        self._succession.door.close()
        self._chores.close()
        self._post.shutdown(wait=False)
        await self._control.stop()
        await self._resolver.close()
        self._transports.close()
        self._journal.close()
        self._log.info("handed over")

    def _settle(self) -> None:
        """Before a command hears that something is done it stands in the journal: no crash may take it back. Raises
        Refused where it cannot."""
        if self.core.muted:
            raise Refused("another exchange is just taking over: ask once more")
        before = self._journal.health().appended
        self.core.flush()
        self._state.tell()
        health = self._journal.health()
        if health.waiting_events and health.appended > before:
            raise Refused(
                "it holds from now on, but the disk does not take the journal (ringplan status): "
                "a crash before it does takes it back"
            )

    def _beat(self) -> None:
        """Tell the supervisor that we live, and give the journal a chance to write what waits."""
        if self._succession.begun:
            return
        self._journal.append(())
        say(self._arguments, DRAINS if self._draining.active else LIVES)
        self._loop.call_later(1.0, self._beat)

    def _tell(self) -> None:
        self._loop.call_later(self._telling.turn(), self._tell)

    def _turn(self) -> None:
        self._roll.turn()
        self._sight.turn()
        self._refusals.turn()
        self._ban_log.turn()
        self.core.look(self._clock.now())
        self._loop.call_later(TURN_S, self._turn)

    # -- the core's hands ---------------------------------------------------------------------------------------

    def _show_certificates(self) -> None:
        for local, context in self._certificates.servers():
            self._transports.use_tls(local, context)
        self._transports.use_tls_clients(self._certificates.clients(), self._certificates.shown())

    def _refuse(self, who: str, address: str, why: str) -> None:
        self._refusals.add(who, address, why, time.time())

    def _take_mail(self, compiled: Compiled) -> None:
        self._mailer.settings = compiled.mail

    def _turn_begins(self) -> None:
        self._began = time.monotonic()
        self.core.begin_turn()

    def _packet(self, data: bytes, flow: Flow, now: float) -> None:
        self._tracer.add(None, True, flow, data, time.time())
        self.core.receive(data, flow, now)

    def _turn_ends(self) -> None:
        self.core.flush()
        self._notices.took("packets", time.monotonic() - self._began)

    def _run_timers(self, now: float) -> None:
        self.core.run_timers(now)
        self._notices.took("timers", time.monotonic() - now)

    def _media(self, event: MediaEvent) -> None:
        if event.__class__ is Stats:
            return  # nobody asks for them yet; two a call
        self.core.media(event, self._clock.now())

    def _flow_lost(self, flow: Flow) -> None:
        now = self._clock.now()
        self.core.flow_lost(flow, now)
        for named in self._hops.lost(flow):
            self.core.flow_lost(named, now)

    def _unframed(self, error: RemoteProtocolError, flow: Flow) -> None:
        self.core.unframed(error, flow, self._clock.now())

    def _model(self) -> Model:
        return self._in_force.model

    def _plan(self, request: CallRequest, facts: Facts) -> Plan:
        return planner.plan(self._in_force.model, request, facts)

    def _append(self, events: list[e.AnyEvent]) -> None:
        self._journal.append(events)
        try:
            self._tally.add(events)
            self._live.add(events)
        except Exception as error:  # noqa: BLE001  they stand in the journal, and must not come there once more
            self._notices.error(error, "counting events")

    def _send(self, flow: Flow, data: bytes) -> None:
        if flow.hop:
            self._hops.send(flow, data)
        else:
            self._put(flow, data)

    def _put(self, flow: Flow, data: bytes) -> None:
        self._tracer.add(None, False, flow, data, time.time())
        self._transports.send(flow, data)

    def _flow_to(
        self,
        transport: str,
        host: str,
        port: int,
        local: tuple[str, int] | None,
        name: str | None = None,
        profile: str = "",
    ) -> Flow | None:
        try:
            return self._transports.flow_to(transport, host, port, local, name, profile)
        except ValueError:
            return None


class _Lines:
    """The registrar's view of the directory, which needs the registrar itself."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def line_of(self, user: str, host: str) -> str | None:
        return self._exchange._directory.line_of(user, host)


async def serve(arguments: ExchangeArguments, compiled: Compiled) -> None:
    """Take over from a former exchange, where one waits for that, and serve until the end."""
    taken = await succeed(arguments) if arguments.standby else None
    await Exchange(arguments, compiled, asyncio.get_running_loop(), taken).run()


if __name__ == "__main__":
    sys.exit(process.main(serve))

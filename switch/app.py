"""The exchange's process, and the one place where everything is wired: loop, sockets, media, journal, configuration.

Started by the supervisor (`switch/supervisor.py`) with listening sockets as inherited descriptors. The order of a start
is what a crash makes important: read the journal, take the bindings and the calls out of it, meet the media workers,
and only then read the first packet, so that a BYE that waited in the kernel finds its call.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

import switch
from config.certificates import folder_of
from config.compiled import Compiled
from dialplan import planner
from dialplan.facts import Facts
from dialplan.plan import CallRequest, Plan
from media.client import WorkerEngine
from media.engine import MediaEvent, Stats
from records import events as e
from records.heartbeat import Watch
from records.journal import FileJournal
from records.segments import NewerFormatError
from switch import bounding, configuration, handed, handover, logs, mailing, proof, swapping
from switch.accounts import Accounts, private_key
from switch.arguments import DRAINS, EXIT_CONFIG, LIVES, ExchangeArguments
from switch.auth import Authenticator
from switch.ban_keeper import BanKeeper
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
from switch.features import attendant
from switch.figures import readings
from switch.forgetting import Forgetting
from switch.guarding import Guarding
from switch.hiding import Hiding
from switch.installing import House, install
from switch.keeper import BindingKeeper, FactKeeper, MailboxKeeper, SubscriptionKeeper
from switch.lifting import Lifting
from switch.live import Live
from switch.lookups import Lookups
from switch.mailbox_room import MailboxRoom
from switch.mailing import Mailer
from switch.metrics import Counters, WatchServer
from switch.net.hops import Hops
from switch.net.resolver import Resolver
from switch.net.transports import Transports
from switch.notices import Notices
from switch.operations import Operations, Recent
from switch.parked import ParkedAsking
from switch.private import private_token
from switch.prompts import prompts
from switch.prompts.prompts import Prompts
from switch.prompts.texts import CONFERENCE_PROMPTS, MAILBOX_PROMPTS, RECORDING_PROMPTS, REFUSALS
from switch.reception import TURN_S, Ration, Refusals, Roll, Sight
from switch.recordings import RecordCommand, Recordings
from switch.registrar import Registrar
from switch.replay import replay, welcome
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.uri import literal
from switch.standing import ExchangeStanding
from switch.state.bans import SqliteBanStore
from switch.state.bindings import SqliteBindingStore
from switch.state.damage import SUFFIX, open_sound
from switch.state.facts import SqliteFactStore
from switch.state.mailboxes import SqliteMailboxStore
from switch.state.sqlite import NewerStateError, open_state
from switch.state.subscriptions import SqliteSubscriptionStore
from switch.succession import ReadAhead, Succession, report, say, succeed
from switch.tally import Tally
from switch.telling import Telling
from switch.tokens import Tokens
from switch.trace import Tracer
from switch.trunk_hosts import TrunkHost
from switch.views import ReloadView
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
        self._reloading = asyncio.Lock()
        self._counters = Counters()
        self._notices = Notices(self._log, self._counters, compiled.log.level == "debug")
        self._tracer = Tracer()
        self._recent = Recent()
        self._compiled = self._started_with = compiled
        self._model = compiled.model
        self._credentials = handed.Credentials()
        self._account_passwords = handed.AccountPasswords()
        self._conference_pins = handed.ConferencePins()
        token = Tokens()
        self._accounts = Accounts(private_key(self._places.data / "trunks.key"), token)
        self._chores = Chores(self._notices.error)
        self._clock = clock = LoopClock(loop)
        self._chance = chance = random.SystemRandom().random
        self._resolver = Resolver(clock.now, chance)
        self._carriers = Carriers(self._resolver.find)
        lookups = Lookups(self._resolver, chance, self._log)
        self._hops = Hops(lookups.known, lookups.ask, self._flow_to, self._put)
        self._journal = FileJournal(self._places.data / "journal", segment_bytes=SEGMENT_BYTES)
        store = SqliteBindingStore(self._open_state())
        self._bindings = store
        self._keeper = BindingKeeper(store, self._written)
        self._roll = Roll(self._log.info)
        self._sight = Sight(self._log.info)
        self._ban_log = Ration(self._log.warning, "more sources banned", "sources")
        self._refusals = Refusals(self._log.warning)
        self._subscribed = SqliteSubscriptionStore(open_state(self._places.data / "state.sqlite3"))
        self._subscription_keeper = SubscriptionKeeper(self._subscribed)
        self._tally = Tally(
            self._counters,
            self._recent,
            self._roll,
            self._keeper.add,
            self._notices,
            self._subscription_keeper.add,
        )
        self._engine = WorkerEngine([str(self._places.worker(index)) for index in range(arguments.workers)])
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
        self._emergency_numbers = handed.EmergencyNumbers()
        self._directory: Directory
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
            soon=loop.call_soon,
            unserved=self._notices.unserved,
        )
        self._telling = Telling(self.core, self._journal, clock.now, clock.at, besides=lambda: self._ban_keeper.told())
        self._bounding = Bounding(
            self._places.journal,
            compiled.records.journal_max,
            open_calls=lambda: self.core.calls.by_id,
            told=lambda: self._telling.complete,
            end=lambda: self._journal.end.segment,
            stored=lambda: feeder.stored(),
            log=self._log,
        )
        wishing = Wishing(
            lambda: self._model, self.core.facts, clock.at, lambda events: self.core.wish(events, clock.now())
        )
        self._mailboxes = MailboxRoom(
            self._places.data / "voicemail", self.core, clock, token, self._chores, self._notices, self._log
        )
        self._recordings = Recordings(self._places.data / "recordings", self.core, clock, self._chores, self._log)
        house = House(
            model=lambda: self._model,
            wish=wishing.change,
            check_account=self._check_account,
            account_refused=self._notices.account_code_refused,
            words=self._prompts,
            desk=self._mailboxes.desk,
            check_conference=self._check_conference,
            recordings=self._recordings,
        )
        self._features = install(self.core.calls.context, house)
        self.core.messages.shared = self._mailboxes.desk.of_line
        self._post = ThreadPoolExecutor(2, "mail")
        self._mailer = Mailer(
            lambda call, to, outcome, why: self.core.help_told(call, to, outcome, why, clock.now()),
            self._chores.begin,
            self._post,
            write=mailing.written,
        )
        self.core.calls.alarms.post = self._mailer.post
        guard = self._transports.guard
        guard.urgent, guard.bans.tell = self._emergency_numbers.__contains__, self._ban_log.tell
        self._ban_keeper = BanKeeper(
            guard, SqliteBanStore(open_state(self._places.data / "state.sqlite3")), self._journal.append, clock.at
        )
        self._kept = SqliteFactStore(open_state(self._places.data / "state.sqlite3"))
        self._fact_keeper = FactKeeper(self._kept, self.core.facts, self.core.flush, self._written, time.time)
        self._kept_mailboxes = SqliteMailboxStore(open_state(self._places.data / "state.sqlite3"))
        self._mailbox_keeper = MailboxKeeper(self._kept_mailboxes, self.core.mailboxes, self.core.flush, self._written)
        load = self._transports.load
        load.urgent, load.is_copy = self._emergency_numbers.__contains__, self.core.endpoint.has_seen
        load.tell = self._log.warning
        self.core.registrations.on_change = self._notices.registration_changed
        self.core.qualifier.on_change = self._sight.changed
        clock.run = self._run_timers
        self._draining = Draining(
            self.core, loop, clock.now, lambda: self._compiled.calls.drain_s, self._log, self._stopping.set
        )
        self._keepers = (
            self._keeper,
            self._ban_keeper,
            self._fact_keeper,
            self._mailbox_keeper,
            self._subscription_keeper,
        )
        feeder = Watch(self._places.heartbeat, time.time())
        self._standing = ExchangeStanding(
            arguments=arguments,
            compiled=compiled,
            refusal=configuration.refusal(self._places.data),
            core=self.core,
            journal=self._journal,
            load=load,
            keepers=self._keepers,
            engine=self._engine,
            certificates=self._certificates,
            feeder=feeder,
            accounts=self._accounts,
            now=clock.now,
        )
        lifting = Lifting(
            lambda: self._model, self.core.facts, clock.at, lambda events: self.core.wish(events, clock.now())
        )
        self._standing.draining = lambda: self._draining.trouble
        self._standing.bounding = self._bounding
        self._standing.quotas, self._standing.mailboxes = lifting.warnings, self._mailboxes.asking.warnings
        operations = Operations(self.core, self._tracer, self._recent, self._standing, self.reload, clock.now)
        guarding = Guarding(guard, clock.now)
        explaining = Explaining(
            lambda: self._model,
            self.core.facts,
            lambda: {bound.line for bound in self.core.registrar.bindings()},
            clock.at,
        )
        watching = Watching(self.core.subscriptions, clock.now, clock.at)
        record = RecordCommand(self.core, self._features.recording, clock.now)
        parked = ParkedAsking(self._features.parking, clock.at)
        billing = Billing(self.core, self._features.billable, lambda: self._model, token, clock)
        hiding = Hiding(clock.at, lambda events: self.core.note(events, clock.now()))
        forgetting = Forgetting(
            self.core,
            self._recordings,
            self._mailboxes.desk,
            self._recent,
            self._chores,
            self._places.data / "state.sqlite3",
            self._journal.begin_segment,
            clock.at,
            lambda events: self.core.note(events, clock.now()),
        )
        asked = (
            forgetting,
            *(operations, guarding, wishing, lifting, explaining, watching, self._mailboxes.asking, record, parked),
            hiding,
            billing,
        )
        self._control = ControlServer(
            {name: handler for each in asked for name, handler in each.handlers().items()}, self._notices.error
        )
        figures = readings(
            self.core,
            self._transports,
            self._journal.health,
            lambda: feeder.lag_s(time.time()),
            self._certificates.ends,
            clock.now,
            self._bounding,
        )
        core = self.core
        self._live = Live(
            lambda: operations.calls({}),
            operations.call,
            core.registrar.bindings,
            core.mailboxes.counts,
            loop.call_later,
            core.mailboxes.names,
        )
        shown = private_token(self._places.data / "events.token")
        self._watch = WatchServer(self._counters, figures, self._standing.troubles, self._live, shown)
        self._succession = Succession(
            loop,
            core=core,
            transports=self._transports,
            clock=clock,
            engine=self._engine,
            journal=self._journal,
            nonces=authenticator.nonces,
            watch=self._watch,
            keepers=self._keepers,
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
        await self._use(self._compiled)
        self._journal.start()
        now = self._clock.now()
        found = replay(
            self.core,
            ReadAhead(self._journal, self._taken.frames) if self._taken is not None else self._journal,
            self._bindings.load(),
            self._kept.load(),
            now,
            self._clock.at(),
            self._log,
            self._kept_mailboxes.load(),
            self._subscribed.load(),
        )
        self._ban_keeper.restore(found.figures, found.told)
        welcome(self.core, self._transports.guard, self._compiled.devices, now)
        self._roll.know(self.core.registrar.bindings())
        for call in found.calls.values():
            self._tally.recall(call)
        self._engine.start()
        try:
            await self._engine.ready()
        except TimeoutError:
            self._log.error("media workers are not ready: calls are refused until they are")
        for listening in self._arguments.sockets:
            sock = socket.socket(fileno=listening.fd)
            reach, dscp = handed.reach(self._compiled, listening)
            if listening.transport == "udp":
                self._transports.add_udp(sock, reach)
            elif listening.transport == "tls":
                self._transports.add_tls(sock, reach, dscp=dscp)
            else:
                self._transports.add_tcp(sock, reach, dscp)
        self._show_certificates()
        self._transports.sound = handed.sound_reach(self._compiled.media)
        # Only now: recovered calls speak over sockets that are there, and hear only what comes after this.
        if self._taken is not None:
            for stream, connection in self._taken.streams:
                self._transports.take(stream, connection)
        self.core.recover(found.calls.values(), now, found.ended, self._taken.will.letter if self._taken else None)
        self.core.resume(found.subscribed.values(), now)
        self.core.qualify(handed.qualify_settings(self._compiled), now)
        self._mailboxes.start()
        self._recordings.start()
        for keeper in self._keepers:
            keeper.start()
        self._chores.repeat("carriers", lambda: self._carriers.again_s, self._ask_again)
        self._chores.repeat("journal", lambda: bounding.LOOK_S, self._bounding.look)
        head = proof.HeadLog(self._places.head, self._log.info, self._clock.at)
        self._chores.repeat("head", lambda: proof.LOOK_S, head.look)
        self._chores.repeat("certificates", lambda: LOOK_S, self._certificates.look)
        told = report(self._taken, self.core) if self._arguments.standby else b""
        await self._control.start(self._places.control)
        await self._be_watched()
        self._succession.door.open(self._places.handover)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._draining.told)
        self._loop.add_signal_handler(signal.SIGHUP, lambda: self._chores.begin("reload", self._reload_by_signal()))
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
            configuration=self._compiled.version,
            calls_taken_over=len(self.core.calls.by_id),
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
        for keeper in self._keepers:
            await keeper.stop()
        self.core.mute()  # the loop has a few turns left, and the journal none
        self._journal.close()
        self._log.info("stopped")

    async def _be_watched(self) -> None:
        """Open /metrics and /healthz. An exchange that has handed over may take a moment to let go of the port."""
        metrics = self._compiled.metrics
        if not metrics.enabled:
            return
        for tries in reversed(range(20 if self._taken is not None else 1)):
            try:
                await self._watch.start(metrics.address, metrics.port)
            except OSError as error:
                if tries:
                    await asyncio.sleep(0.05)
                    continue
                place = f"{literal(metrics.address)} port {metrics.port}"
                why = f"/metrics and /healthz cannot be served on {place}: {os.strerror(error.errno or 0)}"
                self._standing.unwatched = why
                self._log.error(why)
            return

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

    def _open_state(self) -> sqlite3.Connection:
        path = self._places.data / "state.sqlite3"
        connection, wrong = open_sound(path)
        if wrong:
            self._log.error(
                "the state file was damaged and is set aside: what it had is taken from the journal",
                file=f"{path}{SUFFIX}",
                wrong=wrong,
            )
        return connection

    def _written(self) -> tuple[int, int] | None:
        """Up to where the journal is written (`keeper.Written`)."""
        return None if self._journal.health().waiting_events else self._journal.end

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

    # -- configuration ------------------------------------------------------------------------------------------

    async def reload(self) -> ReloadView:
        """Compile anew in a process of its own and swap. Raises Refused; then nothing has changed."""
        async with self._reloading:
            try:
                compiled, packed = await configuration.compile_apart(self._places.config)
            except configuration.ConfigurationError as error:
                self._counters.reloads_refused += 1
                self._log.error("configuration refused", errors=error.lines)
                told = tuple(problem.told("error") for problem in error.problems) or error.lines
                self._standing.not_taken, self._standing.not_taken_at = error.lines, time.time()
                raise Refused("the configuration has errors; nothing was changed", told) from error
            changed = compiled.version != self._compiled.version
            await self._use(compiled)
            self._compiled = self._standing.compiled = compiled
            self._standing.refusal = self._standing.not_taken = ()
            self._standing.at_restart = configuration.needs_restart(self._started_with, compiled)
            self._counters.reloads += 1
            unkept = await self._keep(compiled, packed)
            warnings = (
                *(f"warning: {each}" for each in unkept),
                *(f"warning: {each}" for each in self._standing.at_restart),
                *(problem.told("warning") for problem in compiled.warnings),
            )
            self._log.info("configuration taken", configuration=compiled.version, changed=changed)
            return ReloadView(version=compiled.version, changed=changed, warnings=warnings)

    async def _keep(self, compiled: Compiled, packed: bytes) -> tuple[str, ...]:
        """For a start after a crash. A full disk does not take the configuration out of force; it is told."""
        try:
            await asyncio.to_thread(configuration.keep, self._places.data, compiled, packed)
        except OSError as error:
            said = f"it is in force, but cannot be kept: after a crash the former one holds ({error})"
            self._log.error("configuration cannot be kept", why=str(error))
            return (said,)
        return ()

    async def _reload_by_signal(self) -> None:
        with contextlib.suppress(Refused):
            await self.reload()

    async def _use(self, compiled: Compiled) -> None:
        """One swap: calls keep the plan that they began with, what comes next is decided by the new model."""
        trunks = await self._find_carriers(compiled)
        await self._certificates.use(compiled)
        await self._use_prompts(compiled)
        began = time.monotonic()
        self._swap(compiled, trunks)
        self._notices.took("reload", time.monotonic() - began)

    def _swap(self, compiled: Compiled, trunks: Mapping[str, TrunkHost]) -> None:
        """All of it in one turn of the loop (`switch.swapping`)."""
        self._model = compiled.model
        self._credentials.use(compiled)
        self._account_passwords.use(compiled)
        self._conference_pins.use(compiled)
        self._emergency_numbers.use(compiled.model)
        self._mailer.settings = compiled.mail
        self._mailboxes.use(compiled, folder_of(self._places.config))
        self._recordings.use(compiled, folder_of(self._places.config))
        swapping.swap(self.core, self._accounts, compiled, trunks, self._clock.now())
        self._trust(trunks)
        self._guard(compiled)

    def _show_certificates(self) -> None:
        for local, context in self._certificates.servers():
            self._transports.use_tls(local, context)
        self._transports.use_tls_clients(self._certificates.clients(), self._certificates.shown())

    def _refuse(self, who: str, address: str, why: str) -> None:
        self._refusals.add(who, address, why, time.time())

    async def _find_carriers(self, compiled: Compiled) -> dict[str, TrunkHost]:
        before = self._carriers.unknown
        self._resolver.transports = handed.transports(compiled)
        self._resolver.families = handed.families(compiled)
        trunks = await self._carriers.find(compiled.trunks)
        for trunk, why in self._carriers.unknown.items():
            if trunk not in before:
                self._log.error("trunk host cannot be resolved", trunk=trunk, why=why)
        return trunks

    def _trust(self, trunks: Mapping[str, TrunkHost]) -> None:
        self._transports.guard.trusted = frozenset(
            source.rpartition(":")[0] if source.count(":") == 1 else source
            for trunk in trunks.values()
            for source in trunk.sources
        )

    def _guard(self, compiled: Compiled) -> None:
        networks = [source for trunk in compiled.trunks for source in trunk.sources if "/" in source]
        self._transports.guard.hidden = compiled.guard.hidden
        self._transports.guard.use(handed.ban_settings(compiled.guard), [*compiled.guard.allow, *networks])

    async def _ask_again(self) -> None:
        """Carriers move, and a name server that was away comes back."""
        async with self._reloading:
            trunks = await self._find_carriers(self._compiled)
            swapping.reach(self.core, self._accounts, self._compiled, trunks, self._clock.now())
            self._trust(trunks)

    def _plan(self, request: CallRequest, facts: Facts) -> Plan:
        return planner.plan(self._model, request, facts)

    def _check_account(self, code: str, password: str, then: Callable[[bool, float], None]) -> None:
        async def look() -> None:
            good = await asyncio.to_thread(self._account_passwords.fits, code, password)
            self.core.go_on(lambda now: then(good, now), self._clock.now())

        self._chores.begin("account code", look())

    async def _use_prompts(self, compiled: Compiled) -> None:
        settings = handed.prompt_settings(compiled, folder_of(self._places.config))
        self._prompts.use(settings, await asyncio.to_thread(prompts.look, settings, self._places.data / "prompts"))
        if compiled.calls.announcements != "off":
            self._prompts.prepare(REFUSALS)
        self._prompts.prepare((), sorted(attendant.texts(compiled.model)))
        rooms, people = compiled.model.conferences.values(), compiled.model.lines.values()
        if rooms:
            self._prompts.prepare(CONFERENCE_PROMPTS)
        if any(room.announce == "name" for room in rooms):
            self._prompts.prepare((), [line.name for line in people if line.name])
        if any(line.policy.record or line.policy.on_demand for line in people):
            self._prompts.prepare(RECORDING_PROMPTS)
        if compiled.mailboxes:
            self._prompts.prepare(MAILBOX_PROMPTS)
            self._prompts.prepare((), [each.name for each in compiled.mailboxes if each.name])

    def _check_conference(self, room: str, pin: str, then: Callable[[str, float], None]) -> None:
        async def look() -> None:
            role = await asyncio.to_thread(self._conference_pins.role, room, pin)
            self.core.go_on(lambda now: then(role, now), self._clock.now())

        self._chores.begin("conference pin", look())

    # -- the core's hands ---------------------------------------------------------------------------------------

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

    def _append(self, events: list[e.AnyEvent]) -> None:
        self._journal.append(events)
        self._tally.add(events)
        self._live.add(events)

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


def main(argv: Sequence[str] | None = None) -> int:
    """The process. Returns its exit status."""
    arguments = ExchangeArguments.parse(sys.argv[1:] if argv is None else argv)
    try:
        compiled = configuration.live(arguments.places)
    except configuration.ConfigurationError as error:
        sys.stderr.write("\n".join(error.lines) + "\n")
        _cannot(arguments, error.lines[0])
        return EXIT_CONFIG
    writer = logs.configure(compiled.log.level, compiled.log.json)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(arguments, compiled))
    except handover.Refused as error:
        _cannot(arguments, str(error))
        return EXIT_CONFIG
    except (NewerStateError, NewerFormatError) as error:
        # Another start would meet the same file; that it was written by us is no reason to throw it away.
        _cannot(arguments, str(error))
        sys.stderr.write(f"{error}; start the version that wrote it, or move {arguments.places.data} aside\n")
        return EXIT_CONFIG
    except Exception as error:
        _cannot(arguments, f"{type(error).__name__}: {error}")
        raise
    finally:
        writer.close()
    return 0


def _cannot(arguments: ExchangeArguments, why: str) -> None:
    """Whoever has asked for another exchange is told why there is none."""
    if arguments.standby:
        say(arguments, json.dumps({"error": why}).encode() + b"\n")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it installs."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _run(arguments: ExchangeArguments, compiled: Compiled) -> None:
    taken = await succeed(arguments) if arguments.standby else None
    await Exchange(arguments, compiled, asyncio.get_running_loop(), taken).run()


if __name__ == "__main__":
    sys.exit(main())

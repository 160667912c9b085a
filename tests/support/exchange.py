"""A whole exchange on the in-memory network, that can die without a goodbye and come back from its journal.

It is wired as `switch/app.py` does it, with other hands: the network in place of sockets, a book in place of sound, a
journal in memory. `check` looks at what has to be true after every test.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any

import msgspec
import structlog

from config.compiled import HostSettings, MailboxSettings, TrunkSettings
from dialplan import model as m
from dialplan import planner
from dialplan.destinations import ring_group, user
from dialplan.groups import Member, RingGroup
from dialplan.lines import Outside, Permission, Policy
from dialplan.plan import Service
from dialplan.prefixes import pack
from dialplan.rates import RateDeck, RateTable
from media.engine import AS_BEFORE, LegLost, MediaEvent, Silent, known_already
from records import events as e
from records.cdr import CallRecord
from records.clocks import Clock
from records.journal import MemoryJournal
from records.recovery import recover
from switch import past
from switch.accounts import Accounts
from switch.auth import Authenticator, AuthSettings, DeviceAuth
from switch.calls.call import Call
from switch.calls.context import CallSettings
from switch.calls.leg import flow_of
from switch.calls.letter import Letter
from switch.calls.sound import far_of
from switch.calls.state import AHEAD, fold
from switch.clock import VirtualClock
from switch.core import Core
from switch.directory import Directory
from switch.facts import LiveFacts
from switch.installing import House, install
from switch.lifting import Lifting
from switch.mailbox_desk import Desk
from switch.mailboxes import Mailboxes
from switch.metrics import Counters
from switch.net.hops import Hops
from switch.net.targets import Group, Place, Target, Wish
from switch.presence.lamps import places_of
from switch.presence.subscriptions import subscribed
from switch.qualify import QualifySettings
from switch.registrar import Registrar, RegistrarSettings
from switch.replay import of_today, replay
from switch.sip import digest
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow
from switch.sip.framing import KeepAlive, StreamFramer
from switch.sip.next_hop import toward
from switch.sip.timer import Timers
from switch.state.facts import Kept, MemoryFactStore
from switch.state.mailboxes import KeptMailboxes, MemoryMailboxStore, Message
from switch.trunk_hosts import TrunkHost
from switch.views import WishesView
from switch.wishing import Wishing
from tests.support import costs, feeding
from tests.support.conservation import check_all
from tests.support.engine import BookEngine
from tests.support.network import Network
from tests.support.recordings import BookOfRecordings
from tests.support.sounds import Sounds, SpokenIds

HERE = ("192.0.2.10", 5060)
REALM = "pbx.example.com"
CARRIER = ("192.0.2.200", 5060)
SECRETS = {"alice": "apple", "bob": "banana", "carol": "cherry", "dave": "damson"}
NUMBERS = {"alice": "101", "bob": "102", "carol": "103", "dave": "104"}
PROFILE = m.Profile("US", "669")
ANYWHERE = Outside(permission=Permission.INTERNATIONAL)
HELP = m.EmergencyPlace(numbers=frozenset(("911",)), main="911")
TALKED = {"answered"}
RATES = RateTable({"": RateDeck("rates.csv", "EUR", pack({"": [(60_000, 5_000, 30, 6, 0, 0, 1)]}, 6), ("World",))})
"""0.06 a minute in steps of six seconds, half a minute at the least, and half a cent a call."""


def house() -> m.Model:
    """Four lines with a device each, a ring list (110), echo (600), a tone (601), an announcement (602), a carrier."""
    lines = {
        name: m.Line(
            id=name,
            extension=number,
            name=name.capitalize(),
            profile=PROFILE,
            ring_s=20.0,
            outside=ANYWHERE,
            policy=Policy(owner=name),
        )
        for name, number in NUMBERS.items()
    }
    return m.versioned(
        m.Model(
            profile=PROFILE,
            lines=lines,
            devices={name: m.Device(id=name, lines=(name,), country="US") for name in ("alice", "bob", "carol")}
            | {"dave": m.Device(id="dave", lines=(), country="US")},
            extensions={number: user(name) for name, number in NUMBERS.items()} | {"110": ring_group("110")},
            ring_groups={"110": RingGroup(id="110", members=(Member(line="bob"), Member(line="carol")))},
            services={
                "600": m.Service(number="600", source="echo"),
                "601": m.Service(number="601", source="tone:440"),
                "602": m.Service(number="602", source="file:closed"),
            },
            trunks={"carrier": m.TrunkRule(id="carrier", extensions=True, profile=PROFILE)},
            default_trunk="carrier",
            rates=RATES,
            emergency=m.Emergency(elsewhere=HELP, trunks=("carrier",)),
        )
    )


def boxes_of(model: m.Model) -> tuple[MailboxSettings, ...]:
    """The mailboxes of the model's lines, as they are where nothing is said."""
    return tuple(
        MailboxSettings(
            id=line.mailbox,
            name=line.name,
            extension=line.extension,
            owner=line.id,
            lines=(line.id, *(each.line for each in line.delegates)),
        )
        for line in model.lines.values()
        if line.mailbox
    )


def changed(model: m.Model, **lines: Mapping[str, Any]) -> m.Model:
    """The house with other lines: `bob={"forwards": …}`."""
    made = {name: msgspec.structs.replace(model.lines[name], **changes) for name, changes in lines.items()}
    return m.versioned(msgspec.structs.replace(model, lines={**model.lines, **made}))


def carrier(trunk: str, *hosts: Address, transport: str = "udp", **settings: Any) -> TrunkHost:
    """A trunk whose hosts are tried in this order."""
    written = tuple(HostSettings(host=host, port=port, transport=transport) for host, port in hosts)
    places = tuple(
        Place(number, 1, (Group(0, 0, (Target(transport, host, port, host),)),))
        for number, (host, port) in enumerate(hosts)
    )
    settings.setdefault("domain", hosts[0][0])
    return TrunkHost(TrunkSettings(id=trunk, hosts=written, **settings), places, tuple(host for host, _ in hosts))


class Users:
    """The digest credentials of the house. Dave's device has no line and no right at all."""

    def lookup(self, digest_user: str, realm: str) -> DeviceAuth | None:
        """See `switch.auth.Credentials`."""
        secret = SECRETS.get(digest_user)
        if secret is None:
            return None
        return DeviceAuth(
            digest_user,
            digest_user,
            (digest_user,) if digest_user != "dave" else (),
            digest.ha1(digest_user, realm, secret, "MD5"),
            digest.ha1(digest_user, realm, secret, "SHA-256"),
        )


class Exchange:
    """The exchange. `core` is the one that lives now; journal and media outlive it."""

    def __init__(
        self,
        network: Network,
        *,
        address: Address = HERE,
        model: m.Model | None = None,
        trunks: Mapping[str, TrunkHost] | None = None,
        settings: CallSettings | None = None,
        timings: Timings | None = None,
        media_ports: int = 1000,
        qualify_s: float = 0.0,
    ) -> None:
        self.network = network
        self.clock: VirtualClock = network.clock
        self.address = address
        self.model = model or house()
        self.models = {self.model.version: self.model}
        """Every version that was in force."""
        self.trunks = trunks if trunks is not None else {"carrier": carrier("carrier", CARRIER)}
        self.settings = settings or CallSettings()
        self.qualify = QualifySettings(qualify_s, self.settings.unreachable_s)
        self.timings = timings or Timings()
        self.journal = MemoryJournal(self.machine)
        self.facts = MemoryFactStore()
        self.mailboxes = MemoryMailboxStore()
        self.boxes = boxes_of(self.model)
        """How mailboxes are set up (`use_mailboxes`)."""
        self.left: list[Message] = []
        """The messages that were complete, and that somebody may be told of."""
        self.sounds = Sounds()
        self.words = SpokenIds()
        self.recordings = BookOfRecordings()
        self.events: list[e.AnyEvent] = []
        """The whole journal, as it is read back."""
        self.engine = BookEngine(address[0], media_ports)
        self.errors: list[str] = []
        self.decides = True
        """Whether it is the planner that decides, so that a record's decision can be made again."""
        self.unserved: list[tuple[str, Service]] = []
        """The steps that nothing carries out."""
        self.passwords: dict[str, str] = {}
        """The passwords of account codes; one is looked at for `hash_s`, and `asked_accounts` are those that were."""
        self.hash_s = 0.005
        self.asked_accounts: list[str] = []
        self.refused_accounts: list[tuple[str, str, bool]] = []
        self.pins: dict[tuple[str, str], str] = {}
        """Whose PIN it is, `chair` or `member`, by room and PIN; `asked_pins` are those that were looked at."""
        self.asked_pins: list[str] = []
        self.tolerates = False
        """Whether internal errors are what the test is about."""
        self.recovers = False
        """Whether it takes its calls over at the moment."""
        self.crashes = 0
        self.seen: dict[str, Call] = {}
        """Every call that ever lived in the core of now, by id."""
        self.told: Callable[[Flow], Address] = lambda flow: self.address
        self.sound_told: Callable[[Flow, str], str] = lambda flow, bound: bound
        self.checks: list[Callable[[], None]] = []
        self.names: dict[str, tuple[str, int]] = {}
        """What the name server says of host names, after `names_s`."""
        self.names_s = 0.0
        self._asked: dict[str, bool] = {}
        self.mute = False
        """While True, packets of ours vanish: what a crash between journal and network leaves behind."""
        self._streams: dict[int, tuple[Flow, StreamFramer]] = {}
        self._tokens = (f"x{n:05}" for n in itertools.count(1))
        self._host = network.attach(address, self._deliver, self._lost)
        self.core: Core
        self._boot()

    # -- life ---------------------------------------------------------------------------------------------------

    def _boot(self) -> None:
        self.alive = True
        self.recordings.forget()
        self.timers = timers = Timers()
        timers.on_earlier = lambda when: self._wake_at(timers, when)
        holder: list[Directory] = []
        registrar = Registrar(timers, _Late(holder), RegistrarSettings())
        directory = Directory(registrar, self._flow_to, alive=self._stands)
        holder.append(directory)
        self.accounts = Accounts(b"a key that outlives a crash", self._token)
        self.accounts.use(trunk.settings for trunk in self.trunks.values())
        directory.use(self.model, self.trunks, self.accounts.dialects)
        self.core = Core(
            endpoint=Endpoint(timers, self.timings, self._token, self._sent_by),
            registrar=registrar,
            authenticator=Authenticator(AuthSettings(REALM), Users(), f"key of life {self.crashes:08}".encode()),
            directory=directory,
            engine=self.engine,
            plan=lambda request, facts: planner.plan(self.model, request, facts),
            settings=self.settings,
            token=self._token,
            advertised=lambda flow: self.told(flow),
            sound_address=lambda flow, bound: self.sound_told(flow, bound),
            at=self.clock.at,
            journal=self._append,
            send=self._send,
            on_error=self._on_error,
            counters=Counters(),
            unserved=lambda call, step: self.unserved.append((call, step)),
        )
        self.wishing = Wishing(
            lambda: self.model, self.core.facts, self.clock.at, lambda said: self.core.wish(said, self.clock.now())
        )
        self.desk = Desk(self.core.mailboxes, self.sounds, self._off_the_loop, self.clock.at, self._token)
        self.desk.use(self.boxes)
        self.desk.left = lambda box, message: self.left.append(message)
        house = House(
            model=lambda: self.model,
            wish=self.wishing.change,
            check_account=self._check_account,
            account_refused=lambda *said: self.refused_accounts.append(said),
            words=self.words,
            desk=self.desk,
            check_conference=self._check_conference,
            recordings=self.recordings,
        )
        self.features = install(self.core.calls.context, house)
        if self.boxes:
            self.core.messages.shared = self.desk.of_line
        self.lifting = Lifting(
            lambda: self.model, self.core.facts, self.clock.at, lambda said: self.core.wish(said, self.clock.now())
        )
        self.core.facts.use(self.model)
        self.core.watched(True)  # so that every test is one of the lamps, too
        self.engine.on_event = self.tell
        registrar.resume(self.clock.now(), self.clock.at())
        self.core.trunks_changed(self.clock.now())
        self.core.qualify(self.qualify, self.clock.now())
        self._asked.clear()
        self.hops = Hops(self._known, self._ask, self._flow_to, self._send)

    def _known(self, wish: Wish) -> tuple[Target, ...] | None:
        if not self._asked.get(wish.host):
            return None
        found = self.names.get(wish.host)
        return (Target(wish.transport, found[0], wish.port or found[1], wish.host),) if found else ()

    def _ask(self, wish: Wish, found: Callable[[Sequence[Target]], None]) -> None:
        def answer(now: float) -> None:
            self._asked[wish.host] = True
            found(self._known(wish) or ())

        self.clock.timers.start(self.clock.now() + self.names_s, self, answer)

    def _check_account(self, code: str, given: str, then: Callable[[bool, float], None]) -> None:
        self.asked_accounts.append(code)
        core = self.core

        def looked(now: float) -> None:
            if core is self.core and self.alive:
                core.go_on(lambda at: then(self.passwords.get(code) == given, at), now)
                self._after()

        self.clock.timers.start(self.clock.now() + self.hash_s, self, looked)

    def use_mailboxes(self, *boxes: MailboxSettings) -> None:
        """The configuration of mailboxes."""
        self.boxes = boxes
        self.desk.use(boxes)

    def _off_the_loop(self, work: Callable[[], Any], then: Callable[[Any, float], object]) -> None:
        """As long as a hash takes."""
        core = self.core

        def done(now: float) -> None:
            if core is self.core and self.alive:
                try:
                    found = work()
                except OSError:
                    found = None  # as `switch.mailbox_desk.Run` has it
                core.go_on(lambda at: then(found, at), now)
                self._after()

        self.clock.timers.start(self.clock.now() + self.hash_s, self, done)

    def _check_conference(self, room: str, pin: str, then: Callable[[str, float], None]) -> None:
        self.asked_pins.append(pin)
        core = self.core

        def looked(now: float) -> None:
            if core is self.core and self.alive:
                core.go_on(lambda at: then(self.pins.get((room, pin), ""), at), now)
                self._after()

        self.clock.timers.start(self.clock.now() + self.hash_s, self, looked)

    def use_trunks(self, trunks: Mapping[str, TrunkHost]) -> None:
        """Another configuration of trunks."""
        self.trunks = trunks
        self.accounts.use(trunk.settings for trunk in trunks.values())
        self.core.directory.use(self.model, trunks, self.accounts.dialects)
        self.core.trunks_changed(self.clock.now())
        self._after()

    def _sent_by(self, flow: Flow) -> str:
        host, port = self.told(flow)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def crash(self) -> None:
        """Die: no goodbye, all memory gone. Datagrams that come meanwhile are lost, streams are cut."""
        self.alive = False
        self.mute = self.engine.deaf = False
        self.crashes += 1
        self.timers.on_earlier = None
        self.network.detach(self.address)
        for near, flow, far, _ in list(self.network._streams.values()):
            if self._host in (near, far):
                self.network.cut(flow)
        self._streams.clear()
        self.seen.clear()

    def hand_over(self) -> None:
        """`ringplan upgrade`: the next one takes over, with the letter of this one. Packets wait, and so do streams."""
        self.core.flush()
        letter = msgspec.msgpack.decode(msgspec.msgpack.encode(self.core.letter()), type=Letter)
        self.alive = False
        self.mute = self.engine.deaf = False
        self.timers.on_earlier = None
        self.seen.clear()
        self.restart(letter)

    def restart(self, letter: Letter | None = None) -> None:
        """Come back, in the order of `switch/app.py`: bindings, calls, media, and only then packets."""
        self._boot()
        now = self.clock.now()
        at, clock = self.clock.at(), self.machine()
        facts, boxes = self.facts.load(), self.mailboxes.load()
        found = replay(self.core, self.journal, (), facts, now, at, structlog.get_logger(), boxes, clock=clock)
        self.events = [event for frame in self.journal.read() for event in of_today(frame, clock)]
        assert not found.orphans, found.orphans
        self._host = self.network.attach(self.address, self._deliver, self._lost)
        self.recovers = True
        self.core.recover(found.calls.values(), now, found.ended, letter, found.untold)
        self.recovers = False
        self.core.resume(found.subscribed.values(), now)
        self.core.qualify(self.qualify, now)
        self._remember()

    def machine(self) -> Clock:
        """The clocks of the machine, which boots but once."""
        return Clock("ab" * 16, self.clock.at().timestamp(), self.clock.now())

    def crash_and_restart(self, away_s: float = 0.0) -> None:
        """Both, `away_s` seconds apart."""
        self.crash()
        if away_s:
            self.clock.advance(away_s)
        self.restart()

    # -- what tests ask -----------------------------------------------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        """The calls that are up."""
        return list(self.core.calls.by_id.values())

    @property
    def records(self) -> list[CallRecord]:
        """The CDRs of all calls that have ended, in the order in which they did."""
        return feeding.records(*self.events)

    @property
    def record(self) -> CallRecord:
        """The one CDR."""
        (record,) = self.records
        return record

    def tell(self, event: MediaEvent) -> None:
        """The media engine reports something."""
        self.core.media(event, self.clock.now())
        self._after()

    def silence(self, leg: int) -> None:
        """No sound came from a leg for too long."""
        self.tell(Silent(leg, self.settings.silence_s))

    def lose_leg(self, leg: int) -> None:
        """A media worker died."""
        self.engine.lose(leg)
        self.tell(LegLost(leg))

    def set(self, line: str, words: str) -> WishesView:
        """`ringplan set`."""
        view = self.wishing.set({"line": line, "words": words.split(), "by": "operator:test"})
        self._after()
        return view

    def save_facts(self) -> None:
        """What the exchange does every second: the state file is brought up to date."""
        self.facts.apply(*self.core.facts.take(), int(self.clock.at().timestamp()) // 60 - 1440, self.journal.end)
        self.mailboxes.apply(self.core.mailboxes.take(), self.journal.end)

    def use_model(self, model: m.Model) -> None:
        """Another dialplan for the calls to come."""
        self.model = model
        self.models[model.version] = model
        self.core.facts.use(model)
        self.core.directory.use(model, self.trunks, self.accounts.dialects)
        self._after()

    def look(self) -> None:
        """What the exchange does every few seconds."""
        self.core.look(self.clock.now())
        self._after()

    def hang_up(self, call: Call) -> bool:
        """The operator ends a call."""
        done = self.core.hang_up(call.id, self.clock.now())
        self._after()
        return done

    def transfer(self, call: Call, to: str) -> tuple[int, str]:
        """The operator sends a call on."""
        done = self.core.transfer(call.id, to, self.clock.now())
        self._after()
        return done

    # -- what has to be true ------------------------------------------------------------------------------------

    def check_live(self) -> None:
        """At any time: no internal error, and each call's journal folds to its live state."""
        assert self.tolerates or not self.errors, "\n".join(self.errors)
        told = self._by_call()
        for call in self.calls:
            assert fold(told[call.id]) == call.state, call.id
            for index, leg in call.legs.items():
                state = call.state.legs[index]
                usage = leg.usage
                if state.answered and usage.state.name == "CONFIRMED":
                    live, kept = leg.dialog_value(), state.dialog
                    assert kept is not None
                    # The numbers of what is under way are not needed after a crash; all the rest is.
                    assert _settled(live) == _settled(kept), (call.id, index)
                    flow = toward(flow_of(state.flow), usage.dialog, usage.carrier)
                    assert (flow.transport, flow.remote) == (usage.flow.transport, usage.flow.remote), (call.id, index)
                    ahead = live.local_cseq - kept.local_cseq
                    assert 0 <= ahead < AHEAD, (call.id, index, "our next request would be refused")
                    assert leg.sound.lease is None or state.media is not None
                    assert leg.sound.lease is None or leg.sound.local == state.described, (call.id, index)
                    assert leg.sound.held == state.held
                    assert leg.sound.settled == state.settled, (call.id, index)
                    assert usage.allows_update == kept.update, (call.id, index)
                    timed, session = state.session, usage.session
                    assert (session is None) == (timed is None), (call.id, index)
                    if session is not None and timed is not None:
                        assert (session.interval_s, session.ours) == (timed.interval_s, timed.ours), (call.id, index)
                    assert leg.sound.far == far_of(state.far), (call.id, index)
                    if leg.sound.lease is not None and not self.engine.deaf:
                        has, far = self.engine.legs[leg.sound.lease.leg].remote, leg.sound.far
                        keyed = msgspec.structs.replace(far, keys=AS_BEFORE) if far is not None else None
                        assert has == far or (keyed is not None and known_already(has, keyed)), (call.id, index)
        for trunk in self.trunks.values():
            if trunk.settings.channels:
                legs = [leg.target for call in self.calls for leg in call.legs.values()]
                assert self.core.calls.context.channels.taken(trunk.id) == legs.count(f"trunk:{trunk.id}")
        for leg in self.core.calls.by_media.values():
            assert leg.call.id in self.core.calls.by_id
        self.check_subscriptions()

    def check_subscriptions(self) -> None:
        """The lamps know where every call is. The journal has every subscription as it is, but for how many NOTIFYs
        have gone out since."""
        if self.core.lamps.watched and not self.core.lamps.touched:
            where = {call.id: places for call in self.calls if (places := places_of(call.state))}
            assert self.core.lamps.places() == where
        if not self.core.subscriptions.by_tag:
            return
        kept = recover(self.events).subscribed
        live = {tag: held for tag, held in self.core.subscriptions.by_tag.items() if not held.told}
        assert set(live) == set(kept)
        for tag, held in live.items():
            left = kept[tag].expires_at - self.clock.at().timestamp()
            now = subscribed(held, kept[tag].at, 0.0)
            assert abs(held.sub.deadline - self.clock.now() - left) < 0.01, tag
            assert now.notified - kept[tag].notified < 2000, tag
            assert _static(now) == _static(kept[tag]), tag

    def check_facts(self) -> None:
        """The facts follow from the journal alone, whatever the state file has of it."""
        at = self.clock.at()
        live, anew, after = self.core.facts, LiveFacts(), LiveFacts()
        for facts, kept in ((anew, Kept()), (after, self.facts.load())):
            facts.use(self.model)
            facts.restore(kept)
            for frame in self.journal.read():
                facts.replay(of_today(frame, self.machine()), known=frame.position <= kept.position)
            now, then = live.at(at), facts.at(at)
            assert dict(now.lines) == dict(then.lines)
            assert dict(now.shown) == dict(then.shown)
            assert (dict(now.cursors), now.account) == (dict(then.cursors), then.account)

    def check_mailboxes(self) -> None:
        """What lies in the mailboxes follows from the journal alone, whatever the state file has of it."""
        for kept in (KeptMailboxes(), self.mailboxes.load()):
            anew = Mailboxes()
            anew.restore(kept)
            for position, events, _ in self.journal.read():
                anew.replay(events, known=position <= kept.position)
            assert not set(anew.all()) ^ set(self.core.mailboxes.all())
            for name in self.core.mailboxes.names():
                assert anew.values(name) == self.core.mailboxes.values(name), name
                assert anew.counts(name) == self.core.mailboxes.counts(name), name

    def _remembered(self) -> list[str]:
        """Calls of this life that are over, and of which a feature still remembers something (`Call.noted`)."""
        features = [vars(hook.__self__) for hook in self.core.calls.context.over if isinstance(hook, MethodType)]
        kept = [each for feature in features for each in feature.values() if isinstance(each, (dict, set))]
        return [call for each in kept for call in each if call in self.seen and self.seen[call].over]

    def check_over(self) -> None:
        """When all is over: nothing is left, and every call has exactly one end and one CDR that adds up."""
        self.check_live()
        self.check_facts()
        self.check_mailboxes()
        core, endpoint = self.core, self.core.endpoint
        left = {
            "calls": list(core.calls.by_id),
            "dialogs": list(core.calls.by_tag),
            "media legs": list(core.calls.by_media),
            "leases": list(self.engine.legs),
            "servers": [t.key for t in endpoint.servers.values()],
            "clients": [t.key for t in endpoint.clients.values()],
            "digests": list(endpoint.digests),
            "merges": list(endpoint.merges),
            "unfinished": list(endpoint.unfinished),
            "spools": [*self.features.recording._active, *self.features.recording._dead],
            "remembered": self._remembered(),
        }
        assert not any(left.values()), {name: what for name, what in left.items() if what}
        kept = len(core.registrar) + len(core.registrations) + len(core.qualifier) + len(core.subscriptions)
        assert len(self.timers) == kept, "a timer is left"
        for call in self.seen.values():
            assert call.ringer is None or call.ringer.over, "a walk goes on"
            assert not call.legs
        told = self._by_call()
        for call_id, events in told.items():
            assert [event.n for event in events] == list(range(len(events))), call_id
            assert isinstance(events[0], e.CallStarted), call_id
            assert [i for i, event in enumerate(events) if isinstance(event, e.CallEnded)] == [len(events) - 1], call_id
            state = fold(events)
            # A call that met a bug may leave that to the record, which closes every leg with the call.
            assert self.tolerates or all(leg.ended is not None for leg in state.legs.values()), call_id
        records = self.records
        assert sorted(record.call for record in records) == sorted(told)
        check_all(records, self.events)
        if not self.tolerates and all(model.rates is RATES for model in self.models.values()):
            costs.check(self.events, records, RATES)
        for record in records:
            _check_record(record)
            if self.decides:
                decided = past.again(record, self.models[record.model])
                assert decided.agrees, (record.because, [answer.plan.because for answer in decided.answers])
                assert len(decided.answers) == 1 + len(record.again)

    def _by_call(self) -> dict[str, list[Any]]:
        told: dict[str, list[Any]] = {}
        for event in self.events:
            if isinstance(event, e.Event):
                told.setdefault(event.call, []).append(event)
        return told

    # -- the core's hands ---------------------------------------------------------------------------------------

    def _token(self) -> str:
        return next(self._tokens)

    def _append(self, events: list[e.AnyEvent]) -> None:
        end = self.journal.end
        self.journal.append(events)
        self.events += [event for _, events, _ in self.journal.read(end) for event in events]

    def _send(self, flow: Flow, data: bytes) -> None:
        assert not self.core._events, f"it is sent before this is in the journal: {self.core._events}"
        if flow.hop:
            self.hops.send(flow, data)
            return
        if self.mute:
            return
        if flow.transport != "udp" and flow.connection not in self._streams:
            # A flow out of the journal goes by its address, as in `switch/net/flows.py`.
            flow = self._stream(flow) or flow
        self.network.send(flow, data)

    def _stream(self, flow: Flow) -> Flow | None:
        """The connection of a flow; one without a number goes by its address."""
        if flow.connection in self._streams:
            return flow
        return next(
            (
                known
                for known, _ in self._streams.values()
                if (known.transport, known.remote) == (flow.transport, flow.remote)
            ),
            None,
        )

    def _stands(self, flow: Flow) -> bool:
        if flow.connection:
            return flow.connection in self._streams
        return flow.transport == "udp" or self._stream(flow) is not None

    def _on_error(self, error: BaseException, where: str) -> None:
        import traceback

        self.errors.append(f"{where}: " + "".join(traceback.format_exception(error)))

    def _flow_to(self, transport: str, host: str, port: int, local: Address | None, *tls: str) -> Flow | None:
        if transport == "udp":
            return Flow("udp", self.address, (host, port))
        for flow, _ in self._streams.values():
            if flow.remote == (host, port) and flow.transport == transport:
                return flow
        if transport == "tls" and not tls:
            return None  # nobody says what the certificate there must prove
        flow = self.network.connect(self._host, (host, port), transport)
        self._streams[flow.connection] = (flow, StreamFramer())
        return flow

    def _deliver(self, data: bytes, flow: Flow, now: float) -> None:
        if flow.transport == "udp":
            self.core.receive(data, flow, now)
        else:
            _, framer = self._streams.setdefault(flow.connection, (flow, StreamFramer()))
            try:
                for item in framer.feed(data):
                    if not isinstance(item, KeepAlive):
                        self.core.receive(item, flow, now)
            except RemoteProtocolError as error:
                self.core.unframed(error, flow, now)
        self._after()

    def _lost(self, flow: Flow, now: float) -> None:
        self._streams.pop(flow.connection, None)
        if self.alive:
            self.core.flow_lost(flow, now)
            for named in self.hops.lost(flow):
                self.core.flow_lost(named, now)
            self._after()

    def _wake_at(self, timers: Timers, when: float) -> None:
        self.clock.timers.start(when, self, timers)

    def on_timer(self, what: object, now: float) -> None:
        """The core's earliest timer may be due."""
        if callable(what):
            what(now)
            return
        if what is not self.timers or not self.alive:
            return
        self.core.run_timers(now)
        due = self.timers.next()
        if due is not None:
            self._wake_at(self.timers, max(due, now))
        self._after()

    def _after(self) -> None:
        self._remember()
        core = self.core
        left = core._events, core._sends, core.endpoint.out
        assert not any(left), f"an input that ends without `_finish` leaves this for whatever comes next: {left}"
        if not self.recovers:
            self.check_live()

    def _remember(self) -> None:
        self.seen.update(self.core.calls.by_id)


class _Late:
    """The registrar's view of the directory, which needs the registrar itself."""

    def __init__(self, holder: list[Directory]) -> None:
        self._holder = holder

    def line_of(self, user: str, host: str) -> str | None:
        return self._holder[0].line_of(user, host)


def _static(event: e.Subscribed) -> e.Subscribed:
    """Without what moves with every NOTIFY."""
    flow = msgspec.structs.replace(event.flow)
    dialog = msgspec.structs.replace(event.dialog, local_cseq=0)
    return msgspec.structs.replace(event, flow=flow, dialog=dialog, notified=0, expires_at=0.0)


def _settled(dialog: e.Dialog) -> tuple[object, ...]:
    return (
        dialog.call_id,
        dialog.local_tag,
        dialog.remote_tag,
        dialog.local_uri,
        dialog.remote_uri,
        dialog.remote_target,
        dialog.route_set,
    )


def _check_record(record: CallRecord) -> None:
    assert record.complete
    assert record.ended_at is not None
    assert record.result
    assert record.reason
    assert record.started_at <= record.ended_at
    assert record.ring_s + record.talk_s <= record.duration_s + 0.002
    assert (record.answered_at is not None) == (record.result in TALKED)
    assert len({leg.leg for leg in record.legs}) == len(record.legs)
    for leg in record.legs:
        assert leg.ended_at is not None
        assert record.started_at <= leg.started_at <= leg.ended_at <= record.ended_at
        assert leg.result
        assert leg.reason
        assert 0 <= leg.held_s <= record.duration_s

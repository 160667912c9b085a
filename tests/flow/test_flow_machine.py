"""Random telephones: any sequence of what people, networks and crashes do leaves an exchange that is true to its
journal, and in the end empty."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from switch.sip.flow import Flow
from switch.sip.session_timer import SessionSettings
from switch.sip.usage_state import State
from tests.support.examples import examples
from tests.support.exchange import SECRETS
from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene
from tests.support.subscriber import AutoLamp, Subscriber

PHONES = st.integers(0, 2)
MOMENTS = st.sampled_from([0.003, 0.011, 0.021, 0.031, 0.05, 0.2, 0.6, 2.0, 7.0, 21.0])


class Town(RuleBasedStateMachine):
    """Alice, Bob and Carol, and an exchange that may die at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.phones: list[Phone] = []
        self.lamps: list[AutoLamp] = []
        """One for each of them."""
        self.rough = False
        """Whether anything was lost for good, so that one side may not know that the other has gone."""

    @initialize(streams=st.sampled_from([(), (), ("bob",), ("alice", "carol")]))
    def move_in(self, streams: tuple[str, ...]) -> None:
        for user in ("alice", "bob", "carol"):
            self.phones.append(self.scene.phone(user, transport="tcp" if user in streams else "udp"))
        for index in range(3):
            place = (f"192.0.2.{150 + index}", 5060)
            lamp = AutoLamp(self.scene.network, "alice", place, secret=SECRETS["alice"])
            Subscriber(lamp, f"10{index + 1}", self.scene.wait).ask(3600)
            self.lamps.append(lamp)

    def calls(self, phone: int, *states: State) -> list[PhoneCall]:
        return [call for call in self.phones[phone].calls if call.usage.state in states]

    # -- people -------------------------------------------------------------------------------------------------

    @rule(phone=PHONES, number=st.sampled_from(["101", "102", "103", "110", "600", "999"]), offer=st.booleans())
    def call(self, phone: int, number: str, *, offer: bool) -> None:
        caller = self.phones[phone]
        if len(caller.calls) < 6:
            if caller.transport == "tcp" and caller.flow.connection not in self.scene.network._streams:
                caller.flow = caller.station.host.flow_to(caller.exchange, "tcp")
            caller.call(number, offer=offer)

    @rule(phone=PHONES)
    def answer(self, phone: int) -> None:
        for call in self.calls(phone, State.CALLING, State.EARLY):
            if call.usage.pending_request is not None:
                call.answer()
                return

    @rule(phone=PHONES, number=st.sampled_from(["101", "102", "103", "110"]), offer=st.booleans(), moment_s=MOMENTS)
    def talk(self, phone: int, number: str, moment_s: float, *, offer: bool) -> None:
        """Most of what is interesting happens once two people talk, or nearly so."""
        self.call(phone, number, offer=offer)
        self.scene.wait(0.1)
        for other in range(3):
            self.answer(other)
        self.scene.wait(moment_s)

    @rule(phone=PHONES, moment_s=st.sampled_from([0.003, 0.011, 0.021, 0.031, 0.05, 0.2]), empty=st.booleans())
    def hold(self, phone: int, moment_s: float, *, empty: bool) -> None:
        """A re-INVITE, and a moment of it."""
        self.offer(phone, "sendonly", empty=empty)
        self.scene.wait(moment_s)

    @rule(phone=PHONES, status=st.sampled_from([486, 480, 603, 500]))
    def refuse(self, phone: int, status: int) -> None:
        for call in self.calls(phone, State.CALLING, State.EARLY):
            if call.usage.pending_request is not None:
                call.refuse(status)
                return

    @rule(phone=PHONES)
    def cancel(self, phone: int) -> None:
        for call in self.calls(phone, State.CALLING, State.EARLY):
            call.cancel()

    @rule(phone=PHONES)
    def hang_up(self, phone: int) -> None:
        for call in self.calls(phone, State.CONFIRMED)[:1]:
            call.hang_up()

    @rule(phone=PHONES, way=st.sampled_from(["sendonly", "sendrecv", "inactive"]), empty=st.booleans())
    def offer(self, phone: int, way: str, *, empty: bool) -> None:
        for call in self.calls(phone, State.CONFIRMED)[:1]:
            if not call.usage.offer_pending:
                call.offer(way, empty=empty)

    @rule(phone=PHONES, way=st.sampled_from(["sendonly", "sendrecv"]), moment_s=MOMENTS)
    def update(self, phone: int, way: str, moment_s: float) -> None:
        """An offer by UPDATE, before or after the answer."""
        for call in self.calls(phone, State.EARLY, State.CONFIRMED)[:1]:
            if call.may_update():
                call.update(way)
                self.scene.wait(moment_s)

    @rule(phone=PHONES, wish=st.sampled_from(["", "Supported: 100rel", "Require: 100rel"]), timer=st.integers(0, 2))
    def abilities(self, phone: int, wish: str, timer: int) -> None:
        """From now on the telephone calls with these extensions: reliable 18x, a short session timer."""
        each = self.phones[phone]
        each.sessions = SessionSettings(90 * timer) if timer else None
        lines = (f"Session-Expires: {90 * timer}", "Supported: timer") if timer else ()
        each.extensions = (*lines, *((wish,) if wish else ()))

    @rule(moment_s=st.sampled_from([45.0, 95.0, 200.0]))
    def time_passes(self, moment_s: float) -> None:
        """Long enough for session timers."""
        self.scene.wait(moment_s)

    @rule(phone=PHONES, habit=st.sampled_from([True, True, 488, 491]), early=st.booleans(), at_once=st.booleans())
    def habits(self, phone: int, habit: bool | int, *, early: bool, at_once: bool) -> None:
        each = self.phones[phone]
        each.answers_offers, each.early, each.answers = habit, early, at_once

    @rule()
    def operator_hangs_up(self) -> None:
        for call in self.scene.exchange.calls[:1]:
            self.scene.exchange.hang_up(call)

    # -- what happens to them -----------------------------------------------------------------------------------

    @rule(moment_s=MOMENTS)
    def wait(self, moment_s: float) -> None:
        self.scene.wait(moment_s)

    @rule(loss=st.sampled_from([0.0, 0.0, 0.3]), jitter_s=st.sampled_from([0.0, 0.0, 0.1]))
    def weather(self, loss: float, jitter_s: float) -> None:
        network = self.scene.network
        self.rough = self.rough or loss > 0
        network.loss, network.jitter_s, network.duplicate = loss, jitter_s, loss

    @rule(away_s=st.sampled_from([0.0, 0.02, 1.0, 10.0]))
    def crash(self, away_s: float) -> None:
        self.rough = True
        self.scene.exchange.crash_and_restart(away_s)

    @rule(moment_s=MOMENTS)
    def crash_before_packets_left(self, moment_s: float) -> None:
        self.rough = True
        self.scene.exchange.mute = True
        self.scene.wait(min(moment_s, 0.031))
        self.scene.exchange.crash_and_restart(0.1)

    @precondition(lambda self: self.scene.exchange.core.calls.by_media)
    @rule()
    def sound_stops(self) -> None:
        self.scene.exchange.silence(max(self.scene.exchange.core.calls.by_media))

    @precondition(lambda self: self.scene.exchange.core.calls.by_media)
    @rule()
    def worker_loses_a_leg(self) -> None:
        self.scene.exchange.lose_leg(min(self.scene.exchange.core.calls.by_media))

    @rule(phone=PHONES)
    def flow_breaks(self, phone: int) -> None:
        self.rough = True
        each = self.phones[phone]
        if each.transport == "udp":
            self.scene.exchange.core.flow_lost(
                Flow("udp", self.scene.exchange.address, each.address), self.scene.clock.now()
            )
            self.scene.exchange.check_live()
        elif each.flow.connection in self.scene.network._streams:
            self.scene.network.cut(each.flow)

    # -- the end ------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Everybody hangs up, sound stops, time runs out: nothing may be left."""
        network, exchange = self.scene.network, self.scene.exchange
        network.loss = network.jitter_s = network.duplicate = 0.0
        for phone in self.phones:
            for call in phone.calls:
                if call.up:
                    call.hang_up()
                elif not call.over:
                    call.cancel()
        self.scene.wait(60)
        if not self.rough:
            assert exchange.calls == []
            assert all(call.over for phone in self.phones for call in phone.calls)
        for leg in list(exchange.core.calls.by_media):
            if leg in exchange.core.calls.by_media:
                exchange.silence(leg)
        self.scene.wait(300)
        exchange.check_over()
        for lamp in self.lamps:
            # One that was out of reach for too long, or has run out, is not told any more.
            assert lamp.shows == ["terminated"] or lamp.tag not in exchange.core.subscriptions.by_tag


TestTown: Any = Town.TestCase
TestTown.settings = settings(
    examples(40),
    stateful_step_count=30,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

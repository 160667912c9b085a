"""What explain says is what happens: for companies, calls and telephones by chance, the INVITEs, CANCELs and the end of
the live call are those of the simulated walk, at the same instants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dialplan.destinations import ring_group, user
from dialplan.endings import unavailable
from dialplan.facts import Facts, LineFacts
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards
from dialplan.model import Model
from dialplan.plan import Announce, CallRequest, Echo, Plan, Service
from dialplan.planner import plan
from dialplan.pretend import RINGS, Phone
from dialplan.simulate import Simulation, What, simulate
from dialplan.vocabulary import StepDone
from records import events as e
from switch.calls.endings import for_caller
from switch.calls.services import BUILT_IN
from switch.sip.flow import Flow
from tests.support.company import AT, CALLER, company, line
from tests.support.drawn import NAMES, callers, calling, companies, requests, states
from tests.support.examples import examples
from tests.support.exchange import CARRIER
from tests.support.network import Network
from tests.support.raw_phone import RawPhone, Text, describe
from tests.support.scene import Scene

NOBODY: tuple[Phone, ...] = ()
SILENT = Phone(ringing_s=None)
DEAD = Phone(status=0, after_s=4.0, ringing_s=None)
STATUSES = (486, 480, 600, 603, 503)


class Robot(RawPhone):
    """A telephone, or a carrier, that behaves as a `Phone` says."""

    def __init__(self, network: Network, user: str, address: tuple[str, int], phone: Phone) -> None:
        super().__init__(network, user, address)
        self.phone = phone
        self.open: dict[str, Text] = {}
        network.attach(address, self._react, self._lost)

    def _react(self, data: bytes, flow: Flow, now: float) -> None:
        message = Text(data, flow)
        branch = message.get("Via").partition("branch=")[2].partition(";")[0]
        match message.kind:
            case "INVITE" if branch not in self.open and self.phone.status != 0:
                self.open[branch] = message
                self.reply(message, 100)
                if self.phone.ringing_s is not None and (self.phone.status is None or self.phone.after_s > 0):
                    self._later(now + self.phone.ringing_s, branch, 180)
                if self.phone.status is not None:
                    self._later(now + self.phone.after_s, branch, self.phone.status)
            case "CANCEL":
                self.reply(message, 200, tag=branch[-6:])
                if branch in self.open:
                    self._now(branch, 487)
            case "BYE":
                self.reply(message, 200)
            case "ACK" | "INVITE":
                pass
            case _:
                self.seen.append(message)

    def _later(self, when: float, branch: str, status: int) -> None:
        self.network.clock.timers.start(when, self, lambda: self._now(branch, status))

    def on_timer(self, what: Any, now: float) -> None:
        what()

    def _now(self, branch: str, status: int) -> None:
        message = self.open.get(branch)
        if message is None:
            return
        if status >= 200:
            self.open[branch] = None  # type: ignore[assignment]
        self.reply(message, status, describe(self.address[0]) if status == 200 else "", tag=branch[-6:])


def served(step: Service) -> StepDone | None:
    """As an exchange in which nobody carries out any other step: who rings when is looked at here."""
    if isinstance(step, Announce | Echo):
        return None
    return StepDone(step.id, "unavailable", None, unavailable(step))


@st.composite
def behaviours(draw: st.DrawFn) -> dict[str, tuple[Phone, ...]]:
    """Of each line one telephone or none. No two of them do something in the same instant."""
    script: dict[str, tuple[Phone, ...]] = {}
    for number, name in enumerate((*(f"line:{each}" for each in NAMES), "trunk:carrier")):
        status = draw(st.sampled_from([None, 200, *STATUSES, 0, -1, -2]))
        after_s = draw(st.sampled_from([0.0, 1.3, 6.7, 14.2, 27.7])) + number * 0.02
        if status == -1 and name.startswith("line:"):
            script[name] = NOBODY
        elif status is None or status < 0:
            script[name] = (SILENT if status == -2 else RINGS,)
        else:
            script[name] = (
                (DEAD,) if status == 0 and name[0] == "l" else (Phone(status=status or 486, after_s=after_s),)
            )
    return script


class Live:
    """One call on the virtual network."""

    def __init__(self, model: Model, facts: Facts, asked: CallRequest, script: dict[str, tuple[Phone, ...]]) -> None:
        self.scene = scene = Scene(model=model)
        scene.network.delay_s = 0.0
        scene.exchange.decides = False  # the facts are drawn
        self.plans: list[Plan] = []
        self.model, self.facts, self.asked = model, facts, asked
        core = scene.exchange.core
        core.calls.context.executors = BUILT_IN
        core.calls.plan = core.calls.context.plan = self.plan
        self.places = {CARRIER: "trunk:carrier"}
        self.carrier = Robot(scene.network, "carrier", CARRIER, script["trunk:carrier"][0])
        for number, name in enumerate(NAMES):
            place = (f"192.0.2.{101 + number}", 5060)
            self.places[place] = f"line:{name}"
            for phone in script[f"line:{name}"]:
                self.bind(name, Robot(scene.network, name, place, phone))

    def bind(self, name: str, robot: Robot) -> None:
        """Registered for good."""
        scene = self.scene
        at, here, (host, port) = scene.clock.at(), scene.exchange.address, robot.address
        flow, uri = e.FlowAddress("udp", *here, host, port), f"sip:{name}@{host}:{port}"
        bound = e.Bound(name, name, uri, f"<{uri}>", name, 1, 1.0, at.timestamp() + 9e6, flow, "", 0, (), "", at)
        scene.exchange.core.registrar.apply(bound)
        scene.exchange.core.registrar.resume(scene.clock.now(), at)

    def plan(self, request: CallRequest, facts: Facts) -> Plan:
        if not self.plans:
            request = self.asked
        self.plans.append(plan(self.model, request, self.facts))
        return self.plans[-1]

    def call(self, gone_s: float | None, until_s: float) -> None:
        """Begin, perhaps give up, and wait."""
        scene, carrier = self.scene, self.carrier
        self.began = scene.clock.now()
        uri = f"sip:100@{scene.exchange.address[0]}"
        via = carrier.via()
        lines = [
            f"Via: {via}", "Max-Forwards: 70", "From: <sip:+16695550142@x>;tag=c", f"To: <{uri}>", "Call-ID: caller",
            f"Contact: {carrier.contact()}",
        ]  # fmt: skip
        carrier.request("INVITE", uri, [*lines, "CSeq: 1 INVITE"], describe(carrier.address[0]))
        if gone_s is not None and gone_s < until_s:
            scene.clock.advance(gone_s)
            carrier.request("CANCEL", uri, [*lines, "CSeq: 1 CANCEL"])
            scene.clock.advance(until_s - gone_s)
        else:
            scene.clock.advance(until_s)

    def seen(self, start: str) -> list[tuple[float, str]]:
        """When requests of that method left, each once, and to whom."""
        found: dict[str, tuple[float, str]] = {}
        for packet in self.scene.network.log:
            if packet.start == start and packet.source == self.scene.exchange.address:
                branch = packet.data.partition(b"branch=")[2].partition(b"\r\n")[0].decode()
                elsewhere = " elsewhere" if b"completed elsewhere" in packet.data else ""
                at = round(packet.at - self.began, 2)
                found.setdefault(branch, (at, self.places[packet.target] + elsewhere))
        return sorted(found.values())


def told(got: Simulation, what: What, script: dict[str, tuple[Phone, ...]]) -> list[tuple[float, str]]:
    """The same of the simulated walk. A telephone that has said nothing at all cannot be cancelled."""
    return sorted(
        (round(each.at_s, 2), each.target + (" elsewhere" if each.elsewhere else ""))
        for each in got.sent(what)
        if what is What.INVITE or script[each.target] != (DEAD,)
    )


TWO_AT_ONCE = company(
    line("ben", False, forwards=Forwards(outage=user("carl"))),
    line("dora", False, forwards=Forwards(no_answer=user("ben")), delegates=(Delegate(line="carl"),)),
    line("eve", False, forwards=Forwards(always=user("dora"))),
    line("carl", False),
    groups=(
        RingGroup(
            id="desk", strategy=Strategy.LONGEST_IDLE, turn_s=15.0, members=(Member(line="dora"), Member(line="eve"))
        ),
    ),
)
"""Eve's forward gives up at Dora's delegate, and Dora's own turn begins, both after 15 s: each goes on to Ben, and only
the first of them to Carl after him. The timer that was set first is the first."""


@example(
    TWO_AT_ONCE,
    Facts(lines={"dora": LineFacts(dnd=True, idle_since=1.0)}),
    CallRequest(digits="1", at=AT, to=ring_group("desk"), caller_number=CALLER),
    "",
    {f"line:{name}": (RINGS,) for name in NAMES}
    | {"line:ben": (Phone(status=503, after_s=0.02),), "trunk:carrier": (RINGS,)},
    None,
)
@given(companies(), states, requests, callers, behaviours(), st.sampled_from([None, None, 0.61, 11.19, 33.43]))
@settings(examples(50), suppress_health_check=list(HealthCheck))
def test_the_live_timeline_is_the_one_that_explain_shows(
    model: Model,
    facts: Facts,
    request: CallRequest,
    by: str,
    script: dict[str, tuple[Phone, ...]],
    gone_s: float | None,
) -> None:
    asked = calling(replace(request), by)
    got = simulate(
        plan(model, asked, facts),
        script,
        caller_gone_after_s=gone_s,
        replan=lambda again: plan(model, again, facts),
        served=served,
    )
    live = Live(model, facts, asked, script)
    live.call(gone_s, got.at_s + 0.5)
    scene = live.scene
    invites, cancels = told(got, What.INVITE, script), told(got, What.CANCEL, script)
    assert live.seen("INVITE") == invites
    assert live.seen("CANCEL") == cancels
    if got.termination is not None:
        record = scene.exchange.record
        assert record.sip_status == for_caller(got.termination).sip_status
        assert record.reason == got.termination.reason
        assert record.duration_s == pytest.approx(got.at_s, abs=0.01)
    else:
        (call,) = scene.exchange.calls
        assert call.state.answered_at is not None
        peer = call.state.legs.get(call.state.peer or -1)
        assert (peer.target if peer is not None else "service") == (
            got.connected if ":" in got.connected else "service"
        )
        scene.exchange.hang_up(call)
    scene.finish()

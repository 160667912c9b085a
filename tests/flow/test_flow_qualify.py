"""OPTIONS qualification of telephones (FWD-4): who is asked when, who counts as lost, and what a call makes of it."""

from __future__ import annotations

import pytest

from switch.qualify import QualifySettings
from tests.support.network import Nat
from tests.support.phone import Phone
from tests.support.raw_phone import RawDialog, RawPhone
from tests.support.scene import Scene

ASKED = pytest.mark.parametrize("scene", [{"qualify_s": 60.0}], indirect=True)
pytestmark = ASKED
BOB = ("192.0.2.22", 5060)
FIRST_S = 30.0
"""The first question comes after half the interval, as tests draw no lots."""


@pytest.fixture(autouse=True)
def _stop_asking(scene: Scene):  # type: ignore[no-untyped-def]
    """Questions go on for ever; the look at what is left must not fall into one."""
    yield
    scene.exchange.core.qualify(QualifySettings(0.0), scene.clock.now())


def pull(scene: Scene, host: str) -> None:
    """Pull that telephone's network."""
    scene.network.drop = lambda packet: host in (packet.source[0], packet.target[0])


def plug(scene: Scene) -> None:
    """Put it back."""
    scene.network.drop = lambda packet: False


def answer_options(phone: RawPhone, status: int = 200) -> None:
    """Answer every question that has come."""
    while phone.has("OPTIONS"):
        phone.reply(phone.take("OPTIONS"), status, tag="o")


def state(scene: Scene, line: str = "bob") -> bool | None:
    (bound,) = [each for each in scene.exchange.core.registrar.bindings() if each.line == line]
    reach = scene.exchange.core.qualifier.reach(bound)
    assert reach is not None
    return reach.up


def refused_after(scene: Scene, caller: Phone, number: str = "102") -> float:
    """So many seconds after the INVITE the caller is told that nobody is there (FWD-4: an outage)."""
    began = scene.clock.now()
    call = caller.call(number)
    for _ in range(100):
        if call.refused:
            break
        scene.wait(0.1)
    assert call.refused == 480
    assert scene.exchange.records[-1].reason == "outage"
    return scene.clock.now() - began


def lose(scene: Scene, host: str = BOB[0]) -> None:
    """Let a telephone answer once, then pull its network until that is noticed."""
    scene.wait(61.0)
    assert state(scene) is True
    pull(scene, host)
    scene.wait(61.0 + 8.0)
    assert state(scene) is False


def test_fwd4_a_unregistered_is_an_outage_at_once(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.wait(61.0)
    bob.register(expires=0)
    scene.wait(0.1)
    assert refused_after(scene, alice) < 0.5
    assert len(scene.exchange.core.qualifier) == 1


def test_fwd4_b_a_pulled_network_is_an_outage_within_4_s_and_at_once_when_it_was_noticed(scene: Scene) -> None:
    alice, _ = scene.phone("alice"), scene.phone("bob")
    scene.wait(61.0)
    pull(scene, BOB[0])
    assert 3.5 < refused_after(scene, alice) <= 4.6
    scene.wait(70.0)
    assert state(scene) is False
    assert refused_after(scene, alice) < 0.5
    scene.network.log.clear()
    alice.call("102")
    scene.wait(0.1)
    assert not [packet for packet in scene.network.log if packet.start == "INVITE" and packet.target == BOB]


def test_two_questions_of_4_s_each_are_what_loses_a_telephone(scene: Scene) -> None:
    scene.phone("bob")
    scene.wait(61.0)
    assert state(scene) is True
    pull(scene, BOB[0])
    scene.network.log.clear()
    said: list[float] = []
    scene.exchange.core.qualifier.on_change = lambda bound, up, why: said.append(scene.clock.now())
    scene.wait(75.0)
    asked = [packet.at for packet in scene.network.log if packet.start == "OPTIONS"]
    first = asked[0]
    assert [round(at - first, 1) for at in asked if at < first + 8] == [0.0, 0.5, 1.5, 3.5, 4.0, 4.5, 5.5, 7.5]
    assert said == [pytest.approx(first + 8.0)]


def test_c_a_telephone_that_ignores_options_is_never_judged_by_it(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    scene.wait(300.0)
    assert bob.count("OPTIONS") >= 4
    assert state(scene) is None
    call = alice.call("102")
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 486, tag="b")
    scene.wait(0.1)
    assert call.refused == 486


@pytest.mark.parametrize("status", [200, 404, 405, 486, 501])
def test_any_final_answer_shows_that_it_lives(scene: Scene, status: int) -> None:
    bob = scene.raw("bob")
    scene.wait(FIRST_S)
    answer_options(bob, status)
    scene.wait(0.1)
    assert state(scene) is True


def test_d_a_lost_telephone_is_asked_every_10_s_and_back_when_it_answers(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    lose(scene)
    scene.network.log.clear()
    scene.wait(40.0)
    asked = [packet.at for packet in scene.network.log if packet.start == "OPTIONS" and packet.target == BOB]
    fresh = [at for before, at in zip([-10.0, *asked], asked, strict=False) if at - before > 4.0]
    assert len(fresh) == 4
    plug(scene)
    scene.wait(11.0)
    assert state(scene) is True
    scene.talking(alice, bob)[0].hang_up()
    scene.wait(0.5)


def test_d_it_is_back_at_once_when_it_registers_again(scene: Scene) -> None:
    scene.phone("alice")
    bob = scene.phone("bob")
    lose(scene)
    plug(scene)
    bob.register()
    scene.wait(0.1)
    assert state(scene) is True


def test_d_it_is_back_at_once_when_it_says_anything(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    scene.wait(FIRST_S)
    answer_options(bob)
    scene.wait(0.1)
    pull(scene, BOB[0])
    scene.wait(70.0)
    assert state(scene) is False
    plug(scene)
    bob.outside("OPTIONS", "sip:pbx.example.com")
    scene.wait(0.1)
    assert state(scene) is True
    call = alice.call("102")
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 486, tag="b")
    scene.wait(0.1)
    assert call.refused == 486


def test_of_two_telephones_the_lost_one_is_not_rung(scene: Scene) -> None:
    alice, _ = scene.phone("alice"), scene.phone("bob")
    second = scene.phone("bob", "192.0.2.32")
    scene.wait(61.0)
    pull(scene, BOB[0])
    scene.wait(70.0)
    scene.network.log.clear()
    call = alice.call("102")
    scene.wait(0.1)
    rung = {packet.target for packet in scene.network.log if packet.start == "INVITE"}
    assert rung == {scene.exchange.address, second.address}
    second.last.answer()
    scene.wait(0.1)
    call.hang_up()
    scene.wait(0.1)


def test_telephones_are_asked_evenly_after_a_restart(scene: Scene) -> None:
    for user in ("alice", "bob", "carol"):
        scene.phone(user)
    draws = iter((0.1, 0.5, 0.9))
    core = scene.exchange.core
    core.qualify(QualifySettings(0.0), scene.clock.now())
    core.qualifier.draw = lambda: next(draws)
    scene.network.log.clear()
    began = scene.clock.now()
    core.qualify(QualifySettings(60.0), began)
    scene.wait(60.0)
    at = [round(packet.at - began) for packet in scene.network.log if packet.start == "OPTIONS"]
    assert at == [6, 30, 54]


def test_nothing_of_it_outlives_a_crash(scene: Scene) -> None:
    scene.phone("bob")
    lose(scene)
    events = len(scene.exchange.events)
    scene.exchange.crash_and_restart(1.0)
    assert state(scene) is None
    assert len(scene.exchange.core.qualifier) == 1
    assert len(scene.exchange.events) == events


def test_a_held_up_exchange_does_not_judge(scene: Scene) -> None:
    """While it was stopped the answers waited in the kernel."""
    scene.phone("bob")
    scene.wait(61.0)
    scene.network.drop = lambda packet: packet.target == scene.exchange.address
    scene.network.log.clear()
    while not scene.network.sent("OPTIONS"):
        scene.wait(0.1)
    timers, now = scene.exchange.timers, scene.clock.now()
    timers.run(now + 30.0)
    timers.run(now + 60.0)
    assert state(scene) is True
    plug(scene)


def test_a_questions_way_is_that_of_a_call(scene: Scene) -> None:
    """RFC 3327: through the proxy, whose word about a telephone is not the telephone's."""
    bob = scene.raw("bob", register=False)
    scene.register(bob, "<sip:bob@10.0.0.7:5060>", ("Supported: path", "Path: <sip:192.0.2.22;lr>"))
    scene.wait(FIRST_S)
    question = bob.take("OPTIONS")
    assert question.uri == "sip:bob@10.0.0.7:5060"
    assert question.all("Route") == ["<sip:192.0.2.22;lr>"]
    bob.reply(question, 200, tag="o")
    scene.wait(60.0)
    assert state(scene) is True
    answer_options(bob, 408)
    scene.wait(0.1)
    assert state(scene) is False


def test_it_keeps_the_way_through_a_nat_open(scene: Scene) -> None:
    nat = Nat("198.51.100.7")
    scene.network.put_behind(nat, "10.0.0.7")
    bob = scene.phone("bob", "10.0.0.7")
    scene.wait(130.0)
    asked = [packet for packet in scene.network.log if packet.start == "OPTIONS"]
    assert {packet.target[0] for packet in asked} == {"198.51.100.7"}
    assert len(asked) == 2
    assert state(scene) is True
    assert bob.registrations[-1].status == 200


def test_a_lost_connection_shows_at_the_next_question(scene: Scene) -> None:
    """Behind NAT nobody but the telephone can connect."""
    scene.strict = False
    alice, bob = scene.phone("alice"), scene.raw("bob", register=False, transport="tcp")
    scene.register(bob, "<sip:bob@10.0.0.7:5060;transport=tcp>")
    scene.wait(FIRST_S)
    answer_options(bob)
    scene.wait(0.1)
    assert state(scene) is True
    scene.network.cut(bob.flow)
    assert refused_after(scene, alice) < 0.5
    scene.wait(61.0)
    assert state(scene) is False
    bob.reconnect()
    scene.register(bob, "<sip:bob@10.0.0.7:5060;transport=tcp>")
    assert state(scene) is True
    dialog = alice.call("102")
    scene.wait(0.1)
    invite = scene.taken(bob, "b")
    RawDialog.of_invite(bob, invite, "b").request("BYE")
    scene.wait(0.1)
    assert dialog.over


def test_off_is_off(scene: Scene) -> None:
    scene.exchange.core.qualify(QualifySettings(0.0), scene.clock.now())
    bob = scene.raw("bob")
    scene.wait(200.0)
    assert not bob.count("OPTIONS")
    assert len(scene.exchange.core.qualifier) == 0

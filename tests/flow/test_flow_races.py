"""Everything that may cross in one call, by paired endpoints under loss, duplication and reordering.

Two telephones on our own stack talk through the exchange over a network that loses, doubles and overtakes packets, each
case with several seeds. What has to be true is the same for all: the sides agree in the end, nothing is left, the
journal folds to the live state (`conftest.py`), and what was lost came back by repetition.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from switch.sip.leg_events import Lapsed, Lost, OfferRefusal
from switch.sip.session_timer import SessionSettings
from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene

SEEDS = range(3)
WEATHER = {"loss": 0.15, "duplicate": 0.15, "jitter_s": 0.06}
RELIABLE = ("Supported: 100rel",)
TIMER = ("Supported: timer", "Session-Expires: 90")


def town(scene: Scene, seed: int) -> tuple[Phone, Phone]:
    """Alice and Bob, signed in; then the weather begins."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    network = scene.network
    network._random.seed(seed)
    for name, value in WEATHER.items():
        setattr(network, name, value)
    return alice, bob


def called(scene: Scene, phone: Phone) -> PhoneCall:
    """The call that came, as soon as it has come."""
    for _ in range(200):
        if phone.calls:
            return phone.last
        scene.wait(0.1)
    raise AssertionError("the call never came")


def talking(scene: Scene, seed: int, extensions: tuple[str, ...] = ()) -> tuple[PhoneCall, PhoneCall]:
    alice, bob = town(scene, seed)
    alice.extensions = extensions
    if any("timer" in line for line in extensions):
        alice.sessions = SessionSettings(90)
    call = alice.call("102")
    answered = called(scene, bob)
    answered.answer()
    calm(scene, 20)
    assert call.up
    assert answered.up
    storm(scene)
    return call, answered


def calm(scene: Scene, seconds: float) -> None:
    """What was sent in the storm gets time to come through."""
    scene.network.loss = scene.network.duplicate = scene.network.jitter_s = 0.0
    scene.wait(seconds)


def storm(scene: Scene) -> None:
    for name, value in WEATHER.items():
        setattr(scene.network, name, value)


def over(scene: Scene, *calls: PhoneCall) -> None:
    """Both sides have ended, one way or another, and there is one record."""
    calm(scene, 40)
    for call in calls:
        assert call.over, call.events
    assert len(scene.exchange.records) == 1


def agree(scene: Scene, call: PhoneCall, answered: PhoneCall) -> None:
    """Both are up, nothing is under way, and a hold of either side passes; the call ends in order."""
    calm(scene, 40)
    for side in (call, answered):
        assert side.up
        assert not side.usage.offer_pending
        assert not side.got(Lost)
    (live,) = scene.exchange.calls
    for leg in live.legs.values():
        assert not leg.usage.offer_pending
        assert not leg.usage.needs_ack
    answered.offer("inactive")
    scene.wait(1)
    assert live.state.peer is not None
    assert live.legs[live.state.peer].sound.held
    call.hang_up()
    over(scene, call, answered)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("wish", ["", "Supported: 100rel", "Require: 100rel"])
@pytest.mark.parametrize("offer", [True, False])
def test_early_media_then_answer(scene: Scene, seed: int, wish: str, offer: bool) -> None:
    """18x, PRACKs, 200 and ACK get lost, doubled and overtaken; the call stands all the same."""
    alice, bob = town(scene, seed)
    alice.extensions = (wish,) if wish else ()
    bob.early = True
    call = alice.call("102", offer=offer)
    answered = called(scene, bob)
    scene.wait(0.7)
    answered.answer()
    storm(scene)
    scene.wait(8)
    agree(scene, call, answered)
    assert scene.exchange.record.result == "answered"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("moment_s", [0.0, 0.011, 0.021, 0.031, 0.3])
def test_cancel_crosses_everything(scene: Scene, seed: int, moment_s: float) -> None:
    """PRACK crossing CANCEL, 200 crossing CANCEL, 200 crossing CANCEL while a PRACK is awaited."""
    alice, bob = town(scene, seed)
    alice.extensions = RELIABLE
    bob.early = True
    call = alice.call("102")
    answered = called(scene, bob)
    answered.answer()
    scene.wait(moment_s)
    if call.up:
        call.hang_up()
    else:
        call.cancel()
    scene.wait(8)
    over(scene, call, answered)
    assert scene.exchange.record.result in ("answered", "cancelled")


Move = Callable[[PhoneCall], None]


def hold(side: PhoneCall) -> None:
    side.offer("sendonly")


def update(side: PhoneCall) -> None:
    if side.may_update():
        side.update("sendonly")


def ask(side: PhoneCall) -> None:
    side.offer(empty=True)


def taken_back(side: PhoneCall) -> None:
    side.offer("sendonly")
    side.usage.cancel_offer(side._now)
    side._drain()


def bye(side: PhoneCall) -> None:
    side.hang_up()


MOVES: list[Move] = [hold, update, ask, taken_back, bye]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("apart_s", [0.0, 0.02])
@pytest.mark.parametrize("second", MOVES)
@pytest.mark.parametrize("first", MOVES)
def test_two_moves_cross(scene: Scene, first: Move, second: Move, apart_s: float, seed: int) -> None:
    """UPDATE glare, re-INVITE glare, one against the other, offers that are taken back, BYE against all of them."""
    call, answered = talking(scene, seed)
    first(call)
    scene.wait(apart_s)
    if answered.up and not answered.usage.offer_pending:
        second(answered)
    scene.wait(5)
    if bye in (first, second) or not (call.up and answered.up):
        over(scene, call, answered)
    else:
        agree(scene, call, answered)
        refusals = call.got(OfferRefusal) + answered.got(OfferRefusal)
        assert all(refusal.status in (487, 491, 500) for refusal in refusals)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("move", MOVES)
def test_a_refresh_crosses_a_move(scene: Scene, move: Move, seed: int) -> None:
    """The session timer is due at 45 s; the move is made just then."""
    call, answered = talking(scene, seed, TIMER)
    (live,) = scene.exchange.calls
    timer = live.caller.usage.session
    assert timer is not None
    assert timer.timer is not None
    calm(scene, timer.timer.when - scene.clock.now() - 0.005)
    storm(scene)
    side = call if seed % 2 else answered
    if not side.usage.offer_pending:
        move(side)
    scene.wait(8)
    if move is bye:
        over(scene, call, answered)
    else:
        agree(scene, call, answered)
    assert not call.got(Lapsed)


@pytest.mark.parametrize("seed", SEEDS)
def test_refreshes_in_bad_weather(scene: Scene, seed: int) -> None:
    call, answered = talking(scene, seed, TIMER)
    scene.wait(900)
    assert len(scene.exchange.calls) == 1
    refreshes = scene.network.sent("UPDATE", scene.exchange.address)
    assert len(refreshes) > 17
    agree(scene, call, answered)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["200", "ACK", "PRACK", "183", "UPDATE"])
def test_the_first_copies_of_one_kind_are_all_lost(scene: Scene, kind: str, seed: int) -> None:
    """A retransmitted 200 after the ACK was lost, a retransmitted 18x after the PRACK was, and so on."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    alice.extensions = RELIABLE
    bob.early = True
    bob.rings = 183
    lost: dict[object, int] = {}

    def drop(packet: object) -> bool:
        if packet.start != kind:  # type: ignore[attr-defined]
            return False
        way = (packet.source, packet.target)  # type: ignore[attr-defined]
        lost[way] = lost.get(way, 0) + 1
        return lost[way] <= 1 + seed % 3

    scene.network.drop = drop
    call = alice.call("102")
    answered = called(scene, bob)
    scene.wait(6)
    answered.answer()
    scene.wait(12)
    assert call.up, call.events
    update(call)
    scene.wait(8)
    assert lost
    scene.network.drop = lambda packet: False
    agree(scene, call, answered)

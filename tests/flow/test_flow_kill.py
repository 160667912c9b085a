"""The exchange is killed at every single append to its journal, while something is under way: nothing hangs, nothing is
left, and every call has one end. Before the packets of that input have left, and after."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from config.compiled import TrunkAccount
from switch.sip.flow import Flow
from switch.sip.session_timer import SessionSettings
from tests.support.exchange import carrier
from tests.support.killer import Killer
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawPhone, Text, describe
from tests.support.scene import Scene

ONE, TWO = ("192.0.2.200", 5060), ("192.0.2.202", 5060)
RELIABLE = ("Supported: 100rel",)
ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"


def heard_early(scene: Scene, extensions: tuple[str, ...] = RELIABLE, offer: bool = True) -> PhoneCall:
    """Bob's telephone sends early media, reliably."""
    alice, bob = scene.phones
    alice.extensions = extensions
    bob.early = True
    bob.rings = 183
    call = alice.call("102", offer=offer)
    scene.wait(0.5)
    return call


def taken_and_over(scene: Scene, call: PhoneCall) -> None:
    bob = scene.phones[1]
    if bob.calls and bob.last.usage.pending_request is not None:
        bob.last.answer()
    scene.wait(3)
    if call.up:
        call.hang_up()


def prack_pending(scene: Scene) -> None:
    taken_and_over(scene, heard_early(scene))


def late_offer(scene: Scene) -> None:
    taken_and_over(scene, heard_early(scene, offer=False))


def early_update(scene: Scene) -> None:
    call = heard_early(scene, (*RELIABLE, ALLOW))
    bob = scene.phones[1]
    if bob.calls and bob.last.may_update():
        bob.last.update("sendonly")
    scene.wait(0.5)
    taken_and_over(scene, call)


def hold_by(what: str) -> Callable[[Scene], None]:
    def hold(scene: Scene) -> None:
        alice, bob = scene.phones
        alice.call("102")
        scene.wait(0.5)
        if bob.calls and bob.last.usage.pending_request is not None:
            bob.last.answer()
        scene.wait(0.5)
        for mine in (alice, bob):
            if mine.calls and mine.last.up and not mine.last.usage.offer_pending:
                if what == "update" and mine.last.may_update():
                    mine.last.update("sendonly")
                else:
                    mine.last.offer("sendonly", empty=what == "empty")
            scene.wait(2)
        scene.wait(10)
        for mine in (alice, bob):
            if mine.calls and mine.last.up:
                mine.last.hang_up()
                scene.wait(1)

    return hold


def refresh(scene: Scene) -> None:
    alice, bob = scene.phones
    alice.sessions = bob.sessions = SessionSettings(interval_s=90)
    alice.extensions = ("Supported: timer", "Session-Expires: 90;refresher=uas")
    alice.call("102")
    scene.wait(0.5)
    if bob.calls and bob.last.usage.pending_request is not None:
        bob.last.answer()
    scene.wait(200)
    if alice.last.up:
        alice.last.hang_up()


def other_family(scene: Scene) -> None:
    """Both sides go over to IPv6 sound, and one comes back."""
    alice, bob = scene.phones
    exchange = scene.exchange
    exchange.engine.more = ("2001:db8::5",)
    alice.call("102")
    scene.wait(0.5)
    if bob.calls and bob.last.usage.pending_request is not None:
        bob.last.answer()
    scene.wait(0.5)
    for mine, address in ((alice, "2001:db8::21"), (bob, "2001:db8::22"), (alice, "192.0.2.21")):
        if mine.calls and mine.last.up and not mine.last.usage.offer_pending:
            mine.last.version += 1
            mine.last.offer(body=describe(address, version=mine.last.version))
        scene.wait(2)
    scene.wait(10)
    for mine in (alice, bob):
        if mine.calls and mine.last.up:
            mine.last.hang_up()
            scene.wait(1)


class Host:
    """A carrier's host that acts by itself: `first` refuses an INVITE without credentials, or every one."""

    def __init__(self, scene: Scene, place: tuple[str, int], first: int = 0, *, every: bool = False) -> None:
        self.phone = RawPhone(scene.network, "carrier", place)
        self.first, self.every = first, every
        self.open: dict[str, Text] = {}
        scene.network.attach(place, self._react, self.phone._lost)

    def _react(self, data: bytes, flow: Flow, now: float) -> None:
        message = Text(data, flow)
        branch = message.get("Via").split("branch=")[1]
        if message.kind == "INVITE" and not message.tag("To"):
            if self.first and (self.every or not message.get("Proxy-Authorization")):
                asks = 'Proxy-Authenticate: Digest realm="c", nonce="n", qop="auth"'
                self.phone.reply(message, self.first, tag="no", headers=(asks,))
                return
            self.open[branch] = message
            self.phone.reply(message, 180, tag="yes")
            self.phone.reply(message, 200, describe(self.phone.address[0]), tag="yes")
        elif message.kind == "BYE":
            self.phone.reply(message, 200)
        elif message.kind == "CANCEL":
            self.phone.reply(message, 200 if branch in self.open else 481, tag="yes")


def hosts(status: int, *, every: bool) -> Callable[[Scene], None]:
    def by_carrier(scene: Scene) -> None:
        alice, _ = scene.phones
        scene.exchange.use_trunks(
            {
                "carrier": carrier(
                    "carrier", ONE, TWO, account=TrunkAccount(user="we", digest_user="we", secret="s", realms=("c",))
                )
            }
        )
        Host(scene, ONE, status, every=every)
        Host(scene, TWO, 407)
        call = alice.call("6692223333")
        scene.wait(40)
        if call.up:
            call.hang_up()

    return by_carrier


SCENARIOS = {
    "challenged INVITE": hosts(407, every=False),
    "second host": hosts(503, every=True),
    "IPv6": other_family,
    "prack": prack_pending,
    "late offer": late_offer,
    "early update": early_update,
    "hold by update": hold_by("update"),
    "hold by re-INVITE": hold_by("invite"),
    "re-INVITE without offer": hold_by("empty"),
    "refresh": refresh,
}


@pytest.mark.parametrize("mute", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_every_append(scenario: str, *, mute: bool) -> None:
    at = 0
    while True:
        at += 1
        scene = Scene()
        scene.phone("alice")
        scene.phone("bob")
        killer = Killer(scene, at, mute=mute)
        try:
            SCENARIOS[scenario](scene)
            scene.finish()
        except AssertionError as error:
            raise AssertionError(f"killed at append {at}") from error
        except Exception as error:
            raise AssertionError(f"killed at append {at}: {error!r}") from error
        if not killer.done:
            assert at > 4
            assert scene.exchange.record.result == "answered", "the scenario is not what it says"
            return

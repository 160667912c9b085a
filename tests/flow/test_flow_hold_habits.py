"""How telephones put a call on hold and take it back: every form that the makers send, answered by ourselves (MOH-1).

The telephone is one of text, which sends what the maker's does: direction and address of the description, by re-INVITE
or UPDATE, with an offer or asking for one. Whoever is held is told nothing, hears music, and the talk again afterwards.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text
from media.engine import Tune
from switch.sip.leg_events import Offer
from tests.support.exchange import house
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawDialog, RawPhone, Text
from tests.support.scene import PLACES, Scene

HERE = PLACES["alice"]
ANY = "0.0.0.0"


def sdp(
    way: str = "sendrecv",
    *,
    version: int = 2,
    address: str = "",
    port: int = 4000,
    formats: str = "0 8 101",
    above: bool = False,
    bare: bool = False,
    more: str = "",
) -> str:
    """A description. `above`: the direction stands before the streams; `bare`: it is not told at all; `address`:
    that of the stream, where it is not the telephone's own."""
    events = formats.split()[-1]
    lines = [
        "v=0",
        f"o=phone 77 {version} IN IP4 {HERE}",
        "s=-",
        f"c=IN IP4 {address or HERE}",
        "t=0 0",
        *([f"a={way}"] if above else []),
        f"m=audio {port} RTP/AVP {formats}",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        f"a=rtpmap:{events} telephone-event/8000",
        f"a=fmtp:{events} 0-16",
        *([] if above or bare else [f"a={way}"]),
    ]
    return "\r\n".join(lines) + "\r\n" + more


class Habit(NamedTuple):
    """What a telephone sends to hold and to resume: descriptions, and by which method. `answer` is what it must hear
    to its hold. `asks`: the first comes in the ACK, as its re-INVITE asks for an offer; `asks_back`: the second."""

    hold: str
    resume: str
    answer: str = "recvonly"
    method: str = "INVITE"
    asks: bool = False
    asks_back: bool = False


HABITS = {
    "yealink": Habit(sdp("sendonly"), sdp(version=3)),
    "yealink, RFC 2543": Habit(sdp("sendonly", address=ANY), sdp(version=3)),
    "snom": Habit(sdp("sendonly", formats="0 8 9 99 101"), sdp(version=3, formats="0 8 9 99 101")),
    "snom, inactive": Habit(sdp("inactive"), sdp(version=3), "inactive"),
    "polycom": Habit(sdp("sendonly", formats="0 101"), sdp(version=3, formats="0 8 101")),
    "polycom, RFC 2543": Habit(sdp("inactive", address=ANY), sdp(version=3), "inactive"),
    "grandstream": Habit(sdp("sendonly", formats="0 8 4 18 101"), sdp(version=3, port=4010)),
    "grandstream, other events": Habit(sdp("sendonly", formats="0 8 96"), sdp(version=3, formats="0 8 96")),
    "cisco": Habit(sdp("sendonly", port=16386), sdp(version=3, port=16388)),
    "cisco 79xx": Habit(sdp(address=ANY, bare=True), sdp(version=3, bare=True)),
    "cisco manager, asks": Habit(sdp("inactive"), sdp(version=3), "sendrecv", asks=True, asks_back=True),
    "asks, then says where it is not": Habit(sdp(address=ANY), sdp(version=3), "sendrecv", asks=True),
    "linphone": Habit(sdp("sendonly", formats="0 8 101"), sdp(version=3), method="UPDATE"),
    "linphone, inactive": Habit(sdp("inactive"), sdp(version=3), "inactive"),
    "baresip": Habit(sdp("sendonly"), sdp(version=3)),
    "pjsip": Habit(sdp("sendonly", more="a=ssrc:1234 cname:one\r\n"), sdp(version=3, more="a=ssrc:99 cname:two\r\n")),
    "pjsip, by update": Habit(sdp("inactive"), sdp(version=3), "inactive", "UPDATE"),
    "pjsip, resumes without an offer": Habit(sdp("sendonly"), sdp(version=3), asks_back=True),
    "above the streams": Habit(sdp("sendonly", above=True), sdp(version=3, above=True)),
    "the version stays": Habit(sdp("sendonly", version=1), sdp(version=1)),
    "other order": Habit(sdp("sendonly", formats="8 0 101"), sdp(version=3, formats="8 0 101")),
}


class Pair:
    """A call between the telephone of text and one of ours, which is the held one."""

    def __init__(self, scene: Scene, calls: bool) -> None:
        self.scene = scene
        self.raw: RawPhone = scene.raw("alice")
        bob = scene.phone("bob")
        if calls:
            self.dialog = RawDialog.authenticated(self.raw, "102", scene.wait, sdp(version=1))
            scene.wait(0.1)
            bob.last.answer()
            scene.wait(0.1)
            self.dialog.take_answer(self.raw.take(200))
            self.dialog.ack()
        else:
            bob.call("101")
            scene.wait(0.1)
            invite = self.raw.take("INVITE")
            self.raw.reply(invite, 200, sdp(version=1), tag="habit", headers=("Allow: INVITE, ACK, BYE, UPDATE",))
            scene.wait(0.1)
            self.dialog = RawDialog.of_invite(self.raw, invite, "habit")
            self.raw.take("ACK")
        scene.wait(0.1)
        self.other: PhoneCall = bob.last
        self.codec = self.heard_of_us()

    # -- what the telephone does --------------------------------------------------------------------------------

    def offers(self, body: str, method: str = "INVITE", *, asks: bool = False) -> Text:
        """It sends that; our answer. Where it asks for an offer, that is in our 200, and the body in its ACK."""
        self.dialog.request(method, "" if asks else body)
        self.scene.wait(0.1)
        answer = self.raw.take(200)
        if method == "INVITE":
            self.dialog.ack(body if asks else "")
        self.scene.wait(0.1)
        return answer

    def over(self, *, by: str = "raw") -> None:
        """Somebody hangs up."""
        if by == "raw":
            self.dialog.request("BYE")
            self.scene.wait(0.1)
            self.raw.take(200)
        else:
            self.other.hang_up()
            self.scene.wait(0.1)
            self.raw.reply(self.raw.take("BYE"), 200)
        self.scene.wait(0.1)
        assert self.other.over

    # -- what is so ---------------------------------------------------------------------------------------------

    @property
    def music(self) -> Tune | None:
        """What the other one hears of us."""
        return self.book(self.heard_of_us()).tune

    @property
    def joined(self) -> bool:
        """Whether they hear each other."""
        return len(self.scene.exchange.engine.joined()) == 1

    def heard_of_us(self) -> int:
        """Our port as the other one was told first."""
        line = next(each for each in self.other.offers[-1].split("\r\n") if each.startswith("m=audio"))
        return int(line.split(" ")[1])

    def book(self, port: int):
        """What the engine knows of a port."""
        return self.scene.exchange.engine.at(port)

    def assert_held(self) -> None:
        """The other one hears music, and was told nothing."""
        assert self.music is not None
        assert self.music.loop
        assert not self.joined
        assert not self.other.got(Offer)

    def assert_talking(self) -> None:
        """They hear each other, and the other one was told nothing."""
        assert self.music is None
        assert self.joined
        assert not self.other.got(Offer)


def way_of(answer: Text) -> str:
    """The direction that a description tells."""
    found = [
        line[2:] for line in answer.body.split("\r\n") if line[2:] in ("sendrecv", "sendonly", "recvonly", "inactive")
    ]
    return found[0] if found else "sendrecv"


@pytest.mark.parametrize("calls", [True, False], ids=["caller", "called"])
@pytest.mark.parametrize("maker", HABITS)
def test_each_makers_hold_and_resume(scene: Scene, maker: str, calls: bool) -> None:
    habit, pair = HABITS[maker], Pair(scene, calls)
    first = pair.offers(habit.hold, habit.method, asks=habit.asks)
    assert way_of(first) == habit.answer
    pair.assert_held()
    scene.wait(5.0)
    answer = pair.offers(habit.resume, habit.method, asks=habit.asks_back)
    assert way_of(answer) == "sendrecv"
    pair.assert_talking()
    mine = pair.book(answer.audio_port).remote
    assert mine is not None
    assert (mine.address, mine.port, mine.receive) == (HERE, port_in(habit.resume), True)
    pair.over()
    assert scene.exchange.record.legs[0 if calls else 1].held_s == pytest.approx(5.2, abs=0.3)


@pytest.mark.parametrize("by", ["raw", "other"])
@pytest.mark.parametrize("maker", ["yealink", "cisco 79xx", "cisco manager, asks"])
def test_hold_and_then_hang_up(scene: Scene, maker: str, by: str) -> None:
    habit, pair = HABITS[maker], Pair(scene, calls=True)
    pair.offers(habit.hold, habit.method, asks=habit.asks)
    pair.over(by=by)
    assert scene.exchange.record.reason in ("caller_hung_up", "callee_hung_up")


@pytest.mark.parametrize("maker", ["yealink", "polycom, RFC 2543", "linphone"])
def test_hold_over_and_over(scene: Scene, maker: str) -> None:
    habit, pair = HABITS[maker], Pair(scene, calls=True)
    for _ in range(4):
        pair.offers(habit.hold, habit.method)
        pair.assert_held()
        pair.offers(habit.hold, habit.method)  # a telephone that refreshes its session while it holds
        pair.assert_held()
        pair.offers(habit.resume, habit.method)
        pair.assert_talking()
    pair.over()


@pytest.mark.parametrize("first", [0, 1])
def test_both_at_once(scene: Scene, first: int) -> None:
    """Neither refuses the other's hold, whoever lets go first."""
    pair = Pair(scene, calls=True)
    pair.dialog.request("INVITE", sdp("sendonly"))
    pair.other.hold()
    scene.wait(0.2)
    assert way_of(pair.raw.take(200)) == "recvonly"
    pair.dialog.ack()
    scene.wait(0.1)
    assert not pair.raw.has("INVITE")
    assert not pair.joined
    steps = [lambda: pair.offers(sdp(version=3)), pair.other.resume]
    for step in steps if first == 0 else reversed(steps):
        assert not pair.joined
        step()
        scene.wait(0.2)
    assert pair.music is None
    assert pair.joined
    pair.over()


def test_a_hold_that_crosses_a_bye(scene: Scene) -> None:
    pair = Pair(scene, calls=True)
    pair.dialog.request("INVITE", sdp("sendonly"))
    pair.other.hang_up()
    scene.wait(0.2)
    bye = pair.raw.take("BYE")
    pair.raw.reply(bye, 200)
    if pair.raw.has(200):
        pair.dialog.ack()
    scene.wait(0.2)
    assert not scene.exchange.calls


def test_hold_while_the_target_of_a_transfer_rings(scene: Scene) -> None:
    """Alice has Bob on hold and calls Carol, who rings: Bob goes on hearing music, and either call may end first."""
    pair = Pair(scene, calls=True)
    carol = scene.phone("carol")
    pair.offers(sdp("sendonly"))
    second = RawDialog.authenticated(pair.raw, "103", scene.wait, sdp(version=1, port=4020))
    scene.wait(0.2)
    pair.assert_held()
    assert not carol.last.over
    second.cancel()
    scene.wait(0.2)
    pair.raw.take(200)
    second.ack_refusal(pair.raw.take(487))
    pair.assert_held()
    pair.offers(sdp(version=3))
    pair.assert_talking()
    pair.over()


@pytest.mark.parametrize("maker", ["yealink", "cisco 79xx", "cisco manager, asks", "linphone"])
def test_a_crash_while_on_hold(scene: Scene, maker: str) -> None:
    habit, pair = HABITS[maker], Pair(scene, calls=True)
    pair.offers(habit.hold, habit.method, asks=habit.asks)
    scene.exchange.crash_and_restart(1.0)
    scene.wait(0.2)
    assert pair.music is not None
    pair.offers(habit.resume, habit.method, asks=habit.asks_back)
    pair.assert_talking()
    pair.over()


def test_resume_with_another_codec_is_passed_on_or_transcoded(scene: Scene) -> None:
    """Back with PCMA alone, where PCMU was talked: both hear each other all the same."""
    pair = Pair(scene, calls=True)
    pair.offers(sdp("sendonly"))
    pair.assert_held()
    pair.dialog.request("INVITE", sdp(version=3, formats="8 101"))
    scene.wait(0.3)
    answer = pair.raw.take(200)
    pair.dialog.ack()
    scene.wait(0.2)
    assert "m=audio" in answer.body
    assert " 8" in next(line for line in answer.body.split("\r\n") if line.startswith("m=audio"))
    assert way_of(answer) == "sendrecv"
    assert pair.joined
    pair.over()


def test_a_stream_that_is_switched_off_is_no_reason_to_hang_up(scene: Scene) -> None:
    """`m=audio 0` (RFC 3264 section 8.2): answered, or refused with 488; the call goes on either way."""
    pair = Pair(scene, calls=True)
    pair.dialog.request("INVITE", sdp("sendonly", port=0))
    scene.wait(0.2)
    (answer,) = [each for each in pair.raw.inbox if each.kind in ("200", "488")]
    pair.raw.inbox.clear()
    pair.dialog.ack() if answer.kind == "200" else pair.dialog.ack_refusal(answer)
    scene.wait(0.2)
    assert pair.other.up
    pair.offers(sdp(version=3))
    pair.assert_talking()
    pair.over()


def board() -> m.Model:
    """The house with a conference at 700."""
    model = house()
    return m.versioned(
        structs.replace(
            model,
            extensions={**model.extensions, "700": of_text("conference:board")},
            conferences={"board": groups.Conference(id="board", announce="none")},
        )
    )


@pytest.mark.parametrize("scene", [{"model": board()}], indirect=True)
@pytest.mark.parametrize("maker", HABITS)
def test_each_makers_hold_in_a_conference(scene: Scene, maker: str) -> None:
    """Who holds stays in the room, which hears no music of his, and is back where he was."""
    habit, phone = HABITS[maker], scene.raw("alice")
    dialog = RawDialog.authenticated(phone, "700", scene.wait, sdp(version=1))
    scene.wait(0.2)
    dialog.take_answer(phone.take(200))
    dialog.ack()
    scene.wait(3.0)
    for body, asks in ((habit.hold, habit.asks), (habit.resume, habit.asks_back)):
        dialog.request(habit.method, "" if asks else body)
        scene.wait(0.1)
        answer = phone.take(200)
        if habit.method == "INVITE":
            dialog.ack(body if asks else "")
        scene.wait(1.0)
        book = scene.exchange.engine.at(answer.audio_port)
        assert book.room
        assert book.tune is None
        assert book.remote is not None
        assert book.remote.receive is (body is habit.resume)
    assert way_of(answer) == "sendrecv"
    dialog.request("BYE")
    scene.wait(0.1)
    phone.take(200)


@pytest.mark.parametrize(("way", "ours"), [("sendonly", False), ("inactive", True)])
def test_a_carrier_that_holds_plays_its_own_music_if_it_sends_any(scene: Scene, way: str, ours: bool) -> None:
    carrier, bob = scene.carrier(), scene.phone("bob")
    dialog = RawDialog.call(carrier, "102", sdp(version=1))
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    dialog.take_answer(carrier.take(200))
    dialog.ack()
    scene.wait(0.1)
    engine = scene.exchange.engine
    for body, held in ((sdp(way), True), (sdp(version=3), False)):
        dialog.request("INVITE", body)
        scene.wait(0.1)
        carrier.take(200)
        dialog.ack()
        scene.wait(0.1)
        assert bool(engine.joined()) == (not (held and ours))
        assert any(book.tune is not None for book in engine.legs.values()) == (held and ours)
        assert not bob.last.got(Offer)
    dialog.request("BYE")
    scene.wait(0.1)
    carrier.take(200)


def test_the_echo_number_may_be_put_on_hold(scene: Scene) -> None:
    alice = scene.raw("alice")
    dialog = RawDialog.authenticated(alice, "600", scene.wait, sdp(version=1))
    scene.wait(0.1)
    dialog.take_answer(alice.take(200))
    dialog.ack()
    for body, way in ((sdp("sendonly"), "recvonly"), (sdp(address=ANY), "sendrecv"), (sdp(version=4), "sendrecv")):
        dialog.request("INVITE", body)
        scene.wait(0.1)
        answer = alice.take(200)
        dialog.ack()
        assert way_of(answer) in (way, "recvonly")
    dialog.request("BYE")
    scene.wait(0.1)
    alice.take(200)


def port_in(body: str) -> int:
    """The port of its audio stream."""
    return int(body.partition("m=audio ")[2].split(" ")[0])

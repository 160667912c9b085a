"""Hold is answered by ourselves: the other side is left alone and hears the holder's music until he is back (MOH-1)."""

from __future__ import annotations

import pytest

from media.engine import PlayEnded, Tune
from switch.sip.leg_events import Offer
from tests.support.phone import PhoneCall
from tests.support.scene import Scene


def talking(scene: Scene) -> tuple[PhoneCall, PhoneCall]:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    bob.last.answer()
    scene.wait()
    return call, bob.last


def heard(scene: Scene, side: PhoneCall) -> Tune | None:
    """What plays to that telephone."""
    return scene.book(side).tune


@pytest.mark.parametrize("way", ["sendonly", "inactive"])
@pytest.mark.parametrize("holder", [0, 1])
def test_the_held_side_hears_music_until_it_is_taken_back(scene: Scene, holder: int, way: str) -> None:
    sides = talking(scene)
    mine, theirs = sides[holder], sides[1 - holder]
    mine.offer(way, formats=mine.formats)
    scene.wait()
    assert f"a={'recvonly' if way == 'sendonly' else 'inactive'}" in mine.offers[-1]
    assert not theirs.got(Offer)
    music = heard(scene, theirs)
    assert music is not None
    assert music.loop
    assert heard(scene, mine) is None
    assert scene.exchange.engine.joined() == set()
    scene.wait(10)
    mine.resume()
    scene.wait()
    assert heard(scene, theirs) is None
    assert len(scene.exchange.engine.joined()) == 1
    mine.hang_up()
    scene.wait()
    record = scene.exchange.record
    assert record.legs[holder].held_s == pytest.approx(10.5, abs=0.6)
    assert record.legs[1 - holder].held_s == 0


def test_both_hold_and_nobody_hears_anything(scene: Scene) -> None:
    call, answered = talking(scene)
    call.hold()
    scene.wait()
    answered.hold()
    scene.wait()
    call.resume()
    scene.wait()
    assert heard(scene, call) is not None
    assert heard(scene, answered) is None
    answered.resume()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()
    scene.wait()


def test_resume_by_an_offer_that_is_asked_for(scene: Scene) -> None:
    """Many telephones take a call back by a re-INVITE without a description: it is offered both ways again."""
    call, answered = talking(scene)
    call.hold()
    scene.wait()
    call.way = "sendrecv"
    call.offer(empty=True)
    scene.wait()
    assert "a=sendrecv" in call.offers[-1]
    assert not answered.got(Offer)
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()
    scene.wait()


def test_music_that_cannot_be_played_gives_way_to_the_exchanges_own(scene: Scene) -> None:
    call, answered = talking(scene)
    scene.exchange.core.directory.hold_music = lambda target: ("file:gone.wav",) if target else ("tone:440:300",)
    call.hold()
    scene.wait()
    music = heard(scene, answered)
    assert music == Tune(("file:gone.wav",), loop=True)
    scene.exchange.tell(PlayEnded(scene.book(answered).lease.leg, 0, ("file:gone.wav",)))
    scene.wait()
    assert heard(scene, answered) == Tune(("tone:440:300",), loop=True)
    call.hang_up()
    scene.wait()


def test_hold_outlives_a_crash(scene: Scene) -> None:
    call, answered = talking(scene)
    call.hold()
    scene.wait()
    scene.exchange.crash_and_restart()
    scene.wait()
    assert heard(scene, answered) is not None
    call.resume()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()
    scene.wait()

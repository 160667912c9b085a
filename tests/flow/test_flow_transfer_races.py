"""What happens at the same time as a transfer: packets that cross, are lost or come late, on both sides' telephones."""

from __future__ import annotations

import itertools

import pytest

from tests.support.phone import PhoneCall
from tests.support.scene import Scene


class Trio:
    """Alice has called Bob, and they talk. Carol waits."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.alice, self.bob, self.carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
        self.call, self.answered = scene.talking(self.alice, self.bob)

    def joined(self, one: PhoneCall, other: PhoneCall) -> bool:
        ports = {frozenset((each.phone.address[0], 4000) for each in (one, other))}
        return self.scene.exchange.engine.joined() == ports

    def carol_answers(self) -> None:
        self.carol.last.answer()
        self.scene.wait()
        assert self.joined(self.call, self.carol.last)

    def end(self) -> None:
        self.call.hang_up()
        self.scene.wait(1)


@pytest.fixture
def trio(scene: Scene) -> Trio:
    return Trio(scene)


@pytest.mark.parametrize("first", ["hold", "refer"])
def test_hold_and_refer_cross(scene: Scene, trio: Trio, first: str) -> None:
    """Most telephones hold before they refer; one in a hurry does both at once."""
    for each in ("hold", "refer") if first == "hold" else ("refer", "hold"):
        if each == "hold":
            trio.answered.hold()
        else:
            trio.answered.refer("103")
    scene.wait()
    assert trio.answered.referred == [202]
    trio.carol_answers()
    assert trio.answered.over
    trio.end()


def test_the_one_who_stays_holds_while_the_target_rings(scene: Scene, trio: Trio) -> None:
    trio.answered.refer("103")
    scene.wait(0.1)
    trio.call.hold()
    scene.wait()
    trio.call.resume()
    scene.wait()
    trio.carol_answers()
    trio.end()


def test_who_stays_holds_and_is_transferred_so(scene: Scene, trio: Trio) -> None:
    """Then the target hears music, until he comes back."""
    trio.call.hold()
    scene.wait()
    trio.answered.refer("103")
    scene.wait()
    trio.carol.last.answer()
    scene.wait()
    assert scene.exchange.engine.joined() == set()
    trio.call.resume()
    scene.wait()
    assert trio.joined(trio.call, trio.carol.last)
    trio.end()


def test_a_reinvite_of_the_target_meets_the_news_of_who_it_is(scene: Scene, trio: Trio) -> None:
    """Glare: the UPDATE that tells Alice, and her own re-INVITE."""
    trio.answered.refer("103")
    scene.wait()
    trio.carol.last.answer()
    trio.call.offer("sendrecv")
    scene.wait(6)
    assert trio.call.up
    assert trio.joined(trio.call, trio.carol.last)
    assert trio.call.shown[-1].startswith('"Carol"')
    trio.end()


def test_the_transferor_and_the_target_at_the_same_instant(scene: Scene, trio: Trio) -> None:
    """His BYE and her answer cross."""
    trio.answered.refer("103")
    scene.wait()
    trio.carol.last.answer()
    trio.answered.hang_up()
    scene.wait()
    assert trio.joined(trio.call, trio.carol.last)
    trio.end()
    assert [each.outcome for each in scene.exchange.record.transfers] == ["done"]


def test_who_stays_and_the_target_at_the_same_instant(scene: Scene, trio: Trio) -> None:
    trio.answered.refer("103")
    scene.wait()
    trio.call.hang_up()
    trio.carol.last.answer()
    scene.wait(1)
    assert trio.carol.last.over
    assert trio.answered.over


def test_nobody_is_registered_where_it_goes(scene: Scene, trio: Trio) -> None:
    trio.carol.register(expires=0)
    scene.wait()
    trio.answered.refer("103")
    scene.wait()
    assert trio.answered.outcome.startswith("SIP/2.0 480")
    assert trio.joined(trio.call, trio.answered)
    trio.end()


def test_the_second_call_is_cancelled_as_the_refer_comes(scene: Scene, trio: Trio) -> None:
    """Semi-attended, and the telephone gives its own call up first: 481, and the first call stands."""
    second = trio.bob.call("103")
    scene.wait()
    tag = scene.exchange.calls[-1].id
    second.cancel()
    trio.answered.transfer_to(second, tag)
    scene.wait()
    assert trio.answered.outcome == "SIP/2.0 481 Call/Transaction Does Not Exist"
    assert trio.carol.last.over
    assert trio.joined(trio.call, trio.answered)
    trio.end()


def test_the_target_answers_as_the_refer_of_a_semi_attended_transfer_comes(scene: Scene, trio: Trio) -> None:
    """It is an attended one, then."""
    second = trio.bob.call("103")
    scene.wait()
    tag = scene.exchange.calls[-1].id
    first = trio.carol.last
    first.answer()
    trio.answered.transfer_to(second, tag)
    scene.wait(1)
    assert trio.answered.outcome == "SIP/2.0 200 OK"
    assert second.over or second.refused
    assert trio.joined(trio.call, first)
    trio.end()


def test_the_target_is_asked_something_when_it_is_to_move(scene: Scene, trio: Trio) -> None:
    """Attended, and the target's own re-INVITE is under way: it is waited for."""
    second = trio.bob.call("103")
    scene.wait()
    trio.carol.last.answer()
    scene.wait()
    trio.carol.last.hold()
    trio.answered.transfer_to(second)
    scene.wait(1)
    assert trio.answered.outcome == "SIP/2.0 200 OK"
    trio.carol.last.resume()
    scene.wait(1)
    assert trio.joined(trio.call, trio.carol.last)
    trio.end()


@pytest.mark.parametrize("kind", ["REFER", "202", "NOTIFY", "BYE", "UPDATE"])
def test_packets_are_lost_once(scene: Scene, trio: Trio, kind: str) -> None:
    left = itertools.count(1)
    scene.network.drop = lambda packet: packet.start == kind and next(left) <= 1
    trio.answered.refer("103")
    scene.wait(2)
    trio.carol.last.answer()
    scene.wait(4)
    assert next(left) > 1, "one was lost"
    assert trio.answered.referred == [202]
    assert trio.answered.over
    assert trio.joined(trio.call, trio.carol.last)
    trio.end()


def test_the_transferors_telephone_has_died(scene: Scene, trio: Trio) -> None:
    """Nothing of his comes any more: the transfer is done without him."""
    trio.answered.refer("103")
    scene.wait(0.1)
    scene.strict = False
    dead = trio.bob.address
    scene.network.drop = lambda packet: dead in (packet.source, packet.target)
    scene.wait(1)
    trio.carol_answers()
    scene.wait(40)
    assert trio.joined(trio.call, trio.carol.last)
    trio.end()

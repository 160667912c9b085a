"""After a restart our sequence numbers and the versions of our descriptions jump ahead, so that none needs an event of
its own (issue 6: crash recovery): requests are taken from both sides, whatever was sent before without a word."""

from __future__ import annotations

import re

import pytest

from records import events as e
from switch.calls.state import AHEAD
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, MESSAGE, REFER, NOTIFY"


def numbers(text: Text) -> tuple[int, int]:
    """Its CSeq, and the version of the description in it."""
    found = re.search(r"o=ringplan \d+ (\d+) ", text.body)
    return int(text.get("CSeq").split()[0]), int(found[1]) if found else 0


class Talk:
    """Alice, in text, has called Bob, and they talk."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.alice: RawPhone = scene.raw("alice")
        self.bob = scene.phone("bob")
        self.dialog = RawDialog.authenticated(self.alice, "102", scene.wait, headers=(ALLOW,))
        scene.wait(0.1)
        self.bob.last.answer()
        scene.wait(0.1)
        ok = self.alice.take(200)
        self.dialog.take_answer(ok)
        self.dialog.ack()
        self.version = 1
        scene.wait(40.0)

    def asked(self, way: str) -> tuple[int, int]:
        """Bob changes something, and Alice hears of it."""
        self.bob.last.offer(way)
        self.scene.wait(0.1)
        asked = self.alice.take("INVITE")
        self.version += 1
        answer = "recvonly" if way == "sendonly" else "sendrecv"
        self.alice.reply(asked, 200, describe(self.alice.address[0], version=self.version, way=answer))
        self.scene.wait(0.1)
        self.alice.take("ACK")
        return numbers(asked)

    def asks(self) -> int:
        """Alice changes something; the version that she is answered."""
        self.version += 1
        self.dialog.request("INVITE", describe(self.alice.address[0], 4000 + 2 * self.version, version=self.version))
        self.scene.wait(0.2)
        ok = self.alice.take(200)
        self.dialog.ack()
        self.scene.wait(0.1)
        return numbers(ok)[1]


@pytest.mark.parametrize("crashes", [1, 3])
def test_requests_of_both_sides_are_taken_after_a_crash(scene: Scene, crashes: int) -> None:
    talk = Talk(scene)
    cseq, version = talk.asked("sendonly")
    for _ in range(crashes):
        scene.exchange.crash_and_restart(1.0)
        after_cseq, after = talk.asked("sendrecv")
        assert after_cseq > cseq + AHEAD // 2 and after - version >= AHEAD
        answered = talk.asks()
        assert answered >= after
        cseq, version = talk.asked("sendonly")
        assert cseq > after_cseq and version >= answered
    talk.bob.last.hang_up()
    scene.wait(0.1)
    bye = talk.alice.take("BYE")
    assert numbers(bye)[0] == cseq + 1
    talk.alice.reply(bye, 200)
    scene.wait()
    assert talk.bob.last.over


def test_what_was_sent_without_a_word_in_the_journal_is_jumped_over(scene: Scene) -> None:
    """As NOTIFYs, MESSAGEs and challenged requests are; so is the BYE that is said once more."""
    talk = Talk(scene)
    (call,) = scene.exchange.calls
    leg = call.legs[0]
    count = len(scene.exchange.events)
    for _ in range(AHEAD // 2 - 1):
        leg.usage.dialog.next_cseq()
    leg.record_dialog()
    assert len(scene.exchange.events) == count
    sent = leg.usage.dialog.local_cseq
    scene.exchange.crash_and_restart(1.0)
    cseq, _ = talk.asked("sendonly")
    assert cseq > sent
    (call,) = scene.exchange.calls
    assert scene.exchange.hang_up(call)
    scene.exchange.crash_and_restart()
    scene.wait(0.1)
    first, second = talk.alice.take("BYE"), talk.alice.take("BYE")
    assert numbers(second)[0] > numbers(first)[0] + AHEAD // 2 > cseq + AHEAD // 2
    talk.alice.reply(first, 200)
    talk.alice.reply(second, 481)
    scene.wait()


def test_so_many_are_not_sent_without_a_word_that_a_jump_would_not_do(scene: Scene) -> None:
    talk = Talk(scene)
    (call,) = scene.exchange.calls
    leg = call.legs[0]
    for _ in range(AHEAD // 2 + 1):
        leg.usage.dialog.next_cseq()
    talk.asks()
    moved = [event for event in scene.exchange.events if isinstance(event, e.LegMoved) and event.leg == 0]
    assert moved[-1].dialog.local_cseq == leg.usage.dialog.local_cseq
    talk.bob.last.hang_up()
    scene.wait(0.1)
    talk.alice.reply(talk.alice.take("BYE"), 200)
    scene.wait()


def test_a_re_invite_that_changes_nothing_of_the_dialog_is_no_event_of_it(scene: Scene) -> None:
    talk = Talk(scene)
    talk.asked("sendonly")
    talk.asks()
    assert not [event for event in scene.exchange.events if isinstance(event, e.LegMoved)]
    talk.dialog.request("BYE")
    scene.wait()
    talk.alice.take(200)

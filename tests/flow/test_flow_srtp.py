"""A telephone with SRTP (SDES, RFC 4568): each leg for itself, and no key in the journal, also over a crash."""

from __future__ import annotations

import base64
import re

import pytest

from media.engine import Remote
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

SUITE = "AES_CM_128_HMAC_SHA1_80"
HERS = bytes(range(30))


def secure(address: str, way: str = "sendrecv", version: int = 1, key: bytes = HERS, proto: str = "SAVP") -> str:
    """A description with a key."""
    line = f"a=crypto:1 {SUITE} inline:{base64.b64encode(key).decode()}|2^20\r\n"
    return describe(address, way=way, version=version, formats="0 8 101", more=line).replace("RTP/AVP", f"RTP/{proto}")


def key_in(text: Text) -> bytes:
    found = re.search(r"a=crypto:1 (\S+) inline:(\S+)", text.body)
    assert found is not None, text.body
    assert found[1] == SUITE
    return base64.b64decode(found[2])


def far(scene: Scene, phone: RawPhone) -> Remote:
    """What the engine was told of a telephone."""
    remotes = [book.remote for book in scene.exchange.engine.legs.values()]
    (found,) = [each for each in remotes if each is not None and each.address == phone.address[0]]
    return found


def talk(scene: Scene, **body: str) -> tuple[RawPhone, RawDialog, RawPhone, Text]:
    """Alice with SRTP has called Bob, who knows nothing of it; and our answer to her."""
    alice, bob = scene.raw("alice"), scene.raw("bob")
    dialog = RawDialog.authenticated(alice, "102", scene.wait, body=secure(alice.address[0], **body))  # type: ignore[arg-type]
    scene.wait(0.1)
    invite = bob.take("INVITE")
    assert "crypto" not in invite.body and " RTP/AVP " in invite.body
    bob.reply(invite, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    answer = alice.take(200)
    dialog.take_answer(answer)
    dialog.ack(cseq=2)
    scene.wait(0.1)
    return alice, dialog, bob, answer


def over(scene: Scene, dialog: RawDialog, bob: RawPhone) -> None:
    dialog.request("BYE")
    scene.wait(0.1)
    bob.reply(bob.take("BYE"), 200)
    scene.wait(0.1)
    scene.finish()


@pytest.mark.parametrize("proto", ["SAVP", "AVP"])
def test_the_leg_has_keys_and_the_other_has_none(proto: str) -> None:
    """Also of who only offers to encrypt (RFC 8643)."""
    scene = Scene()
    alice, dialog, bob, answer = talk(scene, proto=proto)
    assert f" RTP/{proto} " in answer.body
    keys = far(scene, alice).keys
    assert keys is not None
    assert (keys.suite, keys.send, keys.receive) == (SUITE, key_in(answer), HERS)
    assert far(scene, bob).keys is None
    over(scene, dialog, bob)


def test_hold_keeps_our_key_and_takes_hers() -> None:
    scene = Scene()
    alice, dialog, bob, answer = talk(scene)
    again = HERS[::-1]
    dialog.request("INVITE", body=secure(alice.address[0], "sendonly", 2, again))
    scene.wait(0.1)
    held = alice.take(200)
    dialog.ack()
    scene.wait(0.1)
    assert key_in(held) == key_in(answer)
    keys = far(scene, alice).keys
    assert keys is not None
    assert (keys.send, keys.receive) == (key_in(answer), again)
    over(scene, dialog, bob)


def test_a_crash_leaves_the_keys_to_the_worker_and_the_next_description_has_new_ones() -> None:
    scene = Scene()
    alice, dialog, bob, answer = talk(scene)
    told = repr([event for _, events, _ in scene.exchange.journal.read() for event in events])
    for key in (HERS, key_in(answer)):
        assert base64.b64encode(key).decode() not in told
        assert repr(key)[2:-1] not in told
    assert "inline:-" in told  # the descriptions are there
    scene.wait(60)
    before = far(scene, alice)
    assert before.keys is not None
    scene.exchange.crash_and_restart()
    scene.wait(0.1)
    assert far(scene, alice) == before
    dialog.request("INVITE", body=secure(alice.address[0], version=2))
    scene.wait(0.1)
    fresh = alice.take(200)
    dialog.ack()
    scene.wait(0.1)
    assert key_in(fresh) != key_in(answer)
    assert version_of(fresh) == version_of(answer) + 1001
    keys = far(scene, alice).keys
    assert keys is not None
    assert keys.send == key_in(fresh)
    over(scene, dialog, bob)


def test_a_crash_just_after_the_answer_asks_for_keys_anew() -> None:
    """The 200 is repeated, as it may never have come; nobody knows which key she has then, so both tell new ones."""
    scene = Scene()
    alice, dialog, bob, answer = talk(scene)
    scene.exchange.crash_and_restart()
    scene.wait(0.1)
    again = alice.take(200)
    assert len(key_in(again)) == 30
    assert key_in(again) != key_in(answer)
    dialog.ack(cseq=2)
    scene.wait(0.1)
    offer = alice.take("INVITE")
    assert version_of(offer) == version_of(answer) + 1001
    alice.reply(offer, 200, secure(alice.address[0], version=2, key=HERS[::-1]))
    scene.wait(0.1)
    alice.take("ACK")
    keys = far(scene, alice).keys
    assert keys is not None
    assert (keys.send, keys.receive) == (key_in(offer), HERS[::-1])
    over(scene, dialog, bob)


def version_of(text: Text) -> int:
    found = re.search(r"o=ringplan \d+ (\d+) ", text.body)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    "line",
    ["", f"a=crypto:1 {SUITE} inline:c2hvcnQ=\r\n", f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{'A' * 60}\r\n"],
)
def test_without_a_key_that_we_can_use_it_is_refused(line: str) -> None:
    scene = Scene()
    alice = scene.raw("alice")
    body = describe(alice.address[0], more=line).replace("RTP/AVP", "RTP/SAVP")
    dialog = RawDialog.authenticated(alice, "102", scene.wait, body=body)
    scene.wait(0.1)
    dialog.ack_refusal(alice.take(488))
    scene.wait(0.1)
    scene.finish()


def called(srtp: str) -> tuple[Scene, RawDialog, RawPhone, Text]:
    """Alice calls Bob, whose telephone is offered SRTP."""
    scene = Scene()
    scene.exchange.core.directory.srtp = {"bob": srtp}
    alice, bob = scene.raw("alice"), scene.raw("bob")
    dialog = RawDialog.authenticated(alice, "102", scene.wait)
    scene.wait(0.1)
    return scene, dialog, bob, bob.take("INVITE")


@pytest.mark.parametrize(("srtp", "proto"), [("offered", "AVP"), ("required", "SAVP")])
def test_a_telephone_that_is_to_be_offered_srtp(srtp: str, proto: str) -> None:
    scene, dialog, bob, invite = called(srtp)
    assert f" RTP/{proto} " in invite.body
    ours = key_in(invite)
    bob.reply(invite, 200, secure(bob.address[0], proto=proto), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    answer = dialog.phone.take(200)
    assert "crypto" not in answer.body
    dialog.take_answer(answer)
    dialog.ack(cseq=2)
    scene.wait(0.1)
    keys = far(scene, bob).keys
    assert keys is not None
    assert (keys.send, keys.receive) == (ours, HERS)
    over(scene, dialog, bob)


def test_offered_and_not_taken_it_is_plain() -> None:
    scene, dialog, bob, invite = called("offered")
    bob.reply(invite, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    dialog.take_answer(dialog.phone.take(200))
    dialog.ack(cseq=2)
    scene.wait(0.1)
    told = far(scene, bob)
    assert told.keys is None
    assert told.send and told.receive
    over(scene, dialog, bob)


def test_required_and_not_taken_there_is_no_call() -> None:
    scene, dialog, bob, invite = called("required")
    bob.reply(invite, 200, describe(bob.address[0]).replace("RTP/AVP", "RTP/SAVP"), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    bob.reply(bob.take("BYE"), 200)
    dialog.ack_refusal(dialog.phone.take(488))
    scene.wait(0.1)
    scene.finish()

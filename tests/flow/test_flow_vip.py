"""VIP stages and delegates on live telephones (VIP-3 to VIP-6, DRC-1, DRC-3, XRL-6)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import user
from dialplan.lines import Delegate, Forwards, Others, Vip
from tests.support.exchange import changed, house
from tests.support.raw_phone import describe
from tests.support.scene import Scene

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def screened(vip: Vip | None, **bob: Any) -> m.Model:
    """Bob has Carol for a delegate."""
    return changed(house(), bob={"vip": vip, "delegates": (Delegate(line="carol"),), **bob})


def stages(others: Others, **more: Any) -> Vip:
    return Vip(others=others, stage_s=10.0, **more)


def test_delegates_ring_along_and_see_for_whom() -> None:
    """DRC-1, DRC-3: the delegator's line stays the called one."""
    scene = Scene(model=screened(None))
    alice, bob, carol = scene.phone("alice"), scene.raw("bob"), scene.raw("carol")
    call = alice.call("102")
    scene.wait(0.1)
    mine, hers = bob.take("INVITE"), carol.take("INVITE")
    here = scene.exchange.address[0]
    assert mine.get("From").startswith(f'"Alice" <sip:101@{here}>')
    assert hers.get("From").startswith(f'"Alice (for Bob)" <sip:101@{here}>')
    assert hers.get("P-Asserted-Identity") == f'"Alice (for Bob)" <sip:101@{here}>'
    assert hers.get("To") == f"<sip:102@{here}>"
    assert hers.get("P-Called-Party-ID") == f'"Bob" <sip:102@{here}>'
    assert not mine.get("P-Called-Party-ID")
    bob.reply(mine, 180, tag="b")
    carol.reply(hers, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    assert call.up
    cancel = bob.take("CANCEL")
    assert cancel.get("Reason") == ELSEWHERE
    bob.reply(cancel, 200, tag="b")
    bob.reply(mine, 487, tag="b")
    scene.wait(0.1)
    scene.over(call, carol)
    scene.finish()
    started = [event for event in scene.exchange.events if type(event).__name__ == "LegStarted"]
    assert [event.for_ for event in started] == ["", "bob"]


@pytest.mark.parametrize("others", [Others.DELEGATES_FIRST, Others.ME_FIRST])
def test_a_stage_rings_its_time_and_the_next_one_follows(others: Others) -> None:
    """VIP-4b, VIP-4c, VIP-5, VIP-6."""
    scene = Scene(model=screened(stages(others)))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    first, then = (carol, bob) if others is Others.DELEGATES_FIRST else (bob, carol)
    call = alice.call("102")
    scene.wait(9.9)
    assert first.calls
    assert not then.calls
    scene.wait(0.3)
    assert first.last.over
    (cancel,) = [packet.data.decode() for packet in scene.network.log if packet.start == "CANCEL"]
    assert "Reason:" not in cancel
    then.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()
    scene.finish()


def test_a_stage_ends_early_when_all_have_refused() -> None:
    """VIP-5."""
    scene = Scene(model=screened(stages(Others.ME_FIRST)))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    bob.refuses = 486
    call = alice.call("102")
    scene.wait()
    carol.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()
    scene.finish()


@pytest.mark.parametrize(("others", "silent"), [(Others.DELEGATES_ONLY, "bob"), (Others.ME_ONLY, "carol")])
def test_who_is_left_out_gets_no_invite(others: Others, silent: str) -> None:
    """VIP-13: 4d never rings the user, 4e never the delegates. Without a rule it ends with 480."""
    scene = Scene(model=screened(stages(others)))
    phones = {name: scene.phone(name) for name in ("alice", "bob", "carol")}
    call = phones["alice"].call("102")
    scene.wait(11)
    assert call.refused == 480
    assert not phones[silent].calls
    scene.finish()


def test_a_vip_rings_the_user_first_and_a_stage_without_telephone_is_skipped() -> None:
    """VIP-3, VIP-5."""
    scene = Scene(model=screened(stages(Others.DELEGATES_ONLY, contacts=frozenset(("alice",)))))
    alice, carol = scene.phone("alice"), scene.phone("carol")
    call = alice.call("102")
    scene.wait()
    carol.last.answer()
    scene.wait()
    assert call.up, "Bob's telephone is not registered"
    call.hang_up()
    scene.finish()


def test_a_delegates_own_forwards_never_apply() -> None:
    """XRL-6: the principal's plan goes on."""
    model = changed(
        screened(stages(Others.DELEGATES_FIRST)), carol={"forwards": Forwards(busy=user("dave"), always=user("dave"))}
    )
    scene = Scene(model=model)
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    carol.refuses = 486
    alice.call("102")
    scene.wait()
    bob.last.answer()
    scene.wait()
    alice.last.hang_up()
    scene.finish()
    assert scene.exchange.record.passed == ()


def test_an_anonymous_caller_is_shown_for_whom_all_the_same() -> None:
    scene = Scene(model=screened(None))
    itsp, bob, carol = scene.carrier(), scene.raw("bob"), scene.raw("carol")
    itsp.outside("INVITE", f"sip:102@{scene.exchange.address[0]}", ("Privacy: id",))
    scene.wait(0.1)
    hers = carol.take("INVITE")
    assert hers.get("From").startswith('"Anonymous (for Bob)" <sip:anonymous@anonymous.invalid>')
    for phone, tag in ((bob, "b"), (carol, "c")):
        phone.reply(hers if phone is carol else phone.take("INVITE"), 486, tag=tag)
        scene.wait(0.1)
        phone.take("ACK")
    itsp.take(486)
    scene.finish()


def test_a_delegate_who_has_opted_out_is_not_rung() -> None:
    """DEL-9, VIP-12."""
    model = msgspec.structs.replace(screened(None), serves={"carol": ("bob",)})
    scene = Scene(model=m.versioned(model))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    assert scene.exchange.set("carol", "group bob out").out_of == ("bob",)
    alice.call("102")
    scene.wait()
    assert (len(bob.calls), len(carol.calls)) == (1, 0)
    alice.last.cancel()
    scene.wait()
    scene.exchange.set("carol", "group bob in")
    alice.call("102")
    scene.wait()
    assert (len(bob.calls), len(carol.calls)) == (2, 1)
    alice.last.cancel()
    scene.finish()

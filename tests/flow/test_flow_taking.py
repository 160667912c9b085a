"""INVITE with Replaces (RFC 3891): a telephone takes the place of another of its line's legs."""

from __future__ import annotations

import pytest

from tests.support.phone import PhoneCall
from tests.support.scene import Scene


def header(call: PhoneCall, more: str = "", tag: str = "") -> tuple[str, ...]:
    """The Replaces that names this call's dialog, as the exchange sees it."""
    d = call.usage.dialog
    return (f"Replaces: {d.call_id};to-tag={tag or d.remote_tag};from-tag={d.local_tag}{more}", "Require: replaces")


def joined(scene: Scene, one: PhoneCall, other: PhoneCall) -> bool:
    return scene.exchange.engine.joined() == {frozenset((each.phone.address[0], 4000) for each in (one, other))}


def test_a_second_telephone_of_the_line_takes_the_call(scene: Scene) -> None:
    alice, desk = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, desk)
    mobile = scene.phone("bob", "192.0.2.32")
    taken = mobile.call("101", headers=header(answered))
    scene.wait()
    assert taken.up
    assert answered.over
    assert joined(scene, call, taken)
    scene.exchange.crash_and_restart()
    scene.wait()
    assert joined(scene, call, taken)
    taken.hang_up()
    scene.wait()
    assert call.over
    one, two = sorted(scene.exchange.records, key=lambda record: record.started_at)
    assert (two.result, two.reason) == ("answered", "joined")
    assert [(each.kind, each.by, each.outcome, each.other) for each in one.transfers] == [
        ("taken", "line:bob", "done", two.call)
    ]


@pytest.mark.parametrize("reliable", [False, True])
def test_a_call_that_rings_is_answered_by_another_telephone_of_the_line(scene: Scene, reliable: bool) -> None:
    alice, desk = scene.phone("alice"), scene.phone("bob")
    if reliable:
        alice.extensions = ("Require: 100rel",)
    mobile = scene.phone("bob", "192.0.2.32", register=False)
    call = alice.call("102")
    scene.wait()
    ringing = desk.last
    d = ringing.usage.dialog
    taken = mobile.call(
        "101", headers=(f"Replaces: {d.call_id};to-tag={d.remote_tag};from-tag={d.local_tag};early-only",)
    )
    scene.wait()
    assert call.up
    assert taken.up
    assert ringing.over
    assert joined(scene, call, taken)
    call.hang_up()
    scene.wait()
    assert taken.over


@pytest.mark.parametrize(
    ("more", "who", "status"),
    [(";early-only", "bob", 486), ("", "carol", 403), ("x", "bob", 481), ("bye", "bob", 481)],
)
def test_what_may_not_be_taken(scene: Scene, more: str, who: str, status: int) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    other = scene.phone(who, "192.0.2.32")
    if more == "bye":
        call.hang_up()
        scene.wait()
        more = ""
    taken = other.call("101", headers=header(answered, more))
    scene.wait()
    assert taken.refused == status
    if call.up:
        assert joined(scene, call, answered)
        call.hang_up()
    scene.wait()


def test_without_an_offer_nothing_is_taken(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    other = scene.phone("bob", "192.0.2.32")
    taken = other.call("101", headers=header(answered), offer=False)
    scene.wait()
    assert taken.refused == 488
    call.hang_up()


def test_the_target_of_a_transfer_is_taken_while_it_rings(scene: Scene) -> None:
    """Bob sends Alice to Carol, whose other telephone takes the call that rings at the desk."""
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answered = scene.talking(alice, bob)
    answered.refer("103")
    scene.wait()
    ringing = carol.last
    d = ringing.usage.dialog
    mobile = scene.phone("carol", "192.0.2.33", register=False)
    taken = mobile.call("101", headers=(f"Replaces: {d.call_id};to-tag={d.remote_tag};from-tag={d.local_tag}",))
    scene.wait()
    assert taken.up
    assert ringing.over
    assert answered.over
    assert answered.outcome == "SIP/2.0 200 OK"
    assert joined(scene, call, taken)
    call.hang_up()
    scene.wait()

"""Ring groups on live telephones: who rings when, the cursor over calls, members' forwards (FWD-10, K.9)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import user
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Forwards
from records import events as e
from tests.support.exchange import changed, house
from tests.support.scene import Scene


def grouped(strategy: Strategy, base: m.Model | None = None, **more: Any) -> m.Model:
    """110 is a group of Bob and Carol."""
    group = RingGroup(
        id="110", strategy=strategy, members=(Member(line="bob"), Member(line="carol")), turn_s=10.0, **more
    )
    return m.versioned(msgspec.structs.replace(base or house(), ring_groups={"110": group}))


def taken_by(scene: Scene) -> str:
    """Alice calls the group and the first telephone that rings answers. Who that is."""
    alice, phones = scene.phones[0], scene.phones[1:]
    before = {phone.user: len(phone.calls) for phone in phones}
    call = alice.call("110")
    scene.wait()
    (first,) = [phone for phone in phones if len(phone.calls) > before[phone.user]]
    first.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()
    scene.wait()
    return str(first.user)


@pytest.mark.parametrize("saved", [False, True])
def test_the_cursor_of_a_rotating_group_moves_with_each_call_and_outlives_a_crash(saved: bool) -> None:
    scene = Scene(model=grouped(Strategy.ROTATING))
    for name in ("alice", "bob", "carol"):
        scene.phone(name)
    assert [taken_by(scene) for _ in range(3)] == ["bob", "carol", "bob"]
    if saved:
        scene.exchange.save_facts()
    assert taken_by(scene) == "carol"
    scene.exchange.crash_and_restart()
    assert [taken_by(scene) for _ in range(2)] == ["bob", "carol"]
    moved = [event.cursor for event in scene.exchange.events if isinstance(event, e.GroupRung)]
    assert moved == [1, 2, 3, 4, 5, 6]
    scene.finish()


def test_two_calls_at_once_begin_with_different_members() -> None:
    scene = Scene(model=grouped(Strategy.ROTATING))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    one, two = alice.call("110"), alice.call("110")
    scene.wait()
    assert (len(bob.calls), len(carol.calls)) == (1, 1)
    one.cancel()
    two.cancel()
    scene.finish()


def test_longest_idle_rings_who_has_had_no_call_for_longest() -> None:
    scene = Scene(model=grouped(Strategy.LONGEST_IDLE))
    for name in ("alice", "bob", "carol"):
        scene.phone(name)
    assert [taken_by(scene) for _ in range(3)] == ["bob", "carol", "bob"]
    scene.exchange.crash_and_restart()
    assert taken_by(scene) == "carol"
    assert not [event for event in scene.exchange.events if isinstance(event, e.GroupRung)]
    scene.finish()


def test_in_order_the_next_one_rings_after_a_turn_or_at_once_when_nobody_rings() -> None:
    scene = Scene(model=grouped(Strategy.ORDER))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    alice.call("110")
    scene.wait(9.9)
    assert not carol.calls
    scene.wait(0.3)
    assert carol.calls
    alice.last.cancel()
    scene.wait()
    bob.refuses = 486
    alice.call("110")
    scene.wait()
    assert len(carol.calls) == 2, "at once"
    alice.last.cancel()
    scene.finish()


def test_busy_members_are_skipped_where_the_group_says_so() -> None:
    scene = Scene(model=grouped(Strategy.ALL, skip_busy=True))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    up, _ = scene.talking(alice, bob)
    alice.call("110")
    scene.wait()
    assert (len(bob.calls), len(carol.calls)) == (1, 1)
    alice.last.cancel()
    up.hang_up()
    scene.finish()


def test_a_members_forward_runs_in_its_branch_while_the_others_ring() -> None:
    """FWD-10: the caller's own call is not forwarded, so it hears no 181."""
    base = changed(house(), bob={"forwards": Forwards(outage=user("alice"))})
    scene = Scene(model=grouped(Strategy.ALL, base))
    carol, alice = scene.phone("carol"), scene.phone("alice")
    itsp = scene.carrier()
    itsp.outside("INVITE", f"sip:110@{scene.exchange.address[0]}")
    scene.wait()
    assert carol.calls
    assert alice.calls, "Bob has no telephone: his branch goes on to Alice"
    alice.last.answer()
    scene.wait(0.1)
    itsp.take(180)
    itsp.take(200)
    assert carol.last.over
    alice.last.hang_up()
    scene.wait(0.1)
    itsp.reply(itsp.take("BYE"), 200)
    scene.strict = False
    scene.finish()
    (passed,) = scene.exchange.record.passed
    assert (passed.by, passed.cause, bool(passed.branch)) == ("bob", 503, True)


def test_who_has_opted_out_is_not_rung() -> None:
    scene = Scene(model=grouped(Strategy.ALL))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    scene.exchange.set("bob", "group 110 out")
    alice.call("110")
    scene.wait()
    assert (len(bob.calls), len(carol.calls)) == (0, 1)
    alice.last.cancel()
    scene.finish()

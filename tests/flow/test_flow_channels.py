"""`channels` and `calls_per_second` of trunks: full ones are passed over, and emergency calls make room (EMG-6)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import Plan, Route, Trunk
from dialplan.termination import Reason, Result, Termination
from tests.support.exchange import HELP, carrier, house
from tests.support.raw_phone import RawPhone, describe
from tests.support.scene import Scene

ONE, TWO = ("192.0.2.200", 5060), ("192.0.2.202", 5060)
NUMBER = "6692223333"


def two_trunks(**settings: Any) -> Scene:
    """Two trunks, both for emergencies, the first with these settings and for all else, too."""
    base = house()
    model = m.versioned(
        msgspec.structs.replace(
            base,
            trunks={name: m.TrunkRule(id=name, extensions=True, profile=base.profile) for name in ("carrier", "other")},
            emergency=m.Emergency(elsewhere=HELP, trunks=("carrier", "other")),
        )
    )
    other = settings.pop("other", {})
    trunks = {"carrier": carrier("carrier", ONE, **settings), "other": carrier("other", TWO, **other)}
    return Scene(model=model, trunks=trunks)


def place(scene: Scene, at: RawPhone, who: str = "alice", number: str = NUMBER) -> Any:
    """A call out that stands."""
    phone = next((phone for phone in scene.phones if phone.user == who), None) or scene.phone(who)
    call = phone.call(number)
    scene.wait(0.1)
    at.reply(at.take("INVITE"), 200, describe(at.address[0]), tag=at.token())
    scene.wait(0.1)
    at.take("ACK")
    assert call.up
    return call


def invite(scene: Scene, at: RawPhone, number: str = "102") -> None:
    at.outside("INVITE", f"sip:{number}@pbx.example.com", body=describe(at.address[0]))
    scene.wait(0.1)


def taken(scene: Scene, trunk: str = "carrier") -> int:
    return scene.exchange.core.calls.context.channels.taken(trunk)


def end(scene: Scene, at: RawPhone, *calls: Any) -> None:
    for call in calls:
        call.hang_up()
        scene.wait(0.1)
        at.reply(at.take("BYE"), 200)
    scene.wait(0.1)


def test_a_full_trunk_takes_no_call_until_one_has_ended() -> None:
    scene = two_trunks(channels=1)
    one = RawPhone(scene.network, "carrier", ONE)
    first = place(scene, one)
    assert taken(scene) == 1
    second = scene.phone("bob").call(NUMBER)
    scene.wait(0.1)
    assert second.refused == 480
    assert not one.count("INVITE") - 1
    record = scene.exchange.record
    assert (record.result, record.reason) == ("unreachable", "congestion")
    end(scene, one, first)
    assert taken(scene) == 0
    end(scene, one, place(scene, one, "bob"))
    assert scene.exchange.core.calls.context.channels.refused == {("carrier", "channels"): 1}
    scene.finish()


def test_the_caller_is_told_why_by_q_850() -> None:
    scene = two_trunks(channels=1)
    one = RawPhone(scene.network, "carrier", ONE)
    first = place(scene, one)
    bob = scene.phone("bob")
    bob.call(NUMBER)
    scene.wait(0.1)
    refusal = next(p.data for p in reversed(scene.network.log) if p.data.startswith(b"SIP/2.0 480"))
    assert b"Reason: Q.850;cause=34" in refusal
    end(scene, one, first)
    scene.finish()


def test_both_ways_share_the_channels_and_a_caller_from_outside_hears_busy() -> None:
    scene = two_trunks(channels=1)
    one, bob = RawPhone(scene.network, "carrier", ONE), scene.phone("bob")
    first = place(scene, one)
    invite(scene, one)
    one.take(486)
    assert not bob.calls
    assert scene.exchange.record.reason == "congestion"
    assert taken(scene) == 1
    end(scene, one, first)
    scene.finish()


def test_a_call_from_outside_takes_a_channel() -> None:
    scene = two_trunks(channels=1)
    one, bob = RawPhone(scene.network, "carrier", ONE), scene.phone("bob")
    invite(scene, one)
    bob.last.ring()
    scene.wait(0.1)
    one.take(180)
    assert taken(scene) == 1
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    assert call.refused == 480
    bob.last.refuse(486)
    scene.wait(0.1)
    one.take(486)
    assert taken(scene) == 0
    scene.strict = False
    scene.finish()


def test_the_count_is_right_after_a_crash() -> None:
    scene = two_trunks(channels=1)
    one = RawPhone(scene.network, "carrier", ONE)
    first = place(scene, one)
    scene.exchange.crash_and_restart()
    assert taken(scene) == 1
    call = scene.phone("bob").call(NUMBER)
    scene.wait(0.1)
    assert call.refused == 480
    end(scene, one, first)
    assert taken(scene) == 0
    scene.finish()


def test_a_limit_that_comes_by_a_reload_counts_what_is_up() -> None:
    scene = two_trunks()
    one = RawPhone(scene.network, "carrier", ONE)
    first = place(scene, one)
    assert taken(scene) == 0, "nobody counts what has no limit"
    trunks = dict(scene.exchange.trunks)
    scene.exchange.use_trunks(trunks | {"carrier": carrier("carrier", ONE, channels=1)})
    assert taken(scene) == 1
    scene.exchange.use_trunks(trunks)
    end(scene, one, first)
    scene.finish()


def test_calls_per_second_outwards() -> None:
    scene = two_trunks(calls_per_second=2)
    one, alice = RawPhone(scene.network, "carrier", ONE), scene.phone("alice")
    calls = [alice.call(NUMBER) for _ in range(3)]
    scene.wait(0.1)
    assert [call.refused for call in calls] == [0, 0, 480]
    for _ in range(2):
        one.reply(one.take("INVITE"), 486, tag=one.token())
    scene.wait(1.0)
    alice.call(NUMBER)
    scene.wait(0.1)
    one.reply(one.take("INVITE"), 486, tag="z")
    assert scene.exchange.core.calls.context.channels.refused == {("carrier", "rate"): 1}
    scene.wait(1.0)
    scene.finish()


def test_calls_per_second_inwards_are_answered_503_with_retry_after() -> None:
    scene = two_trunks(calls_per_second=1)
    one = RawPhone(scene.network, "carrier", ONE)
    invite(scene, one, "999")
    invite(scene, one, "999")
    one.take(404)
    assert one.take(503).get("Retry-After") == "1"
    assert len(scene.exchange.records) == 1, "what is turned away leaves nothing behind"
    scene.finish()


# Emergency


def test_an_emergency_call_goes_where_a_channel_is_free_first() -> None:
    """EMG-6."""
    scene = two_trunks(channels=1)
    one, two = RawPhone(scene.network, "carrier", ONE), RawPhone(scene.network, "carrier", TWO)
    first = place(scene, one)
    help_ = place(scene, two, "bob", "911")
    assert first.up
    end(scene, one, first)
    end(scene, two, help_)
    scene.finish()


@pytest.mark.parametrize("crash", [False, True])
def test_an_emergency_call_takes_the_channel_of_the_youngest_call(crash: bool) -> None:
    """EMG-6."""
    scene = two_trunks(channels=2, other={"channels": 1})
    one, two = RawPhone(scene.network, "carrier", ONE), RawPhone(scene.network, "carrier", TWO)
    old, young = place(scene, one), place(scene, one, "bob")
    dave = scene.phone("carol")
    # The other trunk is silent, and not full: it is tried before anybody is cut off.
    if crash:
        scene.exchange.crash_and_restart()
    help_ = dave.call("911")
    scene.wait(0.1)
    assert two.count("INVITE") == 1
    assert (old.up, young.up) == (True, True)
    two.reply(two.take("INVITE"), 503, tag="no")
    scene.wait(0.1)
    bye = one.take("BYE")
    assert bye.get("Reason").startswith("preemption;cause=3")
    one.reply(bye, 200)
    one.reply(one.take("INVITE"), 200, describe(ONE[0]), tag="help")
    scene.wait(0.1)
    one.take("ACK")
    assert (old.up, young.up, help_.up) == (True, False, True)
    ended = next(record for record in scene.exchange.records if record.reason == "preempted")
    assert ended.result == "answered"
    end(scene, one, old, help_)
    scene.strict = False
    scene.finish()


def test_a_call_that_rings_is_cut_off_as_well_and_calls_per_second_do_not_hold_back() -> None:
    scene = two_trunks(channels=1, calls_per_second=1)
    one = RawPhone(scene.network, "carrier", ONE)
    alice, bob = scene.phone("alice"), scene.phone("bob")
    RawPhone(scene.network, "carrier", TWO)
    call = alice.call(NUMBER)
    scene.wait(0.1)
    ringing = one.take("INVITE")
    one.reply(ringing, 180, tag="r")
    scene.wait(0.1)
    help_ = bob.call("911")
    scene.wait(4.3)  # the other trunk is silent
    assert call.refused == 480
    cancel = one.take("CANCEL")
    one.reply(cancel, 200)
    one.reply(ringing, 487, tag="r")
    one.reply(one.take("INVITE"), 200, describe(ONE[0]), tag="help")
    scene.wait(0.1)
    assert help_.up
    one.take("ACK")
    end(scene, one, help_)
    assert {record.reason for record in scene.exchange.records} >= {"preempted"}
    scene.wait(40.0)
    scene.finish()


def test_an_emergency_call_is_never_cut_off_for_another_but_both_are_tried() -> None:
    scene = two_trunks(channels=1, other={"channels": 1})
    one, two = RawPhone(scene.network, "carrier", ONE), RawPhone(scene.network, "carrier", TWO)
    first = place(scene, one, "alice", "911")
    second = place(scene, two, "bob", "911")
    third = place(scene, one, "carol", "911")
    assert (first.up, second.up, third.up) == (True, True, True)
    end(scene, one, first, third)
    end(scene, two, second)
    scene.finish()


# The walk


def stepped(plan: Plan, *events: v.WalkEvent) -> tuple[walk.WalkState, list[v.Command]]:
    state, commands = walk.step(walk.start(plan), v.Begin())
    for event in events:
        state, more = walk.step(state, event)
        commands += more
    return state, commands


ROUTES = Trunk(id="t", routes=(Route("a", "1"), Route("b", "1")))


def test_the_walk_passes_over_a_full_route() -> None:
    plan = Plan(entry="t", steps=(ROUTES,), number="1")
    state, commands = stepped(plan, v.Contacts("t/0", 0, full=True))
    assert [c.branch.target.trunk for c in commands if isinstance(c, v.StartBranch)] == ["a", "b"]  # type: ignore[union-attr]
    state, commands = walk.step(state, v.Contacts("t/1", 0, full=True))
    assert commands[-1] == v.Finish(Termination(Result.UNREACHABLE, Reason.CONGESTION, 480))


def test_the_walk_comes_back_to_full_routes_in_an_emergency_and_ends() -> None:
    """EMG-6."""
    plan = Plan(entry="t", steps=(ROUTES,), number="911", emergency=True)
    state, commands = stepped(plan, v.Contacts("t/0", 0, full=True), v.Contacts("t/1", 0))
    again = commands[-2]
    assert isinstance(again, v.StartBranch)
    assert (again.branch.id, again.branch.preempt) == ("t/0/preempt", True)
    state, commands = walk.step(state, v.Contacts("t/0/preempt", 0, full=True))
    assert commands[-1] == v.Finish(Termination(Result.UNREACHABLE, Reason.CONGESTION, 503))
    assert state.over

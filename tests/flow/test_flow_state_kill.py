"""The exchange is killed at every append to its journal, while calls are forwarded, groups rotate and users set things:
every call has one end, and what was set before is there after it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import user
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards
from records import events as e
from switch.state import wishes
from tests.support.exchange import changed, house
from tests.support.killer import Killer
from tests.support.scene import Scene


def company() -> m.Model:
    """Bob goes on to Carol after ten seconds; 110 rotates between the two; Carol handles Alice's calls, too."""
    model = changed(
        house(),
        bob={"forwards": Forwards(no_answer=user("carol"), after_s=10.0)},
        alice={"delegates": (Delegate(line="carol"),)},
    )
    members = (Member(line="bob"), Member(line="carol"))
    group = RingGroup(id="110", strategy=Strategy.ROTATING, members=members, turn_s=8.0)
    return m.versioned(msgspec.structs.replace(model, ring_groups={"110": group}))


def answers(scene: Scene, name: str) -> None:
    for phone in scene.phones:
        if phone.user == name and phone.calls and phone.last.usage.pending_request is not None:
            phone.last.answer()
    scene.wait(2)
    for phone in scene.phones:
        for call in phone.calls:
            if call.up:
                call.hang_up()
                scene.wait(1)


def forwarded(scene: Scene) -> None:
    scene.phones[0].call("102")
    scene.wait(10.5)
    answers(scene, "carol")


def rotates(scene: Scene) -> None:
    scene.phones[0].call("110")
    scene.wait(9)
    answers(scene, "carol")


def delegated(scene: Scene) -> None:
    scene.phones[1].call("101")
    scene.wait(1)
    answers(scene, "carol")


def set_while_it_rings(scene: Scene) -> None:
    scene.exchange.set("bob", "forward delay 12s")
    scene.phones[0].call("102")
    scene.wait(1)
    scene.exchange.set("bob", "dnd on")
    scene.exchange.save_facts()
    scene.exchange.set("carol", "forward busy bob")
    scene.wait(11.5)
    answers(scene, "carol")


SCENARIOS = {"forwarded": forwarded, "rotates": rotates, "delegated": delegated, "set": set_while_it_rings}


def check_settings(scene: Scene) -> None:
    """Whatever the journal says was set is so."""
    said: dict[str, dict[str, str]] = {}
    for event in scene.exchange.events:
        if isinstance(event, e.LineSet):
            said.setdefault(event.line, {})[event.key] = event.value
    for line, values in said.items():
        assert scene.exchange.core.facts.settings(line) == values
        known = scene.exchange.core.facts.at(scene.clock.at()).line(line)
        assert known.dnd == (values.get(wishes.DND) == wishes.ON)


@pytest.mark.parametrize("mute", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_every_append_while_calls_go_on(scenario: str, *, mute: bool) -> None:
    run: Callable[[Scene], None] = SCENARIOS[scenario]
    at = 0
    while True:
        at += 1
        scene = Scene(model=company())
        for name in ("alice", "bob", "carol"):
            scene.phone(name)
        killer = Killer(scene, at, mute=mute)
        try:
            run(scene)
            check_settings(scene)
            scene.finish()
        except AssertionError as error:
            raise AssertionError(f"killed at append {at}") from error
        if not killer.done:
            assert at > 4
            record = scene.exchange.record
            assert (record.result, record.answered_target) == ("answered", "line:carol")
            return

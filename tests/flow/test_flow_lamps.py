"""What busy lamps show of calls that move: transfers, conferences, park slots."""

from __future__ import annotations

import pytest
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text
from tests.support.exchange import house
from tests.support.scene import Scene
from tests.support.subscriber import Subscriber, dialogs, remotes, state_of

IDLE = ["terminated"]


class Desk:
    """Telephones of text with a key each, as second ones of a line: Alice's, or that before the colon."""

    def __init__(self, scene: Scene, *keys: str) -> None:
        self.scene = scene
        self.keys: dict[str, Subscriber] = {}
        for index, key in enumerate(keys):
            user, _, number = key.rpartition(":")
            phone = scene.raw(user or "alice", f"192.0.2.{100 + index}", register=False)
            self.keys[key] = Subscriber(phone, number, scene.wait)
        self.shows: dict[str, list[str]] = {}
        self.who: dict[str, list[str]] = {}
        for key in self.keys.values():
            key.ask()
        self.look()

    def look(self, seconds: float = 1.5) -> dict[str, list[str]]:
        """Time passes; what the keys show then."""
        for _ in range(round(seconds / 0.05)):
            self.scene.wait(0.05)
            for number, key in self.keys.items():
                for told in key.answered():
                    self.shows[number], self.who[number] = dialogs(told), remotes(told)
        return dict(self.shows)

    def close(self) -> None:
        """The keys go."""
        for key in self.keys.values():
            key.ask(0)
            assert state_of(key.take()) == ("terminated", "timeout")


@pytest.mark.parametrize("crash", [False, True])
def test_a_blind_transfer(scene: Scene, crash: bool) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    desk = Desk(scene, "101", "102", "103", "carol:103")
    call, there = scene.talking(alice, bob)
    shown = desk.look()
    assert (shown["101"], shown["102"], shown["103"]) == (["initiator confirmed"], ["recipient confirmed"], IDLE)
    assert desk.who["101"] == ["sip:102@pbx.example.com"]
    call.refer("103")
    shown = desk.look()
    assert shown["103"] == ["recipient early"]
    assert shown["102"][0].endswith("confirmed")
    carol.last.answer()
    scene.wait(0.2)
    if crash:
        scene.exchange.crash_and_restart(1.0)
    shown = desk.look()
    assert desk.who["carol:103"] == ["sip:102@pbx.example.com"]
    assert shown["103"] == ["recipient confirmed"]
    assert shown["102"][0].endswith("confirmed")
    if not call.over:
        call.hang_up()
    assert desk.look()["101"] == IDLE
    there.hang_up()
    assert set(map(tuple, desk.look().values())) == {tuple(IDLE)}
    desk.close()


def test_an_attended_transfer(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    desk = Desk(scene, "101", "102", "103")
    first, there = scene.talking(alice, bob)
    first.hold()
    scene.wait(0.2)
    second, _ = scene.talking(alice, carol, "103")
    assert desk.look()["101"] == ["initiator confirmed", "initiator confirmed"]
    first.transfer_to(second)
    scene.wait(0.2)
    for each in (first, second):
        if not each.over:
            each.hang_up()
    shown = desk.look()
    assert shown["101"] == IDLE
    assert shown["102"][0].endswith("confirmed")
    assert shown["103"][0].endswith("confirmed")
    there.hang_up()
    assert desk.look() == {"101": IDLE, "102": IDLE, "103": IDLE}
    desk.close()


def rooms() -> m.Model:
    """The house with a conference at 700 and a lot at 710."""
    model = house()
    return m.versioned(
        structs.replace(
            model,
            extensions={**model.extensions, "700": of_text("conference:board"), "710": of_text("park:main")},
            conferences={"board": groups.Conference(id="board")},
            park_lots={"main": groups.ParkLot(id="main", extension="710", first="711", last="713")},
        )
    )


@pytest.mark.parametrize("scene", [{"model": rooms()}], indirect=True)
def test_a_room_is_busy_while_somebody_is_in_it(scene: Scene) -> None:
    bob, carol = scene.phone("bob"), scene.phone("carol")
    desk = Desk(scene, "700")
    one = bob.call("700")
    assert desk.look() == {"700": ["recipient confirmed"]}
    two = carol.call("700")
    assert desk.look() == {"700": ["recipient confirmed", "recipient confirmed"]}
    one.hang_up()
    two.hang_up()
    assert desk.look() == {"700": IDLE}
    desk.close()


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("scene", [{"model": rooms()}], indirect=True)
def test_a_slot_is_busy_while_a_call_is_parked_there(scene: Scene, crash: bool) -> None:
    """CRD-7."""
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    desk = Desk(scene, "711", "712", "101", "102", "103")
    call, there = scene.talking(alice, bob)
    there.refer("710")
    shown = desk.look()
    assert shown == {
        "711": ["recipient confirmed"],
        "712": IDLE,
        "101": ["initiator confirmed"],
        "102": IDLE,
        "103": IDLE,
    }
    assert desk.who["711"] == [""]
    if crash:
        scene.exchange.crash_and_restart(1.0)
        assert desk.look() == shown
    taken = carol.call("711")
    shown = desk.look()
    assert shown["711"] == IDLE
    assert shown["103"][0].endswith("confirmed")
    assert desk.who["101"] == ["sip:103@pbx.example.com"]
    taken.hang_up()
    assert set(map(tuple, desk.look().values())) == {tuple(IDLE)}
    assert call.over
    desk.close()
    Subscriber(desk.keys["711"].phone, "714", scene.wait).refused(404)

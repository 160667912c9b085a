"""Histories of a shared line out of what the exchange writes: who called and who answered, for whom (DCH-3, DCH-5)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import pytest

from dialplan import model as m
from dialplan.lines import Delegate
from records.history import Labelled, Outcome, entries
from records.viewer import Viewer
from switch.commands.staff import shared
from tests.support.exchange import changed, house
from tests.support.scene import Scene

DELEGATES = ("carol", "dave")


def office() -> Scene:
    """Carol and Dave are Bob's delegates, and Dave is without a telephone; Alice calls."""
    model = changed(house(), bob={"delegates": tuple(Delegate(line=each) for each in DELEGATES)})
    return Scene(model=m.versioned(msgspec.structs.replace(model, serves=dict.fromkeys(DELEGATES, ("bob",)))))


class Seen(NamedTuple):
    """What one of them reads."""

    outcome: Outcome
    label: str


def seen(scene: Scene) -> dict[str, Seen]:
    """By user; of whom the call has nothing to do with, nothing."""
    model, found = scene.exchange.model, {}
    for user in ("alice", "bob", "carol", "dave"):
        for entry in entries(scene.exchange.records, Viewer(user, shares=shared(model, user))):
            assert isinstance(entry, Labelled)
            assert user not in found
            found[user] = Seen(entry.outcome, entry.label)
    return found


@pytest.mark.parametrize("who", ["bob", "carol", None])
def test_a_call_to_the_line(who: str | None) -> None:
    """DCH-3c, d, g, h; DCH-5."""
    scene = office()
    phones = {user: scene.phone(user) for user in ("alice", "bob", "carol")}
    call = phones["alice"].call("102")
    scene.wait()
    if who is None:
        call.cancel()
        scene.finish()
        assert seen(scene) == {
            "alice": Seen(Outcome.UNANSWERED, ""),
            **dict.fromkeys(("bob", *DELEGATES), Seen(Outcome.MISSED, "")),
        }
        return
    phones[who].last.answer()
    scene.wait(5)
    call.hang_up()
    scene.finish()
    labels = {user: each.label for user, each in seen(scene).items()}
    if who == "bob":
        assert labels == {"alice": "", "bob": "", "carol": "Answered by bob", "dave": "Answered by bob"}
    else:
        assert labels == {
            "alice": "",
            "bob": "Answered by carol for you",
            "carol": "Answered by you for bob",
            "dave": "Answered by carol for bob",
        }


@pytest.mark.parametrize("who", ["bob", "carol"])
def test_a_call_on_the_line(who: str) -> None:
    """DCH-3a, b, e, f; DCH-5."""
    scene = office()
    phones = {user: scene.phone(user) for user in ("alice", "bob", "carol")}
    call = phones[who].call("101", headers=("P-Preferred-Identity: <sip:bob@pbx.example.com>",))
    scene.wait()
    phones["alice"].last.answer()
    scene.wait()
    call.hang_up()
    scene.finish()
    labels = {user: each.label for user, each in seen(scene).items()}
    if who == "bob":
        assert labels == {"alice": "", "bob": "", "carol": "Outbound by bob", "dave": "Outbound by bob"}
    else:
        assert labels == {
            "alice": "",
            "bob": "Outbound by carol for you",
            "carol": "Outbound by you for bob",
            "dave": "Outbound by carol for bob",
        }


def test_who_is_transferred_to_has_answered_once() -> None:
    """On the own line: it was not for Bob that Carol answered."""
    scene = office()
    phones = {user: scene.phone(user) for user in ("alice", "bob", "carol")}
    scene.talking(phones["alice"], phones["bob"])
    (call,) = scene.exchange.core.calls.by_id
    assert scene.exchange.core.transfer(call, "103", scene.clock.now())[0] == 0
    scene.wait()
    phones["carol"].last.answer()
    scene.wait(5)
    phones["alice"].last.hang_up()
    scene.finish()
    labels = {user: each.label for user, each in seen(scene).items()}
    assert labels == {"alice": "", "bob": "", "carol": "", "dave": "Answered by bob"}

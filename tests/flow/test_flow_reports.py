"""Reports out of what the exchange writes: one call counts once for each user, through transfer and park (UPR)."""

from __future__ import annotations

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.groups import ParkLot
from records.history import Outcome, entries
from records.reports.users import UserReport, users
from records.viewer import Role, Viewer
from tests.support.exchange import house
from tests.support.scene import Scene


def with_lot() -> m.Model:
    """The house with a park lot: 700, and its slots from 701 on."""
    usual, lot = house(), ParkLot(id="main", extension="700", first="701", last="703", timeout_s=120.0)
    extensions = {**usual.extensions, lot.extension: of_text(f"park:{lot.id}")}
    return m.versioned(msgspec.structs.replace(usual, extensions=extensions, park_lots={lot.id: lot}))


def reports(scene: Scene) -> dict[str, UserReport]:
    """By user, when all is over."""
    scene.finish()
    return {each.user: each for each in users(scene.exchange.records, (), Viewer("", Role.ADMIN))}


def counts(report: UserReport) -> tuple[int, int, int, int, int]:
    """Inbound, talked, by others; outbound, answered."""
    return (report.inbound, report.completed, report.answered_by_others, report.outbound, report.answered)


@pytest.mark.parametrize("by_caller", [False, True])
def test_who_is_asked_and_then_transferred_to_has_been_called_once(by_caller: bool) -> None:
    scene = Scene()
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    call, answered = scene.talking(alice, bob)
    by, stays = (call, answered) if by_caller else (answered, call)
    by.hold()
    scene.wait(10)
    second, _ = scene.talking(by.phone, carol, "103")
    scene.wait(10)
    by.transfer_to(second)
    scene.wait(20)
    stays.hang_up()
    found = reports(scene)
    for user, wanted in (("alice", (0, 0, 0, 1 + by_caller, 1 + by_caller)), ("carol", (1, 1, 0, 0, 0))):
        assert counts(found[user]) == wanted, user
    assert counts(found["bob"]) == (1, 1, 0, 1 - by_caller, 1 - by_caller)
    assert found["carol"].call_s == pytest.approx(30, abs=1.1)
    assert found["alice" if by_caller else "bob"].hold_s == pytest.approx(20.5, abs=1.1)


def test_who_is_rung_anew_as_the_transferor_is_gone_has_missed_nothing() -> None:
    """Semi-attended: it is another call that rings then, and the first one is no missed one."""
    scene = Scene()
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    call, answered = scene.talking(alice, bob)
    second = bob.call("103")
    scene.wait()
    answered.transfer_to(second, scene.exchange.calls[-1].id)
    scene.wait()
    carol.last.answer()
    scene.wait(5)
    call.hang_up()
    found = reports(scene)
    assert counts(found["carol"]) == (1, 1, 0, 0, 0)
    assert counts(found["bob"]) == (1, 1, 0, 1, 0)
    (entry,) = entries(scene.exchange.records, Viewer("carol"))
    assert (entry.outcome, entry.number) == (Outcome.ANSWERED, "101")
    delegate = Viewer("dave", shares=frozenset({"carol"}))  # she sees it once, too
    assert len(list(entries(scene.exchange.records, delegate))) == 1


def test_a_parked_call_is_one_and_who_parked_it_is_told_how_long() -> None:
    """UPR-16. What Carol dials to take it, is no call; her talk is."""
    scene = Scene(model=with_lot())
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    call, answered = scene.talking(alice, bob)
    answered.refer("700")
    scene.wait(30)
    taken = carol.call("701")
    scene.wait(10)
    assert taken.up
    call.hang_up()
    found = reports(scene)
    assert counts(found["bob"]) == (1, 1, 0, 0, 0)
    assert (found["bob"].park_s, found["carol"].call_s) == (pytest.approx(30, abs=1.1), pytest.approx(10, abs=1.1))
    assert counts(found["carol"]) == (0, 0, 0, 0, 0)
    assert counts(found["alice"]) == (0, 0, 0, 1, 1)

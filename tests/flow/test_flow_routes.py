"""Routes on live calls: the number and the caller that a carrier sees, and what leads to the next route (issue 4)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.routes import RouteRule, Row, table
from tests.support.exchange import carrier, house
from tests.support.raw_phone import RawPhone, Text, describe
from tests.support.scene import Scene

ONE, TWO = ("192.0.2.200", 5060), ("192.0.2.202", 5060)
NUMBER = "+442079460123"


def scene_with(*rows: Row, **settings: Any) -> tuple[Scene, RawPhone, RawPhone]:
    """Two carriers and these routes. The default trunk is the first one, as in any house of these tests."""
    base = house()
    model = m.versioned(
        msgspec.structs.replace(
            base,
            trunks={name: m.TrunkRule(id=name, profile=base.profile) for name in ("carrier", "other")},
            routes=table(rows),
        )
    )
    trunks = {"carrier": carrier("carrier", ONE, **settings), "other": carrier("other", TWO)}
    scene = Scene(model=model, trunks=trunks)
    return scene, RawPhone(scene.network, "carrier", ONE), RawPhone(scene.network, "other", TWO)


def rule(*trunks: str, **more: Any) -> RouteRule:
    return RouteRule(id="route:test", trunks=trunks, **more)


def finish(scene: Scene, at: RawPhone, call: Any) -> Text:
    """Answer and end the call. Returns its INVITE."""
    invite = at.take("INVITE")
    at.reply(invite, 200, describe(at.address[0]), tag=at.token())
    scene.wait(0.1)
    at.take("ACK")
    assert call.up
    call.hang_up()
    scene.wait(0.1)
    at.reply(at.take("BYE"), 200)
    scene.wait(0.1)
    return invite


def refuse(scene: Scene, at: RawPhone, status: int) -> None:
    at.reply(at.take("INVITE"), status, tag=at.token())
    scene.wait(0.1)


def test_a_call_takes_the_route_of_its_prefix_and_not_the_default_trunk() -> None:
    scene, one, two = scene_with(Row("+44", rule("other")))
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    assert not one.count("INVITE")
    finish(scene, two, call)


def test_the_number_is_stripped_and_prepended_and_sent_as_it_is_then() -> None:
    scene, _, two = scene_with(Row("+44", rule("other", strip=2, prepend="0")))
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    assert finish(scene, two, call).uri.startswith("sip:02079460123@")


@pytest.mark.parametrize("withheld", [False, True])
def test_the_caller_is_presented_or_withheld_as_the_route_says(withheld: bool) -> None:
    scene, _, two = scene_with(Row("+44", rule("other", caller_id="+16695550177", withheld=withheld)))
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    invite = finish(scene, two, call)
    shown = invite.get("From")
    assert ("+16695550177" in shown) is not withheld
    assert ("anonymous" in shown) is withheld
    assert bool(invite.all("Privacy")) is withheld


def test_the_causes_of_a_route_lead_to_the_next_one() -> None:
    """A carrier's 404 is its last word, unless the route says that others are to be asked."""
    scene, one, two = scene_with(Row("+44", rule("carrier", "other", failover=(404,))))
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    refuse(scene, one, 404)
    finish(scene, two, call)


def test_what_the_last_route_says_of_the_number_reaches_the_caller() -> None:
    """Also when it was a reason to ask on."""
    scene, one, two = scene_with(Row("+44", rule("carrier", "other", failover=(404,))))
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    refuse(scene, one, 404)
    refuse(scene, two, 404)
    assert call.refused == 404


def test_a_cause_that_the_route_does_not_name_ends_the_call() -> None:
    scene, one, two = scene_with(Row("+44", rule("carrier", "other", failover=(503,))))
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    refuse(scene, one, 404)
    assert call.refused == 404 and not two.count("INVITE")


def test_the_default_trunk_comes_after_the_routes() -> None:
    scene, one, two = scene_with(Row("+44", rule("other")))
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    refuse(scene, two, 503)
    finish(scene, one, call)


def test_an_emergency_call_takes_no_route() -> None:
    """OUT-6, EMG-6."""
    scene, one, two = scene_with(Row("", rule("other", withheld=True, strip=1)))
    call = scene.phone("alice").call("911")
    scene.wait(0.1)
    assert "anonymous" not in finish(scene, one, call).get("From") and not two.count("INVITE")

"""SIP outbound in calls (RFC 5626): a telephone of several flows is rung over one at a time; edge proxies with Path."""

from __future__ import annotations

import pytest

from switch.qualify import QualifySettings
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene

EDGES = ("192.0.2.51", "192.0.2.52")
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000b0b>"'
CONTACT = "<sip:bob@10.0.0.7:5060;ob>"


def edge(scene: Scene, number: int, *, path: bool = True, transport: str = "udp") -> RawPhone:
    """Bob's telephone registers through an edge proxy, or over a way of its own that ends at the same address."""
    host = EDGES[number - 1]
    way = RawPhone(scene.network, "bob", (host, 5060), secret="banana", transport=transport)
    lines = ("Supported: path, outbound", f"Path: <sip:token{number}@{host};lr;ob>")
    scene.register(way, f"{CONTACT};reg-id={number};{INSTANCE}", lines if path else lines[:1])
    scene.wait(1.0)
    return way


@pytest.fixture
def ways(scene: Scene) -> tuple[RawPhone, RawPhone]:
    """Two flows of one telephone; the second was registered last."""
    return edge(scene, 1), edge(scene, 2)


def answered(scene: Scene, way: RawPhone, call: PhoneCall) -> None:
    """The telephone answers over that way; the caller hangs up."""
    scene.taken(way, "b")
    assert call.up
    scene.over(call, way)


def test_a_telephone_of_two_flows_is_rung_once_over_the_latest(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    invite = ways[1].inbox[0]
    assert invite.uri == "sip:bob@10.0.0.7:5060;ob"
    assert invite.all("Route") == ["<sip:token2@192.0.2.52;lr;ob>"]
    answered(scene, ways[1], call)
    assert not ways[0].count("INVITE")


@pytest.mark.parametrize("status", [430, 408])
def test_a_flow_that_failed_is_followed_by_the_next(scene: Scene, ways: tuple[RawPhone, RawPhone], status: int) -> None:
    """Section 5.3: 430 speaks of the flow alone."""
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    ways[1].reply(ways[1].take("INVITE"), status, tag="e")
    scene.wait(0.1)
    assert ways[0].inbox[0].all("Route") == ["<sip:token1@192.0.2.51;lr;ob>"]
    answered(scene, ways[0], call)
    assert scene.exchange.record.result == "answered"


def test_when_every_flow_failed_it_is_an_outage(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    call = scene.phone("alice").call("102")
    for way in reversed(ways):
        scene.wait(0.1)
        way.reply(way.take("INVITE"), 430, tag="e")
    scene.wait(0.1)
    assert call.refused == 480
    assert scene.exchange.record.reason == "outage"


def test_silent_flows_share_the_4_seconds_of_an_outage(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    """FWD-4 holds for the telephone, not for each of its flows."""
    call = scene.phone("alice").call("102")
    scene.wait(1.9)
    assert (ways[0].count("INVITE"), ways[1].count("INVITE")) == (0, 3)
    scene.wait(0.3)
    assert ways[0].count("INVITE") == 1
    assert not call.refused
    scene.wait(2.0)
    assert call.refused == 480


def test_a_late_answer_over_a_flow_given_up_is_ended(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    call = scene.phone("alice").call("102")
    scene.wait(2.2)
    late = ways[1].take("INVITE")
    ways[1].reply(late, 200, describe(ways[1].address[0]), tag="l")
    scene.wait(0.1)
    ways[1].take("ACK")
    ways[1].reply(ways[1].take("BYE"), 200)
    answered(scene, ways[0], call)


@pytest.mark.parametrize("status", [486, 480, 603, 500])
def test_the_telephones_own_word_is_not_asked_for_twice(
    scene: Scene, ways: tuple[RawPhone, RawPhone], status: int
) -> None:
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    ways[1].reply(ways[1].take("INVITE"), status, tag="b")
    scene.wait(0.1)
    assert call.refused
    assert not ways[0].count("INVITE")


def test_a_caller_who_gives_up_is_not_followed_by_another_flow(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    invite = ways[1].take("INVITE")
    ways[1].reply(invite, 180, tag="b")
    scene.wait(0.1)
    call.cancel()
    scene.wait(0.1)
    ways[1].reply(ways[1].take("CANCEL"), 200)
    ways[1].reply(invite, 430, tag="b")
    scene.wait(0.1)
    assert scene.exchange.record.result == "cancelled"
    assert not ways[0].count("INVITE")


def test_another_telephone_of_the_line_rings_beside_it(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    second = scene.phone("bob")
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    invite = ways[1].take("INVITE")
    assert len(second.calls) == 1
    ways[1].reply(invite, 430, tag="e")
    scene.wait(0.1)
    assert ways[0].count("INVITE") == 1
    second.last.answer()
    scene.wait(0.1)
    assert call.up
    ways[0].reply(ways[0].take("INVITE"), 180, tag="b")
    scene.wait(0.1)
    ways[0].take("CANCEL")
    call.hang_up()
    scene.wait(0.1)


def test_a_connection_that_is_gone_is_passed_over(scene: Scene) -> None:
    first, second = edge(scene, 1, path=False, transport="tcp"), edge(scene, 2, path=False, transport="tcp")
    scene.network.cut(second.flow)
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    answered(scene, first, call)


def test_a_flow_known_to_be_lost_is_passed_over(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    """With qualification no time is lost on it (FWD-4)."""
    core = scene.exchange.core
    core.qualify(QualifySettings(60.0), scene.clock.now())
    scene.wait(30.5)
    for way in ways:
        way.reply(way.take("OPTIONS"), 200, tag="o")
    scene.wait(60.0)
    ways[0].reply(ways[0].seen[-1], 200, tag="o")
    ways[1].reply(ways[1].seen[-1], 430, tag="e")
    scene.wait(0.1)
    assert [reg_id for _, _, reg_id in core.qualifier.lost] == [2]
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    answered(scene, ways[0], call)
    assert not ways[1].count("INVITE")
    core.qualify(QualifySettings(0.0), scene.clock.now())


def test_both_flows_outlive_a_crash(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    scene.exchange.crash_and_restart(1.0)
    call = scene.phone("alice").call("102")
    scene.wait(0.1)
    ways[1].reply(ways[1].take("INVITE"), 430, tag="e")
    scene.wait(0.1)
    answered(scene, ways[0], call)


def test_requests_in_a_dialog_stay_on_the_flow_that_ob_asks_for(scene: Scene) -> None:
    """Section 4.3: `ob` in the Contact of an INVITE or its answer; without it the Contact's port counts."""
    alice, carol = scene.phone("alice"), scene.raw("carol", port=5090)
    call = alice.call("103")
    scene.wait(0.1)
    contact = ("Contact: <sip:carol@192.0.2.23:5060;ob>",)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0]), tag="c", headers=contact)
    scene.wait(0.1)
    assert carol.take("ACK").uri == "sip:carol@192.0.2.23:5060;ob"
    scene.over(call, carol)


def test_a_caller_behind_an_edge_is_answered_on_its_path(scene: Scene, ways: tuple[RawPhone, RawPhone]) -> None:
    """The proxy's Record-Route, with its flow token, is the route set of the call."""
    alice = scene.phone("alice")
    route = "<sip:token1@192.0.2.51;lr;ob>"
    dialog = RawDialog.authenticated(ways[0], "101", scene.wait, headers=(f"Record-Route: {route}",))
    scene.wait(0.1)
    alice.last.answer()
    scene.wait(0.1)
    answer = ways[0].take(200)
    assert answer.all("Record-Route") == [route]
    dialog.take_answer(answer)
    dialog.ack()
    alice.last.hang_up()
    scene.wait(0.1)
    bye = ways[0].take("BYE")
    assert bye.all("Route") == [route]
    ways[0].reply(bye, 200)

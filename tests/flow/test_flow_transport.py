"""Ways to a telephone: proxies that record a route, streams that break, and addresses behind NAT."""

from __future__ import annotations

import pytest

from tests.support.network import Nat
from tests.support.phone import Phone
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene

# -- route sets -------------------------------------------------------------------------------------------------------

LOOSE = ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>")
STRICT = ("<sip:p1.example.com>", "<sip:p2.example.com;lr>")


def rr(routes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"Record-Route: {route}" for route in routes)


@pytest.mark.parametrize("routes", [LOOSE, STRICT], ids=["loose", "strict"])
def test_route_set_of_the_callers_side(scene: Scene, routes: tuple[str, ...]) -> None:
    """A UAS keeps the order of Record-Route (RFC 3261 section 12.1.1)."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait, None, rr(routes))
    scene.wait(0.1)
    assert carol.take(180).all("Record-Route") == list(routes)
    bob.last.answer()
    scene.wait(0.1)
    ok = carol.take(200)
    assert ok.all("Record-Route") == list(routes)
    dialog.take_answer(ok)
    dialog.routes = []
    dialog.ack()
    bob.last.offer("sendonly")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    ack = carol.take("ACK")
    bob.last.hang_up()
    scene.wait(0.1)
    bye = carol.take("BYE")
    contact = "sip:carol@192.0.2.23:5060"
    for request in (invite, ack, bye):
        if routes is LOOSE:
            assert request.uri == contact
            assert request.all("Route") == list(routes)
        else:
            assert request.uri == "sip:p1.example.com"
            assert request.all("Route") == [routes[1], f"<{contact}>"]
    carol.reply(bye, 200)


@pytest.mark.parametrize("routes", [LOOSE, STRICT], ids=["loose", "strict"])
def test_route_set_of_the_callees_side(scene: Scene, routes: tuple[str, ...]) -> None:
    """A UAC turns the order round (section 12.1.2)."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0]), tag="c", headers=rr(tuple(reversed(routes))))
    scene.wait(0.1)
    ack = carol.take("ACK")
    call.hang_up()
    scene.wait(0.1)
    bye = carol.take("BYE")
    for request in (ack, bye):
        if routes is LOOSE:
            assert request.uri == "sip:carol@192.0.2.23:5060"
            assert request.all("Route") == list(routes)
        else:
            assert request.uri == "sip:p1.example.com"
            assert request.all("Route") == [routes[1], "<sip:carol@192.0.2.23:5060>"]
    carol.reply(bye, 200)


def test_route_set_survives_a_crash(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    scene.taken(carol, "c", headers=rr(LOOSE))
    scene.exchange.crash_and_restart(1.0)
    call.hang_up()
    scene.wait(0.1)
    bye = carol.take("BYE")
    assert bye.all("Route") == list(reversed(LOOSE))
    carol.reply(bye, 200)


def test_requests_go_to_the_first_route_at_another_port_of_the_same_host(scene: Scene) -> None:
    """Phone and proxy on one host: the proxy's route counts, not the phone's Contact."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    proxy = RawPhone(scene.network, "proxy", (carol.address[0], 5080))
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    route = ("Record-Route: <sip:192.0.2.23:5080;lr>",)
    carol.reply(invite, 200, describe(carol.address[0]), tag="c", headers=route)
    scene.wait(0.1)
    proxy.take("ACK")
    scene.over(call, proxy)


def test_registered_path_is_the_route_of_the_invite(scene: Scene) -> None:
    """RFC 3327: the phone registered through an edge proxy, which its calls go through."""
    alice = scene.phone("alice")
    carol = scene.raw("carol", register=False)
    path = "<sip:edge.example.com;lr>"
    scene.register(carol, "<sip:carol@10.0.0.7:5060>", ("Supported: path", f"Path: {path}"))
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert invite.uri == "sip:carol@10.0.0.7:5060"
    assert invite.all("Route") == [path]
    carol.reply(invite, 486, tag="c")
    scene.wait(0.1)
    assert carol.take("ACK").all("Route") == [path]
    assert call.refused == 486


# -- streams ----------------------------------------------------------------------------------------------------------


def test_tcp_phones_talk(scene: Scene) -> None:
    alice, bob = scene.phone("alice", transport="tcp"), scene.phone("bob", transport="tcp")
    call, answered = scene.talking(alice, bob)
    call.offer("sendonly")
    scene.wait()
    assert "a=sendonly" in answered.offers[-1]
    call.hang_up()
    scene.wait()
    assert answered.over


def test_tcp_phone_talks_with_udp_phone(scene: Scene) -> None:
    alice, bob = scene.phone("alice", transport="tcp"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    answered.hang_up()
    scene.wait()
    assert call.over
    assert scene.exchange.record.reason == "callee_hung_up"


def test_messages_in_pieces_and_glued_together_on_a_stream(scene: Scene) -> None:
    carol, bob = scene.raw("carol", transport="tcp"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    dialog.take_answer(carol.take(200))
    # Not sent, only written:
    real, carol.send = carol.send, lambda text, flow=None: None  # type: ignore[method-assign]
    both = dialog.ack() + "\r\n\r\n" + dialog.request("BYE")
    carol.send = real  # type: ignore[method-assign]
    for start in range(0, len(both), 100):
        carol.send(both[start : start + 100])
    scene.wait(0.5)
    assert bob.last.over
    assert scene.exchange.record.reason == "caller_hung_up"


def test_stream_of_the_caller_breaks_while_it_rings(scene: Scene) -> None:
    alice, bob = scene.phone("alice", transport="tcp"), scene.phone("bob")
    alice.call("102")
    scene.wait()
    scene.network.cut(alice.flow)
    scene.wait()
    assert bob.last.over
    record = scene.exchange.record
    assert (record.result, record.reason) == ("cancelled", "caller_cancelled")
    scene.strict = False


def test_stream_of_the_callee_breaks_while_it_rings(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob", transport="tcp")
    call = alice.call("102")
    scene.wait()
    scene.network.cut(bob.flow)
    scene.wait()
    assert call.refused == 480
    assert scene.exchange.record.reason == "outage"
    scene.strict = False


def test_call_outlives_its_stream_and_ends_over_a_new_one(scene: Scene) -> None:
    """The connection is cut during the call; the phone connects anew and says BYE over the new one."""
    alice, bob = scene.phone("alice", transport="tcp"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    scene.network.cut(alice.flow)
    scene.wait(5)
    assert len(scene.exchange.calls) == 1
    assert answered.up
    alice.flow = call.usage.flow = alice.station.host.flow_to(alice.exchange, "tcp")
    call.hang_up()
    scene.wait()
    assert answered.over
    assert scene.exchange.record.reason == "caller_hung_up"


def test_the_other_side_hangs_up_after_the_stream_broke(scene: Scene) -> None:
    alice, bob = scene.phone("alice", transport="tcp"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    scene.network.cut(alice.flow)
    scene.wait(5)
    answered.hang_up()
    scene.wait(1)
    assert call.over
    assert scene.exchange.record.reason == "callee_hung_up"
    assert scene.exchange.core.calls.by_tag == {}


def test_a_phone_that_moved_to_a_new_stream_is_found_there(scene: Scene) -> None:
    """A request in the dialog over the new connection tells where the phone is; the BYE goes there."""
    carol, bob = scene.raw("carol", transport="tcp"), scene.phone("bob")
    dialog = scene.talking_by_hand(carol, bob, "102")
    scene.network.cut(carol.flow)
    carol.reconnect()
    dialog.request("OPTIONS")
    scene.wait(0.1)
    carol.take(200)
    bob.last.hang_up()
    scene.wait(0.1)
    carol.reply(carol.take("BYE"), 200)


def test_registered_stream_is_gone_and_so_is_the_phone(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob", transport="tcp")
    scene.network.cut(bob.flow)
    scene.network.detach(bob.address)
    call = alice.call("102")
    scene.wait(1)
    assert call.refused == 480
    assert scene.exchange.record.reason == "outage"


def test_garbage_on_a_stream(scene: Scene) -> None:
    carol = scene.raw("carol", transport="tcp")
    carol.send("INVITE sip:102@pbx.example.com SIP/2.0\r\nContent-Length: -5\r\n\r\n")
    scene.wait(0.1)
    assert scene.exchange.records == []


# -- NAT --------------------------------------------------------------------------------------------------------------


def natted(scene: Scene, user: str, inside: str, **knobs: bool) -> tuple[Phone, Nat]:
    nat = Nat("203.0.113.7", **knobs)
    scene.network.put_behind(nat, inside)
    return scene.phone(user, inside), nat


def test_phone_behind_nat_is_called_where_it_registered_from(scene: Scene) -> None:
    alice = scene.phone("alice")
    bob, _ = natted(scene, "bob", "10.0.0.5")
    call, answered = scene.talking(alice, bob)
    (leg,) = [leg for index, leg in scene.exchange.calls[0].legs.items() if index]
    assert leg.usage.flow.remote[0] == "203.0.113.7"
    # Sound may be learned from the address that the signalling comes from.
    book = scene.exchange.engine.legs[leg.sound.lease.leg]  # type: ignore[union-attr]
    assert book.remote is not None
    assert (book.remote.address, book.remote.signalling) == ("10.0.0.5", "203.0.113.7")
    call.offer("sendonly")
    scene.wait()
    assert "a=sendonly" in answered.offers[-1]
    call.hang_up()
    scene.wait()
    assert answered.over


def test_phone_behind_nat_calls(scene: Scene) -> None:
    bob = scene.phone("bob")
    alice, _ = natted(scene, "alice", "10.0.0.5")
    call, answered = scene.talking(alice, bob)
    answered.offer("sendonly")
    scene.wait()
    assert "a=sendonly" in call.offers[-1]
    answered.hang_up()
    scene.wait()
    assert call.over


def test_nat_takes_a_new_port_during_the_call(scene: Scene) -> None:
    """The router forgot: the next request of the phone comes from elsewhere, and ours follow."""
    bob = scene.phone("bob")
    alice, nat = natted(scene, "alice", "10.0.0.5")
    call, answered = scene.talking(alice, bob)
    nat.forget()
    call.offer("sendonly")
    scene.wait()
    assert "a=sendonly" in answered.offers[-1]
    answered.hang_up()
    scene.wait()
    assert call.over


def test_both_behind_one_nat(scene: Scene) -> None:
    nat = Nat("203.0.113.7")
    scene.network.put_behind(nat, "10.0.0.5", "10.0.0.6")
    alice, bob = scene.phone("alice", "10.0.0.5"), scene.phone("bob", "10.0.0.6")
    call, answered = scene.talking(alice, bob)
    answered.hang_up()
    scene.wait()
    assert call.over


def test_call_behind_nat_survives_a_crash(scene: Scene) -> None:
    alice = scene.phone("alice")
    bob, _ = natted(scene, "bob", "10.0.0.5")
    call, answered = scene.talking(alice, bob)
    scene.exchange.crash_and_restart(1.0)
    call.hang_up()
    scene.wait()
    assert answered.over


def test_phone_without_rport_is_answered_at_its_via_port(scene: Scene) -> None:
    """RFC 3261 section 18.2.2: source address, port of sent-by."""
    old = RawPhone(scene.network, "old", ("192.0.2.77", 33333))
    via = RawPhone(scene.network, "via", ("192.0.2.77", 5062))
    old.request(
        "OPTIONS",
        "sip:pbx.example.com",
        [
            "Via: SIP/2.0/UDP 192.0.2.77:5062;branch=z9hG4bKnoport", "Max-Forwards: 70", "From: <sip:x@y>;tag=1",
            "To: <sip:pbx.example.com>", "Call-ID: noport", "CSeq: 1 OPTIONS",
        ],
    )  # fmt: skip
    scene.wait(0.1)
    via.take(200)
    assert old.inbox == []

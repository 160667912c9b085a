"""What strangers may cost: no memory, and few guesses; and what of the far ends' habits is taken kindly."""

from __future__ import annotations

import pytest

from switch.net.bans import BanSettings
from switch.net.guard import Guard, Limits
from switch.sip.errors import LocalProtocolError
from switch.sip.flow import Flow
from tests.support.raw_phone import DOMAIN, RawDialog, RawPhone, describe
from tests.support.scene import PLACES, Scene
from tests.support.subscriber import Subscriber

URI = f"sip:{DOMAIN}"
STRANGER = ("203.0.113.5", 5060)
OPTIONS_OF = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP %b;branch=z9hG4bKo\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:x>\r\n"
    b"Call-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("OPTIONS", (), 200),
        ("BYE", (), 481),
        ("MESSAGE", (), 405),
        ("BREW", (), 501),
        ("SUBSCRIBE", (), 489),
        ("INVITE", ("Require: teleport",), 420),
        ("INVITE", ("Content-Type: text/plain",), 415),
        ("REGISTER", (), 401),
        ("CANCEL", (), 481),
        ("REGISTER", (f'Authorization: Digest realm="{DOMAIN}", username="bob"',), 400),
        ("INVITE", (f'Proxy-Authorization: Digest realm="{DOMAIN}", username="bob"',), 400),
    ],
)
def test_a_strangers_request_is_answered_and_forgotten(
    scene: Scene, method: str, headers: tuple[str, ...], status: int
) -> None:
    stranger = RawPhone(scene.network, "stranger", STRANGER)
    text = stranger.outside(method, URI, headers, "hello" if "Content-Type: text/plain" in headers else "")
    scene.wait(0.1)
    stranger.take(status)
    assert len(scene.exchange.core.endpoint.servers) == 0
    stranger.send(text)
    scene.wait(0.1)
    stranger.take(status)
    scene.wait(40.0)
    assert len(stranger.seen) == 2


def test_a_request_in_a_dialog_that_is_none_is_forgotten(scene: Scene) -> None:
    stranger = RawPhone(scene.network, "stranger", STRANGER)
    dialog = RawDialog(stranger, "c1", f"<sip:x@{DOMAIN}>;tag=1", f"<{URI}>;tag=2", URI, 1)
    for method in ("BYE", "INFO", "INVITE", "OPTIONS"):
        dialog.request(method)
        scene.wait(0.1)
        stranger.take(481)
        assert len(scene.exchange.core.endpoint.servers) == 0


@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_who_never_answers_a_challenge_is_told_to_the_gate(scene: Scene, method: str, monkeypatch) -> None:
    told = []
    monkeypatch.setattr(
        scene.exchange.core.admission.gate, "challenged", lambda remote, name, now: told.append((remote, name))
    )
    stranger = RawPhone(scene.network, "stranger", STRANGER)
    stranger.outside(method, URI)
    scene.wait(0.1)
    assert told == [(STRANGER, method)]


def test_failed_log_ins_are_counted_and_charged_to_their_source(scene: Scene) -> None:
    core = scene.exchange.core
    core.admission.gate = gate = Guard(Limits(rate_per_s=1.0), bans=BanSettings(failures=1000))
    bob = scene.raw("bob", register=False)
    right, bob.secret = bob.secret, "wrong"
    for _ in range(3):
        bob.outside("REGISTER", URI)
        scene.wait(0.1)
        proof = bob.digest(bob.challenge_in(bob.take(401)), "REGISTER", URI)
        bob.outside("REGISTER", URI, (f"Authorization: {proof}",))
        scene.wait(0.1)
        bob.take(401)
    now = scene.clock.now()
    assert core.counters.logins_failed == 3
    assert sum(gate.admit(PLACES["bob"], now) for _ in range(9000)) < 8000 - 2 * 400
    assert not gate.knows(PLACES["bob"], now)
    bob.secret = right
    scene.register(bob)
    assert gate.knows(PLACES["bob"], scene.clock.now())
    assert core.counters.logins_failed == 3


def test_a_message_that_breaks_the_endpoint_harms_nobody_else(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    core = scene.exchange.core
    scene.exchange.tolerates = True
    bob = scene.raw("bob")

    def broken(*_: object) -> None:
        raise LocalProtocolError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(type(core.endpoint), "receive", broken)
        core.receive(b"OPTIONS sip:x SIP/2.0\r\n\r\n", bob.flow, scene.clock.now())
    assert any("a bug" in error for error in scene.exchange.errors)
    bob.outside("OPTIONS", URI)
    scene.wait(0.1)
    bob.take(200)


def test_a_way_that_is_broken_does_not_cost_others_their_messages(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.exchange.tolerates = True
    core, bob, carol = scene.exchange.core, scene.raw("bob"), scene.raw("carol")
    send = core._send

    def broken(flow: Flow, data: bytes) -> None:
        if flow.remote == bob.address:
            raise RuntimeError("a bug")
        send(flow, data)

    monkeypatch.setattr(core, "_send", broken)
    core.begin_turn()
    for phone in (bob, carol):
        options = OPTIONS_OF % phone.address[0].encode()
        core.receive(options, Flow("udp", scene.exchange.address, phone.address), scene.clock.now())
    core.flush()
    scene.wait(0.1)
    carol.take(200)
    assert any("a bug" in error for error in scene.exchange.errors)


def test_a_registrar_knows_path(scene: Scene) -> None:
    bob = scene.raw("bob", register=False)
    scene.register(bob, headers=("Require: path", "Path: <sip:192.0.2.22;lr>"))
    bob.outside("REGISTER", URI, ("Require: path, gruu",))
    scene.wait(0.1)
    assert bob.take(420).get("Unsupported") == "gruu"
    bob.outside("INVITE", URI, ("Require: path",))
    scene.wait(0.1)
    assert bob.take(420).get("Unsupported") == "path"


def test_credentials_for_another_realm_may_be_odd(scene: Scene) -> None:
    bob = scene.raw("bob", register=False)
    odd = 'Authorization: Digest realm="elsewhere.example.com", username="b", username="b"'
    bob.outside("REGISTER", URI, (odd,))
    scene.wait(0.1)
    proof = bob.digest(bob.challenge_in(bob.take(401)), "REGISTER", URI)
    bob.outside("REGISTER", URI, (odd, f"Authorization: {proof}"))
    scene.wait(0.1)
    bob.take(404)  # the password was right; there is no line of that name


def mixed(description: str) -> str:
    return (
        "a preamble\r\n--frontier\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n"
        f"--frontier\r\nContent-Type: application/sdp\r\n\r\n{description}\r\n--frontier--\r\n"
    )


MIXED = 'Content-Type: multipart/mixed; boundary="frontier"'


def test_a_description_among_other_parts_is_found(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait, mixed(describe(PLACES["bob"])), (MIXED,))
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert invite.audio_port > 0
    carol.reply(invite, 200, describe(PLACES["carol"]), tag="c")
    two = RawDialog.of_invite(carol, invite, "c")
    scene.wait(0.1)
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack()
    one.request("INVITE", mixed(describe(PLACES["bob"], way="sendonly", version=2)), (MIXED,))
    scene.wait(0.1)
    again = carol.take("INVITE")
    assert "a=sendonly" in again.body
    carol.reply(again, 200, describe(PLACES["carol"], way="recvonly", version=2), tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    bob.take(200)
    one.ack()
    two.request("BYE")
    scene.wait(0.1)
    bob.reply(bob.take("BYE"), 200)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [(("Require: teleport",), None, 420), (("Content-Type: text/plain",), "hello", 415)],
)
def test_a_new_offer_that_asks_too_much_leaves_the_call_as_it_is(
    scene: Scene, headers: tuple[str, ...], body: str | None, status: int
) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    call = alice.call("102")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    bob.reply(invite, 200, describe(PLACES["bob"]), tag="b")
    dialog = RawDialog.of_invite(bob, invite, "b")
    scene.wait(0.1)
    bob.take("ACK")
    dialog.request("INVITE", describe(PLACES["bob"], version=2) if body is None else body, headers)
    scene.wait(0.1)
    bob.take(status)
    dialog.request("ACK", branch=dialog.branch)
    assert call.up
    dialog.request("INVITE", describe(PLACES["bob"], version=2))
    scene.wait(0.1)
    bob.take(200)
    dialog.ack()
    scene.over(call, bob)


def test_emg_6_a_telephone_whose_name_is_banned_where_it_is_can_still_call_for_help(scene: Scene) -> None:
    """Others behind the same address have tried its name, and it speaks by another port than it registered from."""
    core = scene.exchange.core
    core.admission.gate = gate = Guard(Limits(), bans=BanSettings(failures=3))
    now, host = scene.clock.now(), PLACES["bob"]
    gate.admit(host, now)
    gate.welcome((host, 4444), "alice", now)
    for _ in range(4):
        gate.failed((host, 5555), "bob", now)
    bob = scene.raw("bob", register=False)
    carrier = scene.carrier()
    RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.2)
    assert bob.inbox == [], "his name gets no answer there"
    call = RawDialog.authenticated(bob, "911", scene.wait)
    scene.wait(0.2)
    carrier.reply(carrier.take("INVITE"), 503)
    scene.wait(0.2)
    call.ack_refusal(next(each for each in reversed(bob.seen) if each.kind.isdecimal()))


def test_where_we_hide_a_password_still_opens_a_subscription(scene: Scene) -> None:
    """A telephone may subscribe before it has registered; a stranger learns no more by that than by calling."""
    scene.exchange.core.admission.gate = gate = Guard(Limits(), bans=BanSettings(failures=1000))
    gate.hidden = True
    bob = scene.raw("bob", register=False)
    bob.outside("SUBSCRIBE", f"sip:101@{DOMAIN}", ("Event: conference",))
    bob.outside("OPTIONS", URI)
    scene.wait(0.1)
    assert not bob.seen
    lamp = Subscriber(bob, "101", scene.wait)
    lamp.ask()
    lamp.take()
    lamp.ask(0)
    lamp.take()

"""What the exchange says to requests that are no calls: log-ins, strangers, mistakes, and the torture of RFC 4475."""

from __future__ import annotations

import pytest

from tests.support.exchange import SECRETS
from tests.support.raw_phone import DOMAIN, RawDialog, RawPhone, describe
from tests.support.scene import PLACES, Scene
from tests.torture.table import CASES, Case

URI = f"sip:{DOMAIN}"


IN_DIALOG = {"wsinv"}
"""Their To has a tag, so they belong to a dialog that we do not know."""


def register(phone: RawPhone, cseq: int, *more: str, contact: str = "", user: str = "") -> None:
    aor = f"<sip:{user or phone.user}@{DOMAIN}>"
    lines = [
        f"Via: {phone.via()}", "Max-Forwards: 70", f"From: {aor};tag=reg", f"To: {aor}",
        f"Call-ID: reg@{phone.address[0]}",
        f"CSeq: {cseq} REGISTER", *([f"Contact: {contact}"] if contact else []), *more,
    ]  # fmt: skip
    phone.request("REGISTER", URI, lines)


# -- REGISTER ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_register_with_digest(scene: Scene, algorithm: str) -> None:
    bob = scene.raw("bob", register=False)
    contact = '<sip:bob@192.0.2.22:5060>;+sip.instance="<urn:uuid:1>";expires=600;x-odd=1'
    register(bob, 1, contact=contact)
    scene.wait(0.1)
    challenged = bob.take(401)
    assert "stale" not in challenged.get("WWW-Authenticate")
    proof = bob.digest(bob.challenge_in(challenged, algorithm), "REGISTER", URI)
    register(bob, 2, f"Authorization: {proof}", contact=contact)
    scene.wait(0.1)
    ok = bob.take(200)
    assert ok.get("Contact") == contact
    assert ok.get("Date").endswith("GMT")


def test_stale_nonce_and_replay(scene: Scene) -> None:
    """A nonce that was used with the same count, or is too old, asks once more with stale=true."""
    bob = scene.raw("bob", register=False)
    register(bob, 1)
    scene.wait(0.1)
    challenge = bob.challenge_in(bob.take(401))
    proof = bob.digest(challenge, "REGISTER", URI)
    register(bob, 2, f"Authorization: {proof}")
    scene.wait(0.1)
    bob.take(200)
    register(bob, 3, f"Authorization: {proof}")
    scene.wait(0.1)
    assert "stale=true" in bob.take(401).get("WWW-Authenticate")
    scene.wait(400)
    register(bob, 4, f"Authorization: {bob.digest(challenge, 'REGISTER', URI, nc=2)}")
    scene.wait(0.1)
    assert "stale=true" in bob.take(401).get("WWW-Authenticate")


def test_unknown_user_and_wrong_password_look_the_same(scene: Scene) -> None:
    answers = []
    for user, secret, address in (("bob", "wrong", "192.0.2.31"), ("nobody", "apple", "192.0.2.32")):
        phone = RawPhone(scene.network, user, (address, 5060), secret=secret)
        register(phone, 1)
        scene.wait(0.1)
        challenge = phone.challenge_in(phone.take(401))
        register(phone, 2, f"Authorization: {phone.digest(challenge, 'REGISTER', URI)}")
        scene.wait(0.1)
        refused = phone.take(401)
        answers.append((refused.start, "stale" in refused.get("WWW-Authenticate"), len(refused.headers)))
    assert answers[0] == answers[1]


def test_register_for_anothers_line(scene: Scene) -> None:
    bob = scene.raw("bob", register=False)
    register(bob, 1, user="alice", contact=bob.contact())
    scene.wait(0.1)
    challenge = bob.challenge_in(bob.take(401))
    register(bob, 2, f"Authorization: {bob.digest(challenge, 'REGISTER', URI)}", user="alice", contact=bob.contact())
    scene.wait(0.1)
    bob.take(403)
    assert len(scene.exchange.core.registrar) == 0


def test_too_short_a_registration(scene: Scene) -> None:
    bob = scene.raw("bob", register=False)
    register(bob, 1)
    scene.wait(0.1)
    proof = bob.digest(bob.challenge_in(bob.take(401)), "REGISTER", URI)
    register(bob, 2, f"Authorization: {proof}", "Expires: 5", contact=bob.contact())
    scene.wait(0.1)
    assert bob.take(423).get("Min-Expires") == "60"


def test_deregistered_and_expired_phones_are_not_rung(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    bob.register(0)
    scene.wait()
    call = alice.call("102")
    scene.wait()
    assert call.refused == 480
    bob.register(60)
    scene.wait(61)
    call = alice.call("102")
    scene.wait()
    assert call.refused == 480
    assert bob.calls == []


# -- who calls --------------------------------------------------------------------------------------------------------


def test_invite_is_challenged_and_the_wrong_password_again(scene: Scene) -> None:
    bob = RawPhone(scene.network, "bob", (PLACES["bob"], 5060), secret="wrong")
    dialog = RawDialog.authenticated(bob, "101", scene.wait)
    scene.wait(0.1)
    dialog.ack_refusal(bob.take(407))
    assert scene.exchange.records == []


def test_a_wrong_password_is_counted_and_kept_for_the_operator(scene: Scene) -> None:
    core = scene.exchange.core
    bob = scene.raw("bob", register=False)
    bob.secret = "wrong"
    for cseq in (1, 2, 3):
        bob.outside("REGISTER", URI, cseq=cseq)
        scene.wait()
        proof = bob.digest(bob.challenge_in(bob.take(401)), "REGISTER", URI)
        bob.outside("REGISTER", URI, headers=(f"Authorization: {proof}",), cseq=cseq)
        scene.wait()
        bob.take(401)
    now = scene.exchange.clock.at().timestamp()
    (refused,) = core.refusals.lately(now)
    assert (refused.user, refused.host, refused.why, refused.count) == ("bob", PLACES["bob"], "wrong password", 3)
    assert core.counters.registrations_refused == 3
    bob.secret = SECRETS["bob"]
    scene.register(bob)
    assert core.refusals.lately(now) == []
    assert core.counters.registrations == 1


def test_the_figures_agree_with_each_other(scene: Scene) -> None:
    """Every message is a request, a response or no SIP at all."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob)
    call.hang_up()
    stranger = scene.raw("carol", register=False)
    stranger.outside("OPTIONS", URI)
    scene.wait()
    core = scene.exchange.core
    sip = core.endpoint.counters
    assert sip.responses
    assert core.counters.messages_in == sip.requests + sip.responses
    stranger.send("nonsense\r\n\r\n")
    scene.wait()
    assert sip.malformed == 1
    assert core.counters.messages_in == sip.requests + sip.responses + sip.malformed


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_challenge_is_sent_once_and_nothing_is_remembered(scene: Scene, transport: str) -> None:
    """RFC 3261 section 26.3.2.4: a stranger who writes somebody else's address must not get ten copies sent there."""
    bob = scene.raw("bob", register=False, transport=transport)
    endpoint = scene.exchange.core.endpoint
    dialog = RawDialog.call(bob, "103", describe(bob.address[0]))
    bob.outside("REGISTER", URI)
    scene.wait(0.1)
    assert not (endpoint.servers or endpoint.digests or endpoint.merges or endpoint.unfinished)
    challenged = bob.take(407)
    dialog.ack_refusal(challenged)
    bob.take(401)
    scene.wait(40)
    assert bob.inbox == []
    # A lost one comes again with the copy of the request, as good as the first.
    bob.send(dialog.invite)
    scene.wait(0.1)
    challenged = bob.take(407)
    dialog.ack_refusal(challenged)
    proof = bob.digest(bob.challenge_in(challenged), "INVITE", dialog.target)
    dialog.request("INVITE", describe(bob.address[0]), (f"Proxy-Authorization: {proof}",))
    scene.wait(0.1)
    dialog.ack_refusal(bob.take(480))


@pytest.mark.parametrize("header", ["", "P-Preferred-Identity: <sip:alice@pbx.example.com>"])
def test_a_device_cannot_call_as_anothers_line(scene: Scene, header: str) -> None:
    bob, alice = scene.raw("bob"), scene.phone("alice")
    dialog = RawDialog.call(bob, "101", describe(bob.address[0]))
    scene.wait(0.1)
    challenged = bob.take(407)
    dialog.ack_refusal(challenged)
    if not header:
        dialog.local = dialog.local.replace("sip:bob@", "sip:alice@")
    proof = bob.digest(bob.challenge_in(challenged), "INVITE", dialog.target)
    headers = (f"Proxy-Authorization: {proof}", *([header] if header else []))
    dialog.request("INVITE", describe(bob.address[0]), headers)
    scene.wait(0.1)
    dialog.ack_refusal(bob.take(403))
    assert alice.calls == []


def test_a_device_without_any_right_can_call_the_emergency_number(scene: Scene) -> None:
    """OUT-6: nothing stands before an emergency call; the same device may call nobody else."""
    carrier = scene.carrier()
    dave = scene.raw("dave", register=False)
    other = RawDialog.authenticated(dave, "101", scene.wait)
    scene.wait(0.1)
    other.ack_refusal(dave.take(403))
    dialog = RawDialog.authenticated(dave, "911", scene.wait)
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    assert "911" in invite.uri
    carrier.reply(invite, 200, describe(carrier.address[0]), tag="c")
    scene.wait(0.1)
    carrier.take("ACK")
    dialog.take_answer(dave.take(200))
    dialog.ack()
    dialog.request("BYE")
    scene.wait(0.1)
    carrier.reply(carrier.take("BYE"), 200)
    assert scene.exchange.record.emergency


def test_an_emergency_call_under_a_wrong_name_is_not_refused(scene: Scene) -> None:
    """Bob's telephone says that it is Alice's. It calls for help, so it is put through, as Bob's."""
    carrier, bob = scene.carrier(), scene.raw("bob")
    headers = ("P-Preferred-Identity: <sip:alice@pbx.example.com>",)
    dialog = RawDialog.authenticated(bob, "911", scene.wait, None, headers)
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    assert "102" in invite.get("From")
    carrier.reply(invite, 486, tag="c")
    scene.wait(0.1)
    carrier.take("ACK")
    dialog.ack_refusal(next(m for m in bob.inbox if m.kind >= "400"))
    assert scene.exchange.record.line == "bob"


@pytest.mark.parametrize("status", [404, 486, 503, 480])
def test_an_emergency_call_that_no_carrier_takes(scene: Scene, status: int) -> None:
    carrier, bob = scene.carrier(), scene.raw("bob")
    dialog = RawDialog.authenticated(bob, "urn:service:sos.fire", scene.wait)
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    carrier.reply(invite, status, tag="c")
    scene.wait(0.1)
    carrier.take("ACK")
    refused = next(m for m in bob.inbox if m.kind in ("404", "486", "480", "503"))
    dialog.ack_refusal(refused)
    assert scene.exchange.record.emergency


def test_a_call_from_the_carrier_needs_no_password_and_reaches_an_extension(scene: Scene) -> None:
    carrier, bob = scene.carrier(), scene.phone("bob")
    dialog = RawDialog.call(carrier, "102", describe(carrier.address[0]))
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    dialog.take_answer(carrier.take(200))
    dialog.ack()
    dialog.request("BYE")
    scene.wait(0.1)
    assert scene.exchange.record.trunk == "carrier"


def test_a_call_to_the_carrier_shows_its_answers_status(scene: Scene) -> None:
    alice, carrier = scene.phone("alice"), scene.carrier()
    call = alice.call("16692345678")
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    assert "+16692345678" in invite.uri
    carrier.reply(invite, 404, tag="c")
    scene.wait(0.1)
    carrier.take("ACK")
    assert call.refused == 404
    assert scene.exchange.record.reason == "not_found"


# -- what may stand in an INVITE --------------------------------------------------------------------------------------


def test_max_forwards_goes_down_by_one(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    dialog = RawDialog.authenticated(bob, "103", scene.wait, max_forwards=7)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert invite.get("Max-Forwards") == "6"
    carol.reply(invite, 486, tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    dialog.ack_refusal(bob.take(486))


def test_max_forwards_of_zero_is_483(scene: Scene) -> None:
    bob = scene.raw("bob")
    dialog = RawDialog.call(bob, "103", describe(bob.address[0]), max_forwards=0)
    scene.wait(0.1)
    dialog.ack_refusal(bob.take(483))


def test_headers_of_one_side_reach_the_other_by_a_list_only(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    headers = ("Subject: lunch", "X-Secret: 42", "P-Asserted-Identity: <sip:boss@example.com>", "User-Agent: Phone/1")
    dialog = RawDialog.authenticated(bob, "103", scene.wait, None, headers)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    names = {name for name, _ in invite.headers}
    assert invite.get("Subject") == "lunch"
    assert not names & {"X-Secret", "Proxy-Authorization"}
    assert invite.all("P-Asserted-Identity") == ['"Bob" <sip:102@192.0.2.10>']
    assert invite.all("User-Agent") == ["Ringplan"]
    assert invite.get("From").startswith('"Bob" <sip:102@192.0.2.10>')
    assert len(invite.all("Via")) == 1
    assert bob.address[0] not in "".join(value for _, value in invite.headers)
    carol.reply(invite, 486, tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    dialog.ack_refusal(bob.take(486))


def one(scene: Scene, headers: tuple[str, ...], body: str, uri: str, status: int) -> RawPhone:
    bob, alice = scene.raw("bob"), scene.phone("alice")
    dialog = RawDialog.call(bob, uri, body, headers)
    scene.wait(0.1)
    refused = bob.take(status)
    dialog.ack_refusal(refused)
    bob.inbox.append(refused)
    assert alice.calls == []
    return bob


def test_an_extension_that_nobody_has_is_420(scene: Scene) -> None:
    bob = one(scene, ("Require: 100rel, teleport",), describe("192.0.2.22"), "101", 420)
    assert bob.take(420).get("Unsupported") == "teleport"


@pytest.mark.parametrize("uri", ["http://101@pbx.example.com", "mailto:alice@example.com"])
def test_an_unknown_scheme_is_416(scene: Scene, uri: str) -> None:
    one(scene, (), describe("192.0.2.22"), uri, 416)


def test_a_tel_uri_is_a_number(scene: Scene) -> None:
    bob, alice = scene.raw("bob"), scene.phone("alice")
    dialog = RawDialog.authenticated(bob, "tel:101;phone-context=pbx.example.com", scene.wait)
    scene.wait(0.1)
    assert len(alice.calls) == 1
    dialog.cancel()
    scene.wait(0.1)
    dialog.ack_refusal(bob.take(487))


@pytest.mark.parametrize(
    "headers", [("Content-Type: text/plain",), ("Content-Type: application/sdp", "Content-Encoding: gzip")]
)
def test_an_unknown_body_is_415(scene: Scene, headers: tuple[str, ...]) -> None:
    bob = one(scene, headers, "hello", "101", 415)
    refused = bob.take(415)
    assert refused.get("Accept") == "application/sdp, multipart/mixed"
    assert refused.get("Accept-Encoding") == "identity"


def test_an_invite_without_contact_is_400(scene: Scene) -> None:
    carrier = scene.carrier()
    dialog = RawDialog.call(carrier, "102", describe(carrier.address[0]))
    scene.wait(0.1)
    dialog.ack_refusal(carrier.take(480))
    text = dialog.invite.replace(dialog.branch, "z9hG4bKnocontact").replace("CSeq: 1", "CSeq: 2")
    carrier.send("\r\n".join(line for line in text.split("\r\n") if not line.startswith("Contact")))
    scene.wait(0.1)
    dialog.branch, dialog.cseq = "z9hG4bKnocontact", 2
    dialog.ack_refusal(carrier.take(400))


# -- other methods ----------------------------------------------------------------------------------------------------

METHODS = [
    ("SUBSCRIBE", 489), ("NOTIFY", 489), ("PUBLISH", 489), ("REFER", 403), ("MESSAGE", 405), ("INFO", 481),
    ("UPDATE", 481), ("PRACK", 481), ("BREW", 501), ("BYE", 481), ("CANCEL", 481), ("OPTIONS", 200),
]  # fmt: skip


@pytest.mark.parametrize(("method", "status"), METHODS)
def test_methods_outside_a_dialog(scene: Scene, method: str, status: int) -> None:
    bob = scene.raw("bob")
    bob.outside(method, f"sip:101@{DOMAIN}", ("Event: conference",))
    scene.wait(0.1)
    answer = bob.take(status)
    if status in (405, 501, 200):
        assert "INVITE" in answer.get("Allow")
    assert len(bob.inbox) == 0


@pytest.mark.parametrize(("method", "status"), [(m, s) for m, s in METHODS if m not in ("BYE", "CANCEL")])
def test_methods_in_a_dialog_leave_the_call_as_it_is(scene: Scene, method: str, status: int) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = scene.talking_by_hand(carol, bob, "102")
    dialog.request(method)
    scene.wait(0.1)
    carol.take({"UPDATE": 200, "INFO": 200, "REFER": 400}.get(method, status))
    assert bob.last.up
    dialog.request("BYE")
    scene.wait(0.1)
    carol.take(200)


@pytest.mark.parametrize("method", ["BYE", "INVITE", "OPTIONS", "INFO"])
def test_requests_of_unknown_dialogs_are_481(scene: Scene, method: str) -> None:
    bob = scene.raw("bob")
    dialog = RawDialog(bob, "nowhere", "<sip:bob@x>;tag=a", "<sip:101@x>;tag=unknown", f"sip:101@{DOMAIN}", 1)
    dialog.request(method, describe(bob.address[0]) if method == "INVITE" else "")
    scene.wait(0.1)
    refused = bob.take(481)
    if method == "INVITE":
        dialog.ack_refusal(refused)


def test_requests_of_a_stranger_who_has_read_the_tag(scene: Scene) -> None:
    """Our tag alone is not enough: Call-ID and the far end's tag must fit too."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    thief = RawPhone(scene.network, "thief", ("192.0.2.66", 5060))
    d = call.usage.dialog
    for call_id, tag in ((d.call_id, "guess"), ("guess", d.local_tag)):
        forged = RawDialog(
            thief, call_id, f"<sip:x@x>;tag={tag}", f"<sip:y@y>;tag={d.remote_tag}", "sip:192.0.2.10", 50
        )
        forged.request("BYE")
        scene.wait(0.1)
        thief.take(481)
    assert call.up
    assert answered.up
    call.hang_up()


# -- torture ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rfc_4475(scene: Scene, case: Case) -> None:
    stranger = RawPhone(scene.network, "stranger", ("192.0.2.99", 5060))
    stranger.send(case.message)
    scene.wait(0.3)
    every = [packet.start for packet in scene.network.log if packet.source == scene.exchange.address]
    finals = {int(kind) for kind in every if kind.isdigit() and int(kind) >= 200}
    if finals:
        assert len(finals) == 1
        assert finals <= {*case.answers, *([481] if case.name in IN_DIALOG else [])}
    else:
        assert None in case.answers
    assert scene.exchange.records == []

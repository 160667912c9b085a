"""Who is told who calls, who forwarded and why a call ended, by trust (IDN-2, IDN-3, CID-2; RFC 3323, 3325, 3326, 5806,
7044): raw INVITEs from telephones, trusted carriers and others."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from records.events import Forwarded
from switch.commands.decision import facts
from switch.trunk_hosts import TrunkHost
from tests.flow.test_flow_trunk_dialects import DID, arrives, call_out, invite, stage
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import PLACES, Scene

TRUSTED, OTHER = "preset: sipconnect", "preset: e164"
US = "192.0.2.10"
NAMED = '"Zoe" <sip:+14155550123@itsp.example.com>'
ASSERTED = 'P-Asserted-Identity: "Zoe" <sip:+14155550123@itsp.example.com>'
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'


def comes(folder: Path, keys: str, *headers: str, sender: str = NAMED) -> tuple[Scene, Text, RawPhone]:
    """A carrier's call for our number; the INVITE that bob's telephone gets."""
    scene = stage(folder, keys)
    bob, at = arrives(scene, invite(f"sip:{DID}@{US}", sender, *headers))
    return scene, bob.take("INVITE"), at


# Who calls, as telephones are told


@pytest.mark.parametrize(
    ("keys", "told"), [(TRUSTED, [f'"Zoe" <sip:+14155550123@{US}>']), (OTHER, []), ("trusted: true", [NAMED])]
)
def test_a_telephone_is_asserted_whom_a_trusted_carrier_asserts(tmp_path: Path, keys: str, told: list[str]) -> None:
    """RFC 3325: we vouch for nobody whom an untrusted carrier names."""
    _, got, _ = comes(tmp_path, keys, ASSERTED)
    assert got.get("From").startswith(f'"Zoe" <sip:+14155550123@{US}>;tag=')
    assert got.all("P-Asserted-Identity") == [each.replace("itsp.example.com", US) for each in told]
    assert not got.get("Privacy")


@pytest.mark.parametrize("keys", [TRUSTED, OTHER])
@pytest.mark.parametrize(
    ("sender", "headers"),
    [(NAMED, ("Privacy: id",)), (NAMED, ("Privacy: header",)), (ANONYMOUS, ()), (NAMED, ("Privacy: user;critical",))],
)
def test_who_hides_behind_a_carrier_is_nobody_here(
    tmp_path: Path, keys: str, sender: str, headers: tuple[str, ...]
) -> None:
    scene, got, _ = comes(tmp_path, keys, ASSERTED, "Subject: from Zoe", *headers, sender=sender)
    assert got.get("From").startswith(f"{ANONYMOUS};tag=")
    assert got.get("Privacy") == "id"
    assert not got.get("P-Asserted-Identity")
    assert "zoe" not in repr(got.headers).lower()
    assert "4155550123" not in repr(got.headers)
    (call,) = scene.exchange.calls
    assert call.state.started.hidden


def test_our_contact_alone_is_not_believed(tmp_path: Path) -> None:
    """IDN-3: a call to our registered Contact from an unknown place asserts nothing."""
    scene = stage(tmp_path, f"{TRUSTED}, username: '4420', secret: whatever-it-is")
    trunk = scene.exchange.trunks["carrier"]
    registering = msgspec.structs.replace(trunk.settings, register=True)
    scene.exchange.use_trunks({"carrier": TrunkHost(registering, trunk.places, trunk.sources)})
    token = scene.exchange.accounts.dialects["carrier"].token
    bob, stranger = scene.raw("bob"), RawPhone(scene.network, "x", ("192.0.2.77", 5060))
    text = invite(f"sip:{token}@{US}", NAMED, ASSERTED, "Diversion: <sip:+13105550100@x>", to=f"<sip:{DID}@x>")
    body = describe("192.0.2.77")
    stranger.send(f"{text}\r\nContent-Length: {len(body)}\r\n\r\n{body}".replace("192.0.2.200", "192.0.2.77"))
    scene.wait(0.1)
    got = bob.take("INVITE")
    assert not got.get("P-Asserted-Identity")
    assert not got.get("Diversion")


# What goes on, and what does not


def test_strangers_do_not_make_our_telephones_ring_their_way(tmp_path: Path) -> None:
    outside = (
        "Alert-Info: <http://192.0.2.9/answer>;info=alert-autoanswer", "Call-Info: <sip:x>;answer-after=0",
        "Identity: e30.e30.sig;info=<https://example.com/c>", "P-Charging-Vector: icid-value=1", "Subject: lunch",
        "P-Access-Network-Info: 3GPP-E-UTRAN", "Geolocation: <https://example.com/loc>", "Referred-By: <sip:x@y>",
        "Remote-Party-ID: <sip:1@x>", "Reason: Q.850;cause=16",
    )  # fmt: skip
    _, got, _ = comes(tmp_path, TRUSTED, *outside)
    crossed = {line.partition(":")[0] for line in outside} & {name for name, _ in got.headers}
    assert crossed == {"Subject"}


@pytest.mark.parametrize(("number", "told"), [("911", ["<https://example.com/loc>"]), ("+442079460999", [])])
def test_where_a_caller_is_goes_out_in_an_emergency_alone(tmp_path: Path, number: str, told: list[str]) -> None:
    """RFC 6442; a location in the body ends with the body."""
    scene = stage(tmp_path, OTHER)
    lines = ("Geolocation: <https://example.com/loc>", "Geolocation: <cid:me@x>", "Geolocation-Routing: yes")
    sent = call_out(scene, number, *lines)
    assert sent.all("Geolocation") == told
    assert sent.all("Geolocation-Routing") == (["yes"] if told else [])


@pytest.mark.parametrize(("privacy", "told"), [("none", ["lunch"]), ("id", [])])
def test_who_hides_has_no_subject_for_carriers(tmp_path: Path, privacy: str, told: list[str]) -> None:
    sent = call_out(
        stage(tmp_path, TRUSTED), "+442079460999", f"Privacy: {privacy}", "Subject: lunch", "Priority: urgent"
    )
    assert sent.all("Subject") == told
    assert sent.get("Priority") == "urgent"


@pytest.mark.parametrize(
    ("privacy", "status"), [("id;critical;halo", 500), ("id;halo", 0), ("session;header;critical", 0)]
)
def test_critical_privacy_that_we_do_not_know_is_refused(scene: Scene, privacy: str, status: int) -> None:
    """RFC 3323 section 5."""
    bob, carrier = scene.raw("bob"), scene.carrier()
    dialog = RawDialog.authenticated(bob, "6692223333", scene.wait, None, (f"Privacy: {privacy}",))
    scene.wait(0.1)
    if status:
        refused = bob.take(status)
        assert "Privacy Not Possible (halo)" in refused.start
        dialog.ack_refusal(refused)
    assert carrier.has("INVITE") is not bool(status)
    if not status:
        carrier.reply(carrier.take("INVITE"), 486, tag="x")
        scene.wait(0.1)
        dialog.ack_refusal(bob.take(486))


def test_an_emergency_call_is_not_refused_for_what_it_asks(scene: Scene) -> None:
    bob, carrier = scene.raw("bob"), scene.carrier()
    dialog = RawDialog.authenticated(bob, "911", scene.wait, None, ("Privacy: id;critical;halo",))
    scene.wait(0.1)
    sent = carrier.take("INVITE")
    assert "sip:102@" in sent.get("From")
    assert not sent.get("Privacy")
    carrier.reply(sent, 486, tag="x")
    scene.wait(0.1)
    dialog.ack_refusal(bob.take(486))


# Forwards

TWICE = (
    'Diversion: "Anna" <sip:13105550100@itsp.example.com>;reason=user-busy;counter=1;privacy=off',
    "Diversion: <sip:+13105550101@itsp.example.com>;reason=no-answer;counter=2;privacy=full",
)
KEPT = (
    Forwarded("+13105550100", "Anna", "user-busy"),
    Forwarded("+13105550101", "", "no-answer", 2, hidden=True),
)


@pytest.mark.parametrize(
    ("keys", "kept", "shown"),
    [(TRUSTED, KEPT, [f'"Anna" <sip:+13105550100@{US}>;reason=user-busy;counter=1;privacy=off']), (OTHER, (), [])],
)
def test_forwards_are_facts_of_the_call(
    tmp_path: Path, keys: str, kept: tuple[Forwarded, ...], shown: list[str]
) -> None:
    scene, got, _ = comes(tmp_path, keys, *TWICE)
    assert got.all("Diversion") == shown
    (call,) = scene.exchange.calls
    assert call.state.started.forwards == kept
    scene.exchange.hang_up(call)
    told = dict(facts(scene.exchange.record))
    text = "by +13105550100, Anna (user busy); first called +13105550101; 3 times"
    assert told.get("forwarded") == (text if kept else None)


def test_history_info_is_told_to_telephones_as_diversion_too(tmp_path: Path) -> None:
    """RFC 7544."""
    history = f"History-Info: <sip:+13105550100@x>;index=1, <sip:{DID}@{US};cause=408>;index=1.1;mp=1"
    _, got, _ = comes(tmp_path, TRUSTED, history)
    assert got.all("Diversion") == [f"<sip:+13105550100@{US}>;reason=no-answer;counter=1;privacy=off"]
    assert got.all("History-Info") == [
        f"<sip:+13105550100@{US}>;index=1",
        "<sip:bob@192.0.2.22:5060;cause=408>;index=1.1;mp=1",
    ]


def test_a_caller_who_hides_takes_the_forwards_along(tmp_path: Path) -> None:
    _, got, _ = comes(tmp_path, TRUSTED, *TWICE, "Privacy: id")
    assert not got.get("Diversion")


def test_a_telephone_cannot_say_that_it_was_forwarded(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    dialog = RawDialog.authenticated(bob, "103", scene.wait, None, TWICE)
    scene.wait(0.1)
    got = carol.take("INVITE")
    assert not got.get("Diversion")
    carol.reply(got, 486, tag="x")
    scene.wait(0.1)
    dialog.ack_refusal(bob.take(486))
    assert scene.exchange.record.forwards == ()


@pytest.mark.parametrize("keys", [TRUSTED, OTHER])
@pytest.mark.parametrize(
    ("forwards", "status"),
    [
        (["<sip:+13105550100@x>;counter=5"], 0),
        (["<sip:+13105550100@x>;counter=6"], 483),
        (["<sip:+13105550100@x>;counter=3", f"<sip:{DID}@x>;counter=3"], 482),
        ([f"<sip:{DID}@x>"], 0),
    ],
)
def test_the_sixth_forward_ends_like_a_loop(tmp_path: Path, keys: str, forwards: list[str], status: int) -> None:
    """SPEC K.10, FWD-9: an untrusted carrier's count is heard as well."""
    scene = stage(tmp_path, keys)
    bob, at = arrives(scene, invite(f"sip:{DID}@{US}", NAMED, *(f"Diversion: {each}" for each in forwards)))
    assert bob.has("INVITE") is not bool(status)
    if status:
        at.take(status)
        record = scene.exchange.record
        assert (record.result, record.reason, record.sip_status) == ("failed", "loop", status)
        assert "it was forwarded 6 times before it came here, and 5 is the limit" in record.because[-1][1]


# Who has answered


def rings(scene: Scene, number: str = "102") -> tuple[Text, Text]:
    """Carol calls bob: her 180 and 200."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    dialog = RawDialog.authenticated(carol, number, scene.wait)
    scene.wait(0.1)
    got = bob.take("INVITE")
    spoofed = ("P-Asserted-Identity: <sip:boss@x>",)
    bob.reply(got, 180, tag="b", headers=spoofed)
    scene.wait(0.1)
    bob.reply(got, 200, describe(PLACES["bob"]), tag="b", headers=spoofed)
    scene.wait(0.1)
    ringing, answer = carol.take(180), carol.take(200)
    dialog.take_answer(answer)
    dialog.ack()
    dialog.request("BYE", headers=("Reason: Q.850;cause=16",))
    scene.wait(0.1)
    bye = bob.take("BYE")
    assert bye.get("Reason") == "Q.850;cause=16"
    bob.reply(bye, 200)
    return ringing, answer


def test_a_telephone_is_told_who_rings_and_answers(scene: Scene) -> None:
    """RFC 3325 section 5, and what the telephone asserts itself is not believed."""
    for message in rings(scene):
        assert message.all("P-Asserted-Identity") == [f'"Bob" <sip:102@{US}>']
    first, second = scene.exchange.record.legs
    assert (first.cause, second.cause) == ("Q.850;cause=16", "")


@pytest.mark.parametrize("hiding", [(), ("Privacy: id",)])
@pytest.mark.parametrize(
    ("keys", "told"),
    [(TRUSTED, [f'"Bob" <sip:{DID}@{US};user=phone>']), ("trusted: true", []), ("caller_out: [from, pai]", [])],
)
def test_a_trusted_carrier_is_told_who_answers_by_the_number_that_it_called(
    tmp_path: Path, keys: str, told: list[str], hiding: tuple[str, ...]
) -> None:
    scene = stage(tmp_path, keys)
    bob, at = arrives(scene, invite(f"sip:{DID}@{US}", NAMED, ASSERTED))
    got = bob.take("INVITE")
    bob.reply(got, 180, tag="b")
    scene.wait(0.1)
    bob.reply(got, 200, describe(PLACES["bob"]), tag="b", headers=hiding)
    scene.wait(0.1)
    ringing, answer = at.take(180), at.take(200)
    assert not ringing.get("P-Asserted-Identity")
    assert answer.all("P-Asserted-Identity") == told
    assert answer.get("Privacy") == ("id" if hiding and told else "")


@pytest.mark.parametrize(
    ("keys", "headers", "told"),
    [
        (TRUSTED, ("P-Asserted-Identity: \"Desk\" <sip:+442079460111@x>, <tel:+442079460111>",),
         [f'"Desk" <sip:+442079460111@{US}>']),
        (TRUSTED, ("P-Asserted-Identity: <sip:+442079460111@x>", "Privacy: id"), []),
        (TRUSTED, ("P-Asserted-Identity: <",), []),
        (TRUSTED, (), []),
        (OTHER, ("P-Asserted-Identity: <sip:+442079460111@x>",), []),
    ],
)  # fmt: skip
def test_a_telephone_is_told_who_has_answered_at_a_trusted_carrier(
    tmp_path: Path, keys: str, headers: tuple[str, ...], told: list[str]
) -> None:
    scene = stage(tmp_path, keys)
    bob, at = scene.raw("bob"), scene.carrier()
    RawDialog.authenticated(bob, "+442079460999", scene.wait)
    scene.wait(0.1)
    at.reply(at.take("INVITE"), 200, describe("192.0.2.200"), tag="x", headers=headers)
    scene.wait(0.1)
    assert bob.take(200).all("P-Asserted-Identity") == told


# Why it ended


def test_a_carriers_cause_reaches_the_caller_and_the_record(tmp_path: Path) -> None:
    """RFC 3326."""
    scene = stage(tmp_path, OTHER)
    bob, at = scene.raw("bob"), scene.carrier()
    dialog = RawDialog.authenticated(bob, "+442079460999", scene.wait)
    scene.wait(0.1)
    reason = 'Q.850;cause=1;text="Unallocated (unassigned) number"'
    at.reply(at.take("INVITE"), 404, tag="x", headers=(f"Reason: {reason}", "Reason: X-Own;cause=1"))
    scene.wait(0.1)
    refused = bob.take(404)
    dialog.ack_refusal(refused)
    assert refused.all("Reason") == [reason]
    caller, called = scene.exchange.record.legs
    assert (caller.cause, called.cause) == ("", reason)


def test_the_cause_of_a_cancel_is_the_callers(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 180, tag="b")
    scene.wait(0.1)
    dialog.cancel(('Reason: SIP;cause=200;text="Call completed elsewhere"',))
    scene.wait(0.1)
    assert bob.take("CANCEL").get("Reason").startswith("SIP;cause=200")
    dialog.ack_refusal(carol.take(487))
    caller, called = scene.exchange.record.legs
    assert (caller.cause, called.cause) == ('SIP;cause=200;text="Call completed elsewhere"', "")

"""Carriers as they speak: raw INVITEs in, with what we make of them, and our INVITE out, line by line (issue 3).

The configuration is YAML, as the operator writes it. Where a carrier is named, its INVITE has the shape that such
carriers send; numbers and addresses are examples.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from config.compile import compile  # noqa: A004
from config.compiled import TrunkSettings
from config.presets import PRESETS
from dialplan import model as m
from dialplan.destinations import user
from switch.sip.leg_events import Progress
from switch.trunk_hosts import TrunkHost
from tests.support.exchange import CARRIER, carrier, house
from tests.support.raw_phone import RawDialog, RawPhone, Text
from tests.support.scene import PLACES, Scene

DID = "+16692222222"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 9 8 0 18 101\r\n"
    "a=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
)


def settings(folder: Path, text: str) -> TrunkSettings:
    file = folder / "a.yaml"
    file.write_text(f"country: US\ntrunks:\n  carrier: {{host: itsp.example.com, {text}}}\n")
    file.chmod(0o600)
    return compile(file, {}).trunks[0]


def stage(folder: Path, text: str, country: str = "US", caller_id: str = "") -> Scene:
    """The house with that trunk, at the carrier's usual address; Bob rings for our number."""
    trunk = msgspec.structs.replace(settings(folder, text), register=False)
    usual = carrier("carrier", CARRIER)
    rule = m.TrunkRule(
        id="carrier",
        numbers_in=trunk.numbers_in,
        caller_id=caller_id,
        extensions="pbx" in text,
        profile=m.Profile(trunk.country or country),
    )
    usual_model = house()
    table = msgspec.structs.replace(usual_model.emergency, caller_ids={"carrier": caller_id})
    made = msgspec.structs.replace(
        usual_model, emergency=table, dids={DID: user("bob"), "+33972101010": user("bob"),
                       "+442079460000": user("bob")}, trunks={"carrier": rule},
    )  # fmt: skip
    return Scene(model=m.versioned(made), trunks={"carrier": TrunkHost(trunk, usual.places, usual.sources)})


def invite(uri: str, from_: str, *headers: str, to: str = "") -> str:
    """An INVITE as it comes over the wire, but for Via and the body."""
    return "\r\n".join(
        [
            f"INVITE {uri} SIP/2.0",
            "Via: SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bKtable;rport",
            "Record-Route: <sip:192.0.2.200;lr>",
            "Max-Forwards: 67",
            f"From: {from_};tag=gK0c",
            f"To: {to or f'<{uri}>'}",
            "Call-ID: 843a_00517@192.0.2.200",
            "CSeq: 23104 INVITE",
            "Contact: <sip:192.0.2.200:5060>",
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE",
            "Supported: timer, 100rel",
            "Accept: application/sdp",
            *headers,
            "Content-Type: application/sdp",
        ]
    )


def arrives(scene: Scene, text: str) -> tuple[RawPhone, RawPhone]:
    """Send it. Bob's telephone and the carrier."""
    bob, at = scene.raw("bob"), scene.carrier()
    body = SDP.format(CARRIER[0])
    at.send(f"{text}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    scene.wait(0.1)
    return bob, at


# preset or keys; INVITE; number called; caller's number; name; payloads that bob is offered
IN = [
    pytest.param(
        "preset: e164",
        invite(f"sip:{DID}@192.0.2.10:5060", '"ACME Inc" <sip:+14155550123@itsp.example.com>'),
        DID, "+14155550123", "ACME Inc", "9 8 0 18 101 107", id="e164",
    ),
    pytest.param(
        "preset: digits",
        invite("sip:16692222222@192.0.2.10", "<sip:14155550123@itsp.example.com;user=phone>"),
        DID, "+14155550123", "", "9 8 0 18 101 107", id="digits",
    ),
    pytest.param(
        "preset: national",
        invite("sip:6692222222@192.0.2.10", '"415-555-0123" <sip:4155550123@198.51.100.3>'),
        DID, "+14155550123", "415-555-0123", "9 8 0 18 101 107", id="national-us",
    ),
    pytest.param(
        "preset: national, country: GB",
        invite("sip:02079460000@192.0.2.10", "<sip:07700900123@198.51.100.3>"),
        "+442079460000", "+447700900123", "", "9 8 0 18 101 107", id="national-gb",
    ),
    pytest.param(
        "numbers_in: '00', country: FR",
        invite("sip:0033972101010@192.0.2.10", "<sip:0033612345678@sip.example.com>"),
        "+33972101010", "+33612345678", "", "9 8 0 18 101 107", id="00",
    ),
    pytest.param(
        "preset: twilio",
        invite(
            f"sip:{DID}@192.0.2.10:5060;transport=udp", '"+14155550123" <sip:+14155550123@203.0.113.9>',
            "P-Asserted-Identity: <sip:+14155550123@203.0.113.9:5060>", "Diversion: <sip:+13105550100@203.0.113.9>",
            "X-Example-CallSid: CA0123456789abcdef",
        ),
        DID, "+14155550123", "+14155550123", "0 8 101 9 107", id="twilio",
    ),
    pytest.param(
        "preset: telnyx",
        invite(
            f"sip:{DID}@192.0.2.10", '"Anna" <sip:+14155550123@198.51.100.5>',
            'P-Asserted-Identity: "Anna" <sip:+14155550199@198.51.100.5>', "Privacy: none",
        ),
        DID, "+14155550199", "Anna", "9 0 8 18 101 107", id="telnyx",
    ),
    pytest.param(
        "preset: vonage",
        invite("sip:16692222222@192.0.2.10;transport=udp", '"14155550123" <sip:14155550123@198.51.100.6>'),
        DID, "+14155550123", "14155550123", "9 8 0 18 101 107", id="vonage",
    ),
    pytest.param(
        "preset: voipms, username: '100000', secret: whatever-it-is",
        invite("sip:6692222222@192.0.2.10:5060", '"SMITH JOHN" <sip:4155550123@198.51.100.7>'),
        DID, "+14155550123", "SMITH JOHN", "9 8 0 18 101 107", id="voipms",
    ),
    pytest.param(
        "preset: ovh, username: '0033972101010', secret: whatever-it-is",
        invite(
            "sip:0033972101010@192.0.2.10:5060", '"0033612345678" <sip:0033612345678@sip.example.com>',
            to='"0033972101010" <sip:0033972101010@sip.example.com>',
        ),
        "+33972101010", "+33612345678", "0033612345678", "9 8 0 18 101 107", id="ovh",
    ),
    pytest.param(
        "preset: sipgate, username: 8000000t0, secret: whatever-it-is",
        invite(
            "sip:8000000t0@192.0.2.10:5060", '"+14155550123" <sip:+14155550123@itsp.example.com;user=phone>',
            to="<sip:16692222222@itsp.example.com>",
        ),
        DID, "+14155550123", "+14155550123", "8 0 101 9 107", id="sipgate",
    ),
    pytest.param(
        "preset: register, username: '4420', secret: whatever-it-is",
        invite("sip:4420@192.0.2.10", "<sip:14155550123@itsp.example.com>", to=f'"Us" <sip:{DID}@itsp.example.com>'),
        DID, "+14155550123", "", "9 8 0 18 101 107", id="register",
    ),
    pytest.param(
        "preset: sipconnect",
        invite(
            f"sip:{DID}@pbx.example.com;user=phone", "<sip:+14155550123@itsp.example.com;user=phone>",
            "P-Asserted-Identity: <tel:+14155550100>",
        ),
        DID, "+14155550100", "", "9 8 0 18 101 107", id="sipconnect",
    ),
    pytest.param(
        "preset: ims",
        invite(
            "sip:reg-77@192.0.2.10:5060;user=phone", "<sip:+14155550123@ims.example.com;user=phone>",
            "P-Called-Party-ID: <sip:+16692222222@ims.example.com;user=phone>",
            "P-Asserted-Identity: <sip:+14155550100@ims.example.com;user=phone>, <tel:+14155550100>",
            to="<tel:+16695550000>",
        ),
        DID, "+14155550100", "", "9 8 0 18 101 107", id="ims",
    ),
    pytest.param(
        "preset: pbx",
        invite("sip:102@192.0.2.10", '"Zoe" <sip:7001@198.51.100.9>', 'P-Asserted-Identity: "Zoe" <sip:7001@x>'),
        "102", "7001", "Zoe", "9 8 0 18 101 107", id="pbx",
    ),
    pytest.param(
        "preset: pbx-rpid",
        invite(
            "sip:102@192.0.2.10", '"asterisk" <sip:asterisk@198.51.100.9>',
            'Remote-Party-ID: "Us" <sip:102@x>;party=called, "Zoe" <sip:7001@x>;party=calling;privacy=off;screen=no',
        ),
        "102", "7001", "Zoe", "9 8 0 18 101 107", id="pbx-rpid",
    ),
    pytest.param(
        "preset: e164",
        invite(
            f"sip:{DID};npdi;rn=+16690000000@192.0.2.10;user=phone", "<tel:+1-415-555-0123;phone-context=x>",
        ),
        DID, "+14155550123", "", "9 8 0 18 101 107", id="number-portability-and-tel",
    ),
    # Who is not believed, and who hides.
    pytest.param(
        "preset: e164",
        invite(
            f"sip:{DID}@192.0.2.10", "<sip:+14155550123@x>", "P-Asserted-Identity: <sip:+19005550100@x>",
            "Remote-Party-ID: <sip:+19005550100@x>",
        ),
        DID, "+14155550123", "", "9 8 0 18 101 107", id="not-trusted",
    ),
    pytest.param(
        "preset: sipconnect",
        invite(
            f"sip:{DID}@192.0.2.10", '"Anonymous" <sip:anonymous@anonymous.invalid>', "Privacy: id",
            "P-Asserted-Identity: <sip:+14155550100@x>",
        ),
        DID, "", "", "9 8 0 18 101 107", id="anonymous-asserted",
    ),
    pytest.param(
        "preset: e164",
        invite(f"sip:{DID}@192.0.2.10", "<sip:+14155550123@x>", "Privacy: user;id;critical"),
        DID, "", "", "9 8 0 18 101 107", id="privacy-alone",
    ),
    pytest.param(
        "preset: pbx-rpid",
        invite("sip:102@192.0.2.10", "<sip:asterisk@x>", "Remote-Party-ID: <sip:7001@x>;privacy=full;screen=yes"),
        "102", "", "", "9 8 0 18 101 107", id="rpid-private",
    ),
    pytest.param(
        "preset: e164",
        invite(f"sip:{DID}@192.0.2.10", '"Restricted" <sip:anonymous@itsp.example.com>'),
        DID, "", "", "9 8 0 18 101 107", id="anonymous-user",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "text", "called", "number", "name", "payloads"), IN)
def test_what_we_make_of_a_carriers_invite(
    tmp_path: Path, keys: str, text: str, called: str, number: str, name: str, payloads: str
) -> None:
    scene = stage(tmp_path, keys)
    bob, at = arrives(scene, text)
    assert bob.has("INVITE"), at.inbox
    (call,) = scene.exchange.calls
    started = call.state.started
    assert (started.trunk, started.number, started.caller_number, started.caller_name) == (
        "carrier", called, number, name,
    )  # fmt: skip
    offered = bob.take("INVITE")
    assert next(line for line in offered.body.splitlines() if line.startswith("m=")).split(" RTP/AVP ")[1] == payloads
    assert f"sip:{number or 'anonymous'}@" in offered.get("From")
    for secret in ("+14155550100", "7001") if not number else ():
        assert secret not in repr(offered.headers)


def test_every_preset_has_its_row() -> None:
    rows = {param.values[0].split(",")[0].removeprefix("preset: ") for param in IN}  # type: ignore[union-attr]
    assert set(PRESETS) <= rows
    assert set(PRESETS) <= {param.values[0].split(",")[0].removeprefix("preset: ") for param in OUT}  # type: ignore[union-attr]


ACCOUNT = "username: '4420', secret: whatever-it-is"
OWN = "192.0.2.10"
# preset or keys; Request-URI; From without its tag; lines that have to be there; payloads of our offer
OUT = [
    pytest.param("preset: e164", "sip:+442079460999@itsp.example.com", f'"Bob" <sip:+16692222222@{OWN}>', {},
                 "9 8 0 18 101 107", id="e164"),
    pytest.param("preset: digits", "sip:442079460999@itsp.example.com", f'"Bob" <sip:16692222222@{OWN}>', {},
                 "9 8 0 18 101 107", id="digits"),
    pytest.param("preset: national", "sip:011442079460999@itsp.example.com", f'"Bob" <sip:6692222222@{OWN}>', {},
                 "9 8 0 18 101 107", id="national"),
    pytest.param("preset: national, country: GB", "sip:02079460999@itsp.example.com",
                 f'"Bob" <sip:0016692222222@{OWN}>', {}, "9 8 0 18 101 107", id="national-gb"),
    pytest.param(f"preset: register, {ACCOUNT}", "sip:+442079460999@itsp.example.com",
                 f'"Bob" <sip:{DID}@itsp.example.com>', {}, "9 8 0 18 101 107", id="register"),
    pytest.param("preset: sipconnect, domain: sip.example.net", "sip:+442079460999@sip.example.net;user=phone",
                 f'"Bob" <sip:{DID}@sip.example.net;user=phone>',
                 {"P-Asserted-Identity": f'"Bob" <sip:{DID}@sip.example.net;user=phone>',
                  "To": "<sip:+442079460999@sip.example.net;user=phone>"}, "9 8 0 18 101 107", id="sipconnect"),
    pytest.param("preset: ims", "sip:+442079460999@itsp.example.com;user=phone",
                 f'"Bob" <sip:{DID}@{OWN};user=phone>',
                 {"P-Asserted-Identity": f'"Bob" <sip:{DID}@{OWN};user=phone>'}, "9 8 0 18 101 107", id="ims"),
    pytest.param("preset: pbx", "sip:+442079460999@itsp.example.com", f'"Bob" <sip:{DID}@{OWN}>',
                 {"P-Asserted-Identity": f'"Bob" <sip:{DID}@{OWN}>'}, "9 8 0 18 101 107", id="pbx"),
    pytest.param("preset: pbx-rpid", "sip:+442079460999@itsp.example.com", f'"Bob" <sip:{DID}@{OWN}>',
                 {"Remote-Party-ID": f'"Bob" <sip:{DID}@{OWN}>;party=calling;screen=yes;privacy=off'},
                 "9 8 0 18 101 107", id="pbx-rpid"),
    pytest.param("preset: twilio", "sip:+442079460999@itsp.example.com", f'"Bob" <sip:{DID}@{OWN}>', {},
                 "0 8 101", id="twilio"),
    pytest.param("preset: telnyx", "sip:+442079460999@itsp.example.com", f'"Bob" <sip:{DID}@{OWN}>', {},
                 "9 0 8 18 101 107", id="telnyx"),
    pytest.param("preset: vonage", "sip:442079460999@itsp.example.com", f'"Bob" <sip:16692222222@{OWN}>', {},
                 "9 8 0 18 101", id="vonage"),
    pytest.param(f"preset: voipms, {ACCOUNT}", "sip:011442079460999@itsp.example.com",
                 '"Bob" <sip:6692222222@itsp.example.com>', {}, "9 8 0 18 101 107", id="voipms"),
    pytest.param(f"preset: ovh, {ACCOUNT}", "sip:00442079460999@itsp.example.com",
                 '"Bob" <sip:0016692222222@itsp.example.com>', {}, "9 8 0 18 101 107", id="ovh"),
    pytest.param(f"preset: sipgate, {ACCOUNT}", "sip:442079460999@itsp.example.com",
                 '"Bob" <sip:4420@itsp.example.com>',
                 {"P-Preferred-Identity": '"Bob" <sip:16692222222@itsp.example.com>'}, "8 0 101", id="sipgate"),
    pytest.param("outbound_proxy: 'edge.example.com:5070'", "sip:+442079460999@itsp.example.com",
                 f'"Bob" <sip:{DID}@{OWN}>', {"Route": "<sip:edge.example.com:5070;lr>"},
                 "9 8 0 18 101 107", id="proxy"),
]  # fmt: skip


def call_out(scene: Scene, number: str = "+442079460999", *headers: str) -> Text:
    """Bob calls; the INVITE that the carrier gets, which it refuses."""
    bob, at = scene.raw("bob"), scene.carrier()
    body = SDP.format(PLACES["bob"])
    dialog = RawDialog.call(bob, number, body)
    scene.wait(0.1)
    challenged = bob.take(407)
    dialog.ack_refusal(challenged)
    proof = bob.digest(bob.challenge_in(challenged), "INVITE", dialog.target)
    dialog.request("INVITE", body, (f"Proxy-Authorization: {proof}", *headers))
    scene.wait(0.1)
    sent = at.take("INVITE")
    at.reply(sent, 486, tag="busy")
    scene.wait(0.1)
    return sent


def payloads_of(text: Text) -> str:
    return next(line for line in text.body.splitlines() if line.startswith("m=")).split(" RTP/AVP ")[1]


@pytest.mark.parametrize(("keys", "uri", "sender", "lines", "payloads"), OUT)
def test_our_invite_in_a_carriers_dialect(
    tmp_path: Path, keys: str, uri: str, sender: str, lines: dict[str, str], payloads: str
) -> None:
    """The number is in E.164 in the plan and in the record, whatever the carrier gets."""
    scene = stage(tmp_path, keys, caller_id=DID)
    sent = call_out(scene)
    assert sent.uri == uri
    assert sent.get("To") == f"<{uri}>"
    assert sent.get("From").partition(";tag=")[0] == sender
    for name, value in lines.items():
        assert sent.get(name) == value
    for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Route", "Privacy"):
        assert name in lines or not sent.get(name)
    assert payloads_of(sent) == payloads
    assert scene.exchange.record.number == "+442079460999"


@pytest.mark.parametrize(
    ("keys", "asserted"),
    [
        ("preset: e164", {}),
        ("caller_out: [from, pai]", {}),
        ("trusted: true", {"P-Asserted-Identity": f'"Bob" <sip:{DID}@{OWN}>'}),
        ("preset: sipconnect", {"P-Asserted-Identity": f'"Bob" <sip:{DID}@{OWN};user=phone>'}),
        ("preset: pbx-rpid", {"P-Asserted-Identity": f'"Bob" <sip:{DID}@{OWN}>',
                              "Remote-Party-ID": f'"Bob" <sip:{DID}@{OWN}>;party=calling;screen=yes;privacy=full'}),
        (f"preset: sipgate, {ACCOUNT}", {"P-Asserted-Identity": '"Bob" <sip:16692222222@itsp.example.com>',
                                         "P-Preferred-Identity": '"Bob" <sip:16692222222@itsp.example.com>'}),
        (f"preset: register, {ACCOUNT}", {}),
    ],
)  # fmt: skip
def test_who_hides_is_named_to_trusted_carriers_alone(tmp_path: Path, keys: str, asserted: dict[str, str]) -> None:
    """CID-2."""
    scene = stage(tmp_path, keys, caller_id=DID)
    sent = call_out(scene, "+442079460999", "Privacy: id")
    assert sent.get("From").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
    assert sent.get("Privacy") == "id"
    for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"):
        assert sent.get(name) == asserted.get(name, "")
    assert asserted or "6692222222" not in repr(sent.headers)
    assert "102" not in sent.contact


def test_an_emergency_service_learns_the_number_of_who_hides(tmp_path: Path) -> None:
    """CID-2, and EMG-5: the number goes out as it was dialled, whatever the dialect; the caller in the trunk's form."""
    scene = stage(tmp_path, "preset: digits, caller_out: [from, pai]", caller_id=DID)
    sent = call_out(scene, "911", "Privacy: id")
    assert sent.uri == "sip:911@itsp.example.com"
    assert sent.get("From").startswith(f'"Bob" <sip:16692222222@{OWN}>')
    assert sent.get("P-Asserted-Identity") == f'"Bob" <sip:16692222222@{OWN}>'
    assert sent.get("Privacy") == ""


def test_no_codec_in_common_with_the_trunk(tmp_path: Path) -> None:
    scene = stage(tmp_path, "codecs: opus")
    bob, at = arrives(scene, invite(f"sip:{DID}@192.0.2.10", "<sip:+14155550123@x>"))
    assert at.has(488)
    assert not bob.has("INVITE")


def test_183_without_180_counts_as_ringing_and_is_heard(tmp_path: Path) -> None:
    """FWD-3: the delay counts from the first 18x."""
    scene = stage(tmp_path, "preset: e164")
    bob, at = scene.phone("bob"), scene.carrier()
    call = bob.call("+442079460999")
    scene.wait(0.1)
    sent = at.take("INVITE")
    at.reply(sent, 183, SDP.format(CARRIER[0]), tag="x")
    scene.wait(0.1)
    (live,) = scene.exchange.calls
    assert live.state.legs[1].ringing
    assert call.rings == [183]
    assert b"m=audio" in call.got(Progress)[-1].body
    scene.wait(8.0)
    assert scene.exchange.calls, "no outage: it has been heard"
    at.reply(sent, 486, tag="x")
    scene.wait(0.1)


def test_a_carrier_that_wants_no_183_gets_180_and_no_sound(tmp_path: Path) -> None:
    for keys, status in (("preset: e164", 183), ("early_media: false", 180)):
        scene = stage(tmp_path, keys)
        bob, at = arrives(scene, invite(f"sip:{DID}@192.0.2.10", "<sip:+14155550123@x>"))
        bob.reply(bob.take("INVITE"), 183, SDP.format(PLACES["bob"]), tag="b")
        scene.wait(0.1)
        told = at.take(status)
        assert bool(told.body) is (status == 183)
        assert not at.has(363 - status)

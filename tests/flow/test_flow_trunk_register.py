"""Registering at a carrier, and calls with an account there (issue 3; RFC 3261 10 and 22, RFC 3608, IDN-3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from config.compiled import TrunkAccount
from dialplan import model as m
from dialplan.destinations import user
from switch.registration import State
from switch.sip import digest
from tests.support.exchange import CARRIER, carrier, house
from tests.support.raw_phone import RawPhone, Text, describe
from tests.support.scene import Scene

ACCOUNT = TrunkAccount(user="4420", digest_user="acc", secret="the secret", realms=("itsp",))
ITSP = "itsp.example.com"
NUMBER = "6692223333"
CHALLENGE = 'Digest realm="itsp", nonce="{}", algorithm=MD5, qop="auth"'


def model() -> m.Model:
    """The house, with a number of ours that Bob rings for."""
    made = house()
    return m.versioned(msgspec.structs.replace(made, dids={"+16692222222": user("bob")}))


def scene_with(**settings: Any) -> Scene:
    settings = {"register": True, "account": ACCOUNT, "domain": ITSP, "registrar": ITSP, "from_domain": ITSP} | settings
    return Scene(model=model(), trunks={"carrier": carrier("carrier", CARRIER, **settings)})


def challenge(at: RawPhone, request: Text, nonce: str = "n1", status: int = 401) -> None:
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    at.reply(request, status, tag="chal", headers=(f"{header}: {CHALLENGE.format(nonce)}",))


def proof(request: Text, secret: str = "the secret") -> digest.Digest:
    """The credentials of a request, which must be right."""
    value = request.get("Authorization") or request.get("Proxy-Authorization")
    given = digest.parse(value)
    assert given is not None
    assert given.get("username") == "acc"
    assert given.get("uri") == request.uri
    assert digest.verify(given, digest.ha1("acc", "itsp", secret), request.kind)
    return given


def accept(at: RawPhone, register: Text, expires: int = 3600, headers: tuple[str, ...] = ()) -> None:
    at.reply(register, 200, tag="reg", headers=(f"Contact: <{register.contact}>;expires={expires}", *headers))


def registered(scene: Scene, at: RawPhone, headers: tuple[str, ...] = ()) -> Text:
    """Let the exchange register; its last REGISTER."""
    scene.wait(0.8)
    challenge(at, at.take("REGISTER"))
    scene.wait(0.1)
    last = at.take("REGISTER")
    accept(at, last, headers=headers)
    scene.wait(0.1)
    assert state(scene).state == "registered"
    return last


def state(scene: Scene) -> State:
    return scene.exchange.core.registrations.states()["carrier"]


def test_register_is_challenged_answered_and_renewed_in_time() -> None:
    scene = scene_with()
    at = scene.carrier()
    scene.wait(0.8)
    first = at.take("REGISTER")
    assert first.uri == f"sip:{ITSP}"
    assert first.get("From").startswith(f"<sip:4420@{ITSP}>;tag=")
    assert first.get("To") == f"<sip:4420@{ITSP}>"
    assert (first.get("Expires"), first.get("Authorization")) == ("3600", "")
    challenge(at, first)
    scene.wait(0.1)
    second = at.take("REGISTER")
    assert proof(second).get("nc") == "00000001"
    assert second.get("Call-ID") == first.get("Call-ID")
    assert (first.get("CSeq"), second.get("CSeq")) == ("1 REGISTER", "2 REGISTER")
    assert second.get("Via").split("branch=")[1] != first.get("Via").split("branch=")[1]
    accept(at, second, expires=600)
    scene.wait(0.7 * 600 - 1)
    assert not at.has("REGISTER")
    scene.wait(0.15 * 600 + 2)
    third = at.take("REGISTER")
    assert (proof(third).get("nonce"), proof(third).get("nc")) == ("n1", "00000002"), "no challenge this time"
    assert third.contact == first.contact
    accept(at, third)
    scene.wait(0.1)
    scene.finish()


def test_the_contact_cannot_be_guessed_and_is_the_same_after_a_crash() -> None:
    scene = scene_with()
    at = scene.carrier()
    first = registered(scene, at).contact
    user = first.partition(":")[2].partition("@")[0]
    assert len(user) == 32
    scene.exchange.crash_and_restart()
    scene.wait(0.8)
    assert [text.contact for text in at.inbox if text.kind == "REGISTER"] == [first], "one try, no storm"
    accept(at, at.take("REGISTER"))
    scene.wait(0.1)
    scene.finish()


def test_a_short_time_is_made_longer_once_it_is_asked_for() -> None:
    scene = scene_with(expires_s=60)
    at = scene.carrier()
    scene.wait(0.8)
    at.reply(at.take("REGISTER"), 423, tag="x", headers=("Min-Expires: 1800",))
    scene.wait(0.1)
    again = at.take("REGISTER")
    assert again.get("Expires") == "1800"
    at.reply(again, 423, tag="x", headers=("Min-Expires: 1800",))
    scene.wait(0.1)
    assert not at.has("REGISTER")
    assert (state(scene).state, state(scene).why) == ("failed", "423 Whatever")


@pytest.mark.parametrize(
    ("status", "headers", "least_s", "most_s"),
    [
        (503, (), 5, 16),
        (503, ("Retry-After: 120 (we move)",), 119, 125),
        (403, (), 40, 80),
        (302, (), 40, 80),
    ],
)
def test_after_a_failure_it_is_tried_again_later_and_later(
    status: int, headers: tuple[str, ...], least_s: float, most_s: float
) -> None:
    scene = scene_with()
    at = scene.carrier()
    scene.wait(0.8)
    at.reply(at.take("REGISTER"), status, tag="x", headers=headers)
    scene.wait(least_s)
    assert not at.has("REGISTER")
    assert state(scene).state == "failed"
    assert state(scene).why.startswith(str(status))
    scene.wait(most_s - least_s)
    at.reply(at.take("REGISTER"), status, tag="x")
    scene.wait(0.1)
    assert state(scene).next - scene.clock.now() > 1.4 * least_s if not headers else True


def test_a_wrong_password_is_not_tried_over_and_over() -> None:
    scene = scene_with()
    at = scene.carrier()
    scene.wait(0.8)
    challenge(at, at.take("REGISTER"))
    scene.wait(0.1)
    challenge(at, at.take("REGISTER"), "n2")
    scene.wait(30)
    assert not at.has("REGISTER")
    assert (state(scene).state, state(scene).why) == ("failed", "wrong name or password")


def test_another_realm_is_told_and_gets_nothing() -> None:
    scene = scene_with()
    at = scene.carrier()
    scene.wait(0.8)
    at.reply(at.take("REGISTER"), 401, tag="x", headers=('WWW-Authenticate: Digest realm="asterisk", nonce="n"',))
    scene.wait(0.1)
    assert not at.has("REGISTER")
    assert state(scene).why == "it wants the realm 'asterisk', which `realm` does not name"


def test_silence_leaves_a_registration_that_holds() -> None:
    scene = scene_with()
    at = scene.carrier()
    registered(scene, at)
    scene.wait(3600 * 0.85)
    at.take("REGISTER")
    at.inbox.clear()
    scene.wait(40)
    assert (state(scene).state, state(scene).why) == ("registered", "no answer")
    scene.wait(3600)
    assert state(scene).state == "failed"


def test_a_removed_trunk_is_taken_back_and_a_changed_one_comes_anew() -> None:
    scene = scene_with()
    at = scene.carrier()
    old = registered(scene, at)
    other = TrunkAccount(user="4421", digest_user="acc", secret="the secret", realms=("itsp",))
    changed = {"register": True, "account": other, "domain": ITSP, "registrar": ITSP}
    scene.exchange.use_trunks({"carrier": carrier("carrier", CARRIER, **changed)})
    scene.wait(0.1)
    left = at.take("REGISTER")
    assert (left.contact, left.get("Expires"), left.get("To")) == (old.contact, "0", old.get("To"))
    proof(left)
    at.reply(left, 200, tag="x")
    scene.wait(0.8)
    new = at.take("REGISTER")
    assert new.contact != old.contact
    accept(at, new)
    scene.wait(0.1)
    scene.exchange.use_trunks({})
    scene.wait(0.1)
    gone = at.take("REGISTER")
    assert (gone.contact, gone.get("Expires")) == (new.contact, "0")
    challenge(at, gone, "n9")
    scene.wait(0.1)
    last = at.take("REGISTER")
    proof(last)
    assert last.get("Expires") == "0"
    at.reply(last, 200, tag="x")
    scene.finish()


def test_a_reload_that_changes_nothing_sends_nothing() -> None:
    scene = scene_with()
    at = scene.carrier()
    registered(scene, at)
    scene.exchange.use_trunks(dict(scene.exchange.trunks))
    scene.wait(30)
    assert not at.has("REGISTER")
    scene.finish()


def test_an_orderly_stop_takes_the_contact_back() -> None:
    scene = scene_with()
    at = scene.carrier()
    registered(scene, at)
    scene.exchange.core.close(scene.clock.now())
    scene.wait(0.1)
    gone = at.take("REGISTER")
    assert gone.get("Expires") == "0"
    assert scene.exchange.core.registrations.leaving
    at.reply(gone, 200, tag="x")
    scene.wait(0.1)
    assert not scene.exchange.core.registrations.leaving


# Calls out


def call_out(scene: Scene, at: RawPhone) -> tuple[Any, Text, Text]:
    """Alice calls; the INVITE is challenged once. The call, and both INVITEs."""
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    first = at.take("INVITE")
    challenge(at, first, "i1", 407)
    scene.wait(0.1)
    return call, first, at.take("INVITE")


def test_an_invite_that_is_challenged_goes_out_again_with_credentials() -> None:
    """RFC 3261 22.2, 22.3, 17.1.1.3, 13.2.2.4: another CSeq and branch, the ACK of each, credentials in the last."""
    scene = scene_with()
    at = scene.carrier()
    contact = registered(scene, at, ("Service-Route: <sip:edge.example.com;lr>",)).contact
    call, first, second = call_out(scene, at)
    refused = at.take("ACK")
    assert refused.get("CSeq") == "1 ACK"
    assert refused.get("Via") == first.get("Via")
    assert first.uri == second.uri == f"sip:+1{NUMBER}@{ITSP}"
    assert first.get("Route") == second.get("Route") == "<sip:edge.example.com;lr>"
    assert (first.get("CSeq"), second.get("CSeq")) == ("1 INVITE", "2 INVITE")
    assert first.get("Call-ID") == second.get("Call-ID")
    assert first.get("From") == second.get("From")
    assert second.contact == contact
    proof(second)
    at.reply(second, 200, describe(CARRIER[0]), tag="yes")
    scene.wait(0.1)
    assert call.up
    ack = at.take("ACK")
    assert ack.get("CSeq") == "2 ACK"
    assert ack.get("Proxy-Authorization") == second.get("Proxy-Authorization")
    call.hang_up()
    scene.wait(0.1)
    bye = at.take("BYE")
    assert proof(bye).get("nc") == "00000002"
    challenge(at, bye, "i2", 407)
    scene.wait(0.1)
    again = at.take("BYE")
    assert (bye.get("CSeq"), again.get("CSeq")) == ("3 BYE", "4 BYE")
    assert proof(again).get("nonce") == "i2"
    at.reply(again, 200)
    scene.wait(0.1)
    assert scene.exchange.record.result == "answered"
    scene.finish()


def test_the_next_call_carries_credentials_at_once() -> None:
    scene = scene_with(register=False)
    at = scene.carrier()
    call, _, second = call_out(scene, at)
    at.reply(second, 486, tag="busy")
    scene.wait(0.1)
    call = scene.phones[0].call(NUMBER)
    scene.wait(0.1)
    invite = at.take("INVITE")
    assert (proof(invite).get("nonce"), proof(invite).get("nc")) == ("i1", "00000002")
    at.reply(invite, 486, tag="busy")
    scene.wait(0.1)
    assert not call.up
    scene.finish()


def test_wrong_credentials_end_the_call_and_are_not_shown_again() -> None:
    scene = scene_with(register=False)
    at = scene.carrier()
    _, _, second = call_out(scene, at)
    challenge(at, second, "i2", 407)
    scene.wait(0.1)
    assert not at.has("INVITE")
    assert scene.exchange.record.result != "answered"
    scene.finish()


def test_a_cancel_that_meets_the_challenge_ends_it_there() -> None:
    """The CANCEL waits for a provisional answer (9.1) and the 407 comes instead: nothing is sent any more."""
    scene = scene_with(register=False)
    at = scene.carrier()
    call = scene.phone("alice").call(NUMBER)
    scene.wait(0.1)
    invite = at.take("INVITE")
    call.cancel()
    scene.wait(0.1)
    assert not at.has("CANCEL")
    challenge(at, invite, "i1", 407)
    scene.wait(0.5)
    assert (at.count("INVITE"), at.count("CANCEL")) == (1, 0)
    assert scene.exchange.record.result == "cancelled"
    scene.finish()


@pytest.mark.parametrize("crash", [False, True])
def test_a_cancel_after_the_challenge_names_the_invite_that_stands(crash: bool) -> None:
    """Also when the exchange has died meanwhile: branch and number of the second INVITE are in the journal."""
    scene = scene_with(register=False)
    at = scene.carrier()
    call, _, second = call_out(scene, at)
    at.reply(second, 180, tag="r")
    scene.wait(0.1)
    if crash:
        scene.strict = False
        scene.exchange.crash_and_restart()
    else:
        call.cancel()
    scene.wait(0.1)
    cancel = at.take("CANCEL")
    assert cancel.get("CSeq") == "2 CANCEL"
    assert cancel.get("Via").partition("branch=")[2] == second.get("Via").partition("branch=")[2]
    at.reply(cancel, 200, tag="r")
    at.reply(second, 487, tag="r")
    scene.wait(0.1)
    scene.finish()


def test_a_reinvite_that_is_challenged_goes_out_again() -> None:
    scene = scene_with(register=False)
    at = scene.carrier()
    call, _, second = call_out(scene, at)
    at.reply(second, 200, describe(CARRIER[0]), tag="yes")
    scene.wait(0.1)
    call.offer("sendonly")
    scene.wait(0.1)
    hold = at.take("INVITE")
    challenge(at, hold, "i2", 407)
    scene.wait(0.1)
    again = at.take("INVITE")
    assert proof(again).get("nonce") == "i2"
    assert "a=sendonly" in again.body or "a=inactive" in again.body
    at.reply(again, 200, describe(CARRIER[0]), tag="yes")
    scene.wait(0.1)
    scene.over(call, at)
    scene.finish()


def test_a_telephone_that_challenges_us_learns_nothing() -> None:
    """Our password at the carrier is for the carrier: a called telephone's 407 is a refusal."""
    scene = scene_with(register=False)
    alice, bob = scene.phone("alice"), scene.raw("bob")
    alice.call("102")
    scene.wait(0.1)
    challenge(bob, bob.take("INVITE"), "evil", 407)
    scene.wait(0.5)
    assert not bob.has("INVITE")


# Calls in (IDN-3)


def incoming(scene: Scene, at: RawPhone, uri: str, headers: tuple[str, ...] = (), to: str = "") -> None:
    lines = [
        f"Via: {at.via()}",
        "Max-Forwards: 70",
        f"From: <sip:+14155550123@{ITSP}>;tag={at.token()}",
        f"To: <{to or uri}>",
        f"Call-ID: {at.token()}",
        "CSeq: 1 INVITE",
        f"Contact: {at.contact()}",
        *headers,
    ]
    at.request("INVITE", uri, lines, describe(at.address[0]))
    scene.wait(0.2)


@pytest.mark.parametrize("header", ["P-Called-Party-ID: <sip:+16692222222@itsp.example.com>", ""])
def test_our_registered_contact_names_the_trunk_from_wherever_it_is_called(header: str) -> None:
    """The number is where such carriers put it: in P-Called-Party-ID, else in To."""
    scene = scene_with()
    at = scene.carrier()
    contact = registered(scene, at).contact
    bob = scene.phone("bob")
    stranger = RawPhone(scene.network, "edge", ("198.51.100.77", 5060))
    incoming(scene, stranger, contact, (header,) if header else (), "sip:+16692222222@itsp.example.com")
    assert stranger.has(180), stranger.inbox
    assert bob.last is not None
    (call,) = scene.exchange.calls
    assert (call.state.started.trunk, call.state.started.number) == ("carrier", "+16692222222")


def test_by_our_contact_alone_no_extension_is_reached() -> None:
    """The Contact crosses the wire in the clear, so it opens no more than what anybody may call: our DIDs."""
    scene = scene_with()
    at = scene.carrier()
    contact = registered(scene, at).contact
    stranger = RawPhone(scene.network, "edge", ("198.51.100.77", 5060))
    incoming(scene, stranger, contact, (), "sip:102@itsp.example.com")
    assert stranger.has(404)
    incoming(scene, at, contact, (), "sip:102@itsp.example.com")
    assert not at.has(404), "its own address may, as the configuration of this test allows it"


def test_another_users_part_is_a_stranger() -> None:
    scene = scene_with()
    registered(scene, scene.carrier())
    stranger = RawPhone(scene.network, "edge", ("198.51.100.77", 5060))
    incoming(scene, stranger, "sip:0123456789abcdef0123456789abcdef@192.0.2.10", (), "sip:+16692222222@x")
    assert stranger.has(407)


def test_two_accounts_at_one_carrier_are_told_apart_by_the_contact() -> None:
    both = {
        name: carrier(
            name, CARRIER, register=True, domain=ITSP, registrar=ITSP,
            account=TrunkAccount(user=name, digest_user="acc", secret="the secret", realms=("itsp",)),
        )
        for name in ("one", "two")
    }  # fmt: skip
    rule = m.TrunkRule(id="", profile=m.Profile("US", "669"))
    known = msgspec.structs.replace(
        model(), trunks={name: msgspec.structs.replace(rule, id=name) for name in both}, default_trunk=None
    )
    scene = Scene(model=known, trunks=both)
    at = scene.carrier()
    scene.wait(0.8)
    contacts = {}
    for _ in both:
        register = at.take("REGISTER")
        contacts[register.get("To")] = register.contact
        accept(at, register)
    scene.wait(0.1)
    scene.phone("bob")
    for name in both:
        incoming(scene, at, contacts[f"<sip:{name}@{ITSP}>"], (), f"sip:+16692222222@{ITSP}")
        assert list(scene.exchange.core.calls.by_id.values())[-1].state.started.trunk == name


def test_after_a_crash_the_bye_of_a_call_is_still_answered_with_credentials() -> None:
    scene = scene_with(register=False)
    at = scene.carrier()
    call, _, second = call_out(scene, at)
    at.reply(second, 200, describe(CARRIER[0]), tag="yes")
    scene.wait(0.1)
    scene.exchange.crash_and_restart()
    call.hang_up()
    scene.wait(0.1)
    bye = at.take("BYE")
    assert bye.get("CSeq") == "1003 BYE", "after a restart numbers jump"
    challenge(at, bye, "after", 407)
    scene.wait(0.1)
    again = at.take("BYE")
    assert proof(again).get("nonce") == "after"
    assert again.get("CSeq") == "1004 BYE"
    at.reply(again, 200)
    scene.finish()

"""Emergency calls whole: where help is to go, as carriers want to read it, and who is told at once (EMG-1 to EMG-7)."""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from typing import Any

import msgspec
import pytest

from config.compiled import TrunkAccount, TrunkSettings
from dialplan import model as m
from dialplan import planner, rules
from dialplan.destinations import user
from dialplan.facts import NO_FACTS, Facts, LineFacts
from dialplan.lines import Outside, Permission, Quotas
from dialplan.plan import CallRequest, Reject, Trunk
from records import events as e
from switch.calls.alarm import HEARD_S, RING_S, Letter
from switch.calls.dialect import Dialect
from switch.sip.flow import Flow
from switch.sip.message import Request, parse
from switch.sip.parts import session_description
from tests.support.exchange import CARRIER, carrier, changed, house
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

SHOWN = "+16695550100"
LOBBY = m.CivicAddress(
    country="US", state="CA", city="San José", street="Market & Main", number="500", floor="2", room="lobby",
    postal_code="94105", name="Example <Ltd>", latitude="37.79", longitude="-122.39", caller_id=SHOWN,
)  # fmt: skip
CIVIC = "{urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr}"


def company(*notify: str, **changes: Any) -> m.Model:
    """The house with an address for Alice's telephone, and people who are told."""
    model = house()
    place = m.EmergencyPlace(
        numbers=frozenset(("911", "112", "933")), main="911", address="lobby", caller_id=SHOWN, notify=notify,
        line="alice", device="Lobby phone",
    )  # fmt: skip
    table = msgspec.structs.replace(model.emergency, places={"alice": place}, addresses={"lobby": LOBBY}, **changes)
    return m.versioned(msgspec.structs.replace(model, emergency=table))


def scene_of(*notify: str, **settings: Any) -> Scene:
    return Scene(model=company(*notify), trunks={"carrier": carrier("carrier", CARRIER, **settings)})


def told(scene: Scene) -> list[tuple[str, str]]:
    return [(event.to, event.outcome) for event in scene.exchange.events if isinstance(event, e.HelpTold)]


def sent_to(scene: Scene, itsp: RawPhone, number: str = "911") -> Text:
    """Alice calls for help, and is answered. What the carrier got."""
    alice = scene.phone("alice")
    call = alice.call(number)
    scene.wait(0.1)
    invite = scene.taken(itsp, "e")
    assert call.up
    scene.over(call, itsp)
    return invite


def parts_of(invite: Text) -> dict[str, tuple[str, str]]:
    """The parts of a body by their type: head and content."""
    boundary = invite.get("Content-Type").partition('boundary="')[2].rstrip('"')
    pieces = ("\r\n" + invite.body).split(f"\r\n--{boundary}")
    assert pieces[0] == "" and pieces[-1] == "--\r\n"
    found = {}
    for piece in pieces[1:-1]:
        head, _, content = piece.partition("\r\n\r\n")
        found[head.partition("Content-Type: ")[2].partition("\r\n")[0]] = (head, content)
    return found


def test_without_more_the_number_goes_as_dialled_with_the_caller_id_of_the_address() -> None:
    """EMG-1: a carrier that knows the address by its number is sent nothing else."""
    scene = scene_of()
    invite = sent_to(scene, scene.carrier(), "9911")
    assert invite.uri.startswith("sip:911@")
    assert SHOWN in invite.get("From")
    assert invite.get("Content-Type") == "application/sdp" and not invite.get("Geolocation")
    scene.finish()


def test_the_address_goes_along_and_the_urn_where_the_carrier_takes_them() -> None:
    """RFC 5031, RFC 6442, RFC 4119, RFC 5139."""
    scene = scene_of(emergency_urn=True, emergency_location=True, caller_out=("from", "pai"))
    itsp = scene.carrier()
    invite = sent_to(scene, itsp)
    assert invite.uri == "urn:service:sos" and "urn:service:sos" in invite.get("To")
    assert invite.get("Route") == f"<sip:{CARRIER[0]};lr>", "which says where that URN is known"
    assert SHOWN in invite.get("P-Asserted-Identity")
    parts = parts_of(invite)
    assert "m=audio" in parts["application/sdp"][1]
    head, document = parts["application/pidf+xml"]
    cid = invite.get("Geolocation").removeprefix("<cid:").removesuffix(">")
    assert f"Content-ID: <{cid}>" in head and "handling=optional" in head
    assert invite.get("Geolocation-Routing") == "yes" and "geolocation" in invite.all("Supported")
    (civic,) = ET.fromstring(document.encode()).iter(f"{CIVIC}civicAddress")
    assert {each.tag.removeprefix(CIVIC): each.text for each in civic} == {
        "country": "US", "A1": "CA", "A3": "San José", "RD": "Market & Main", "HNO": "500", "FLR": "2",
        "NAM": "Example <Ltd>", "PC": "94105", "ROOM": "lobby",
    }  # fmt: skip
    assert "37.79 -122.39" in document and SHOWN in document
    scene.finish()


def test_our_own_reader_finds_the_sound_beside_the_address() -> None:
    """RFC 5621: what carriers' parsers meet."""
    scene = scene_of(emergency_location=True)
    itsp = scene.carrier()
    alice = scene.phone("alice")
    alice.call("911")
    scene.wait(0.1)
    raw = next(each.data for each in scene.network.log if each.start == "INVITE" and each.target == CARRIER)
    message = parse(raw)
    assert isinstance(message, Request) and session_description(message).startswith(b"v=0")
    assert len(raw) > 1300
    itsp.reply(itsp.take("INVITE"), 486, tag="x")
    scene.finish()


def test_a_caller_without_an_offer_has_his_address_carried_all_the_same() -> None:
    scene = scene_of(emergency_location=True)
    alice, itsp = scene.raw("alice"), scene.carrier()
    dialog = RawDialog.authenticated(alice, "911", scene.wait, body="")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    assert list(parts_of(invite)) == ["application/pidf+xml"]
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="e")
    scene.wait(0.1)
    answer = alice.take(200)
    assert "m=audio" in answer.body
    dialog.take_answer(answer)
    dialog.ack(describe(alice.address[0]))
    scene.wait(0.1)
    assert "m=audio" in itsp.take("ACK").body
    dialog.request("BYE")
    scene.wait(0.1)
    itsp.reply(itsp.take("BYE"), 200)
    scene.wait(0.1)
    scene.finish()


def test_who_is_named_is_rung_at_once_with_device_and_address_and_hears_a_tone() -> None:
    """EMG-7; it counts as no call, and the emergency call is none the worse for it."""
    scene = scene_of("line:bob", "mail:security@example.com")
    letters: list[Letter] = []
    scene.exchange.core.calls.alarms.post = lambda letter: letters.append(letter) or ""  # type: ignore[func-returns-value]
    alice, itsp = scene.phone("alice"), scene.carrier()
    bob = scene.raw("bob")
    scene.exchange.set("bob", "dnd on")
    call = alice.call("911")
    scene.wait(0.1)
    ring = bob.take("INVITE")
    assert ring.get("From").startswith('"EMERGENCY 911: Lobby phone, lobby, floor 2') and "sip:101@" in ring.get("From")
    assert ring.get("Priority") == "emergency"
    (letter,) = letters
    assert letter.to == "security@example.com" and "Market & Main" in letter.text and "Lobby phone" in letter.subject
    scene.taken(itsp, "e")
    assert call.up
    bob.reply(ring, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    assert [book.source for book in scene.exchange.engine.legs.values() if book.source] == ["tone:850"]
    assert len(scene.exchange.calls) == 1 and call.up
    scene.wait(HEARD_S)
    bob.reply(bob.take("BYE"), 200)
    scene.wait(0.1)
    assert call.up
    scene.over(call, itsp)
    assert told(scene) == [("line:bob", "answered")]
    assert [record.emergency for record in scene.exchange.records] == [True]
    (started,) = [event for event in scene.exchange.events if isinstance(event, e.CallStarted)]
    assert (started.address, started.notify) == ("lobby", ("line:bob", "mail:security@example.com"))
    scene.finish()


def test_the_first_of_several_telephones_quiets_the_others_and_nobody_is_rung_for_ever() -> None:
    scene = scene_of("line:bob", "line:carol", "line:dave")
    alice, itsp = scene.phone("alice"), scene.carrier()
    desk, mobile, carol = scene.phone("bob"), scene.phone("bob", "192.0.2.32"), scene.phone("carol")
    call = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    assert len(desk.calls) == len(mobile.calls) == len(carol.calls) == 1
    for phone in (desk, mobile, carol):
        phone.last.ring()
    mobile.last.answer()
    scene.wait(0.1)
    assert desk.last.over and mobile.last.up and not carol.last.over
    mobile.last.hang_up()
    scene.wait(RING_S)
    assert carol.last.over
    assert told(scene) == [("line:dave", "unreachable"), ("line:bob", "answered"), ("line:carol", "not_answered")]
    assert call.up
    scene.over(call, itsp)
    scene.finish()


def test_a_telephone_that_calls_for_help_again_rings_nobody_twice() -> None:
    scene = scene_of("line:bob", "line:alice")
    alice, bob, itsp = scene.phone("alice"), scene.phone("bob"), scene.carrier()
    for _ in range(2):
        alice.call("911")
        scene.wait(0.1)
        itsp.reply(itsp.take("INVITE"), 486, tag=itsp.token())
        scene.wait(0.1)
    assert len(bob.calls) == 1 and len(alice.calls) == 2, "and the telephone that calls is not rung"
    bob.last.refuse(603)
    scene.wait(0.1)
    assert told(scene).count(("line:bob", "not_answered")) == 1
    scene.finish()


def test_after_a_crash_they_are_told_again_of_a_call_that_had_just_begun() -> None:
    scene = scene_of("line:bob")
    alice, itsp = scene.phone("alice"), scene.carrier()
    bob = scene.phone("bob")
    call = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    scene.strict = False
    scene.exchange.crash_and_restart(1.0)
    scene.wait(0.1)
    assert len(bob.calls) == 2
    bob.last.refuse()
    scene.wait(0.1)
    assert call.up
    scene.over(call, itsp)
    scene.finish()


def test_the_test_number_says_that_it_is_a_test() -> None:
    """K.4: 933."""
    scene = scene_of("line:bob")
    bob, itsp = scene.raw("bob"), scene.carrier()
    invite = sent_to(scene, itsp, "933")
    assert invite.uri.startswith("sip:933@")
    ring = bob.take("INVITE")
    assert ring.get("From").startswith('"EMERGENCY TEST 933: ')
    bob.reply(ring, 486, tag="b")
    scene.finish()


def test_what_goes_wrong_with_an_alarm_does_not_reach_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of("line:bob")
    alice, itsp = scene.phone("alice"), scene.carrier()
    bob = scene.phone("bob")

    def broken(*_: Any) -> Any:
        raise ValueError("broken")

    monkeypatch.setattr("switch.calls.alarm.headline", broken)
    scene.exchange.tolerates = True
    call = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    assert call.up and "telling line:bob" in scene.exchange.errors[0]
    scene.over(call, itsp)
    monkeypatch.undo()
    again = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "f")
    assert len(bob.calls) == 1, "who could not be told of one call is told of the next"
    scene.over(again, itsp)
    scene.finish()


@pytest.mark.parametrize("takes_tcp", [False, True])
def test_an_invite_that_is_too_large_for_udp_goes_out_all_the_same(takes_tcp: bool) -> None:
    """RFC 3261 section 18.1.1: by TCP, and by UDP to a carrier who has none."""
    scene = scene_of(emergency_urn=True, emergency_location=True)
    exchange = scene.exchange
    asked: list[str] = []

    def by_tcp(flow: Flow, hop: str) -> Flow | None:
        asked.append(hop)
        return exchange._flow_to("tcp", CARRIER[0] if takes_tcp else "192.0.2.250", 5060, None)

    exchange.core.endpoint.large = by_tcp
    itsp = scene.carrier()
    alice = scene.phone("alice")
    call = alice.call("911")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    assert invite.flow.transport == ("tcp" if takes_tcp else "udp") and invite.get("Geolocation")
    assert asked == [f"sip:{CARRIER[0]};lr"], "the URN says nothing of where it goes to"
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="e")
    scene.wait(0.1)
    itsp.take("ACK")
    assert call.up
    scene.over(call, itsp)
    scene.finish()


def test_each_carrier_is_called_in_its_own_way_and_with_the_place_once_more_after_a_challenge() -> None:
    """EMG-6: the first one refuses, after its challenge was answered; the second one knows numbers alone."""
    two = ("192.0.2.202", 5060)
    model = company(trunks=("carrier", "other"))
    trunks = {
        "carrier": carrier(
            "carrier", CARRIER, emergency_urn=True, emergency_location=True,
            account=TrunkAccount(user="acme", digest_user="acme", secret="s"),
        ),
        "other": carrier("other", two),
    }  # fmt: skip
    model = m.versioned(
        msgspec.structs.replace(
            model, trunks={name: m.TrunkRule(id=name, profile=model.profile) for name in ("carrier", "other")}
        )
    )
    scene = Scene(model=model, trunks=trunks)
    alice, one, other = scene.phone("alice"), scene.carrier(), RawPhone(scene.network, "other", two)
    call = alice.call("112")
    scene.wait(0.1)
    first = one.take("INVITE")
    challenge = 'Proxy-Authenticate: Digest realm="acme", nonce="n1", algorithm=MD5, qop="auth"'
    one.reply(first, 407, tag="c", headers=(challenge,))
    scene.wait(0.1)
    assert one.take("ACK").uri == "urn:service:sos"
    second = one.take("INVITE")
    assert second.get("Proxy-Authorization") and second.body == first.body and parts_of(second)
    one.reply(second, 603, tag="d")
    scene.wait(0.1)
    one.take("ACK")
    invite = other.take("INVITE")
    assert invite.uri.startswith("sip:112@") and not invite.get("Geolocation")
    other.reply(invite, 200, describe(two[0]), tag="e")
    scene.wait(0.1)
    other.take("ACK")
    assert call.up
    scene.over(call, other)
    scene.finish()


def test_a_number_for_the_police_alone_stays_what_it_is() -> None:
    """RFC 5031: sos is help of every kind."""
    dialect = Dialect(TrunkSettings(id="x", hosts=(), country="FR", emergency_urn=True))
    assert dialect.help("17", "192.0.2.1") == "sip:17@192.0.2.1"
    assert dialect.help("112", "192.0.2.1") == "urn:service:sos"


# The call back (EMG-8)


def call_in(scene: Scene, itsp: RawPhone, number: str) -> Text:
    """The carrier calls one of our numbers."""
    tag = itsp.outside("INVITE", f"sip:{number}@pbx.example.com", body=describe(CARRIER[0]))
    scene.wait(0.1)
    assert tag
    return itsp.take(100) if itsp.has(100) else itsp.take(180)


def owned(model: m.Model, **dids: str) -> m.Model:
    """The same with numbers of ours: `n100="user:bob"`."""
    return m.versioned(
        msgspec.structs.replace(model, dids={SHOWN[:-3] + number[1:]: user(to) for number, to in dids.items()})
    )


@pytest.mark.parametrize("crash", ["no", "journal", "state file"])
def test_a_call_to_the_number_that_was_shown_rings_who_called_for_help_whoever_it_belongs_to(crash: str) -> None:
    scene = Scene(model=owned(company(), n100="bob"))
    alice, bob, itsp = scene.phone("alice"), scene.phone("bob"), scene.carrier()
    scene.exchange.set("alice", "dnd on")
    scene.exchange.set("alice", "forward always carol")
    call = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    scene.over(call, itsp)
    if crash == "state file":
        scene.exchange.save_facts()
    if crash != "no":
        scene.exchange.crash_and_restart()
    call_in(scene, itsp, SHOWN)
    assert len(alice.calls) == 2 and not bob.calls
    scene.wait(30)
    assert alice.last.over and len(bob.calls) == 1, "whose number it is has the call when nobody takes it"
    bob.last.refuse()
    scene.wait(3600)
    alice.register()
    bob.register()
    scene.wait()
    call_in(scene, itsp, SHOWN)
    assert len(alice.calls) == 2 and len(bob.calls) == 2, "an hour later all is as it was"
    bob.last.refuse()
    scene.finish()


def test_a_number_that_belongs_to_nobody_rings_who_showed_it_and_only_then() -> None:
    scene = Scene(model=company())
    alice, itsp = scene.phone("alice"), scene.carrier()
    itsp.outside("INVITE", f"sip:{SHOWN}@pbx.example.com", body=describe(CARRIER[0]))
    scene.wait(0.1)
    itsp.take(404)
    call = alice.call("112")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    call_in(scene, itsp, SHOWN)
    assert len(alice.calls) == 2, "during the call for help, too"
    alice.last.refuse(486)
    scene.wait(0.1)
    itsp.take(486)
    scene.over(call, itsp)
    scene.finish()


# What does not stand before it (OUT-6)

BARRED = {
    "incomplete set-up": {"set_up": False},
    "emergency only": {"outside": Outside(permission=Permission.EMERGENCY)},
    "account code": {"outside": Outside(permission=Permission.INTERNATIONAL, account_code=True)},
    "quota": {"outside": Outside(permission=Permission.INTERNATIONAL, quotas=Quotas(minutes_hour=1))},
}


@pytest.mark.parametrize("why", BARRED)
def test_what_bars_other_calls_does_not_bar_calls_for_help(why: str) -> None:
    """OUT-6: an emergency call passes, and nothing else does."""
    scene = Scene(model=changed(company(), alice=BARRED[why]))
    alice, itsp = scene.phone("alice"), scene.carrier()
    if why == "quota":
        call = alice.call("6692223333")
        scene.wait(0.1)
        scene.taken(itsp, "a")
        scene.wait(70)
        scene.over(call, itsp)
    barred = alice.call("6692223333")
    scene.wait(0.1)
    assert barred.over and not itsp.has("INVITE"), why
    call = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    assert call.up
    scene.over(call, itsp)
    scene.finish()


def test_a_bug_in_what_is_counted_of_calls_does_not_stand_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """OUT-6."""
    scene = scene_of()
    alice, itsp = scene.phone("alice"), scene.carrier()
    facts = scene.exchange.core.facts

    def fails(*_: Any) -> Any:
        raise ValueError("broken")

    monkeypatch.setattr(facts, "_line", fails)
    scene.exchange.tolerates = True
    call = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    assert call.up and "facts of CallStarted" in scene.exchange.errors[0]
    scene.over(call, itsp)
    assert [each.emergency for each in scene.exchange.events if isinstance(each, e.CallStarted)] == [True]


@pytest.mark.parametrize("broken", ["facts", "decision"])
def test_a_bug_in_what_is_known_at_the_moment_does_not_stand_before_it(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OUT-6: the facts, or a decision by them, fail."""
    scene = scene_of()
    alice, itsp = scene.phone("alice"), scene.carrier()
    calls = scene.exchange.core.calls
    plan = calls.plan

    def fails(*asked: Any) -> Any:
        if broken == "facts" or asked[1] is not NO_FACTS:
            raise ValueError("broken")
        return plan(*asked)

    monkeypatch.setattr(*((calls, "plan") if broken == "decision" else (calls.context.facts, "at")), fails)
    scene.exchange.tolerates = True
    call = alice.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    assert call.up and "decision of emergency call" in scene.exchange.errors[0]
    scene.over(call, itsp)
    other = alice.call("6692223333")
    scene.wait(0.1)
    assert other.refused == 500, "whose locks and quotas are not known"
    monkeypatch.undo()
    scene.finish()


def test_with_no_media_port_left_for_others_a_call_for_help_gets_through() -> None:
    """EMG-6: both its sides have one of those that are kept back, and people who are told take none of them."""
    trunks = {"carrier": carrier("carrier", CARRIER)}
    scene = Scene(model=company("line:bob"), trunks=trunks, media_ports=8)
    alice, bob, itsp = scene.phone("alice"), scene.phone("bob"), scene.carrier()
    carol = scene.phone("carol")
    ordinary = [scene.talking(carol, bob)[0], scene.talking(bob, carol, "103")[0]]
    refused = alice.call("6692223333")
    scene.wait(0.1)
    assert refused.refused == 480 and not itsp.has("INVITE")
    for _ in range(2):  # and again: it gives back what it had
        call = alice.call("911")
        scene.wait(0.1)
        scene.taken(itsp, "e")
        assert call.up and all(each.up for each in ordinary)
        assert any(CARRIER[0] in dict(pair) for pair in scene.exchange.engine.joined()), "there is sound"
        scene.over(call, itsp)
    ordinary[0].hang_up()
    scene.wait(0.1)
    call, _ = scene.talking(alice, bob)
    call.hang_up()
    ordinary[1].hang_up()
    scene.wait(0.1)
    scene.finish()


def test_calls_for_help_that_share_the_last_ports_have_both_sides_or_none() -> None:
    """EMG-6: of three at once two get through; none is answered and then has no sound."""
    scene = Scene(model=company(), trunks={"carrier": carrier("carrier", CARRIER)}, media_ports=8)
    phones, itsp = [scene.phone(name) for name in ("alice", "bob", "carol")], scene.carrier()
    for _ in range(2):
        scene.talking(phones[1], phones[2], "103")
    calls = [phone.call("911") for phone in phones]
    scene.wait(0.1)
    assert itsp.count("INVITE") == 2
    for tag in ("one", "two"):
        scene.taken(itsp, tag)
    assert [call.up for call in calls] == [True, True, False] and calls[2].refused == 503


@pytest.mark.parametrize("dialled", ["*102#911", "911#"])
def test_what_stands_around_the_number_does_not_stand_before_it(dialled: str) -> None:
    """OUT-6, XRL-5: as of every other emergency call, the telephone's own address and number go along."""
    scene = Scene(
        model=changed(company(), alice=BARRED["emergency only"]), trunks={"carrier": carrier("carrier", CARRIER)}
    )
    invite = sent_to(scene, scene.carrier(), dialled)
    assert invite.uri.startswith("sip:911@") and SHOWN in invite.get("From")
    (record,) = [each for each in scene.exchange.events if isinstance(each, e.CallStarted)]
    assert record.emergency and record.number == "911"
    scene.finish()


def test_a_locked_telephone_calls_for_help() -> None:
    """PIN-6, OUT-6: by the planner, as nothing locks telephones yet."""
    locked = Facts(lines={rules.device("alice"): LineFacts(locked=True)})
    model = company()
    at = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    other = planner.plan(model, CallRequest(digits="102", at=at, device="alice", line="alice"), locked)
    assert isinstance(other.step(other.entry), Reject)
    help_ = planner.plan(model, CallRequest(digits="911", at=at, device="alice", line="alice"), locked)
    assert help_.emergency and isinstance(help_.step(help_.entry), Trunk)

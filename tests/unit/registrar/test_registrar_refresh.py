"""The short way of a refresh (RFC 3261 section 10.2.4) and the long way decide alike; and the short one is taken."""

from __future__ import annotations

import random

import pytest

from records.events import Bound
from switch.registrar import Registrar

CONTACTS = ("Contact: <sip:1001@192.0.2.7:5060>", 'Contact: "A" <sip:1001@192.0.2.7:5060>;Expires=120;q=0.5')
TWO = "Contact: <sip:1001@192.0.2.7:5060>, <sip:1001@192.0.2.9>"
ANOTHER_GOES = "Contact: <sip:1001@192.0.2.9>;expires=0, <sip:1001@192.0.2.7:5060>;q=0.2"
OUTBOUND = 'Contact: <sip:1001@192.0.2.7:5060>;reg-id=1;+sip.instance="<urn:uuid:1>"'
NO_FLOW = 'Contact: <sip:1001@192.0.2.7:5060>;reg-id=0;+sip.instance="<urn:uuid:1>"'
BEHIND_A_PROXY = (
    "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKp",
    "Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKa;rport",
)
OTHERS = (
    "To: <sip:1002@pbx.example.com>",
    "To: <sip:9999@pbx.example.com>",
    "Path: <sip:edge.example.com;lr>",
    "Expires: 0",
    "Expires: 5",
    "Expires: 600",
    "User-Agent: another",
    "Call-ID: two@192.0.2.7",
    "Contact: *",
    TWO,
    ANOTHER_GOES,
    OUTBOUND,
    NO_FLOW,
    "Contact: <sip:1001@192.0.2.9>",
    "Supported: path",
    "Supported: outbound",
    "Require: outbound",
)


class Long(Registrar):
    """The long way always."""

    def _refresh(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("seed", range(30))
def test_both_ways_decide_alike(make_desk, seed):
    chance = random.Random(seed)
    short, long = make_desk(), make_desk()
    long.registrar.__class__ = Long
    for turn in range(80):
        if turn % 40 == 0 or chance.random() < 0.6:  # else the same again
            lines = [chance.choice(CONTACTS), *chance.sample(OTHERS, chance.choice((0, 0, 0, 1, 2, 3)))]
            names = [line.partition(":")[0] for line in lines]
            lines = [line for index, line in enumerate(lines) if line.partition(":")[0] not in names[index + 1 :]]
            who = chance.choice(("desk-1", "desk-1", "desk-1", "desk-2"))
            port = chance.choice((5060, 5060, 5060, 5061))
        cseq = chance.choice((None, None, None, 1))
        one, other = (desk.register(*lines, who=who, flow=desk.flow(port=port), cseq=cseq) for desk in (short, long))
        assert one == other
        assert list(short.registrar.bindings()) == list(long.registrar.bindings())
        later = chance.choice((0.0, 1.0, 100.0))
        for desk in (short, long):
            desk.go(later)
        assert short.journal == long.journal


def test_a_refresh_reads_no_address_again(desk, monkeypatch):
    desk.register(CONTACTS[0])
    monkeypatch.setattr("switch.registrar.identify", None)
    again = desk.register(CONTACTS[0])
    assert again.status == 200
    assert [type(event) for event in again.events] == [Bound]


def test_a_refresh_that_requires_outbound_is_looked_at_anew(desk):
    assert desk.register(*BEHIND_A_PROXY, OUTBOUND).status == 200
    assert desk.register(*BEHIND_A_PROXY, OUTBOUND, "Require: outbound").status == 439
    assert desk.register(*BEHIND_A_PROXY, OUTBOUND).status == 200


@pytest.mark.parametrize("contact", [OUTBOUND, NO_FLOW])
def test_a_refresh_is_answered_as_the_first_one(desk, contact):
    first, again = (desk.register(contact, "Supported: outbound").lines for _ in range(2))
    assert first == again


def test_after_a_reload_the_line_is_looked_up_again(desk):
    desk.register(CONTACTS[0])
    desk.book.line_ids.discard("1001")
    desk.registrar.prune(lambda bound: True, desk.at)
    assert desk.register(CONTACTS[0]).status == 404

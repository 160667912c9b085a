"""REGISTER from request to reply: bindings, lifetimes, order, NAT, and what a crash must not lose."""

from __future__ import annotations

import re
import sys
import tracemalloc

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.codec import Codec
from records.events import Bound, Unbound
from records.journal import FileJournal
from records.segments import Reader
from switch.auth import Accepted
from switch.binding import with_expires
from switch.registrar import RegistrarSettings
from switch.sip import writer
from switch.sip.errors import RemoteProtocolError
from tests.support.examples import examples

A = "sip:1001@192.0.2.7:5060"
B = "sip:1001@192.0.2.8:5060"


def contact_lines(outcome):
    return [line.removeprefix("Contact: ") for line in outcome.lines if line.startswith("Contact:")]


# -- adding, refreshing, removing -------------------------------------------------------------------------------


def test_register_binds_and_answers_with_contact_and_date(desk):
    outcome = desk.register(f"Contact: <{A}>", "Expires: 600")
    assert outcome.status == 200
    assert outcome.line == "1001"
    assert outcome.lines == [f"Contact: <{A}>;expires=600", "Date: Sun, 22 Nov 2026 02:00:00 GMT"]
    assert [type(event) for event in outcome.events] == [Bound]
    assert outcome.events[0].expires_at == desk.at.timestamp() + 600
    assert desk.uris() == [A]


def test_expires_parameter_beats_header_beats_default(desk):
    outcome = desk.register(f"Contact: <{A}>;expires=100, <{B}>", "Expires: 200")
    assert contact_lines(outcome) == [f"<{A}>;expires=100", f"<{B}>;expires=200"]
    assert contact_lines(desk.register("Contact: <sip:x@192.0.2.9>"))[2].endswith("expires=3600")


@pytest.mark.parametrize("text", ["soon", "-1", "", "1.5"])
def test_malformed_expires_counts_as_the_default(desk, text):
    assert contact_lines(desk.register(f"Contact: <{A}>", f"Expires: {text}")) == [f"<{A}>;expires=3600"]


def test_long_wishes_are_cut(desk):
    for text in ("7201", "4294967295", "99999999999999999999"):
        assert contact_lines(desk.register(f"Contact: <{A}>", f"Expires: {text}")) == [f"<{A}>;expires=7200"]


def test_short_wishes_are_423_with_min_expires(desk):
    outcome = desk.register(f"Contact: <{A}>", "Expires: 59")
    assert (outcome.status, outcome.lines, outcome.events) == (423, ["Min-Expires: 60"], [])
    assert desk.register(f"Contact: <{A}>", "Expires: 60").status == 200


def test_query_lists_bindings_with_the_time_left_and_changes_nothing(desk):
    desk.register(f"Contact: <{A}>;expires=600")
    desk.go(90)
    outcome = desk.register()
    assert contact_lines(outcome) == [f"<{A}>;expires=510"]
    assert outcome.events == []
    assert "Date: Sun, 22 Nov 2026 02:01:30 GMT" in outcome.lines


def test_refresh_moves_the_end_and_keeps_one_binding(desk):
    desk.register(f"Contact: <{A}>;expires=100")
    desk.go(90)
    desk.register(f"Contact: <{A}>;expires=100")
    desk.go(90)
    assert desk.uris() == [A]
    assert len(desk.timers) == 1


def test_equivalent_uri_is_the_same_binding(desk):
    desk.register("Contact: <sip:1001@PHONE.example.com:5060>")
    outcome = desk.register("Contact: <sip:%31001@phone.example.com:5060>")
    assert desk.uris() == ["sip:%31001@phone.example.com:5060"]
    assert [(type(e).__name__, getattr(e, "cause", "")) for e in outcome.events] == [
        ("Unbound", "replaced"),
        ("Bound", ""),
    ]
    assert desk.register("Contact: <sip:1001@phone.EXAMPLE.com:5060>;expires=0").status == 200
    assert desk.uris() == []


def test_expires_zero_takes_one_contact_away(desk):
    desk.register(f"Contact: <{A}>, <{B}>")
    outcome = desk.register(f"Contact: <{A}>;expires=0")
    assert [(e.uri, e.cause) for e in outcome.events] == [(A, "deregistered")]
    assert desk.uris() == [B]
    assert len(desk.timers) == 1


def test_taking_away_what_is_not_there_is_fine(desk):
    outcome = desk.register(f"Contact: <{A}>;expires=0")
    assert (outcome.status, outcome.events) == (200, [])


def test_wildcard_takes_all_away(desk):
    desk.register(f"Contact: <{A}>, <{B}>")
    outcome = desk.register("Contact: *", "Expires: 0")
    assert (outcome.status, contact_lines(outcome)) == (200, [])
    assert [e.cause for e in outcome.events] == ["deregistered"] * 2
    assert (desk.uris(), len(desk.registrar), len(desk.timers)) == ([], 0, 0)


@pytest.mark.parametrize(
    "lines",
    [
        ("Contact: *",),
        ("Contact: *", "Expires: 1"),
        ("Contact: *", "Expires: none"),
        ("Contact: *", f"Contact: <{A}>", "Expires: 0"),
        ("Contact: *, *", "Expires: 0"),
    ],
)
def test_wildcard_must_stand_alone_with_expires_zero(desk, lines):
    desk.register(f"Contact: <{B}>")
    assert desk.register(*lines).status == 400
    assert desk.uris() == [B]


@pytest.mark.parametrize("contact", ["<mailto:x@example.com>", "<tel:+4930123>", "<sip:>", "<sip:a@b", "sip:a@b:0"])
def test_contacts_that_cannot_be_called_are_400(desk, contact):
    outcome = desk.register(f"Contact: <{A}>, {contact}")
    assert outcome.status == 400
    assert desk.uris() == []


def test_a_register_takes_effect_as_a_whole_or_not_at_all(desk):
    desk.register(f"Contact: <{B}>")
    before = list(desk.registrar.bindings())
    assert desk.register(f"Contact: <{A}>, <{B}>;expires=0, <sip:x@192.0.2.9>;expires=5").status == 423
    assert list(desk.registrar.bindings()) == before


# -- order ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [(f"Contact: <{A}>",), (f"Contact: <{A}>;expires=0",), ("Contact: *", "Expires: 0")])
def test_an_older_or_equal_cseq_of_the_same_call_id_is_500(desk, lines):
    desk.register(f"Contact: <{A}>", cseq=7)
    for cseq in (6, 7):
        assert desk.register(*lines, cseq=cseq).status == 500
    assert desk.uris() == [A]
    assert desk.register(*lines, cseq=8).status == 200


def test_another_call_id_is_a_phone_that_started_anew(desk):
    desk.register(f"Contact: <{A}>", cseq=7)
    assert desk.register(f"Contact: <{A}>", "Call-ID: two@192.0.2.7", cseq=1).status == 200


def test_cseq_order_outlives_a_crash(desk):
    desk.register(f"Contact: <{A}>", cseq=7)
    desk.crash()
    assert desk.register(f"Contact: <{A}>;expires=0", cseq=7).status == 500


# -- who may, and how much --------------------------------------------------------------------------------------


def test_somebody_elses_line_is_403_and_none_is_404(desk):
    assert desk.register("To: <sip:1003@pbx.example.com>", f"Contact: <{A}>").status == 403
    assert desk.register("To: <sip:9999@pbx.example.com>", f"Contact: <{A}>").status == 404
    assert desk.register("To: <sip:1002@pbx.example.com>", f"Contact: <{A}>", who="desk-2").status == 403
    assert len(desk.registrar) == 0


def test_a_line_on_two_devices_has_both_contacts(desk):
    desk.register(f"Contact: <{A}>")
    desk.register(f"Contact: <{B}>", "Call-ID: two", who="desk-2")
    assert desk.uris() == [A, B]
    assert [b.device for b in desk.registrar.contacts("1001", desk.now)] == ["desk-1", "desk-2"]


def test_a_devices_own_oldest_contact_gives_way_and_no_other(make_desk):
    desk = make_desk(RegistrarSettings(max_contacts=3))
    desk.register("Contact: <sip:b@192.0.2.8>", who="desk-2")
    for port in (1, 2, 3, 4):
        desk.go(1)
        assert desk.register(f"Contact: <sip:a@192.0.2.7:{port}>").status == 200
    assert desk.uris() == ["sip:b@192.0.2.8", "sip:a@192.0.2.7:3", "sip:a@192.0.2.7:4"]
    assert desk.register("Contact: <sip:b@192.0.2.8:1>, <sip:b@192.0.2.8:2>", who="desk-2").status == 403
    assert desk.register("Contact: <sip:a@192.0.2.7:3>").status == 200, "a refresh needs no room"


def test_no_request_brings_more_contacts_than_a_line_may_have(make_desk):
    desk = make_desk(RegistrarSettings(max_contacts=3))
    assert desk.register("Contact: " + ", ".join(f"<sip:a@192.0.2.{i}>" for i in range(1, 5))).status == 403


@pytest.mark.parametrize(
    "line",
    [
        "Contact: <sip:a@192.0.2.7>;x=" + "y" * 1100,
        "Call-ID: " + "c" * 300,
        "Path: <sip:p.example.com;x=" + "y" * 2100 + ">",
    ],
)
def test_unreasonably_long_registrations_are_refused(desk, line):
    lines = [line] if line.startswith("Contact") else [line, f"Contact: <{A}>"]
    assert desk.register(*lines).status == 400


def test_user_agent_is_cut_and_shared(desk):
    desk.register(f"Contact: <{A}>, <{B}>", "User-Agent: " + "u" * 500)
    first, second = desk.registrar.contacts("1001", desk.now)
    assert len(first.user_agent) == 96
    assert first.user_agent is second.user_agent


# -- instances --------------------------------------------------------------------------------------------------

INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'


def test_the_same_instance_replaces_its_old_contact(desk):
    desk.register(f"Contact: <{A}>;{INSTANCE}")
    outcome = desk.register(f"Contact: <{B}>;{INSTANCE}", "Call-ID: after-reboot", cseq=1)
    assert desk.uris() == [B]
    assert [(e.uri, e.cause) for e in outcome.events if isinstance(e, Unbound)] == [(A, "replaced")]
    binding = desk.registrar.contacts("1001", desk.now)[0]
    assert binding.instance == "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"


def test_two_flows_of_one_instance_live_side_by_side(desk):
    desk.register(f"Contact: <{A}>;reg-id=1;{INSTANCE}")
    desk.register(f"Contact: <{B}>;reg-id=2;{INSTANCE}")
    assert [b.reg_id for b in desk.registrar.contacts("1001", desk.now)] == [1, 2]


def test_two_contacts_of_one_instance_in_one_register_both_stay(desk):
    desk.register(f"Contact: <{A}>;{INSTANCE}, <{B}>;{INSTANCE}")
    assert desk.uris() == [A, B]
    desk.register(f"Contact: <{A}>;{INSTANCE}, <{B}>;{INSTANCE}")
    assert desk.uris() == [A, B]


def test_nobody_replaces_another_devices_instance(desk):
    desk.register(f"Contact: <{A}>;{INSTANCE}")
    desk.register(f"Contact: <{B}>;{INSTANCE}", who="desk-2")
    assert desk.uris() == [A, B]


# -- echo -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact", "echo"),
    [
        ("<sip:a@192.0.2.7>", "<sip:a@192.0.2.7>;expires=600"),
        ("sip:a@192.0.2.7", "sip:a@192.0.2.7;expires=600"),
        ("sip:a@192.0.2.7;q=0.5;expires=600", "sip:a@192.0.2.7;q=0.5;expires=600"),
        ("<sip:a@192.0.2.7;ob;expires=7>;ExPiReS = 9999 ;q=0.1", "<sip:a@192.0.2.7;ob;expires=7>;expires=600 ;q=0.1"),
        ('"A \\"x\\" ;expires=1 <y>" <sip:a@192.0.2.7>', '"A \\"x\\" ;expires=1 <y>" <sip:a@192.0.2.7>;expires=600'),
        ('<sip:a@192.0.2.7>;x="a;expires=5";y', '<sip:a@192.0.2.7>;x="a;expires=5";y;expires=600'),
        ('<sip:a@192.0.2.7>;+sip.instance="<urn:x:1>" ; audio;+X.y="#1"',
         '<sip:a@192.0.2.7>;+sip.instance="<urn:x:1>" ; audio;+X.y="#1";expires=600'),
        ("<sip:a@[2001:db8::7]:5060;transport=tcp>;line=x%23",
         "<sip:a@[2001:db8::7]:5060;transport=tcp>;line=x%23;expires=600"),
        ("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
         "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=600"),
        ("Tschüß <sip:a@192.0.2.7>", "Tschüß <sip:a@192.0.2.7>;expires=600"),
    ],
)  # fmt: skip
def test_contact_is_echoed_as_it_came_but_for_expires(desk, contact, echo):
    desk.settings = RegistrarSettings(max_expires_s=600)
    desk.registrar.settings = desk.settings
    assert contact_lines(desk.register(f"Contact: {contact}", "Expires: 600")) == [echo]


@given(
    st.lists(
        st.sampled_from(["q=0.5", '+sip.instance="<urn:x;expires=3>"', "expires=77", "lr", 'a="b,c;d>"', "EXPIRES=1"]),
        max_size=5,
        unique_by=lambda p: p.lower().startswith("expires"),
    ),
    st.sampled_from(["<sip:a@b;expires=9>", '"x>;expires=2" <sip:a@b>', "sip:a@b", "y <sip:a@b>"]),
)
def test_with_expires_leaves_all_else(params, address):
    text = address + "".join(f";{p}" for p in params)
    result = with_expires(text, 42)
    own = [p for p in params if p.lower().startswith("expires")]
    assert result.startswith(address)
    rest = result.removeprefix(address)
    assert rest.endswith(";expires=42") or own
    expected = "".join(f";{'expires=42' if p in own else p}" for p in params)
    assert rest == (expected if own else expected + ";expires=42")


# -- order of preference, NAT, Path -----------------------------------------------------------------------------


def test_contacts_come_highest_q_first(desk):
    desk.register(
        "Contact: <sip:a@192.0.2.1>;q=0.1, <sip:b@192.0.2.2>, <sip:c@192.0.2.3>;q=0.7, <sip:d@192.0.2.4>;q=nan"
    )
    assert desk.uris() == ["sip:b@192.0.2.2", "sip:d@192.0.2.4", "sip:c@192.0.2.3", "sip:a@192.0.2.1"]


@pytest.mark.parametrize(
    ("contact", "source", "received"),
    [
        ("sip:1001@192.0.2.7:5060", ("192.0.2.7", 5060), None),
        ("sip:1001@192.0.2.7:5061", ("192.0.2.7", 5060), None),
        ("sip:1001@10.0.0.5:5060", ("192.0.2.7", 40000), ("192.0.2.7", 40000)),
        ("sip:1001@phone.example.com", ("192.0.2.7", 40000), ("192.0.2.7", 40000)),
        ("sip:1001@[2001:db8:0:0::7]:5060", ("2001:db8::7", 5060), None),
        ("sip:1001@[2001:DB8::8]", ("2001:db8::7", 5060), ("2001:db8::7", 5060)),
        ("sip:x@0a1b.invalid;transport=ws", ("192.0.2.7", 40000), ("192.0.2.7", 40000)),
    ],
)
def test_behind_nat_the_source_is_remembered(desk, contact, source, received):
    desk.register(f"Contact: <{contact}>", flow=desk.flow(*source))
    binding = desk.registrar.contacts("1001", desk.now)[0]
    assert binding.received == received
    assert binding.uri == contact
    assert (binding.flow.remote_host, binding.flow.remote_port) == source


@pytest.mark.parametrize(
    ("contact", "transport", "next_hop"),
    [
        ("sip:a@192.0.2.7:5062", "udp", ("udp", "192.0.2.7", 5062)),
        ("sip:a@192.0.2.7", "udp", ("udp", "192.0.2.7", 5060)),
        ("sip:a@10.0.0.5:5062", "udp", ("udp", "192.0.2.7", 40000)),
        ("sip:a@192.0.2.7:5062;transport=tcp", "tcp", ("tcp", "192.0.2.7", 40000)),
        ("sip:a@192.0.2.7:5062", "tcp", ("tcp", "192.0.2.7", 40000)),
        ("sip:a@192.0.2.7:5062;transport=TCP", "udp", ("tcp", "192.0.2.7", 5062)),
        ("sip:a@10.0.0.5:5062;transport=tcp", "tcp", ("tcp", "192.0.2.7", 40000)),
    ],
)
def test_where_requests_to_the_phone_go(desk, contact, transport, next_hop):
    desk.register(f"Contact: <{contact}>", flow=desk.flow("192.0.2.7", 40000, transport))
    assert desk.registrar.contacts("1001", desk.now)[0].next_hop == next_hop


def test_next_hop_has_ipv6_without_brackets(desk):
    desk.register("Contact: <sip:a@[2001:db8::7]:5062>", flow=desk.flow("2001:db8::7", 40000))
    assert desk.registrar.contacts("1001", desk.now)[0].next_hop == ("udp", "2001:db8::7", 5062)


def test_behind_a_proxy_with_path_the_proxy_is_next(desk):
    desk.register("Path: <sip:edge.example.com;lr>", f"Contact: <{A}>", flow=desk.flow("192.0.2.7", 5099))
    assert desk.registrar.contacts("1001", desk.now)[0].next_hop == ("udp", "192.0.2.7", 5099)


def test_a_moved_nat_port_is_learned_by_the_refresh(desk):
    desk.register("Contact: <sip:1001@10.0.0.5>", flow=desk.flow(port=40000))
    desk.register("Contact: <sip:1001@10.0.0.5>", flow=desk.flow(port=40001))
    assert desk.registrar.contacts("1001", desk.now)[0].received == ("192.0.2.7", 40001)


def test_how_a_contact_is_reached_is_worked_out_once_and_anew_after_each_register(desk):
    desk.register("Contact: <sip:1001@10.0.0.5>")
    first = desk.registrar.contacts("1001", desk.now)[0]
    assert desk.registrar.contacts("1001", desk.now)[0] is first
    desk.go(30)
    desk.register("Contact: <sip:1001@10.0.0.5>")
    second = desk.registrar.contacts("1001", desk.now)[0]
    assert (second.at - first.at).total_seconds() == 30
    desk.register("Path: <sip:edge.example.com;lr>", "Contact: <sip:1001@10.0.0.5>")
    assert desk.registrar.contacts("1001", desk.now)[0].path == ("<sip:edge.example.com;lr>",)


def test_path_is_recorded_and_echoed_to_those_who_know_it(desk):
    lines = "Path: <sip:edge1.example.com;lr>, <sip:edge2.example.com;lr>", "Contact: <sip:1001@10.0.0.5>"
    outcome = desk.register(*lines, "Supported: replaces, path")
    assert [line for line in outcome.lines if line.startswith("Path")] == [
        "Path: <sip:edge1.example.com;lr>",
        "Path: <sip:edge2.example.com;lr>",
    ]
    binding = desk.registrar.contacts("1001", desk.now)[0]
    assert binding.path == ("<sip:edge1.example.com;lr>", "<sip:edge2.example.com;lr>")
    assert binding.received is None
    assert not any(line.startswith("Path") for line in desk.register(*lines).lines)


# -- time and crashes -------------------------------------------------------------------------------------------


def test_a_binding_ends_exactly_on_time(desk):
    desk.register(f"Contact: <{A}>;expires=100")
    desk.go(99.999)
    assert desk.uris() == [A]
    desk.go(0.001)
    assert desk.uris() == []
    last = desk.journal[-1]
    assert isinstance(last, Unbound)
    assert (last.cause, last.uri, last.at) == ("expired", A, desk.at)
    assert (len(desk.registrar), len(desk.timers)) == (0, 0)


def test_a_shorter_refresh_ends_earlier(desk):
    desk.register(f"Contact: <{A}>;expires=1000")
    desk.register(f"Contact: <{A}>;expires=60")
    desk.go(60)
    assert desk.uris() == []
    assert len(desk.timers) == 0


def test_an_expired_contact_is_not_shown_though_its_timer_is_late(desk):
    desk.register(f"Contact: <{A}>;expires=100")
    desk.now += 200
    assert desk.uris() == []
    assert contact_lines(desk.register()) == []


def test_the_table_may_change_while_it_is_read(desk):
    """`/events` reads it in pieces, over many turns of the loop."""
    desk.register(f"Contact: <{A}>, <{B}>")
    reading = desk.registrar.bindings()
    assert next(reading).uri == A
    desk.register(f"Contact: <{A}>;expires=0, <{B}>;expires=0")
    desk.register("Contact: <sip:late@192.0.2.9>", who="desk-2")
    assert [bound.uri for bound in reading] in ([], [B])
    assert "sip:late@192.0.2.9" in {bound.uri for bound in desk.registrar.bindings()}


def test_many_refreshes_leave_one_timer(desk):
    for _ in range(500):
        desk.register(f"Contact: <{A}>;expires=100")
        desk.go(30)
    assert len(desk.timers) == 1
    assert desk.timers.held < 100


def test_a_crash_loses_no_binding_and_no_second_of_its_life(desk):
    desk.register(f"Contact: <{A}>;expires=600;q=0.3", "User-Agent: Tester")
    before = list(desk.registrar.bindings())
    desk.go(100)
    desk.crash(away_s=50)
    assert list(desk.registrar.bindings()) == before
    assert contact_lines(desk.register()) == [f"<{A}>;expires=450;q=0.3"]
    desk.go(449)
    assert desk.uris() == [A]
    desk.go(1)
    assert desk.uris() == []


def test_what_ran_out_during_the_crash_expires_at_once(desk):
    desk.register(f"Contact: <{A}>;expires=60")
    desk.crash(away_s=61)
    assert desk.uris() == []
    desk.go(0)
    assert isinstance(desk.journal[-1], Unbound)
    assert len(desk.registrar) == 0


def test_a_step_of_the_wall_clock_drops_nobody(desk):
    desk.register(f"Contact: <{A}>;expires=600")
    desk.wall_offset += 86400
    desk.register(f"Contact: <{B}>;expires=600")
    assert desk.uris() == [A, B]
    desk.go(599)
    assert desk.uris() == [A, B]
    desk.go(1)
    assert desk.uris() == []


def test_an_event_twice_does_no_harm(desk):
    desk.register(f"Contact: <{A}>")
    event = desk.journal[0]
    desk.registrar.apply(event)
    assert len(desk.registrar) == 1
    assert len(desk.timers) == 1
    for _ in range(2):
        desk.registrar.apply(Unbound("1001", A, "deregistered", desk.at))
    assert len(desk.registrar) == 0


def test_what_a_reload_no_longer_allows_is_ended(desk):
    desk.register(f"Contact: <{A}>")
    desk.register(f"Contact: <{B}>", who="desk-2")
    events = desk.registrar.prune(lambda bound: bound.device == "desk-1", desk.at)
    assert [(event.uri, event.cause) for event in events] == [(B, "removed")]
    assert desk.uris() == [A]
    assert len(desk.timers) == 1


def test_what_was_answered_200_is_in_the_journals_file(desk, tmp_path):
    """As the exchange does it: append, then answer. Another process then reads what the dead one wrote."""
    journal = FileJournal(tmp_path)
    outcome = desk.register(f"Contact: <{A}>", f"Contact: <{B}>;q=0.5")
    journal.append(outcome.events)
    desk.journal = [event for _, events, _ in Reader(tmp_path) for event in events]
    before = list(desk.registrar.bindings())
    desk.crash()
    assert list(desk.registrar.bindings()) == before
    journal.close()


WORDS = [
    *(
        "Digest ",
        'username="desk-1"',
        'realm="pbx.example.com"',
        'nonce="0"',
        'uri="sip:pbx.example.com"',
        "response=1",
    ),
    *(
        "nc=",
        "qop=auth",
        ",",
        "=",
        '"',
        "<",
        ">",
        ";",
        "*",
        "sip:",
        "a@b",
        "expires=",
        "q=",
        "0",
        "%",
        " ",
        "\\",
        "\udcff",
    ),
]
JUNK = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)


@settings(examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["Authorization", "Contact", "Path", "Expires", "To", "Supported", "User-Agent"]), JUNK)
def test_no_header_makes_registrar_or_authenticator_raise(make_desk, request_of, name, junk):
    desk = make_desk()
    try:
        request = request_of("REGISTER", *([f"Contact: <{A}>"] if name != "Contact" else []), f"{name}: {junk}")
    except RemoteProtocolError:
        return
    assert not isinstance(desk.auth.check(request, desk.now), Accepted)
    outcome = desk.registrar.register(request, desk.book.devices["desk-1"], desk.flow(), desk.now, desk.at)
    assert outcome.status in (200, 400, 403, 404, 414)
    writer.response(request, outcome.status, outcome.reason, "tag", outcome.lines)


SOME_URIS = [f"sip:a@192.0.2.{i}" for i in range(1, 6)] + ["sip:%61@192.0.2.1", "sip:a@192.0.2.2;x=y"]
CONTACTS = st.lists(
    st.builds(
        lambda uri, expires, instance: f"<{uri}>{expires}{instance}",
        st.sampled_from(SOME_URIS),
        st.sampled_from(["", ";expires=0", ";expires=61", ";expires=500", ";expires=3"]),
        st.sampled_from(["", "", ';+sip.instance="<urn:x:1>"', ';+sip.instance="<urn:x:2>";reg-id=1']),
    ),
    min_size=1,
    max_size=4,
)
ACTIONS = st.one_of(
    st.tuples(st.just("register"), CONTACTS, st.sampled_from(["desk-1", "desk-2"]), st.integers(-1, 2)),
    st.tuples(st.just("wildcard"), st.sampled_from(["desk-1", "desk-2"])),
    st.tuples(st.just("go"), st.integers(0, 400)),
    st.tuples(st.just("crash"), st.integers(0, 100)),
)


@settings(examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, max_size=20))
def test_the_table_is_always_the_fold_of_its_events(make_desk, actions):
    desk = make_desk(RegistrarSettings(max_contacts=4))
    for action in actions:
        match action:
            case ("register", contacts, who, step):
                outcome = desk.register("Contact: " + ", ".join(contacts), who=who, cseq=max(0, desk.cseq + step))
                desk.cseq = max(0, desk.cseq + step)
                assert outcome.status == 200 or not outcome.events
            case ("wildcard", who):
                desk.register("Contact: *", "Expires: 0", who=who)
            case ("go", seconds):
                desk.go(seconds)
            case ("crash", seconds):
                desk.crash(seconds)
        folded: dict[tuple[str, str], Bound] = {}
        for event in desk.journal:
            if isinstance(event, Bound):
                folded[event.line, event.uri] = event
            else:
                del folded[event.line, event.uri]  # nothing ends twice
        assert {(b.line, b.uri): b for b in desk.registrar.bindings()} == folded
        assert len(desk.registrar) <= 4
        assert len(desk.timers) == len(folded)


def test_two_thousand_registrations_take_under_three_kib_each(make_desk):
    desk = make_desk()
    # Lines' names are interned. The table of all such strings, which is Python's own and of the whole test run, may
    # double at any of them, by megabytes: so they are in it before anything is counted.
    names = [sys.intern(f"{i:05d}") for i in range(2_000)]
    desk.book.line_ids = set(names)
    device = desk.book.devices["desk-1"]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i, line in enumerate(names):
        desk.book.devices["desk-1"] = msgspec.structs.replace(device, lines=(line,))
        host = f"10.1.{i // 250}.{i % 250}"
        outcome = desk.register(
            f"To: <sip:{line}@pbx.example.com>",
            f"Call-ID: 6f2e7a90-{i:012d}@{host}",
            f'Contact: "Desk {line}" <sip:{line}@{host}:5060;transport=udp;line=8fk2mz>;audio;'
            f'+sip.instance="<urn:uuid:00000000-0000-1000-8000-{i:012d}>";reg-id=1',
            "User-Agent: Example Phone T54W 96.86.0.100",
            "Expires: 3600",
            flow=desk.flow("198.51.100.7", 1024 + i),
        )
        assert outcome.status == 200
    del outcome
    desk.journal.clear()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(desk.registrar) == 2_000
    print(f"{used / 2_000:.0f} bytes a registration")
    assert used / 2_000 < 3 * 1024


def test_events_survive_the_journals_encoding(desk):
    desk.register(f'Contact: "\udcff" <{A}>;x="\udcfe"', "Path: <sip:e.example.com;lr>")
    codec = Codec()
    assert codec.decode(codec.encode(desk.journal)) == desk.journal


def test_reply_lines_hold_no_line_breaks(desk):
    outcome = desk.register(f"Contact: <{A}>;x=1\r\n ;y=2")
    assert outcome.status in (200, 400)
    assert not any(re.search(r"[\r\n]", line) for line in outcome.lines)

"""SIP outbound at the registrar (RFC 5626 section 6, RFC 3327): flows of one telephone, and what the 200 says."""

from __future__ import annotations

import pytest

from records.events import Bound, Unbound
from records.recovery import recover
from switch.registrar import RegistrarSettings
from switch.state.bindings import SqliteBindingStore
from switch.state.sqlite import MIGRATIONS, open_state

A = "sip:1001@192.0.2.7:5060;ob"
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
OTHER = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-00000000BEEF>"'
SUPPORTED = "Supported: outbound, path"
TWO_VIAS = (
    "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKp",
    "Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKa;rport",
)


def flow_of(number, instance=INSTANCE, uri=A):
    return f"Contact: <{uri}>;reg-id={number};{instance}"


def keys(desk):
    return [(b.uri, b.reg_id) for b in desk.registrar.contacts("1001", desk.now)]


def said(outcome, name):
    return [line.partition(": ")[2] for line in outcome.lines if line.startswith(f"{name}:")]


@pytest.mark.parametrize(
    ("contact", "lines", "transport", "require", "timer"),
    [
        (flow_of(1), (SUPPORTED,), "udp", ["outbound"], ["30"]),
        (flow_of(1), (SUPPORTED,), "tcp", ["outbound"], ["120"]),
        (flow_of(1), (SUPPORTED,), "tls", ["outbound"], ["120"]),
        (flow_of(1), ("Require: outbound",), "udp", ["outbound"], ["30"]),
        (flow_of(1), ("Supported: path",), "udp", [], []),
        (f"Contact: <{A}>;reg-id=1", (SUPPORTED,), "udp", [], []),
        (f"Contact: <{A}>;{INSTANCE}", (SUPPORTED,), "udp", [], []),
        (flow_of(1), (SUPPORTED, *TWO_VIAS, "Path: <sip:token@192.0.2.9;lr;ob>"), "udp", ["outbound"], []),
        (flow_of(1), (SUPPORTED, *TWO_VIAS, "Path: <sip:192.0.2.8;lr>, <sip:t@192.0.2.9;lr;ob>"), "udp",
         ["outbound"], []),
        (flow_of(1), (SUPPORTED, *TWO_VIAS, "Path: <sip:192.0.2.8;lr;ob>, <sip:192.0.2.9;lr>"), "udp", [], []),
        (flow_of(1), (SUPPORTED, *TWO_VIAS, "Path: <sip:192.0.2.9;lr>"), "udp", [], []),
        (flow_of(1), (SUPPORTED, *TWO_VIAS), "udp", [], []),
    ],
)  # fmt: skip
def test_whether_outbound_holds(desk, contact, lines, transport, require, timer):
    """Said by Require, and by Flow-Timer where we are the first hop (section 4.4.1). A refresh is told the same."""
    for _ in range(2):
        outcome = desk.register(contact, *lines, flow=desk.flow(transport=transport))
        assert outcome.status == 200
        assert (said(outcome, "Require"), said(outcome, "Flow-Timer")) == (require, timer)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((flow_of(1), "Require: outbound", *TWO_VIAS), 439),
        ((flow_of(1), "Require: outbound", *TWO_VIAS, "Path: <sip:192.0.2.9;lr>"), 439),
        ((flow_of(1), SUPPORTED, *TWO_VIAS, "Path: nonsense"), 400),
        ((flow_of(1), "Require: outbound", *TWO_VIAS, "Path: <sip:192.0.2.9;lr;ob>"), 200),
        ((f"{flow_of(1)}, <sip:1001@192.0.2.8>", SUPPORTED), 400),
        ((f"{flow_of(1)};expires=0, {flow_of(2).partition(': ')[2]};expires=0", SUPPORTED), 200),
    ],
)
def test_what_is_refused(desk, lines, status):
    outcome = desk.register(*lines)
    assert outcome.status == status
    if status != 200:
        assert not keys(desk)


def test_flows_with_one_uri_stand_side_by_side(desk):
    desk.register(flow_of(1), flow=desk.flow("192.0.2.9"))
    outcome = desk.register(flow_of(2), flow=desk.flow("192.0.2.10"))
    assert keys(desk) == [(A, 1), (A, 2)]
    assert len(said(outcome, "Contact")) == 2
    assert {b.next_hop[1] for b in desk.registrar.contacts("1001", desk.now)} == {"192.0.2.9", "192.0.2.10"}


def test_the_same_reg_id_over_a_new_flow_replaces_the_old(desk):
    desk.register(flow_of(1), flow=desk.flow(port=40000))
    desk.register(flow_of(2), flow=desk.flow(port=40001))
    moved = A.replace("5060", "5062")
    outcome = desk.register(flow_of(1, uri=moved), flow=desk.flow(port=40002))
    assert keys(desk) == [(A, 2), (moved, 1)]
    assert [(e.uri, e.reg_id, e.cause) for e in outcome.events if isinstance(e, Unbound)] == [(A, 1, "replaced")]


def test_each_flow_counts_its_own_requests(desk):
    """Section 4.2.1: a telephone may use one Call-ID for all its flows, or number each for itself."""
    desk.register(flow_of(1), cseq=7)
    assert desk.register(flow_of(2), cseq=1).status == 200
    assert desk.register(flow_of(2), cseq=1).status == 500
    assert desk.register(flow_of(1), cseq=3).status == 500


def test_one_flow_is_taken_back_and_expires_alone(desk):
    desk.register(flow_of(1), "Expires: 600")
    desk.register(flow_of(2), "Expires: 60")
    desk.register(flow_of(3), "Expires: 600")
    desk.register(flow_of(3), "Expires: 0")
    assert keys(desk) == [(A, 1), (A, 2)]
    desk.go(61)
    assert keys(desk) == [(A, 1)]
    assert desk.journal[-1] == Unbound("1001", A, "expired", desk.journal[-1].at, 2)


def test_a_contact_without_reg_id_takes_the_flows_with_its_uri_back(desk):
    desk.register(flow_of(1))
    desk.register(flow_of(2))
    desk.register(f"Contact: <{A}>", "Expires: 0")
    assert keys(desk) == []


def test_reg_id_without_an_instance_is_ignored(desk):
    desk.register(f"Contact: <{A}>;reg-id=1")
    desk.register(f"Contact: <{A}>;reg-id=2")
    assert keys(desk) == [(A, 0)]


def test_nobody_elses_flow_is_a_way_to_this_telephone(desk):
    desk.register(flow_of(1))
    desk.register(flow_of(1, OTHER, "sip:1001@192.0.2.8"))
    desk.register(flow_of(1, INSTANCE, "sip:1001@192.0.2.5"), who="desk-2")
    assert len(keys(desk)) == 3


def test_a_flow_is_reached_over_itself_not_by_its_contact(desk):
    """Section 5.3: the Contact's own port counts for nothing."""
    desk.register(flow_of(1), flow=desk.flow(port=40000))
    (binding,) = desk.registrar.contacts("1001", desk.now)
    assert binding.next_hop == ("udp", "192.0.2.7", 40000)


def test_a_proxy_on_the_path_is_connected_to_by_its_own_address(desk):
    path = "Path: <sip:token@192.0.2.9:5070;transport=tcp;lr;ob>"
    desk.register(flow_of(1), SUPPORTED, *TWO_VIAS, path, flow=desk.flow("192.0.2.9", 40000, "tcp"))
    (binding,) = desk.registrar.contacts("1001", desk.now)
    assert binding.next_hop == ("tcp", "192.0.2.9", 40000)
    assert binding.direct == ("tcp", "192.0.2.9", 5070)


def test_flows_count_as_contacts(make_desk):
    desk = make_desk(RegistrarSettings(max_contacts=2))
    for number in (1, 2, 3):
        desk.register(flow_of(number))
        desk.go(1.0)
    assert keys(desk) == [(A, 2), (A, 3)]


def test_flows_outlive_a_crash(desk):
    desk.register(flow_of(1), "Expires: 600")
    desk.register(flow_of(2), "Expires: 600")
    desk.register(flow_of(1), "Expires: 0")
    found = recover(desk.journal)
    assert [b.reg_id for b in found.bindings.values()] == [2]
    assert found.unbound == {("1001", A, 1)}
    desk.crash()
    assert keys(desk) == [(A, 2)]


def test_flows_are_kept_one_by_one(tmp_path, desk):
    desk.register(flow_of(1))
    desk.register(flow_of(2))
    store = SqliteBindingStore(open_state(tmp_path / "state.sqlite3"))
    store.apply(desk.journal, (1, 1))
    assert sorted(b.reg_id for b in store.load()) == [1, 2]
    store.apply([Unbound("1001", A, "deregistered", desk.at, 1)], (1, 2))
    assert [b.reg_id for b in store.load()] == [2]
    store.close()


def test_bindings_of_an_older_state_file_are_still_there(tmp_path, desk):
    desk.register("Contact: <sip:1001@192.0.2.7:5060>")
    (bound,) = [e for e in desk.journal if isinstance(e, Bound)]
    old = open_state(tmp_path / "state.sqlite3", MIGRATIONS[:2])
    row = ("1001", bound.uri.encode(), "desk-1", bound.expires_at, SqliteBindingStore(old)._codec.encode([bound]))
    with old:
        old.execute("INSERT INTO bindings VALUES (?, ?, ?, ?, ?)", row)
    old.close()
    store = SqliteBindingStore(open_state(tmp_path / "state.sqlite3"))
    assert store.load() == [bound]
    store.close()

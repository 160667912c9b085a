"""SIPp as both telephones: many calls, TCP, and every way in which a call is not answered."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.sipp import Sipp, answering, calling, register, watching

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("sipp"), reason="needs the Debian package sip-tester"),
]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), ring="5s", registrar=", algorithms: md5") as made:
        yield made


def test_fifty_calls_at_ten_a_second(exchange):
    before = exchange.settled()
    port = register(exchange, "bob")
    callee = Sipp(exchange, answering(), "callee", port=port, calls=50)
    caller = Sipp(exchange, calling("102", "alice", 500), "caller", calls=50, dials="102")
    assert caller.wait() == (50, 50, 0), caller.trouble()
    assert callee.wait(5) == (50, 50, 0), callee.trouble()
    records = exchange.history(before + 50)[:50]
    assert {(record["result"], record["reason"]) for record in records} == {("answered", "caller_hung_up")}
    assert exchange.json("status")["calls"] == 0


def test_calls_over_tcp(exchange):
    before = exchange.settled()
    port = register(exchange, "carol", tcp=True)
    callee = Sipp(exchange, answering(), "callee", port=port, calls=10, tcp=True)
    caller = Sipp(exchange, calling("103", "alice", 200), "caller", calls=10, tcp=True, dials="103")
    assert caller.wait() == (10, 10, 0), caller.trouble()
    assert callee.wait(5) == (10, 10, 0), callee.trouble()
    assert {record["reason"] for record in exchange.history(before + 10)[:10]} == {"caller_hung_up"}


def test_busy_lamps_come_and_go(exchange):
    lamps = Sipp(exchange, watching("102", "alice"), "lamps", calls=40, rate=20, dials="102")
    assert lamps.wait() == (40, 40, 0), lamps.trouble()
    wait_for(lambda: exchange.json("subscriptions")["subscriptions"] == [], 5, "the answers to the last NOTIFYs")


@pytest.mark.parametrize(
    ("line", "number", "final", "expected", "reason"),
    [
        ("dave", "104", "486 Busy Here", 486, "busy"),
        ("erin", "105", "603 Decline", 480, "rejected"),  # FWD-7: the caller is told no more than that
        ("frank", "106", "", 480, "no_answer"),
    ],
)
def test_a_call_that_is_not_answered(exchange, line, number, final, expected, reason):
    before = exchange.settled()
    port = register(exchange, line)
    callee = Sipp(exchange, answering(final), "callee", port=port)
    caller = Sipp(exchange, calling(number, "alice", final=expected), "caller", dials=number)
    assert caller.wait(20) == (1, 1, 0), caller.trouble()
    assert callee.wait(5) == (1, 1, 0), callee.trouble()
    record = exchange.history(before + 1)[0]
    assert (record["result"], record["reason"], record["sip_status"]) == (reason, reason, expected)
    if not final:
        assert 4.9 < record["ring_s"] < 15


@pytest.mark.parametrize(("number", "expected", "reason"), [("101", 480, "outage"), ("188", 404, "not_found")])
def test_a_call_to_nobody(exchange, number, expected, reason):
    before = exchange.settled()
    caller = Sipp(exchange, calling(number, "alice", final=expected), "caller", dials=number)
    assert caller.wait(20) == (1, 1, 0), caller.trouble()
    assert exchange.history(before + 1)[0]["reason"] == reason


def test_a_telephone_that_is_switched_off_is_an_outage(exchange):
    before = exchange.settled()
    register(exchange, "grace")
    caller = Sipp(exchange, calling("107", "alice", final=480), "caller", dials="107")
    assert caller.wait(20) == (1, 1, 0), caller.trouble()
    record = exchange.history(before + 1)[0]
    assert (record["result"], record["reason"]) == ("unreachable", "outage")

"""A carrier with several hosts, SIPp behind each: real sockets, real answers, a real configuration (RFC 3263 4.3)."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.kit.house import house
from tests.e2e.kit.sipp import Sipp, answering, calling

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("sipp"), reason="needs the Debian package sip-tester"),
]

NUMBER = "2125550100"


# Its calls would come from elsewhere: our own telephones are on the loopback.
MORE = """\
area_code: '212'
default_trunk: itsp
trunks:
  itsp:
    from: 127.0.0.9
    hosts:
      - {host: localhost, port: CARRIER-PORT+0, priority: 0, transport: tcp}
      - {host: localhost, port: CARRIER-PORT+1, priority: 1}
      - {host: localhost, port: CARRIER-PORT+2, priority: 2}
"""
ONE = """\
area_code: '212'
default_trunk: itsp
trunks: {itsp: {host: 127.0.0.1, port: CARRIER-PORT, from: 127.0.0.9}}
"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), MORE, registrar=", algorithms: md5") as made:
        yield made


def test_a_call_goes_past_the_hosts_that_fail_and_the_next_one_does_not_try_them_first(exchange):
    sick, well = exchange.carrier + 1, exchange.carrier + 2
    refusing = Sipp(exchange, answering("503 Service Unavailable", ringing=False), "sick", port=sick)
    answers = Sipp(exchange, answering(), "well", port=well, calls=2)
    for _ in range(2):
        caller = Sipp(exchange, calling(NUMBER, "alice"), "caller", dials=NUMBER)
        assert caller.wait(20) == (1, 1, 0), caller.trouble()
    assert answers.wait(5) == (2, 2, 0), answers.trouble()
    assert refusing.wait(5) == (1, 1, 0), refusing.trouble()
    (trunk,) = exchange.json("trunks")["trunks"]
    assert [host["state"] for host in trunk["hosts"]] == ["avoided", "avoided", "well"]
    assert 'ringplan_trunk_failovers_total{trunk="itsp"} 2.0' in exchange.get("/metrics")


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Another one, whose carrier has one host."""
    with house(tmp_path_factory.mktemp("office"), ONE, registrar=", algorithms: md5") as made:
        yield made


@pytest.mark.parametrize("name", ["localhost", "nowhere.invalid"])
def test_a_carrier_that_names_its_next_hop_gets_ack_and_bye_there_or_where_it_speaks_from(office, name):
    scenario = answering().replace("sip:bob@[local_ip]", f"sip:bob@{name}")
    carrier = Sipp(office, scenario, "carrier", port=office.carrier)
    caller = Sipp(office, calling(NUMBER, "alice"), "caller", dials=NUMBER)
    assert caller.wait(20) == (1, 1, 0), caller.trouble()
    assert carrier.wait(10) == (1, 1, 0), carrier.trouble()
    assert "Traceback" not in office.log()

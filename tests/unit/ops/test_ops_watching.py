"""Tracer, ladder, redaction, metrics and logs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from typing import NamedTuple

import pytest
import structlog

from switch import logs, redact
from switch.metrics import HELP, Counters, Reading
from switch.supervisor import write_log
from switch.trace import Tracer, draw, ladder, sip_call_id
from switch.watch_server import WatchServer


class Flow(NamedTuple):
    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]


HERE = ("192.0.2.1", 5060)
ALICE = Flow("udp", HERE, ("192.0.2.10", 5060))
BOB = Flow("udp", HERE, ("192.0.2.11", 5062))
CAROL = Flow("tcp", HERE, ("2001:db8::7", 40000))


def message(first: str, call_id: str, cseq: str, body: str = "") -> bytes:
    return f"{first}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n\r\n{body}".encode()


def recorded() -> Tracer:
    tracer = Tracer()
    tracer.add(None, True, ALICE, message("INVITE sip:207@example.com SIP/2.0", "a", "1 INVITE", "v=0"), 100.0)
    tracer.add("a", False, ALICE, message("SIP/2.0 100 Trying", "a", "1 INVITE"), 100.001)
    tracer.add(None, False, BOB, message("INVITE sip:207@192.0.2.11 SIP/2.0", "b", "1 INVITE", "v=0"), 100.002)
    tracer.add(None, True, CAROL, message("OPTIONS sip:example.com SIP/2.0", "other", "1 OPTIONS"), 100.5)
    tracer.add(None, True, BOB, message("SIP/2.0 200 OK", "b", "1 INVITE", "v=0"), 103.0)
    tracer.add(None, True, BOB, message("SIP/2.0 200 OK", "b", "1 INVITE", "v=0"), 103.5)
    tracer.add(None, True, BOB, message("BYE sip:1@192.0.2.1 SIP/2.0", "b", "9 BYE"), 104.0)
    tracer.add(None, False, BOB, message("SIP/2.0 200 OK", "b", "9 BYE"), 104.0)
    return tracer


def test_a_call_is_found_over_all_its_legs_and_nothing_else():
    found = recorded().find({"a", "b"})
    assert [traced.flow for traced in found] == [ALICE, ALICE, BOB, BOB, BOB, BOB, BOB]


def test_the_ladder_tells_who_sent_what_to_whom():
    lines = draw(ladder(recorded().views(dict.fromkeys(("a", "b"), ""))), 80)
    assert lines[0].split() == ["192.0.2.10:5060", "Ringplan", "192.0.2.11:5062"]
    assert all(len(line) <= 80 for line in lines)
    assert "INVITE +SDP" in lines[1]
    assert lines[1].index("▶") < lines[3].index("▶")
    assert "◀" in lines[2]
    assert "↻" not in lines[4]
    assert "↻" in lines[5]
    assert "200 OK · BYE" in lines[7]
    assert "3.500" in lines[5]


def test_lanes_are_named_by_who_is_there():
    lines = draw(ladder(recorded().views({"a": "alice-phone", "b": "carrier"})), 80)
    assert lines[0].split() == ["alice-phone", "Ringplan", "carrier"]


def test_two_of_the_same_name_keep_their_addresses():
    lanes = ladder(recorded().views({"a": "bob", "b": "bob", "other": ""})).lanes
    assert lanes == ("bob 192.0.2.10:5060", "Ringplan", "bob 192.0.2.11:5062", "[2001:db8::7]:40000")


def test_a_narrow_terminal_gets_a_list():
    lines = draw(ladder(recorded().views(dict.fromkeys(("a", "b"), ""))), 50)
    assert len(lines) == 7
    assert all(len(line) <= 50 for line in lines)


def test_the_ring_forgets_the_oldest_by_count_and_by_bytes():
    by_count, by_bytes = Tracer(3), Tracer(1000, 250)
    for number in range(10):
        for tracer in (by_count, by_bytes):
            tracer.add(str(number), True, ALICE, b"x" * 100, 0.0)
    assert len(by_count) == 3
    assert by_count.forgotten == 7
    assert len(by_bytes) == 2
    assert not by_count.find({"6"})
    assert by_count.find({"9"})


def test_registrations_push_no_call_out_of_the_ring():
    tracer = Tracer(80, 80_000)
    call = message("INVITE sip:207@example.com SIP/2.0", "a", "1 INVITE")
    answer = message("SIP/2.0 200 OK\r\nAllow: INVITE, REGISTER", "a", "1 INVITE")
    tracer.add(None, True, ALICE, call, 100.0)
    tracer.add(None, False, ALICE, answer, 100.1)
    for number in range(200):
        for method in ("REGISTER", "OPTIONS"):
            request = message(f"{method} sip:example.com SIP/2.0", f"r{number}", f"{number} {method}")
            tracer.add(None, True, ALICE, request, 101.0 + number)
            tracer.add(
                None, False, ALICE, message("SIP/2.0 200 OK", f"r{number}", f"{number} {method}"), 101.0 + number
            )
    assert [traced.data for traced in tracer.find({"a"})] == [call, answer]
    assert len(tracer) == 12
    assert len(tracer.find({"r199"})) == 4


def test_the_registrations_of_a_telephone_are_found_by_its_name_refused_or_not():
    tracer = Tracer()
    first = message("REGISTER sip:example.com SIP/2.0\r\nTo: <sip:207@example.com>", "one", "1 REGISTER")
    second = message('REGISTER sip:example.com SIP/2.0\r\nAuthorization: Digest username="desk"', "two", "1 REGISTER")
    other = message("REGISTER sip:example.com SIP/2.0\r\nTo: <sip:2070@example.com>", "three", "1 REGISTER")
    for data in (first, second, other):
        tracer.add(None, True, ALICE, data, 1.0)
    assert tracer.registrations("207") == {"one"}
    assert tracer.registrations("desk") == {"two"}
    assert tracer.registrations("20") == set()


@pytest.mark.parametrize("header", [b"Call-ID: x@y", b"i:x@y", b"call-id :  x@y  "])
def test_the_call_id_is_read_in_every_spelling(header):
    assert sip_call_id(b"BYE sip:a SIP/2.0\r\nVia: z\r\n" + header + b"\r\n\r\n") == "x@y"


def test_secrets_never_leave():
    text = (
        "REGISTER sip:example.com SIP/2.0\r\n"
        'Authorization: Digest username="desk", realm="r", nonce="NN1", cnonce="CC1",\r\n'
        ' response="RR1", uri="sip:example.com"\r\n'
        'Proxy-Authenticate: Digest realm="r", nonce="NN2"\r\n'
        "Authorization: Basic BB1\r\n"
        "Contact: <sip:desk:PW1@192.0.2.1>\r\n\r\n"
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY1\r\n"
        "a=key-mgmt:mikey KEY2\r\na=ice-pwd:KEY3\r\nk=clear:KEY4\r\n"
    )
    shown = redact.sip(text)
    for secret in ("NN1", "CC1", "RR1", "NN2", "BB1", "PW1", "KEY1", "KEY2", "KEY3", "KEY4"):
        assert secret not in shown
    for kept in ('username="desk"', 'realm="r"', 'uri="sip:example.com"', "<sip:desk:***@192.0.2.1>"):
        assert kept in shown


def test_keyed_digits_never_leave():
    shown = redact.sip("INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\nDuration=160\r\n")
    assert "7" not in shown.partition("\r\n\r\n")[2]


async def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


async def test_metrics_and_health_over_http():
    counters = Counters()
    troubles: list[str] = []
    read = {"calls": Reading("Calls now", lambda: 7), "lost": Reading("Lost", lambda: 2, True)}
    server = WatchServer(counters, read, lambda: troubles)
    port = await server.start("127.0.0.1", 0)
    try:
        counters.calls_started += 3
        counters.calls_ended["answered", "caller_hung_up"] += 2
        status, body = await get(port, "/metrics")
        assert status == 200
        assert "ringplan_calls_started_total 3.0" in body
        assert 'ringplan_calls_ended_total{reason="caller_hung_up",result="answered"} 2.0' in body
        assert "ringplan_calls 7.0" in body
        assert "ringplan_lost_total 2.0" in body
        assert await get(port, "/healthz") == (200, "ok\n")
        troubles.append("media worker 1 is down")
        assert await get(port, "/healthz") == (503, "media worker 1 is down\n")
        assert (await get(port, "/secret"))[0] == 404
        assert (await get(port, "/metrics", "POST"))[0] == 405
    finally:
        await server.stop()


def test_every_counter_has_words():
    assert set(HELP) == set(Counters.__slots__)


@pytest.fixture
def lines():
    """Log as JSON into a pipe; call it to get what was written."""
    read, write = os.pipe()
    writer = logs.configure("info", json=True, writer=logs.Writer(write, max_lines=50))

    def written():
        writer.close()
        os.close(write)
        with open(read, encoding="utf-8") as pipe:
            return [json.loads(line) for line in pipe]

    yield written
    structlog.reset_defaults()


def test_log_lines_are_json_without_secrets(lines):
    log = structlog.get_logger()
    log.info("call ended", call="c1", secret="hunter2", header='Digest nonce="abc", response="def"')
    log.debug("not at this level")
    written = lines()
    assert len(written) == 1
    assert written[0]["event"] == "call ended"
    assert "hunter2" not in str(written)
    assert "abc" not in str(written)


def test_lines_of_libraries_and_of_media_stand_in_the_same_log(lines):
    logging.getLogger("ringplan.media.client").error("no ports left to join %s", "two workers")
    (line,) = lines()
    assert line["event"] == "no ports left to join two workers"
    assert (line["logger"], line["level"]) == ("ringplan.media.client", "error")


def test_at_a_terminal_both_logs_look_alike(monkeypatch, capsys):
    read, write = os.pipe()
    writer = logs.configure("info", json=False, writer=logs.Writer(write))
    structlog.get_logger().info("serving")
    writer.close()
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        ours = re.sub(r"\x1b\[[0-9;]*m", "", pipe.read())
    structlog.reset_defaults()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    write_log("started")
    for line in (ours, capsys.readouterr().err):
        assert re.match(r"[0-2][0-9]:[0-5][0-9]:[0-6][0-9] \[info     \] \w+", line), line


def test_at_a_terminal_a_registration_is_told_in_words():
    read, write = os.pipe()
    writer = logs.configure("info", json=False, writer=logs.Writer(write))
    try:
        log = structlog.get_logger()
        log.info(
            "telephone registered", device="alice-phone", line="alice", address="192.0.2.7:5060", user_agent="\x1b[2J"
        )
        log.warning("telephone refused", user="bob", address="192.0.2.8", why="wrong password", times=1)
        log.info("telephone gone", device="alice-phone", line="alice", address="192.0.2.7:5060", cause="expired")
    finally:
        writer.close()
        os.close(write)
        structlog.reset_defaults()
    with open(read, encoding="utf-8") as pipe:
        first, second, third = pipe
    assert "alice-phone is registered for line alice, from 192.0.2.7:5060" in first
    assert "[2J" not in first
    assert "bob from 192.0.2.8 is refused: wrong password" in second
    assert "alice-phone at 192.0.2.7:5060 is no longer registered for line alice (expired)" in third


def test_a_reader_that_is_too_slow_costs_lines_not_time():
    read, write = os.pipe()
    writer = logs.Writer(write, max_lines=50)
    for _ in range(5000):
        writer.write("x" * 1000)  # far more than a pipe holds
    assert writer.dropped > 0
    os.close(read)
    writer.close()
    os.close(write)

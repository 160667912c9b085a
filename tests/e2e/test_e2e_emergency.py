"""A call for help with real processes: SIPp as a carrier that has no TCP and wants the address, a telephone that rings
for those who are told, and a mail server (EMG-1, EMG-7)."""

from __future__ import annotations

import contextlib
import shutil
import socketserver
import threading
from pathlib import Path

import pytest

from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.sipp import Sipp, answering, calling, register

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("sipp"), reason="needs the Debian package sip-tester"),
]

CONFIG = """\
addresses: {{hq: {{street: Market Street, number: 500, city: San José, state: CA, floor: 2}}}}
emergency: {{address: hq, notify: [bob, guard@example.com]}}
mail: {{host: 127.0.0.1, port: {mail}, from: exchange@example.com, tls: never}}
trunks: {{itsp: {{host: 127.0.0.1, port: CARRIER-PORT, from: 127.0.0.9, emergency: {{urn: true, location: true}}}}}}
"""
MD5 = ", algorithms: md5"
WANTED = (
    '<recv request="INVITE"><action>'
    '<ereg regexp="INVITE urn:service:sos SIP" search_in="msg" check_it="true" assign_to="uri"/>'
    '<ereg regexp="cid:" search_in="hdr" header="Geolocation:" check_it="true" assign_to="cid"/>'
    '<ereg regexp="ca:HNO.500" search_in="msg" check_it="true" assign_to="house"/>'
    '<log message="[$uri] [$cid] [$house]"/></action></recv>\n'
)


class Post(socketserver.StreamRequestHandler):
    """A mail server of few words."""

    letters: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 mail.example.com\r\n")
        text: list[bytes] = []
        data = False
        for line in self.rfile:
            if data:
                text.append(line)
                if line == b".\r\n":
                    data = False
                    self.letters.append(b"".join(text).decode())
                    self.wfile.write(b"250 taken\r\n")
                continue
            word = line[:4].upper()
            data = word == b"DATA"
            self.wfile.write(b"354 go on\r\n" if data else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


def test_help_is_called_with_the_address_and_people_are_told(tmp_path: Path) -> None:
    letters: list[str] = []
    post = type("Post", (Post,), {"letters": letters})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), post) as server, contextlib.ExitStack() as stack:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        exchange = stack.enter_context(house(tmp_path, CONFIG.format(mail=server.server_address[1]), registrar=MD5))
        bob = register(exchange, "bob")
        told = Sipp(exchange, answering("486 Busy Here", ringing=False), "bob", port=bob)
        carrier = Sipp(
            exchange, answering().replace('<recv request="INVITE"/>\n', WANTED), "carrier", port=exchange.carrier
        )
        caller = Sipp(exchange, calling("911", "alice"), "caller", dials="911")
        assert caller.wait(20) == (1, 1, 0), caller.trouble()
        assert carrier.wait(10) == (1, 1, 0), carrier.trouble()
        assert told.wait(10) == (1, 1, 0), told.trouble()
        wait_for(lambda: letters, 10, "the letter")
        for way in ("mail", "line"):
            wait_for(lambda way=way: f'way="{way}"' in exchange.get("/metrics"), 5, f"word of the {way}")
        shown, log = exchange.get("/metrics"), exchange.log()
        server.shutdown()
    assert "EMERGENCY 911: alice-phone" in letters[0] and "guard@example.com" in letters[0]
    assert 'ringplan_emergency_told_total{outcome="sent",way="mail"} 1.0' in shown
    assert 'ringplan_emergency_told_total{outcome="not_answered",way="line"} 1.0' in shown
    assert '"event": "emergency call"' in log and '"address": "hq"' in log and "Traceback" not in log

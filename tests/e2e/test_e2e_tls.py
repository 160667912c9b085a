"""TLS with real clients: telephones that verify us, certificates that are renewed under them, carriers that prove who
they are; and kill -9."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.baresip import baresips, modules
from tests.e2e.kit.house import PATIENCE, House, house, wait_for
from tests.e2e.kit.phones import connect, softphones
from tests.support.certificates import Authority, Files

pytestmark = pytest.mark.e2e


LISTEN = (
    "[{{address: 0.0.0.0, port: {port}}}, {{transport: tcp, address: 0.0.0.0, port: {port}}}, "
    "{{transport: tls, address: 0.0.0.0, port: {tls}, KEYS}}]"
)


def pair(files: Files) -> str:
    """The keys of the configuration."""
    return f"certificate: {files.certificate}, key: {files.key}"


def listening(files: Files, more: str = "") -> str:
    """UDP, TCP, and TLS with that certificate."""
    return LISTEN.replace("KEYS", pair(files) + more)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def exchange(tmp_path_factory, authority):
    files = authority.sign("pbx.example.com", "127.0.0.1", stem="pbx")
    with house(tmp_path_factory.mktemp("house"), listen=listening(files)) as made:
        yield made


def shown(exchange: House, authority: Authority) -> int:
    """The serial number of the certificate that the exchange shows now."""
    context = ssl.create_default_context(cafile=authority.file)
    with (
        socket.create_connection(("127.0.0.1", exchange.tls), 5 * PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="pbx.example.com") as tls,
    ):
        certificate = tls.getpeercert()
    assert certificate is not None
    return int(str(certificate["serialNumber"]), 16)


def test_a_udp_telephone_calls_a_tls_telephone_while_the_certificate_is_renewed(exchange, authority):
    with softphones(exchange, "alice") as (alice,), softphones(exchange, "bob", ca=authority.file) as (bob,):
        alice.play(523, -14)
        bob.play(1200, -20)
        (registered,) = [each for each in exchange.json("phones")["phones"] if each["line"] == "bob"]
        assert registered["address"].startswith("tls 127.0.0.1:")
        here, there = connect(alice, bob, "102")
        before = shown(exchange, authority)
        authority.sign("pbx.example.com", "127.0.0.1", stem="pbx", days=200)
        assert exchange.run("reload").returncode == 0
        assert shown(exchange, authority) != before
        (authority.folder / "pbx.pem").write_text("half of a file")
        assert exchange.run("reload").returncode == 1
        assert shown(exchange, authority) != before
        time.sleep(0.8)
        bob.do("hangup", call=there)
        assert alice.over(here)["status"] == 200
    for heard, hz, dbfs in ((bob.wav(there), 523, -14), (alice.wav(here), 1200, -20)):
        tone = sound.check(heard, hz, dbfs)
        assert sound.whole(tone)
    authority.sign("pbx.example.com", "127.0.0.1", stem="pbx", days=20)
    assert exchange.run("reload").returncode == 0
    status = exchange.json("status")
    assert [each["name"] for each in status["certificates"]] == ["pbx.example.com"]
    assert any("ends on" in warning for warning in status["warnings"])
    wait_for(lambda: '"certificate ends"' in exchange.log(), 3, "the line in the log")
    assert 'ringplan_certificate_ends_timestamp_seconds{name="pbx.example.com",' in exchange.get("/metrics")


def test_a_tls_telephone_calls_a_tls_telephone(exchange, authority):
    with softphones(exchange, "carol", "dave", ca=authority.file) as (carol, dave):
        here, there = connect(carol, dave, "104")
        incoming = next(event for event in dave.events if event["event"] == "incoming")["whole"]
        assert "SIP/2.0/TLS" in incoming
        assert ";transport=tls>" in incoming
        carol.do("hold", call=here)
        wait_for(lambda: exchange.json("calls")[0]["state"] == "held", 5, "the hold")
        dave.do("hangup", call=there)
        carol.over(here)


@pytest.mark.skipif(modules() is None, reason="needs the Debian package baresip")
def test_two_baresips_talk_over_tls(exchange, authority):
    with baresips(exchange, "erin", "frank", transport="tls", ca=authority.file, answer="auto") as (erin, frank):
        erin.do("dial", "106")
        erin.expect("CALL_ESTABLISHED")
        time.sleep(1.0)
        erin.do("hangup")
        wait_for(lambda: "session closed" in frank.output(), 5, "the BYE at the other end")
    assert sound.strongest(*sound.read(frank.heard())) == pytest.approx(440, abs=4)
    assert sound.strongest(*sound.read(erin.heard())) == pytest.approx(800, abs=4)


def test_a_call_over_tls_survives_the_kill_of_the_exchange(tmp_path, authority):
    files = authority.sign("127.0.0.1", stem="killed")
    with (
        house(tmp_path, listen=listening(files)) as exchange,
        softphones(exchange, "alice", ca=authority.file) as (alice,),
        softphones(exchange, "bob") as (bob,),
    ):
        alice.play(523, -14)
        here, there = connect(alice, bob, "102")
        exchange.kill("exchange")
        exchange.serving(2)
        mark = alice.mark()
        alice.do("unhold", call=here)  # over a connection that it has to make anew
        alice.expect("media", since=mark, call=here)
        time.sleep(0.5)
        bob.do("hangup", call=there)  # and so does this one reach it
        assert alice.over(here)["status"] == 200
        record = exchange.record()
        assert (record["recovered"], record["reason"]) == (True, "callee_hung_up")
    sound.check(bob.wav(there), 523, -14)


def test_a_carrier_and_its_customer_prove_who_they_are(tmp_path, authority):
    """IDN-3: mutual TLS both ways; the carrier knows its customer by nothing but the certificate."""
    office_files = authority.sign("office.example.com", "127.0.0.1", stem="office")
    carrier_files = authority.sign("carrier.example.net", "127.0.0.1", stem="carrier")

    dids = "dids: {'+12125550100': bob}\n"
    customer = "trunks:\n  customer: {host: 192.0.2.99, transport: tls, certificates: [office.example.com]}\n"
    mutual = f", client_ca: {authority.file}, client_required: true"
    with house(tmp_path / "carrier", dids + customer, listen=listening(carrier_files, mutual)) as far:
        trunk = (
            "default_trunk: carrier\ntrunks:\n  carrier: {host: 127.0.0.1, transport: tls, from: 192.0.2.98, "
            f"port: {far.tls}, ca: {authority.file}, {pair(office_files)}}}\n"
        )
        with (
            house(tmp_path / "office", trunk, listen=listening(office_files)) as near,
            softphones(near, "alice", name="alice") as (alice,),
            softphones(far, "bob", name="bob") as (bob,),
        ):
            here, there = connect(alice, bob, "+12125550100")
            time.sleep(0.3)
            near.kill("exchange")
            near.serving(2)
            alice.do("hangup", call=here)
            bob.over(there)
            assert far.record()["trunk"] == "customer"
            wrong = Path(authority.sign("somebody.example.com", stem="carrier").certificate)
            assert wrong.exists()
            assert far.run("reload").returncode == 0
            far.kill("exchange")  # so that the next call has to connect anew
            far.serving(2)
            refused = alice.call("+12125550100")
            assert alice.over(refused)["status"] >= 480
            why = "the certificate is for somebody.example.com, not for 127.0.0.1"
            wait_for(lambda: why in near.log(), 3, "a line of the log")

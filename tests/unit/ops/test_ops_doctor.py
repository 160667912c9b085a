"""What the doctor says of machines that are not this one; and of this one, as a person asks."""

from __future__ import annotations

import datetime
import errno
import json
import socket
import struct
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config import compile as compiling
from config.compiled import ListenerSettings
from switch.commands import app
from switch.doctor import certificates, machine, network, setting
from switch.net import stun
from tests.support.certificates import Authority

GOOD = "country: US\nlines: {alice: {extension: 101}}\ndevices: {p: {secret: env:P, lines: alice}}\n"


def compiled(tmp_path, text=GOOD):
    path = tmp_path / "ringplan.yaml"
    path.write_text(text)
    return compiling.compile(path, environ={"P": "a-long-secret"})


@pytest.mark.parametrize(
    ("finding", "level", "words"),
    [
        (machine.judge_clock(5, 16.0), "warning", "nobody keeps the clock"),
        (machine.judge_clock(0, 0.02), "good", "0.020 s"),
        (machine.judge_clock(-1, 0.0), "warning", "does not say"),
        (machine.judge_files(1024, 20000), "warning", "24000 are wanted"),
        (machine.judge_files(524288, 20000), "good", "524288"),
        (machine.judge_receive_buffer(212992, privileged=False), "warning", "212992"),
        (machine.judge_receive_buffer(212992, privileged=True), "good", "room"),
        (machine.judge_receive_buffer(8 << 20, privileged=False), "good", "room"),
        (machine.judge_sip_helper("nf_nat_sip 20480 0 - Live\nnf_conntrack 1 0\n"), "warning", "nf_nat_sip"),
        (machine.judge_sip_helper("nf_conntrack 1 0\n"), "good", "none"),
        (machine.judge_voice(installed=True, spoken=False), "good", "espeak-ng speaks"),
        (machine.judge_voice(installed=False, spoken=True), "warning", "is kept"),
        (machine.judge_voice(installed=False, spoken=False), "warning", "tones are played"),
        (machine.judge_python(optimised=True, has_uvloop=True), "good", "optimised"),
        (machine.judge_python(optimised=False, has_uvloop=False), "warning", "uvloop is not installed"),
    ],
)
def test_what_is_said_of_a_machine(finding, level, words):
    assert finding.level == level
    assert words in finding.said
    assert bool(finding.advice) or level == "good" or "does not say" in finding.said


@pytest.mark.parametrize(
    ("disk", "level", "words"),
    [
        (machine.Disk(50 << 30, 1 << 20, "ext4"), "good", "50.0 GiB"),
        (machine.Disk(1 << 30, 1 << 20, "ext4"), "warning", "1.0 GiB"),
        (machine.Disk(100 << 20, 1 << 20, "ext4"), "bad", "0.1 GiB"),
        (machine.Disk(50 << 30, 5, "ext4"), "bad", "5 more files"),
        (machine.Disk(50 << 30, 1 << 20, "tmpfs"), "warning", "forgotten at a reboot"),
        (machine.Disk(50 << 30, 1 << 20, "nfs4"), "warning", "another machine"),
        (None, "bad", "cannot be looked at"),
    ],
)
def test_what_is_said_of_a_disk(tmp_path, disk, level, words):
    finding = machine.judge_disk(tmp_path, disk)
    assert (finding.level, words in finding.said) == (level, True), finding


def test_a_folder_that_is_not_made_yet_is_judged_by_where_it_will_be(tmp_path):
    found = {each.about: each for each in machine.examine(tmp_path / "not" / "yet", 100)}
    assert "GiB free" in found["disk"].said
    assert found["clock"].level in ("good", "warning")


@pytest.mark.parametrize(
    ("error", "running", "level", "words"),
    [
        (None, False, "good", "free"),
        (errno.EADDRINUSE, False, "bad", "another program"),
        (errno.EADDRINUSE, True, "good", "the exchange that runs has it"),
        (errno.EACCES, False, "bad", "not allowed"),
        (errno.EADDRNOTAVAIL, False, "bad", "no such address"),
        (errno.EADDRNOTAVAIL, True, "bad", "no longer"),
    ],
)
def test_what_is_said_of_a_port(error, running, level, words):
    listener = ListenerSettings(transport="tcp", address="192.0.2.1", port=5060)
    found = list(network.judge_ports([listener], running, lambda _: OSError(error, "no") if error else None))
    assert [(each.level, words in each.said) for each in found] == [(level, True)]
    assert "tcp 192.0.2.1 port 5060" in found[0].said


def test_a_port_that_is_taken_is_found_out():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        listener = ListenerSettings(transport="udp", address="127.0.0.1", port=taken.getsockname()[1])
        error = network.try_port(listener)
        assert error is not None
        assert error.errno == errno.EADDRINUSE
    assert network.try_port(listener) is None


def test_ports_of_the_sound_that_the_kernel_may_give_away(tmp_path):
    media = compiled(tmp_path).media
    assert network.judge_media_ports(media, (32768, 60999)).level == "good"
    assert network.judge_media_ports(media, (1024, 65535)).level == "warning"
    assert network.judge_media_ports(media, (1024, 65535), [(20000, 29999)]).level == "good"
    assert network.judge_media_ports(media, (1024, 65535), [(20000, 20010)]).level == "warning"


def test_a_private_address_and_a_carrier_outside(tmp_path):
    trunks = GOOD + "trunks: {carrier: {host: sip.example.com}}\n"
    assert network.judge_nat(compiled(tmp_path), ["10.0.0.5"]).level == "good"
    found = network.judge_nat(compiled(tmp_path, trunks), ["10.0.0.5"])
    assert (found.level, "advertise" in found.advice) == ("warning", True)
    assert network.judge_nat(compiled(tmp_path, trunks), ["10.0.0.5", "8.8.4.4"]).level == "good"
    assert network.judge_nat(compiled(tmp_path, trunks), []).level == "warning"


@pytest.mark.parametrize(
    ("found", "told", "own", "level"),
    [
        (("203.0.113.9", 4000), ["203.0.113.9"], ["10.0.0.5"], "good"),
        (("203.0.113.9", 4000), [], ["203.0.113.9"], "good"),
        (("203.0.113.9", 4000), ["198.51.100.1"], ["10.0.0.5"], "bad"),
        (("203.0.113.9", 4000), [], ["10.0.0.5"], "bad"),
        ("no answer", [], ["10.0.0.5"], "warning"),
    ],
)
def test_what_a_stun_server_sees(found, told, own, level):
    assert network.judge_mapping(found, "stun.example.com", told, own).level == level


def binding_success(asked, address, port, attribute=0x0020):
    transaction = asked[8:20]
    mask = stun.COOKIE.to_bytes(4, "big") if attribute == 0x0020 else bytes(4)
    value = struct.pack(">BBH", 0, 1, port ^ int.from_bytes(mask[:2], "big"))
    value += bytes(a ^ b for a, b in zip(socket.inet_aton(address), mask, strict=True))
    body = struct.pack(">HH", 0x8022, 3) + b"sip\0" + struct.pack(">HH", attribute, len(value)) + value
    return struct.pack(">HHI12s", 0x0101, len(body), stun.COOKIE, transaction) + body


@pytest.mark.parametrize("attribute", [0x0020, 0x0001])
def test_a_stun_answer_is_read(attribute):
    asked = stun.request(b"0123456789ab")
    answer = binding_success(asked, "203.0.113.9", 40000, attribute)
    assert stun.mapped(answer, b"0123456789ab") == ("203.0.113.9", 40000)
    assert stun.mapped(answer, b"another-one!") is None
    for cut in range(len(answer)):
        assert stun.mapped(answer[:cut], b"0123456789ab") is None


def test_a_stun_server_is_asked_again_until_it_answers():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(10)

    def serve():
        server.recvfrom(2048)  # lost
        asked, peer = server.recvfrom(2048)
        server.sendto(b"noise", peer)
        server.sendto(binding_success(asked, "203.0.113.9", 40000), peer)

    thread = threading.Thread(target=serve)
    thread.start()
    with server:
        found = network.ask_stun(f"127.0.0.1:{server.getsockname()[1]}", wait_s=0.3)
        thread.join()
    assert found == ("203.0.113.9", 40000)


def test_names_of_carriers():
    found = list(
        network.judge_names([("a.example", "192.0.2.9", 0.1), ("b.example", "", 0.1), ("c.example", "x", 3.0)])
    )
    assert [each.level for each in found] == ["good", "bad", "warning"]


def test_a_password_that_everybody_can_read(tmp_path):
    file = tmp_path / "ringplan.yaml"
    file.write_text("devices:\n  a: {secret: env:A, lines: x}\n  b:\n    secret: hunter22\n")
    (found,) = setting.judge_secrets(file)
    assert f"{file}:4:" in found.said
    assert "hunter22" not in found.said
    file.write_text("devices:\n  a: {secret: env:A, lines: x}\n")
    assert list(setting.judge_secrets(file)) == []


def test_certificates_near_their_end(tmp_path):
    now = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    levels = [certificates.judge("x", now + datetime.timedelta(days=days), now).level for days in (-1, 3, 29, 31)]
    assert levels == ["bad", "warning", "warning", "good"]


def test_certificates_are_read_as_the_exchange_would(tmp_path):
    pair = Authority(tmp_path).sign("pbx.example.com", stem="pbx", days=90)
    text = GOOD + "listen: [{transport: tls, certificate: pbx.pem, key: pbx.key}]\n"
    built = compiled(tmp_path, text)
    (found,) = certificates.examine(built, tmp_path, datetime.datetime.now(datetime.UTC))
    assert found.level == "good", found
    Path(pair.key).unlink()
    (found,) = certificates.examine(built, tmp_path, datetime.datetime.now(datetime.UTC))
    assert (found.level, "pbx.key" in found.said) == ("bad", True)


def test_a_database_that_is_away_is_named_without_its_password():
    found = setting.examine_store("postgresql+asyncpg://ringplan:hunter22@127.0.0.1:1/ringplan")
    assert found.level == "bad"
    assert "hunter22" not in found.said + found.advice


def test_the_command_names_what_to_mend(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "ringplan.yaml").write_text("country: US\nlines: {alice: {extention: 101}}\n")
    environ = {"RINGPLAN_HOME": str(tmp_path), "COLUMNS": "120"}
    done = CliRunner().invoke(app, ["doctor"], env=environ)
    assert done.exit_code == 1
    assert "extention" in done.stdout
    assert "1 to mend" in done.stdout
    told = json.loads(CliRunner().invoke(app, ["doctor", "--json"], env=environ).stdout)
    assert [each["about"] for each in told if each["level"] == "bad"] == ["configuration"]
    assert not (tmp_path / "data").exists(), "the doctor only looks"


def test_ipv6_that_is_only_there_by_default_is_not_missed():
    made = (
        ListenerSettings(transport="udp", address="0.0.0.0", port=5060),
        ListenerSettings(transport="udp", address="::", port=5060, optional=True),
        ListenerSettings(transport="tcp", address="::", port=5060),
    )
    missing = OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
    found = list(network.judge_ports(made, False, lambda each: missing if ":" in each.address else None))
    assert [(each.level, each.said.split(":")[0]) for each in found[:1]] == [("good", "udp 0.0.0.0 port 5060")]
    assert [each.level for each in found[1:]] == ["bad"]
    assert "tcp [::]" in found[1].said


def test_a_public_address_of_ipv6_is_no_comfort_to_a_carrier_of_ipv4(tmp_path):
    trunks = GOOD + "trunks: {carrier: {host: sip.example.com}}\n"
    assert network.judge_nat(compiled(tmp_path, trunks), ["10.0.0.5", "2a00:1450:4001::5"]).level == "warning"
    assert network.judge_nat(compiled(tmp_path, trunks), ["2a00:1450:4001::5"]).level == "good"

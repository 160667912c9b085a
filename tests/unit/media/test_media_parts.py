"""The small parts: packet checks, digits, G.711, ports, and the relay on a clock of the test's own."""

from __future__ import annotations

import random
import socket
import struct

import msgspec
import numpy as np
import pytest

from media import g711, rtp
from media.engine import MediaEvent, PlayEnded, Remote, Silent, Tune
from media.local import LocalEngine
from tests.unit.media.media_phone import Phone, free_ports, sine


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x80\x00" + bytes(10), rtp.RTP),
        (b"\x80\x80" + bytes(10) + b"x" * 160, rtp.RTP),
        (b"\x82\x00" + bytes(10) + bytes(8), rtp.RTP),
        (b"\x82\x00" + bytes(10) + bytes(7), rtp.BAD),
        (b"\x90\x00" + bytes(10) + b"\0\0\0\1" + bytes(4), rtp.RTP),
        (b"\x90\x00" + bytes(10) + b"\0\0\0\2" + bytes(4), rtp.BAD),
        (b"\xa0\x00" + bytes(10) + b"\0\0\0\4", rtp.RTP),
        (b"\xa0\x00" + bytes(10) + b"\0\0\0\5", rtp.BAD),
        (b"\xa0\x00" + bytes(10) + b"\0\0\0\0", rtp.BAD),
        (b"\x40\x00" + bytes(10), rtp.BAD),
        (b"\x80\x00" + bytes(9), rtp.BAD),
        (b"", rtp.BAD),
        (b"\x80\xc8\0\1" + bytes(4), rtp.RTCP),
        (b"\x80\xc8\0\2" + bytes(4), rtp.BAD),
        (b"\x80\xc8\0\1" + bytes(5), rtp.BAD),
    ],
)
def test_packets_are_told_apart(data: bytes, expected: int) -> None:
    assert rtp.kind(data, len(data)) == expected


def event(timestamp: int, digit: int, duration: int, end: bool) -> bytes:
    return struct.pack("!BBHIIBBH", 0x80, 101, 1, timestamp, 1, digit, 0x80 if end else 0, duration)


def test_a_digit_whose_end_was_lost_is_told_at_the_next() -> None:
    reader = rtp.DigitReader()
    packets = [
        event(0, 1, 800, False),
        event(4000, 2, 160, False),
        event(4000, 2, 640, True),
        event(4000, 2, 640, True),
    ]
    assert [reader.read(packet, len(packet)) for packet in packets] == [[], [("1", 100)], [("2", 80)], []]


def test_events_that_are_no_digits_and_short_packets_are_left() -> None:
    reader = rtp.DigitReader()
    strange = event(0, 200, 100, True)
    assert reader.read(strange, len(strange)) == []
    assert reader.read(strange[:14], 14) == []


@pytest.mark.parametrize("alaw", [False, True])
def test_g711_keeps_the_sound(alaw: bool) -> None:
    samples = list(range(-32768, 32768, 17))
    again = np.array(g711.decode(g711.encode(samples, alaw), alaw), dtype=float)
    error = np.abs(again - samples) / np.maximum(np.abs(samples), 256)
    assert error.max() < 0.05


@pytest.mark.parametrize("alaw", [False, True])
def test_g711_bytes_stand_for_themselves(alaw: bool) -> None:
    every = bytes(range(256))
    again = g711.encode(g711.decode(every, alaw), alaw)
    assert [a for a, b in zip(every, again, strict=True) if a != b] == ([] if alaw else [0x7F])  # two zeros in µ-law


def test_known_g711_values() -> None:
    assert [g711.ulaw_of(s) for s in (0, 32767, -32768)] == [0xFF, 0x80, 0x00]
    assert [g711.alaw_of(s) for s in (0, 32767, -32768)] == [0xD5, 0xAA, 0x2A]


class Stage:
    """A local engine with one leg that points at a phone."""

    def __init__(self, **remote: object) -> None:
        self.events: list[MediaEvent] = []
        first = free_ports(40)
        self.engine = LocalEngine(first_port=first, last_port=first + 7, on_event=self.events.append)
        self.engine.run(0.0)
        self.phone = Phone()
        lease = self.engine.lease()
        assert lease is not None
        self.phone.lease = lease
        self.leg = lease.leg
        self.engine.open(lease, 10.0)
        self.engine.update(self.leg, self.phone.remote(**remote))

    def shut(self) -> None:
        self.engine.shut()
        self.phone.hang_up()


def test_a_late_tick_makes_up_for_a_little_and_leaves_out_a_lot() -> None:
    stage = Stage()
    stage.engine.play(stage.leg, Tune(("tone:440",)))
    stage.engine.run(0.0)
    stage.engine.run(0.1)
    assert len(stage.phone.heard()) == 6
    stage.engine.run(60.0)
    assert len(stage.phone.heard()) == 1
    stage.shut()


def test_silence_is_counted_from_the_last_sound() -> None:
    stage = Stage()
    stage.engine.play(stage.leg, Tune(("echo",)))
    for now in range(1, 9):
        stage.engine.run(float(now))
    stage.phone.say(b"x" * 160)
    for now in range(9, 19):
        stage.engine.run(float(now))
    assert stage.events == []
    stage.engine.run(19.0)
    assert stage.events == [Silent(stage.leg, 10.0)]
    for now in range(20, 60):
        stage.engine.run(float(now))
    assert len(stage.events) == 1
    stage.shut()


def test_silence_of_a_leg_that_is_not_joined_to_anything_is_no_fault() -> None:
    stage = Stage()
    for now in range(1, 60):
        stage.engine.run(float(now))
    assert stage.events == []
    stage.shut()


@pytest.mark.parametrize("way", [{"receive": False}, {"send": False}, {"send": False, "receive": False}])
def test_silence_of_a_telephone_that_holds_the_call_is_no_fault(way: dict[str, bool]) -> None:
    """`receive` False is `a=sendonly`: hold, in the way of most desk phones, which then send no sound at all."""
    stage = Stage(**way)
    stage.engine.play(stage.leg, Tune(("echo",)))
    for now in range(1, 60):
        stage.engine.run(float(now))
    assert stage.events == []
    stage.engine.update(stage.leg, stage.phone.remote())
    for now in range(60, 72):
        stage.engine.run(float(now))
    assert [type(event) for event in stage.events] == [Silent]
    stage.shut()


def test_a_player_for_a_codec_that_we_have_not_ends_at_once() -> None:
    stage = Stage(codec="G729/8000", payload=18)
    stage.engine.play(stage.leg, Tune(("tone:440",)))
    stage.engine.run(1.0)
    assert stage.events == [PlayEnded(stage.leg, 0, ("tone:440",))]
    stage.shut()


def test_packets_for_the_leg_before_are_not_relayed_to_the_next() -> None:
    first = free_ports(40)
    engine = LocalEngine(first_port=first, last_port=first + 3, rest_s=5.0)
    engine.run(0.0)
    phones = [Phone(ssrc=1), Phone(ssrc=2)]

    def open_both() -> None:
        for phone in phones:
            phone.lease = engine.lease()
            assert phone.lease is not None
            engine.open(phone.lease, 0)
            engine.update(phone.lease.leg, phone.remote())
        engine.bridge(phones[0].lease.leg, phones[1].lease.leg)  # type: ignore[union-attr]

    open_both()
    phones[0].say(b"x" * 160)
    engine.run(1.0)
    assert len(phones[1].heard()) == 1
    for phone in phones:
        engine.close(phone.lease.leg)  # type: ignore[union-attr]
    phones[0].say(b"late" * 40)
    engine.run(7.0)
    open_both()
    engine.run(7.1)
    assert phones[1].heard() == []
    sent = phones[0].say(b"y" * 160)
    engine.run(7.2)
    assert phones[1].heard() == [sent]
    engine.shut()
    for phone in phones:
        phone.hang_up()


def test_a_far_end_that_never_speaks_is_still_spoken_to() -> None:
    stage = Stage(send=False)
    stage.engine.play(stage.leg, Tune(("tone:440",)))
    for now in (0.02, 0.04):
        stage.engine.run(now)
    assert stage.phone.heard()
    stage.shut()


def test_random_packets_do_not_pass_and_do_no_harm() -> None:
    first = free_ports(40)
    engine = LocalEngine(first_port=first, last_port=first + 7)
    engine.run(0.0)
    phones = [Phone(ssrc=1), Phone(ssrc=2)]
    for phone in phones:
        phone.lease = engine.lease()
        assert phone.lease is not None
        engine.open(phone.lease, 0)
        engine.update(phone.lease.leg, phone.remote())
    engine.bridge(phones[0].lease.leg, phones[1].lease.leg)  # type: ignore[union-attr]
    phones[0].say(b"x" * 160)
    engine.run(0.1)
    assert len(phones[1].heard()) == 1
    draw = random.Random(3)
    for _ in range(600):
        data = bytearray(draw.randbytes(draw.choice((0, 1, 8, 11, 12, 13, 16, 40, 172, 1400))))
        if data and draw.random() < 0.7:
            data[0] = data[0] & 0x3F | 0x80
        if len(data) > 1:
            data[1] = draw.choice((data[1], 18, 0x65, 200, 201))  # no payload that was agreed but the event
        phones[0].raw(bytes(data), rtcp=draw.random() < 0.3)
        engine.run(0.2)
    for packet in phones[1].heard():
        assert packet[0] & 0xC0 == 0x80
        assert packet[1] & 0x7F in (0, 8, 101)
    phones[1].heard(rtcp=True)
    sent = phones[0].say(b"y" * 160)
    engine.run(0.3)
    if not phones[1].heard():  # a random SSRC had been believed: the phone's own is again, with its second packet
        sent = phones[0].say(b"y" * 160)
        engine.run(0.4)
        assert phones[1].heard() == [sent]
    engine.shut()
    for phone in phones:
        phone.hang_up()


@pytest.mark.parametrize("families", [(6, 6), (4, 6), (6, 4)])
def test_ipv6_and_both_families_in_one_call(families: tuple[int, int]) -> None:
    """Each leg's ports are of the family that its telephone speaks; what comes on one leaves by the other, learned and
    marked EF (RFC 3246) alike."""
    first = free_ports(40)
    engine = LocalEngine(address=["127.0.0.1", "::1"], first_port=first, last_port=first + 7)
    engine.run(0.0)
    socks, leases, fars = [], [], []
    hosts = ["::1" if family == 6 else "127.0.0.1" for family in families]
    for host in hosts:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host, 0))
        sock.setblocking(False)
        if ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        socks.append(sock)
        lease = engine.lease(v6=":" in host)
        assert lease is not None and lease.address == host
        leases.append(lease)
        engine.open(lease, 0)
        port = sock.getsockname()[1]
        written = "0:0:0:0:0:0:0:1" if ":" in host else host
        fars.append(Remote(address=written, port=port, rtcp_port=0, signalling=host, payloads=(0,)))
        engine.update(lease.leg, fars[-1])
    engine.bridge(leases[0].leg, leases[1].leg)
    for number in range(3):
        for here, there in ((0, 1), (1, 0)):
            packet = struct.pack("!BBHII", 0x80, 0, number, number, here) + b"x" * 160
            socks[here].sendto(packet, (hosts[here], leases[here].port))
            engine.run(0.0)
            data, ancillary, _, _ = socks[there].recvmsg(2000, 64)
            assert data == packet
            assert [value[0] >> 2 for _, _, value in ancillary] == [46]
        if number == 1:
            engine.update(leases[0].leg, msgspec.structs.replace(fars[0], payload=8))
    engine.shut()
    for sock in socks:
        sock.close()


def test_a_far_end_of_the_other_family_is_not_sent_to() -> None:
    """An answer that names IPv6 on a leg whose ports are of IPv4 is no reason to fall over."""
    first = free_ports(40)
    engine = LocalEngine(first_port=first, last_port=first + 7)
    lease = engine.lease()
    assert lease is not None and engine.lease(v6=True) is None
    engine.open(lease, 0)
    engine.update(lease.leg, Remote(address="2001:db8::7", port=4000, rtcp_port=4001, signalling="::1", payloads=(0,)))
    engine.play(lease.leg, Tune(("tone:425",)))
    for tick in range(5):
        engine.run(tick * 0.02)
    leg = engine._relay.legs[lease.leg]
    assert leg.rtp.out is None and leg.packets_out == 0
    engine.shut()


def test_remote_defaults() -> None:
    far = Remote(address="192.0.2.1", port=4000, rtcp_port=4001, signalling="192.0.2.1", payloads=(0,))
    assert (far.codec, far.payload, far.send, far.receive) == ("PCMU/8000", 0, True, True)
    assert len(sine(100, 2)) == 2

"""A telephone's ear and mouth for tests: two UDP sockets, RTP written by hand, and a measurement of what is heard."""

from __future__ import annotations

import contextlib
import math
import random
import socket
import struct

import numpy as np

from media import g711
from media.engine import Lease, Remote

RATE = 8000


def free_ports(count: int) -> int:
    """The first of `count` ports that nobody has now, wherever else tests and exchanges run on this machine."""
    draw = random.SystemRandom()
    for _ in range(100):
        first = draw.randrange(10000, 32700 - count, 2)
        try:
            for port in range(first, first + count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


def sine(hertz: float, frames: int, peak: float = 8000.0, alaw: bool = False) -> list[bytes]:
    """Frames of 20 ms of a tone as G.711."""
    law = g711.alaw_of if alaw else g711.ulaw_of
    sound = bytes(law(round(peak * math.sin(2 * math.pi * hertz * n / RATE))) for n in range(160 * frames))
    return [sound[start : start + 160] for start in range(0, len(sound), 160)]


def measure(payloads: list[bytes], alaw: bool = False) -> tuple[float, float]:
    """(frequency in Hz, level in dBFS of a full-scale sine) of G.711 sound."""
    samples = np.array(g711.decode(b"".join(payloads), alaw), dtype=float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    peak = int(np.argmax(spectrum))
    rms = math.sqrt(float(np.mean(samples**2)))
    return peak * RATE / len(samples), 20 * math.log10(rms * math.sqrt(2) / 32768 + 1e-9)


class Phone:
    """One far end. `host` may be another loopback address, to play somebody else."""

    def __init__(self, host: str = "127.0.0.1", ssrc: int = 0x1234) -> None:
        self.host = host
        self.ssrc = ssrc
        self.sequence = 65530  # wraps around in every longer test
        self.timestamp = 0
        self.rtp = self._socket(0)
        self.rtcp = self._socket(0)
        self.port: int = self.rtp.getsockname()[1]
        self.rtcp_port: int = self.rtcp.getsockname()[1]
        self.lease: Lease | None = None

    def _socket(self, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((self.host, port))
        sock.setblocking(False)
        return sock

    def remote(self, **changes: object) -> Remote:
        values: dict[str, object] = {
            "address": self.host,
            "port": self.port,
            "rtcp_port": self.rtcp_port,
            "signalling": self.host,
            "payloads": (0, 8, 101),
            "telephone_event": 101,
        }
        return Remote(**(values | changes))  # type: ignore[arg-type]

    def packet(self, payload: bytes, number: int = 0, marker: bool = False, ssrc: int | None = None) -> bytes:
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp += 160
        return (
            struct.pack(
                "!BBHII",
                0x80,
                number | (0x80 if marker else 0),
                self.sequence,
                self.timestamp,
                self.ssrc if ssrc is None else ssrc,
            )
            + payload
        )

    def say(self, payload: bytes, number: int = 0, ssrc: int | None = None) -> bytes:
        data = self.packet(payload, number, ssrc=ssrc)
        self.raw(data)
        return data

    def raw(self, data: bytes, rtcp: bool = False) -> None:
        assert self.lease is not None
        sock = self.rtcp if rtcp else self.rtp
        sock.sendto(data, ("127.0.0.1", self.lease.port + (1 if rtcp else 0)))

    def report(self) -> bytes:
        """A receiver report without a block, sent from the RTCP socket."""
        data = struct.pack("!BBHI", 0x80, 201, 1, self.ssrc)
        self.raw(data, rtcp=True)
        return data

    def heard(self, rtcp: bool = False) -> list[bytes]:
        """All packets that have arrived."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append((self.rtcp if rtcp else self.rtp).recv(4096))
        return found

    def hang_up(self) -> None:
        self.rtp.close()
        self.rtcp.close()

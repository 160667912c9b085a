"""What one packet costs on its way through a leg: relayed, transcoded, encrypted.

    python -P bench/sound.py

One media engine inside this process, with real sockets on the loopback, and 20 two-way calls of each kind. Time is
virtual: every 20 ms all telephones send, which is not counted, and then the engine works off what has come, which is:
CPU of this thread, by the packets that came in. The best of three runs, as other programs only ever make it slower.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pylibsrtp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from media import codecs  # noqa: E402
from media.engine import Keys, Remote  # noqa: E402
from media.local import LocalEngine  # noqa: E402

NUMBERS = {codecs.PCMU: 0, codecs.PCMA: 8, codecs.G722: 9, codecs.OPUS: 107}
SUITE = "AES_CM_128_HMAC_SHA1_80"
OURS, THEIRS = bytes(range(30)), bytes(range(30, 60))
KINDS: dict[str, tuple[str, str, bool, bool]] = {
    "relayed": (codecs.PCMA, codecs.PCMA, False, False),
    "PCMA and PCMU": (codecs.PCMA, codecs.PCMU, False, False),
    "PCMA and G.722": (codecs.PCMA, codecs.G722, False, False),
    "PCMA and Opus": (codecs.PCMA, codecs.OPUS, False, False),
    "G.722 and Opus": (codecs.G722, codecs.OPUS, False, False),
    "SRTP and none": (codecs.PCMA, codecs.PCMA, True, False),
    "SRTP on both sides": (codecs.PCMA, codecs.PCMA, True, True),
    "SRTP, PCMA and G.722": (codecs.PCMA, codecs.G722, True, False),
}


class Far:
    """A telephone that says 400 Hz."""

    def __init__(self, engine: LocalEngine, codec: str, secure: bool, ssrc: int) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        lease = engine.lease()
        assert lease is not None
        self.lease, self.ssrc, self.number = lease, ssrc, NUMBERS[codec]
        coder = codecs.make(codec)
        size = coder.rate // 50
        sound = np.rint(8000 * np.sin(2 * np.pi * 400 * np.arange(size * 50) / coder.rate)).astype(np.int16)
        self.frames = [coder.encode(frame) for frame in np.split(sound, 50)]
        self.clock = coder.clock // 50
        kind = pylibsrtp.Policy
        self.out = pylibsrtp.Session(kind(THEIRS, kind.SSRC_ANY_OUTBOUND, 0)) if secure else None
        engine.open(lease, 0)
        port = self.sock.getsockname()[1]
        remote = Remote(
            address="127.0.0.1", port=port, rtcp_port=port + 1, signalling="127.0.0.1", payloads=(self.number,),
            codec=codec, payload=self.number, codecs=((self.number, codec),),
            keys=Keys(SUITE, OURS, THEIRS) if secure else None,
        )  # fmt: skip
        engine.update(lease.leg, remote)

    def say(self, n: int) -> None:
        """The packet number `n`."""
        head = struct.pack("!BBHII", 0x80, self.number, n & 0xFFFF, n * self.clock, self.ssrc)
        packet = head + self.frames[n % 50]
        self.sock.sendto(packet if self.out is None else self.out.protect(packet), ("127.0.0.1", self.lease.port))

    def heard(self) -> int:
        """How many packets have come."""
        count = 0
        try:
            while True:
                self.sock.recv(2048)
                count += 1
        except BlockingIOError:
            return count


def measure(kind: str, calls: int, frames: int) -> dict[str, float]:
    """One run."""
    one, other, first, second = KINDS[kind]
    engine = LocalEngine(first_port=36000, last_port=39999)
    now = 100.0
    engine.run(now)
    pairs = [(Far(engine, one, first, 2 * n + 1), Far(engine, other, second, 2 * n + 2)) for n in range(calls)]
    for left, right in pairs:
        engine.bridge(left.lease.leg, right.lease.leg)
    spent, heard, warm = 0.0, 0, 25
    for n in range(frames + warm):
        for pair in pairs:
            for far in pair:
                far.say(n)
        now += 0.02
        begin = time.thread_time()
        engine.run(now)
        if n >= warm:
            spent += time.thread_time() - begin
            heard += sum(far.heard() for pair in pairs for far in pair)
        else:
            for pair in pairs:
                for far in pair:
                    far.heard()
    engine.shut()
    for pair in pairs:
        for far in pair:
            far.sock.close()
    sent = frames * calls * 2
    return {"cpu_us_per_packet": spent / sent * 1e6, "lost_percent": (sent - heard) / sent * 100}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--frames", type=int, default=250)
    options = parser.parse_args()
    codecs.warm()
    for kind in KINDS:
        runs = [measure(kind, options.calls, options.frames) for _ in range(3)]
        best = min(runs, key=lambda run: run["cpu_us_per_packet"])
        print(json.dumps({"kind": kind} | {name: round(value, 2) for name, value in best.items()}), flush=True)


if __name__ == "__main__":
    main()

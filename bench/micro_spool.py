"""What recording adds to a relayed packet: CPU of loop and writer thread together, kernel included, without sockets.

    python -P bench/micro_spool.py --legs 600

Packets go through `media.recorder.Tap.through` as the relay's loop calls it, 50 a second for each leg in recorded time,
with a tick every 50 ms; the files are written to a temporary folder. Issue 5 wants 3 us at the most. Unlike `relay.py
--record both`, which measures the whole worker, it is steady on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from media.engine import MediaEvent, RecordEnded, Remote, Spool
from media.recorder import Spools

TURN_S, FRAME_S, PACKET_BYTES = 0.05, 0.02, 172
AHEAD = 8 << 20


def measure(legs: int, seconds: float, record: bool) -> float:
    """Microseconds a packet."""
    remote = Remote(address="192.0.2.1", port=4000, rtcp_port=4001, signalling="192.0.2.1", payloads=(0, 101))
    packet = memoryview(bytes((0x80, 0)) + bytes(PACKET_BYTES - 2))
    ended: list[MediaEvent] = []
    with tempfile.TemporaryDirectory() as folder:
        spools = Spools(ended.append, time.monotonic, lambda leg: None, thread=True)
        forwards = []
        for leg in range(legs):
            if record:
                spools.record(leg, Spool(f"{folder}/{leg}.spool"), remote)
            tap = spools.tap(leg)
            forwards.append(tap.through(len) if tap is not None else len)
        begin = time.process_time()
        turns = int(seconds / TURN_S)
        for turn in range(turns):
            for _ in range(int((turn + 1) * TURN_S / FRAME_S) - int(turn * TURN_S / FRAME_S)):
                for forward in forwards:
                    assert forward is not None
                    forward(packet)
            if record:
                spools.tick(time.monotonic())
                while spools._writer.behind() > AHEAD:  # sound goes by more quickly here than a disk may take it
                    time.sleep(0.001)
        for leg in range(legs):
            spools.close(leg)
        spools.end()
        spent = time.process_time() - begin
        assert len(ended) == legs * record
        packets = int(seconds / FRAME_S) * legs
        assert all(isinstance(each, RecordEnded) and each.packets == packets // legs for each in ended), ended[:1]
    return spent / packets * 1e6


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--legs", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=20.0, help="of sound, which goes by as quickly as it can")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    added: list[float] = []
    for _ in range(options.rounds):
        without = measure(options.legs, options.seconds, False)
        added.append(measure(options.legs, options.seconds, True) - without)
    print(json.dumps({"legs": options.legs, "added_us_per_packet": [round(each, 3) for each in sorted(added)]}))


if __name__ == "__main__":
    main()

"""What busy lamps cost: memory a subscription, CPU time a NOTIFY with its answer, the longest turn of the loop.

    python bench/micro_lamps.py [subscriptions]

All of them watch one line, and a thousand calls of that line come one after the other, a second apart: the worst that a
house can do to itself. No sockets; the rest is as in `micro_call.py`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import micro_call as bench


def resident_mib() -> float:
    """What this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


class Lamps:
    """The house of `micro_call.py`, all of whose NOTIFYs are answered."""

    def __init__(self, folder: Path) -> None:
        self.house = bench.House(folder)
        self.told = 0
        self.longest_s = 0.0

    def until(self, begin: float, end: float) -> None:
        """Time passes in steps of 10 ms, in which NOTIFYs go out and are answered."""
        step = begin
        while step < end:
            step += 0.01
            self.house.sent.clear()
            began = time.process_time()
            self.house.core.run_timers(step)
            self.longest_s = max(self.longest_s, time.process_time() - began)
            for notify in [data for data in self.house.sent if data.startswith(b"NOTIFY")]:
                self.told += 1
                self.house.core.receive(bench.reply(notify, "200 OK", ""), bench.B, step)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("subscriptions", type=int, nargs="?", default=2000)
    count = parser.parse_args().subscriptions
    with tempfile.TemporaryDirectory() as folder:
        lamps = Lamps(Path(folder))
        before, began = resident_mib(), time.process_time()
        lamps.house.watch(count)
        taken_s = time.process_time() - began
        print(f"taken over after a start: {taken_s / count * 1e6:.0f} µs each")
        lamps.until(0.0, count * 0.005 + 1)
        print(f"memory: {(resident_mib() - before) * 1024 / count:.1f} KiB each")
        now, told = count * 0.005 + 1, lamps.told
        lamps.longest_s, began = 0.0, time.process_time()
        calls = max(1, 40_000 // count)
        for number in range(calls):
            lamps.house.call(number, now)
            lamps.until(now, now + 1.0)
            now += 1.0
        used = time.process_time() - began
        told = lamps.told - told
        print(f"{told} NOTIFYs of {calls} calls: {used / max(1, told) * 1e6:.0f} µs each with the answer")
        print(f"the longest turn: {lamps.longest_s * 1e3:.1f} ms")


if __name__ == "__main__":
    main()

"""What the exchange does at a start before it serves, with so many calls up: its journal is read and folded, and every
call is taken over, told to the media workers and timed again.

    python -P bench/micro_recovery.py [calls]

In one process, without sockets and workers: two telephones with so many calls between them. Prints wall time and CPU
time of reading the journal from disk and of taking the calls over. Beside that a start costs what it costs without a
call (Python, configuration, sockets).
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from records.journal import FileJournal
from switch.replay import replay
from tests.support.exchange import Exchange
from tests.support.scene import Scene


class Quiet(Exchange):
    """Looks at nothing after each input: with a thousand calls that would take most of the time."""

    def _after(self) -> None:
        self._remember()


def main() -> int:
    parser = argparse.ArgumentParser(description="Taking over the calls of a killed exchange.")
    parser.add_argument("calls", type=int, nargs="?", default=1000)
    given = parser.parse_args()
    scene = Scene(exchange=Quiet, media_ports=2 * given.calls + 100)
    alice, bob = scene.phone("alice"), scene.phone("bob")
    for _ in range(given.calls):
        alice.call("102")
        scene.wait(0.1)
        bob.last.answer()
        scene.wait(0.1)
    scene.wait(40.0)
    exchange = scene.exchange
    assert len(exchange.calls) == given.calls
    with tempfile.TemporaryDirectory() as folder:
        journal = FileJournal(Path(folder))
        for frame in exchange.journal.read():
            journal.append(frame.events)
        size = sum(each.stat().st_size for each in Path(folder).iterdir())
        exchange.crash()
        exchange._boot()
        gc.collect()
        gc.freeze()
        began = time.perf_counter(), time.process_time()
        now, at, clock = exchange.clock.now(), exchange.clock.at(), exchange.machine()
        found = replay(exchange.core, journal, (), exchange.facts.load(), now, at, structlog.get_logger(), clock=clock)
        read = time.perf_counter(), time.process_time()
        exchange.core.recover(found.calls.values(), now, found.ended)
        done = time.perf_counter(), time.process_time()
        journal.close()
    assert len(exchange.core.calls.by_id) == given.calls
    print(f"{given.calls} calls, {size / 1e6:.1f} MB of journal")
    for what, one, other in (("read and folded", began, read), ("taken over", read, done), ("in all", began, done)):
        print(f"{what:16} {other[0] - one[0]:6.2f} s, of them {other[1] - one[1]:.2f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())

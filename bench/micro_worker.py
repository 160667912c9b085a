"""What calls without sound cost a media worker: opening, describing, joining and closing their legs.

    python bench/micro_worker.py [calls] [--calls-a-packet CALLS]

A worker's own objects and real sockets, in one process and without its loop; the exchange's end of the control socket
is here as well. Its packets come every 42 ms of a virtual clock with the commands of so many calls, by default those
of 200 calls a second: enough ports are in turn for each to rest. Prints CPU-µs a call of the worker's end, the best
and the median of ten parts.
"""

from __future__ import annotations

import argparse
import gc
import select
import socket
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from media import wire  # noqa: E402
from media.engine import Lease, Remote  # noqa: E402
from media.ports import PortPool  # noqa: E402
from media.relay import Relay  # noqa: E402
from media.worker import Control, allow_files, leg_ids  # noqa: E402

BEAT_S = 0.042
PARTS = 10
FIRST, LAST = 10000, 19999


def far_end(host: str, port: int) -> Remote:
    """A telephone with the two G.711 codecs and telephone-events."""
    return Remote(
        address=host, port=port, rtcp_port=port + 1, signalling=host, payloads=(8, 0, 101), telephone_event=101,
        codec="PCMA/8000", payload=8, codecs=((8, "PCMA/8000"), (0, "PCMU/8000")),
    )  # fmt: skip


class House:
    """The worker, and the exchange's end of its control socket."""

    def __init__(self) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind("")
        listener.listen(1)
        listener.setblocking(False)
        control = Control(listener, path="", index=0, address="127.0.0.1", block=1024, orphan_s=60.0)
        most = allow_files((LAST - FIRST + 1) // 2)
        pool = PortPool("127.0.0.1", FIRST, LAST, 5.0, most)
        self.relay = control.relay = Relay([pool], leg_ids(0, time.time()), control.tell)
        self.relay.watch(listener.fileno(), control)
        self.control = control
        self.leases: list[Lease] = []
        self.up: list[int] = []
        self.now = 100.0
        self.exchange = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.exchange.connect(listener.getsockname())
        self.exchange.setblocking(False)
        self.turn()
        self.hear()

    def turn(self) -> None:
        """One turn of the worker's loop, as `media.worker.run` has it."""
        self.now += BEAT_S
        self.relay.tick(self.now)
        self.control.tick(self.now)
        self.control.flush()
        self.relay.poll(0.0)
        self.control.flush()

    def hear(self) -> None:
        """Take the leases that have come."""
        while select.select([self.exchange], [], [], 0)[0]:
            for news in wire.decode_news(self.exchange.recv(wire.MAX_PACKET_BYTES)):
                if isinstance(news, wire.Leases):
                    self.leases = [*self.leases, *news.leases]

    def tell(self, calls: int) -> None:
        """The packet that ends the calls that are up, and begins as many anew."""
        commands: list[wire.Command] = [wire.Close(leg) for leg in self.up]
        ours, self.leases = self.leases[: 2 * calls], self.leases[2 * calls :]
        self.up = [lease.leg for lease in ours]
        for near, far in zip(ours[::2], ours[1::2], strict=True):
            commands += [
                wire.Open(near.leg, 60.0),
                wire.Open(far.leg, 60.0),
                wire.Update(near.leg, far_end("127.0.0.2", near.port)),
                wire.Update(far.leg, far_end("127.0.0.3", far.port)),
                wire.Bridge(near.leg, far.leg),
            ]
        self.exchange.send(wire.encode(commands))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", type=int, nargs="?", default=20_000)
    parser.add_argument("--calls-a-packet", type=int, default=8)
    options = parser.parse_args()
    house, calls = House(), options.calls_a_packet

    def turns(number: int) -> float:
        spent = 0.0
        for _ in range(number):
            house.tell(calls)
            began = time.thread_time()
            house.turn()
            spent += time.thread_time() - began
            house.hear()
        return spent

    turns(4000 // calls)
    gc.collect()
    gc.freeze()
    gc.disable()
    each = max(1, options.calls // PARTS // calls)
    used = [turns(each) / (each * calls) * 1e6 for _ in range(PARTS)]
    assert len(house.relay.legs) == 2 * calls, "the calls do not end"
    print(f"CPU of the worker a call: best {min(used):.1f} µs, median {statistics.median(used):.1f} µs")
    house.relay.end()


if __name__ == "__main__":
    main()

"""How much CPU a relayed RTP packet costs, and what is lost and delayed at N two-way calls.

    python -P bench/relay.py --calls 600 --seconds 10

Starts one media worker as it is shipped, and generator processes that play the phones on the loopback: each phone sends
50 packets of 172 bytes a second and reads what comes.

- CPU: the worker's own time (/proc/PID/task/*/schedstat) over the whole run, by the packets that arrived. What the
  generators use does not count.
- Loss: packets sent that did not arrive, and beside it what the kernel dropped at the worker's own sockets
  (/proc/net/udp). The difference is the generators' own fault: one that is short of CPU does not read in time.
- Delay: from `send` to `recv` on this machine's clock, measured by a small process of its own with five of the calls,
  because the big generators would measure their own queues. It includes the milliseconds that the worker holds packets
  together.

With `--record` both sides of each call are recorded meanwhile, into a temporary folder; the difference of two runs is
what that costs (issue 5: 3 us a packet at most). `--record both` makes one run of each kind in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import select
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.load import (  # noqa: E402
    LOAD_CORES,
    Generators,
    cpu_seconds,
    kernel_drops,
    resident_bytes,
    running,
    sockets,
    wait_for,
)
from media.client import WorkerEngine  # noqa: E402
from media.engine import Remote, Spool  # noqa: E402

FRAME_S = 0.02
HEADER = struct.Struct("!BBHII")
STAMP = struct.Struct("!d")
PACKET_BYTES = 172
PROBE_CALLS = 5


def phones(pipe: Any, count: int, seconds: float, begin: Any) -> None:
    """A generator process: `count` phones, spread evenly over the 20 ms; the halves are each other's far ends."""
    socks = sockets(count)
    pipe.send([sock.getsockname()[1] for sock in socks])
    ports = pipe.recv()
    poll = select.epoll()
    by_fd = {}
    for sock, port in zip(socks, ports, strict=True):
        sock.connect(("127.0.0.1", port))
        poll.register(sock.fileno(), select.EPOLLIN)
        by_fd[sock.fileno()] = sock.recv_into
    buffer, packet = bytearray(2048), bytearray(PACKET_BYTES)
    sends = [sock.send for sock in socks]
    delays: list[float] = []
    stamped = count <= 2 * PROBE_CALLS
    if stamped:
        with contextlib.suppress(OSError):
            os.nice(-15)  # what is to be measured is the worker's delay, not how long the probe waits for a CPU
    sent = received = 0
    begin.wait()
    start = time.monotonic()
    monotonic, pack, stamp, unpack = time.monotonic, HEADER.pack_into, STAMP.pack_into, STAMP.unpack_from
    step = FRAME_S / count
    total = int(seconds / FRAME_S) * count
    end = start + seconds + 1.0
    while True:
        now = monotonic()
        due = min(int((now - start) / step), total)
        while sent < due:
            frame, phone = divmod(sent, count)
            pack(packet, 0, 0x80, 0, frame & 0xFFFF, frame * 160, phone + 1)
            if stamped:
                stamp(packet, 12, monotonic())
            try:
                sends[phone](packet)
            except OSError:
                pass
            sent += 1
        for fd, _ in poll.poll(0.0005, 256):
            try:
                by_fd[fd](buffer)
            except OSError:
                continue
            received += 1
            if stamped:
                delays.append(monotonic() - unpack(buffer, 12)[0])
        if now > end:
            break
    delays.sort()
    pipe.send((sent, received, delays))


async def set_up(path: str, groups: list[list[int]], spools: str) -> list[list[int]]:
    """A leg for each phone, bridged within its group: phone n of the first half with phone n of the second. With
    `spools`, a folder, what each says is recorded there."""
    engine = WorkerEngine([path])
    engine.start()
    await engine.ready()
    engine.adopt({})
    ours = []
    for ports in groups:
        leases = []
        for port in ports:
            while (lease := engine.lease()) is None:
                await asyncio.sleep(0.01)
            engine.open(lease, 20.0)
            far = Remote(address="127.0.0.1", port=port, rtcp_port=port + 1, signalling="127.0.0.1", payloads=(0, 101))
            engine.update(lease.leg, far)
            leases.append(lease)
        half = len(leases) // 2
        for first, second in zip(leases[:half], leases[half:], strict=True):
            engine.bridge(first.leg, second.leg)
        for lease in leases if spools else ():
            engine.record(lease.leg, Spool(f"{spools}/{lease.leg}.spool"))
        ours.append([lease.port for lease in leases])
    await asyncio.sleep(0.5)
    engine.shut()  # the worker goes on by itself
    return ours


def measure(
    calls: int, seconds: float, generators: int, pin: bool, coalesce_s: float, record: bool = False
) -> dict[str, float]:
    """One run. `calls` is rounded so that every generator plays whole calls."""
    counts = [(calls - PROBE_CALLS) * 2 // generators // 2 * 2] * generators + [2 * PROBE_CALLS]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/media.sock"
        load = Generators(seconds, LOAD_CORES if pin else None)
        with running(path, ["-m", "media.worker"], pin, ("--coalesce", str(coalesce_s))) as worker:
            try:
                for count in counts:
                    load.start(phones, count)
                ports = load.said()
                wait_for(path)
                empty = resident_bytes(worker)
                load.tell(asyncio.run(set_up(path, ports, record * f"{folder}/spools")))
                cpu = cpu_seconds(worker)
                load.begin()
                time.sleep(seconds / 2)
                full = resident_bytes(worker)
                results = load.said()
                cpu = cpu_seconds(worker) - cpu
                drops = kernel_drops()
            finally:
                load.join()
    sent, received = sum(r[0] for r in results), sum(r[1] for r in results)
    delays = results[-1][2]
    return {
        "calls": sum(counts) // 2,
        "recorded": record,
        "packets_per_s": received / seconds,
        "cpu_us_per_packet": cpu / received * 1e6,
        "core_percent": cpu / seconds * 100,
        "loss_percent": (sent - received) / sent * 100,
        "worker_loss_percent": drops / sent * 100,
        "delay_p50_ms": delays[len(delays) // 2] * 1000,
        "delay_p99_ms": delays[len(delays) * 99 // 100] * 1000,
        "kib_per_call": (full - empty) / 1024 / (sum(counts) // 2),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[100])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--generators", type=int, default=1)
    parser.add_argument("--coalesce", type=float, default=0.004)
    parser.add_argument("--record", choices=("no", "yes", "both"), default="no", help="record both sides of each call")
    parser.add_argument("--pin", action="store_true", help="worker on core 0, generators on the others")
    options = parser.parse_args()
    kinds = {"no": (False,), "yes": (True,), "both": (False, True)}[options.record]
    for calls in options.calls:
        for record in kinds:
            result = measure(calls, options.seconds, options.generators, options.pin, options.coalesce, record)
            print(json.dumps({name: round(value, 3) for name, value in result.items()}), flush=True)


if __name__ == "__main__":
    main()

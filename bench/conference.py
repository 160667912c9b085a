"""A large conference, and many recorded calls, in one media worker on one core: CPU a tick, and how late ticks come.

    python -P bench/conference.py --members 50 --calls 300 --seconds 10 --pin

Starts one media worker as it is shipped but for a clock around its tick, and generator processes that play the phones
on the loopback. All members speak (noise at -26 dBFS) all the time, which no conference does; of the calls both sides
are recorded, into a temporary folder.

- `tick_ms`: CPU time of a tick with sound, as the worker's own thread spent it: ears, mixer, voices and sockets.
- `late_ms`: how long after its due time a tick was done, the first of those that were made up for at once. What exceeds
  20 ms is heard as a gap.
- `core_percent`: all CPU time of the worker, its writer of recordings included.
- `gap_ms`: the longest time between two packets at a member, generators' own delays included.
- `lost`: packets that members should have heard and did not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import select
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import relay as relayed  # noqa: E402
from bench.load import LOAD_CORES, Generators, cpu_seconds, running, sockets, wait_for  # noqa: E402
from media.client import WorkerEngine  # noqa: E402
from media.codecs import make, rate_of  # noqa: E402
from media.engine import Remote, Spool  # noqa: E402

FRAME_S = 0.02
HEADER = struct.Struct("!BBHII")
CODECS = {"PCMU": (0, "PCMU/8000"), "G722": (9, "G722/8000"), "OPUS": (96, "opus/48000/2")}
LATE_S = 0.02
SETTING_UP = 50
"""Ticks that are not counted: hundreds of recordings begin in the same instant."""


def worker(argv: list[str], report: str) -> int:
    """The worker's process: its ticks are timed, and written down when it ends."""
    from media import worker as shipped
    from media.relay import Relay

    tick, spent, late = Relay.tick, [], []

    def timed(self: Relay, now: float) -> float:
        due, before = self._next_frame, self.ticks
        began = time.thread_time()
        wait_s = tick(self, now)
        if self.ticks != before and self._ticking:
            spent.append((time.thread_time() - began) / (self.ticks - before))
            late.append(time.monotonic() - due)
        return wait_s

    Relay.tick = timed  # type: ignore[method-assign]
    code = shipped.main(argv)
    Path(report).write_text(json.dumps({"spent": spent[SETTING_UP:], "late": late[SETTING_UP:]}))
    return code


def members(pipe: Any, count: int, codec: str, seconds: float, begin: Any) -> None:
    """A generator process: `count` members, who all speak; says how many packets came, and the longest gap of each."""
    number, name = CODECS[codec]
    clock = 960 if codec == "OPUS" else 160
    draw, coder = random.Random(1), make(name)
    size = rate_of(name) // 50
    import numpy as np

    noise = [np.array([draw.gauss(0, 1600) for _ in range(size)]).astype(np.int16) for _ in range(25)]
    payloads = [coder.encode(each) for each in noise]
    socks = sockets(count)
    pipe.send([sock.getsockname()[1] for sock in socks])
    poll = select.epoll()
    places = {}
    for place, (sock, port) in enumerate(zip(socks, pipe.recv(), strict=True)):
        sock.connect(("127.0.0.1", port))
        poll.register(sock.fileno(), select.EPOLLIN)
        places[sock.fileno()] = place
    buffer = bytearray(2048)
    last, gaps, received = [0.0] * count, [0.0] * count, 0
    begin.wait()
    start = time.monotonic()
    sent, total = 0, int(seconds / FRAME_S) * count
    while (now := time.monotonic()) < start + seconds + 0.5:
        due = min(int((now - start) / FRAME_S * count), total)
        while sent < due:
            frame, phone = divmod(sent, count)
            payload = payloads[(frame + phone) % 25]
            socks[phone].send(HEADER.pack(0x80, number, frame & 0xFFFF, frame * clock, phone + 1) + payload)
            sent += 1
        for fd, _ in poll.poll(0.0005, 256):
            place = places[fd]
            socks[place].recv_into(buffer)
            now = time.monotonic()
            if last[place] and start + 0.5 < now < start + seconds:
                gaps[place] = max(gaps[place], now - last[place])
                received += 1
            last[place] = now
    pipe.send((received, max(gaps)))


async def set_up(path: str, ports: list[int], codec: str, calls: list[int], spools: str) -> tuple[list[int], list[int]]:
    """A leg for each phone: the members in one room, the others in pairs which are recorded."""
    engine = WorkerEngine([path])
    engine.start()
    await engine.ready()
    engine.adopt({})

    async def leg(port: int, number: int, name: str) -> Any:
        while (lease := engine.lease()) is None:
            await asyncio.sleep(0.01)
        engine.open(lease, 60.0)
        remote = Remote(
            address="127.0.0.1",
            port=port,
            rtcp_port=port + 1,
            signalling="127.0.0.1",
            payloads=(number,),
            codec=name,
            payload=number,
            codecs=((number, name),),
        )
        engine.update(lease.leg, remote)
        return lease

    inside = [await leg(port, *CODECS[codec]) for port in ports]
    paired = [await leg(port, *CODECS["PCMU"]) for port in calls]
    half = len(paired) // 2
    for first, second in zip(paired[:half], paired[half:], strict=True):
        engine.bridge(first.leg, second.leg)
    for lease in paired:
        engine.record(lease.leg, Spool(f"{spools}/{lease.leg}.spool"))
    for lease in inside:
        engine.mix(lease.leg, "bench")
    await asyncio.sleep(0.5)
    engine.shut()  # the worker goes on by itself
    return [lease.port for lease in inside], [lease.port for lease in paired]


def measure(count: int, codec: str, calls: int, seconds: float, pin: bool) -> dict[str, float | str]:
    """One run."""
    with tempfile.TemporaryDirectory() as folder:
        path, report = f"{folder}/media.sock", f"{folder}/report"
        load = Generators(seconds, LOAD_CORES if pin else None)
        with running(path, [__file__, "--worker", report], pin) as process:
            try:
                if count:
                    load.start(members, count, codec)
                if calls:
                    load.start(relayed.phones, 2 * calls)
                ports = load.said()
                wait_for(path)
                inside = ports[0] if count else []
                told = asyncio.run(set_up(path, inside, codec, ports[-1] if calls else [], f"{folder}/spools"))
                load.tell([each for each in told if each])
                cpu = cpu_seconds(process)
                load.begin()
                time.sleep(seconds)
                cpu = cpu_seconds(process) - cpu
                results = load.said()
            finally:
                load.join()
        timed = json.loads(Path(report).read_text())
    found: dict[str, float | str] = {"members": count, "codec": codec, "recorded_calls": calls}
    found["core_percent"] = cpu / seconds * 100
    if timed["spent"]:
        spent, late = sorted(timed["spent"]), sorted(timed["late"])
        found |= {
            "tick_ms": sum(spent) / len(spent) * 1000,
            "tick_p99_ms": spent[len(spent) * 99 // 100] * 1000,
            "late_p99_ms": late[len(late) * 99 // 100] * 1000,
            "late_most_ms": late[-1] * 1000,
            "ticks_late": sum(each > LATE_S for each in late),
        }
    if count:
        received, gap = results[0]
        found |= {"gap_ms": gap * 1000, "lost": round((seconds - 0.5) / FRAME_S) * count - received}
    if calls:
        sent, received, _ = results[-1]
        found["calls_loss_percent"] = (sent - received) / sent * 100
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=50)
    parser.add_argument("--codec", choices=tuple(CODECS), default="PCMU", help="what the members speak")
    parser.add_argument("--calls", type=int, default=0, help="two-way calls that are recorded besides")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--pin", action="store_true", help="worker on core 0, generators on the others")
    options = parser.parse_args()
    result = measure(options.members, options.codec, options.calls, options.seconds, options.pin)
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in result.items()}
    print(json.dumps(rounded), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        sys.exit(worker(sys.argv[3:], sys.argv[2]))
    main()

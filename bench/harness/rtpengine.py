"""Userspace rtpengine under the load of bench/relay.py: the same phones, its calls set up by its ng protocol.

python -P bench/harness/rtpengine.py --calls 600 --seconds 8
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import load, relay  # noqa: E402
from bench.harness import processes  # noqa: E402

INSTALL = "apt install rtpengine-daemon"
CONTROL = ("127.0.0.1", 15222)
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n"


def missing() -> str:
    """How to get it; empty when it is there."""
    return "" if shutil.which("rtpengine") else INSTALL


def encode(value: str | dict[str, Any]) -> bytes:
    """Bencode: what the ng protocol speaks."""
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + encode(each) for key, each in sorted(value.items())) + b"e"
    data = value.encode()
    return b"%d:%s" % (len(data), data)


class Control:
    """The ng protocol as far as two descriptions need it."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.connect(CONTROL)
        self._sock.settimeout(2.0)
        self._cookie = time.monotonic_ns()

    def ask(self, **what: str) -> bytes:
        """The answer, still encoded. Raises OSError when there is none."""
        self._cookie += 1
        cookie = b"%d " % self._cookie  # answers are remembered by it
        self._sock.send(cookie + encode({key.replace("_", "-"): value for key, value in what.items()}))
        while True:
            answer = self._sock.recv(65535)
            if answer.startswith(cookie):
                return answer

    def port(self, **what: str) -> int:
        """The port of its audio line in the description that it answers with."""
        answer = self.ask(**what)
        if b"m=audio " not in answer:
            raise RuntimeError(f"rtpengine answered {answer[:300]!r}")
        return int(answer.partition(b"m=audio ")[2].split()[0])

    def call(self, number: int, first: int, second: int) -> tuple[int, int]:
        """Two phones at their ports, and the ports that each of them sends to."""
        ids = {"call_id": f"call{number}", "from_tag": "a"}
        for_second = self.port(command="offer", sdp=SDP.format(port=first), **ids)
        for_first = self.port(command="answer", to_tag="b", sdp=SDP.format(port=second), **ids)
        return for_first, for_second

    def close(self) -> None:
        """Give the socket back."""
        self._sock.close()


def start(folder: Path) -> subprocess.Popen[bytes]:
    """rtpengine without its kernel module, on the system's core, with as many threads."""
    argv = ["rtpengine", "--foreground", "--log-stderr", "--log-level=4", "--table=-1", "--interface=127.0.0.1"]
    argv += [
        f"--listen-ng={CONTROL[0]}:{CONTROL[1]}",
        f"--port-min={load.FIRST_PORT}",
        f"--port-max={load.LAST_PORT}",
    ]
    argv += ["--num-threads=1", "--config-file=none", f"--pidfile={folder}/pid"]
    process = processes.start(argv, cores=processes.SYSTEM_CORES, output=folder / "output")

    def answers() -> bool:
        control = Control()
        try:
            return b"pong" in control.ask(command="ping")
        except OSError:
            return False
        finally:
            control.close()

    try:
        processes.wait_for(answers, process, "rtpengine")
    except RuntimeError as error:
        processes.stop(process)
        raise RuntimeError(f"{error}\n{(folder / 'output').read_text(errors='replace')[-600:]}") from None
    return process


def measure(calls: int, seconds: float) -> dict[str, float]:
    """One run; the same figures as `relay.measure`."""
    counts = [(calls - relay.PROBE_CALLS) * 2, 2 * relay.PROBE_CALLS]
    phones = load.Generators(seconds, set(processes.LOAD_CORES))
    with tempfile.TemporaryDirectory() as folder:
        engine = start(Path(folder))
        try:
            for count in counts:
                phones.start(relay.phones, count)
            groups = phones.said()
            empty = processes.resident_bytes(engine.pid)
            control = Control()
            number, told = 0, []
            for ports in groups:
                half = len(ports) // 2
                pairs = []
                for first, second in zip(ports[:half], ports[half:], strict=True):
                    number += 1
                    pairs.append(control.call(number, first, second))
                told.append([pair[0] for pair in pairs] + [pair[1] for pair in pairs])
            phones.tell(told)
            control.close()
            time.sleep(0.5)
            cpu = load.cpu_seconds(engine.pid)
            phones.begin()
            time.sleep(seconds / 2)
            full = processes.resident_bytes(engine.pid)
            results = phones.said()
            cpu = load.cpu_seconds(engine.pid) - cpu
            drops = load.kernel_drops()
        finally:
            phones.join()
            processes.stop(engine)
    sent, received = sum(r[0] for r in results), sum(r[1] for r in results)
    delays = results[-1][2]
    return {
        "calls": calls,
        "packets_per_s": received / seconds,
        "cpu_us_per_packet": cpu / max(1, received) * 1e6,
        "core_percent": cpu / seconds * 100,
        "loss_percent": (sent - received) / sent * 100,
        "worker_loss_percent": drops / sent * 100,
        "delay_p50_ms": delays[len(delays) // 2] * 1000,
        "delay_p99_ms": delays[len(delays) * 99 // 100] * 1000,
        "kib_per_call": (full - empty) / 1024 / calls,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    print(json.dumps({name: round(value, 3) for name, value in measure(options.calls, options.seconds).items()}))


if __name__ == "__main__":
    main()

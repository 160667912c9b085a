"""More calls than can be done: what a system still brings to a good end, and whether all come back after a restart."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from bench.harness import processes, sipp
from bench.harness.figures import device_rows
from bench.harness.systems import NUMBER, System

IN_TIME_MS = 4000
"""A call that took longer until it was answered is no good call: before that the caller has hung up."""
HOLD_MS = 100
PORT = 15090
TAIL_S = 12.0
"""How long the last calls may take."""


def goodput(system: System, rate: int, seconds: float) -> dict[str, Any]:
    """Offer `rate` calls a second; good are those that were answered in time and ended in order."""
    callee = sipp.callee(system.address, system.folder, NUMBER)
    try:
        time.sleep(0.3)
        more = ("-l", "200000", "-trace_rtt", "-rtt_freq", "200")
        meter = processes.Meter(system.pid)
        total = int(rate * seconds)
        caller = sipp.caller("overload", system.address, system.folder, NUMBER, rate, total, HOLD_MS, *more)
        time.sleep(seconds)
        core = meter.used_s() / meter.elapsed_s()
        count = caller.wait(TAIL_S + seconds)
        row = caller.row()
    finally:
        callee.stop()
    ended, refused = int(row.get("GenericCounter1(C)", 0)), int(row.get("GenericCounter2(C)", 0))
    late = int(row.get(f"ResponseTimeRepartition1_>={IN_TIME_MS}", 0))
    good = max(0, ended - late)
    return {
        "system": system.name,
        "rate": rate,
        "offered": count.made,
        "offered_rate": round(count.made / max(seconds, _making_s(count, rate)), 1),
        "good": good,
        "goodput": round(good / max(seconds, _making_s(count, rate)), 1),
        "refused": refused,
        "late": late,
        "failed": count.made - ended - refused,
        "resent": count.resent,
        "setup_ms": round(count.setup_ms, 1),
        "core": round(core, 2),
    }


def all_come_back(system: System, devices: int) -> dict[str, Any]:
    """All telephones register, the exchange is killed, and all register again at once with new challenges, each sending
    again by the RFC's timers (T1 500 ms, T2 4 s, 32 s in all) until it is answered."""
    rows = device_rows(devices)
    load = ["--count", str(devices), "--give-up", "64"]
    before = sipp.Phones("register", system.address, PORT, system.folder, rows, "--rate", "300", *load).wait(180)
    killed = next(pid for pid in processes.tree(system.pid) if _is_exchange(pid))
    os.kill(killed, signal.SIGKILL)
    count = sipp.Phones("register", system.address, PORT, system.folder, rows, "--rate", "1e6", *load).wait(120)
    return {
        "system": system.name,
        "devices": devices,
        "before": before.good,
        "good": count.good,
        "failed": count.failed + max(0, devices - count.made),
        "resent": count.resent,
        "took_s": round(count.seconds, 1),
        "mean_ms": round(count.setup_ms),
    }


def _making_s(count: sipp.Count, rate: int) -> float:
    return count.made / rate


def _is_exchange(pid: int) -> bool:
    try:
        return b"switch.app" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False

"""The figures themselves: each function makes a load, reads what the system used, and returns one row."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.harness import processes, sipp
from bench.harness.systems import CALLER, NUMBER, SECRET, System

Row = dict[str, Any]
DEVICES_A_HOST = 250
LINGER_S = 34.0
"""How long until a transaction over UDP is forgotten: 64 * T1 (RFC 3261 timers H, J and L), and a little."""
HOLD_S = 0.1
"""From ACK to BYE. With nothing between, a proxy of several processes may pass the BYE on before the ACK."""


def calls(
    system: System, rate: int, seconds: float, *, digest: bool = False, hold_s: float = HOLD_S, total: int | None = None
) -> Row:
    """Basic calls at `rate` a second: CPU-ms a call, and how many failed or were sent again."""
    wanted = total or int(rate * seconds)
    limit = str(max(100, int(rate * (hold_s + 5))))
    callee = sipp.callee(system.address, system.folder, NUMBER)
    try:
        time.sleep(0.3)
        meter = system.meter()
        caller: sipp.Sipp | sipp.Phones
        if digest:
            load = ["--number", NUMBER, "--rate", str(rate), "--count", str(wanted), "--hold", str(hold_s)]
            desk = [(sipp.DESK, CALLER, SECRET)]
            caller = sipp.Phones("call", system.address, sipp.CALLER_PORT, system.folder, desk, *load)
        else:
            to, hold_ms = (system.address, system.folder, NUMBER), int(hold_s * 1000)
            caller = sipp.caller("caller", *to, rate, wanted, hold_ms, "-l", limit)
        began = time.monotonic()
        count = caller.wait(wanted / rate * 2 + hold_s + 30)
        took = time.monotonic() - began
        # What follows the last message (the journal's and the records' writing) is the calls' cost too.
        time.sleep(1.0)
        used, shares = meter.used_s(), meter.by_process()
    finally:
        answered = callee.stop()
    good = max(1, count.good)
    return {
        "system": system.name,
        "rate": rate,
        "calls": count.made,
        "good": count.good,
        "failed": count.failed + max(0, wanted - count.made),
        "resent": count.resent + answered.resent,
        "reached_rate": round(count.made / max(took - hold_s, 0.001), 1),
        "setup_ms": round(count.setup_ms, 2),
        "cpu_ms": round(used / good * 1000, 4),
        "cpu_ms_by_process": {name: round(value / good * 1000, 4) for name, value in shares.items()},
    }


def registrations(system: System, rate: int, total: int, devices: int) -> Row:
    """REGISTER, 401, REGISTER, 200 at `rate` a second, over `devices` telephones at several addresses."""
    meter = system.meter()
    load = ["--rate", str(rate), "--count", str(total)]
    count = sipp.Phones("register", system.address, 15090, system.folder, device_rows(devices), *load).wait(
        total / rate * 2 + 20
    )
    time.sleep(1.0)
    used = meter.used_s()
    return {
        "system": system.name,
        "rate": rate,
        "registrations": count.made,
        "good": count.good,
        "failed": count.failed + max(0, total - count.made),
        "resent": count.resent,
        "took_ms": round(count.setup_ms, 2),
        "cpu_ms": round(used / max(1, count.good) * 1000, 4),
        "cpu_ms_by_process": {k: round(v / max(1, count.good) * 1000, 4) for k, v in meter.by_process().items()},
    }


def device_rows(devices: int) -> list[tuple[str, str, str]]:
    """Who registers from where: a few hundred telephones behind each address, as in a branch office."""
    return [(f"127.0.1.{1 + n // DEVICES_A_HOST}", str(10_000 + n), SECRET) for n in range(devices)]


def memory_of_registrations(system: System, devices: int) -> Row:
    """Resident memory of all processes before and after `devices` telephones register for the first time.

    As many refreshes by ten of them, and the end of their transactions, come first: what a request holds in passing is
    then there already, and free.
    """
    registrations(system, 200, devices, 10)
    time.sleep(LINGER_S)
    before = processes.resident_bytes(system.pid)
    row = registrations(system, 200, devices, devices)
    time.sleep(1.0)
    after = processes.resident_bytes(system.pid)
    return {
        "system": system.name,
        "registrations": row["good"],
        "failed": row["failed"],
        "kib": round((after - before) / 1024 / max(1, row["good"]), 2),
        "mib_before": round(before / 2**20, 1),
    }


def memory_of_calls(system: System, count: int, rate: int) -> Row:
    """Resident memory of all processes before and with `count` answered calls up at once."""
    calls(system, 50, 2.0)  # what the first calls bring in by import is not theirs
    before = processes.resident_bytes(system.pid)
    up_s = count / rate + 6.0
    peaks: list[int] = []

    def look() -> None:
        time.sleep(count / rate + 3.5)
        peaks.append(processes.resident_bytes(system.pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    row = calls(system, rate, count / rate, hold_s=up_s, total=count)
    watcher.join()
    return {
        "system": system.name,
        "calls_up": row["good"],
        "failed": row["failed"],
        "kib": round((peaks[0] - before) / 1024 / max(1, row["good"]), 1),
        "mib_before": round(before / 2**20, 1),
    }


def soak(system: System, total: int, rate: int) -> Row:
    """Short calls for long: memory over time, and CPU a call with every timer's expiry in it."""
    samples: list[tuple[float, dict[str, int]]] = []
    done = threading.Event()
    began = time.monotonic()

    def look() -> None:
        while not done.wait(2.0):
            samples.append((time.monotonic() - began, processes.resident_by_process(system.pid)))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        row = calls(system, rate, total / rate, total=total)
    finally:
        done.set()
        watcher.join()
    # Transactions linger for 32 s (RFC 3261 timers H, J and L), and bounded tables, the database's page cache and the
    # allocator's free lists fill up: what is held levels out in the first half.
    end = total / rate
    settled = [(at, held) for at, held in samples if end / 2 <= at <= end]
    sums = [(at, sum(held.values())) for at, held in settled]
    growth = {
        name.rpartition(":")[0]: round(_slope([(at, held.get(name, 0)) for at, held in settled]) / rate, 1)
        for name in (settled[0][1] if len(settled) > 2 else ())
    }
    return {
        **row,
        "mib_settled": round(sums[0][1] / 2**20, 1) if sums else None,
        "mib_end": round(sums[-1][1] / 2**20, 1) if sums else None,
        "mib_most": round(max(sum(held.values()) for _, held in samples) / 2**20, 1) if samples else None,
        "growth_bytes_a_call": round(_slope(sums) / rate, 1) if len(sums) > 2 else None,
        "growth_by_process": growth,
    }


def _slope(points: Sequence[tuple[float, int]]) -> float:
    """Least squares: bytes a second."""
    times, sizes = zip(*points, strict=True)
    return statistics.linear_regression(times, sizes).slope


def median_of(rows: Iterable[Row], key: str) -> tuple[float, float, float]:
    """Median, least and most of a key; nan when there are no rows."""
    values = [float(row[key]) for row in rows]
    if not values:
        return float("nan"), float("nan"), float("nan")
    return statistics.median(values), min(values), max(values)


def in_turns(systems: Sequence[System], rounds: int, take: Callable[[System], Row]) -> dict[str, list[Row]]:
    """Every system once, then every system again: a machine that slows down slows all of them."""
    rows: dict[str, list[Row]] = {system.name: [] for system in systems}
    for _ in range(rounds):
        for system in systems:
            rows[system.name].append(take(system))
    return rows

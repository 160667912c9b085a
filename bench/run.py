"""All figures of bench/README.md in one run: Ringplan and those of its peers that are installed, in turns.

script/bench [--quick] [--only calls,digest,steps,register,memory,soak,sound,overload] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import relay  # noqa: E402
from bench.harness import figures, overload, processes, rtpengine  # noqa: E402
from bench.harness.figures import Row, median_of  # noqa: E402
from bench.harness.systems import Kamailio, Ringplan, Sippy, System  # noqa: E402

SECTIONS = ("calls", "digest", "steps", "register", "memory", "soak", "sound", "overload")
REGISTER_RATES = (300, 1000)
"""A second: where the wanted figure stands, and where the core is busy."""
RESULTS = ROOT / "bench" / "results"


class Extent(NamedTuple):
    """How long a run is."""

    rounds: int
    call_s: float
    rate: int
    """Calls a second where systems are compared."""
    steps: tuple[int, ...]
    step_s: float
    registrations: int
    devices: int
    calls_up: int
    soak_calls: int
    soak_rate: int
    sound_calls: tuple[int, ...]
    sound_s: float
    climb: tuple[int, ...]
    """Calls a second at which the capacity is looked for."""
    overload_s: float
    returning: int


WHOLE = Extent(
    3,
    6.0,
    200,
    (50, 100, 200, 300, 400, 500, 700),
    6.0,
    2400,
    2000,
    1000,
    50_000,
    300,
    (300, 600),
    8.0,
    (300, 400, 500, 600, 700, 800, 900, 1000),
    15.0,
    5000,
)
QUICK = Extent(
    2, 4.0, 200, (100, 300, 500), 4.0, 800, 500, 300, 4_000, 200, (300,), 4.0, (300, 450, 600, 750), 8.0, 1000
)


class Claim(NamedTuple):
    """A figure, and what the project wants of it."""

    what: str
    value: float
    target: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is good enough; a figure that was not taken is not."""
        return self.value >= self.target if self.at_least else self.value <= self.target


class Bench:
    """One run: what is installed, what was measured, what it means."""

    def __init__(self, extent: Extent, folder: Path, console: Console) -> None:
        self.extent = extent
        self.folder = folder
        self.console = console
        self.results: dict[str, Any] = {}
        self.claims: list[Claim] = []
        self.peers: list[type[System]] = [
            peer for peer in (Kamailio, Sippy) if not self._missing(peer.name, peer.missing())
        ]

    def _missing(self, name: str, install: str) -> bool:
        if install:
            self.console.print(f"[yellow]{name} is not installed and is left out:[/] {install}", highlight=False)
        return bool(install)

    def _kinds(self) -> list[type[System]]:
        return [Ringplan, *self.peers]

    def say(self, text: str) -> None:
        """What is going on."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')} {text}[/]", highlight=False)

    # -- calls ---------------------------------------------------------------------------------------------------

    def calls(self) -> None:
        """The basic call, all systems in turns at one rate."""
        extent = self.extent
        with ExitStack() as stack:
            # All are up at once and idle but one, on the same core.
            systems: list[System] = [stack.enter_context(kind(self.folder)) for kind in self._kinds()]
            for system in systems:
                figures.calls(system, 50, 2.0)  # imports and caches are filled before it counts
            self.say(f"basic calls, {extent.rate} a second, {extent.rounds} rounds of {extent.call_s:g} s")
            rows = figures.in_turns(systems, extent.rounds, lambda s: figures.calls(s, extent.rate, extent.call_s))
        self.results["calls"] = rows
        self._call_table(f"Basic call (13 messages), {extent.rate} calls/s, median of {extent.rounds}", rows)
        medians = {name: median_of(taken, "cpu_ms")[0] for name, taken in rows.items()}
        self.claims.append(Claim(f"basic call at {extent.rate}/s", medians["Ringplan"], 1.5, "CPU-ms"))
        self._ratios(f"a call at {extent.rate}/s", medians)

    def _ratios(self, what: str, cpu_ms: Mapping[str, float]) -> None:
        for name, most in (("Sippy", 0.25), ("Kamailio", 1.5)):
            if name in cpu_ms:
                self.claims.append(Claim(f"{what}, Ringplan / {name}", cpu_ms["Ringplan"] / cpu_ms[name], most))

    def digest(self) -> None:
        """The same call from a telephone that answers a 407: three messages more."""
        extent = self.extent
        with Ringplan(self.folder) as system:
            figures.calls(system, 50, 2.0, digest=True)
            self.say("calls with 407")
            rows = figures.in_turns(
                [system], extent.rounds, lambda s: figures.calls(s, extent.rate, extent.call_s, digest=True)
            )
        self.results["digest"] = rows
        self._call_table(f"Call with 407 (16 messages), {extent.rate} calls/s, median of {extent.rounds}", rows)

    def steps(self) -> None:
        """Rising rates: what a call costs at each, and whether any fails. Sippy is left out where its core is full."""
        extent = self.extent
        rows: list[Row] = []
        with ExitStack() as stack:
            systems: list[System] = [stack.enter_context(kind(self.folder)) for kind in self._kinds()]
            for system in systems:
                figures.calls(system, 50, 2.0)
            for rate in extent.steps:
                self.say(f"{rate} calls a second for {extent.step_s:g} s")
                able = [system for system in systems if rate <= system.able]
                rows += [figures.calls(system, rate, extent.step_s) for system in able]
        self.results["steps"] = rows
        columns = ("CPU-ms/call", "core %", "reached/s", "failed", "resent", "setup ms")
        table = _table("Calls by rate", "calls/s", "system", *columns)
        for row in rows:
            core = row["cpu_ms"] * row["reached_rate"] / 10
            shown = (row["cpu_ms"], core, row["reached_rate"], row["failed"], row["resent"], row["setup_ms"])
            table.add_row(str(row["rate"]), row["system"], *(_shown(value) for value in shown))
        self.console.print(table)
        ours = [row for row in rows if row["system"] == "Ringplan"]
        least = {system.name: min(row["cpu_ms"] for row in rows if row["system"] == system.name) for system in systems}
        self.claims.append(Claim("a call where it costs least", least["Ringplan"], 1.5, "CPU-ms"))
        self._ratios("a call, each where it costs least", least)
        good = [row["rate"] for row in ours if not row["failed"] and row["reached_rate"] > 0.95 * row["rate"]]
        self.claims.append(Claim("calls a second without a failed one", max(good, default=0), 500, at_least=True))

    def _call_table(self, title: str, rows: dict[str, list[Row]]) -> None:
        table = _table(title, "system", "CPU-ms/call", "least - most", "failed", "resent", "setup ms", "where")
        for name, taken in rows.items():
            median, least, most = median_of(taken, "cpu_ms")
            where = ", ".join(f"{k} {_shown(v)}" for k, v in taken[-1]["cpu_ms_by_process"].items())
            spread = f"{_shown(least)} - {_shown(most)}"
            failed, resent = sum(row["failed"] for row in taken), sum(row["resent"] for row in taken)
            setup = _shown(median_of(taken, "setup_ms")[0])
            table.add_row(name, _shown(median), spread, str(failed), str(resent), setup, where)
        self.console.print(table)

    # -- registrations -------------------------------------------------------------------------------------------

    def register(self) -> None:
        """REGISTER with digest."""
        extent = self.extent
        kinds: list[Callable[[], System]] = [lambda: Ringplan(self.folder, extent.devices)]
        if Kamailio in self.peers:
            kinds.append(lambda: Kamailio(self.folder))
        with ExitStack() as stack:
            systems = [stack.enter_context(kind()) for kind in kinds]
            self.say(f"memory of {extent.devices} registrations")
            memory = [figures.memory_of_registrations(system, extent.devices) for system in systems]
            self.results["register"] = {}
            for rate in REGISTER_RATES:
                self.say(f"registrations, {rate} a second")
                total = extent.registrations * rate // REGISTER_RATES[0]
                rows = figures.in_turns(
                    systems,
                    extent.rounds,
                    partial(figures.registrations, rate=rate, total=total, devices=extent.devices),
                )
                self._register_table(rate, rows)
                self.results["register"][rate] = rows
                used = median_of(rows["Ringplan"], "cpu_ms")[0]
                self.claims.append(Claim(f"REGISTER with digest at {rate}/s", used, 0.3, "CPU-ms"))
        self.results["register_memory"] = memory
        table = _table("Memory of a registration", "system", "KiB")
        for held in memory:
            table.add_row(held["system"], _shown(held["kib"]))
        self.console.print(table)
        self.claims.append(Claim("a registration", memory[0]["kib"], 3.0, "KiB"))

    def _register_table(self, rate: int, rows: dict[str, list[Row]]) -> None:
        table = _table(
            f"REGISTER with digest (401 and 200), {rate}/s, median of {self.extent.rounds}",
            *("system", "CPU-ms", "least - most", "failed", "resent", "took ms"),
        )
        for name, taken in rows.items():
            median, least, most = median_of(taken, "cpu_ms")
            failed, resent = sum(row["failed"] for row in taken), sum(row["resent"] for row in taken)
            took = _shown(median_of(taken, "took_ms")[0])
            table.add_row(name, _shown(median), f"{_shown(least)} - {_shown(most)}", str(failed), str(resent), took)
        self.console.print(table)

    # -- memory --------------------------------------------------------------------------------------------------

    def memory(self) -> None:
        """What an established call holds."""
        with Ringplan(self.folder) as system:
            self.say(f"memory of {self.extent.calls_up} established calls")
            row = figures.memory_of_calls(system, self.extent.calls_up, 100)
        self.results["memory"] = row
        table = _table("Memory of established calls", "calls up", "KiB each", "failed", "MiB before")
        table.add_row(*(_shown(row[key]) for key in ("calls_up", "kib", "failed", "mib_before")))
        self.console.print(table)
        self.claims.append(Claim("an established call", row["kib"], 40.0, "KiB"))

    def soak(self) -> None:
        """Whether memory is flat; and a call's CPU with the expiry of all its timers."""
        extent = self.extent
        with Ringplan(self.folder) as system:
            self.say(f"{extent.soak_calls} calls at {extent.soak_rate} a second")
            row = figures.soak(system, extent.soak_calls, extent.soak_rate)
        self.results["soak"] = row
        keys = ("good", "failed", "resent", "cpu_ms", "mib_settled", "mib_end", "growth_bytes_a_call")
        names = ("calls", "failed", "resent", "CPU-ms/call", "MiB settled", "MiB at the end", "growth B/call")
        table = _table(f"Short calls, {extent.soak_rate}/s", *names)
        table.add_row(*(_shown(row[key]) for key in keys))
        self.console.print(table)
        if extent is WHOLE:
            self.claims.append(
                Claim(f"growth over {extent.soak_calls} calls", row["growth_bytes_a_call"], 64.0, "B a call")
            )
            self.claims.append(Claim(f"failed of {extent.soak_calls} calls", row["failed"], 0))

    # -- sound ---------------------------------------------------------------------------------------------------

    def sound(self) -> None:
        """Relayed RTP: the media worker and rtpengine in turns."""
        extent = self.extent
        engines: dict[str, Callable[[int], dict[str, float]]] = {
            "Ringplan": lambda calls: relay.measure(calls, extent.sound_s, 1, len(processes.CORES) > 1, 0.002)
        }
        if not self._missing("rtpengine", rtpengine.missing()):
            engines["rtpengine"] = lambda calls: rtpengine.measure(calls, extent.sound_s)
        rows: list[Row] = []
        for calls in extent.sound_calls:
            for _ in range(extent.rounds):
                for name, engine in engines.items():
                    self.say(f"{calls} two-way calls through {name}")
                    rows.append({"system": name, "calls": calls} | engine(calls))
        self.results["sound"] = rows
        columns = ("calls", "µs/packet", "least - most", "lost %", "at its sockets %", "p50 ms", "p99 ms", "KiB/call")
        table = _table(f"Relayed RTP, 50 packets/s each way, median of {extent.rounds}", "system", *columns)
        keys = ("loss_percent", "worker_loss_percent", "delay_p50_ms", "delay_p99_ms", "kib_per_call")
        costs: dict[str, float] = {}
        for calls in extent.sound_calls:
            for name in engines:
                taken = [row for row in rows if row["system"] == name and round(row["calls"]) == calls]
                costs[name], least, most = median_of(taken, "cpu_us_per_packet")
                rest = [_shown(median_of(taken, key)[0]) for key in keys]
                table.add_row(name, str(calls), _shown(costs[name]), f"{_shown(least)} - {_shown(most)}", *rest)
        self.console.print(table)
        most_calls = extent.sound_calls[-1]
        top = [row for row in rows if row["system"] == "Ringplan" and round(row["calls"]) == most_calls]
        self.claims.append(Claim(f"relayed packet at {most_calls} calls", costs["Ringplan"], 10.0, "CPU-µs"))
        self.claims.append(Claim(f"lost of {most_calls} calls", median_of(top, "loss_percent")[0], 0.1, "%"))
        self.claims.append(
            Claim(f"99th percentile delay of {most_calls} calls", median_of(top, "delay_p99_ms")[0], 40, "ms")
        )
        if "rtpengine" in costs:
            self.claims.append(Claim("a packet, Ringplan / rtpengine", costs["Ringplan"] / costs["rtpengine"], 0.75))

    # -- more than can be done ---------------------------------------------------------------------------------

    def overload(self) -> None:
        """Goodput at three times the capacity that is found in the same run; and all telephones back after a crash."""
        extent = self.extent
        rows: list[Row] = []
        with Ringplan(self.folder, extent.returning) as system:
            figures.calls(system, 50, 2.0)
            for rate in extent.climb:
                self.say(f"looking for the capacity: {rate} calls a second")
                for _ in range(2):  # a step is believed to be too high when it fails again
                    rows.append(overload.goodput(system, rate, extent.step_s))
                    time.sleep(1.0)
                    if rows[-1]["goodput"] > 0.9 * rate:
                        break
                else:
                    break
            peak = max(row["goodput"] for row in rows)
            offered = int(3 * peak)
            self.say(f"three times the capacity: {offered} calls a second for {extent.overload_s:g} s")
            time.sleep(3.0)
            rows.append(overload.goodput(system, offered, extent.overload_s))
            self.say(f"{extent.returning} telephones come back after a crash")
            time.sleep(5.0)
            back = overload.all_come_back(system, extent.returning)
        self.results["overload"] = {"calls": rows, "returning": back}
        columns = ("offered/s", "goodput/s", "refused 503", "late", "failed", "resent", "setup ms", "core")
        keys = ("offered_rate", "goodput", "refused", "late", "failed", "resent", "setup_ms", "core")
        table = _table("Overload", "calls/s", *columns)
        for row in rows:
            table.add_row(str(row["rate"]), *(_shown(row[key]) for key in keys))
        self.console.print(table)
        names = ("telephones", "registered", "failed", "sent again", "all back after s", "mean ms")
        table = _table("All register again at once after a crash", *names)
        table.add_row(*(_shown(back[key]) for key in ("devices", "good", "failed", "resent", "took_s", "mean_ms")))
        self.console.print(table)
        self.claims.append(
            Claim("goodput at three times the capacity", rows[-1]["goodput"] / max(peak, 1) * 100, 80.0, "%", True)
        )
        self.claims.append(Claim(f"of {extent.returning} telephones not back", back["devices"] - back["good"], 0))

    # -- what it means -------------------------------------------------------------------------------------------

    def verdict(self) -> None:
        """All claims, met or not."""
        table = _table("What is wanted", "figure", "here", "wanted", "")
        for claim in self.claims:
            sign = "at least" if claim.at_least else "at most"
            met = "[green]yes[/]" if claim.met else "[red]NO[/]"
            unit = f" {claim.unit}" if claim.unit else ""
            table.add_row(claim.what, _shown(claim.value) + unit, f"{sign} {claim.target:g}{unit}", met)
        self.console.print(table)

    def write(self) -> Path:
        """Everything as JSON, git-ignored."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
        claims = [{**claim._asdict(), "met": claim.met} for claim in self.claims]
        text = json.dumps({"machine": machine(), "results": self.results, "claims": claims}, indent=1)
        path.write_text(text + "\n")
        return path


def machine() -> dict[str, Any]:
    """What these figures are from."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    try:
        commit = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        commit = ""
    return {
        "cpu": model,
        "cores": len(processes.CORES),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": commit,
        "load_before": os.getloadavg()[0],
    }


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 or column == "where" else "right")
    return table


def _shown(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:g}" if value == int(value) else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line. 0 when all that was measured is as wanted, 1 when something is not, 2 when a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about two minutes, for a look; no claims about flatness")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas between")
    parser.add_argument("--rounds", type=int, help="how often each system has its turn")
    parser.add_argument("--keep", type=Path, help="a folder for logs and configurations; else they are removed")
    options = parser.parse_args(argv)
    wanted = [name for name in options.only.split(",") if name]
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    extent = QUICK if options.quick else WHOLE
    if options.rounds:
        extent = extent._replace(rounds=options.rounds)
    console = Console(width=None if sys.stdout.isatty() else 150)
    about = machine()
    console.print(
        f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, Python {about['python']}", highlight=False
    )
    if about["load_before"] > 0.5:
        console.print(f"[yellow]This machine is busy (load {about['load_before']:.1f}): expect a wide spread.[/]")
    if len(processes.CORES) < 2:
        console.print("[yellow]One core only: the load is made on the core that is measured.[/]")
    broken = False
    with tempfile.TemporaryDirectory(prefix="ringplan-bench-") as temporary:
        folder = (options.keep or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(extent, folder, console)
        for name in wanted:
            try:
                getattr(bench, name)()
            except (RuntimeError, OSError) as error:
                broken = True
                console.print(f"[red]{name} could not be measured:[/] {error}", highlight=False)
        bench.verdict()
        console.print(f"Written to {bench.write().relative_to(ROOT)}")
    return 2 if broken else 0 if all(claim.met for claim in bench.claims) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What a decision costs: plans and longest matches for a company with 50,000 routes, its compile time, its memory.

    python bench/micro_plan.py [--users 1000] [--routes 50000] [--plans 1000000] [--json FILE]

Makes the company as an operator would have it (YAML, and the CSV files of two carriers: routes and rates), compiles it
in a process of its own, as a reload does, and once more in this one; then asks the planner for calls of all kinds. All
times are CPU time of one core. Issue 4's limits: 150 µs a plan, 2 s to compile, flat memory over a million plans.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

from config import compile as compiling
from config.packed import decode, encode
from dialplan.facts import Facts
from dialplan.model import Model
from dialplan.plan import CallRequest
from dialplan.planner import plan
from dialplan.routes import candidates

CODES = ("1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48")
AT = datetime.datetime(2026, 11, 23, 10, 30, tzinfo=datetime.UTC)
PARTS = 10


def company(folder: Path, users: int, routes: int, seed: int = 1) -> Path:
    """Write it, and return its YAML file."""
    chance = random.Random(seed)
    prefixes: set[str] = set()
    while len(prefixes) < routes:
        length = chance.randint(1, 6)
        prefixes.add(chance.choice(CODES) + "".join(chance.choices("0123456789", k=length)))
    rows = sorted(prefixes)
    with (folder / "routes.csv").open("w") as file:
        file.write("Prefix,Rate\n")
        file.writelines(f"{prefix},{chance.randint(1, 9999) / 10000}\n" for prefix in rows)
    with (folder / "rates.csv").open("w") as file:
        file.write("Carrier Ltd;;;\n\nDestination;Dial Code;Rate;Billing Increment\n")
        file.writelines(
            f"Place {n // 20};{prefix};0,{chance.randint(1, 9999):04};60/60\n" for n, prefix in enumerate(rows)
        )
    lines = "".join(f'  u{n}: {{extension: "{2000 + n}", name: User {n}}}\n' for n in range(users))
    devices = "".join(f"  d{n}: {{secret: benchmark-secret-{n}, lines: u{n}}}\n" for n in range(users))
    dids = "".join(f'  "+1669555{n:04}": u{n}\n' for n in range(min(users, 10_000)))
    made = folder / "ringplan.yaml"
    made.write_text(
        "country: US\narea_code: '669'\naccount: {permission: international}\n"
        f"lines:\n{lines}devices:\n{devices}dids:\n{dids}"
        "trunks: {a: {host: 192.0.2.1}, b: {host: 192.0.2.2}, c: {host: 192.0.2.3}}\n"
        "hours: {office: {week: {mon-fri: 08:00-18:00}}}\n"
        "routes:\n"
        '  local: {prefix: ["+1669", "+1408"], trunk: a, hours: office, weight: 3}\n'
        '  spread: {prefix: ["+1669", "+1408"], trunk: c, weight: 1}\n'
        "  world: {trunks: [b, a, c]}\n"
        "route_files: [{file: routes.csv, trunk: b}]\n"
        "rate_files: [{file: rates.csv, trunk: b, currency: EUR}]\n"
        "default_trunk: a\n"
    )
    return made


def requests(users: int, seed: int = 2) -> dict[str, list[CallRequest]]:
    """Calls by kind."""
    chance = random.Random(seed)

    def calls(dial: Callable[[], str], count: int = 2000) -> list[CallRequest]:
        made = []
        for _ in range(count):
            user = chance.randrange(users)
            made.append(CallRequest(digits=dial(), at=AT, device=f"d{user}", line=f"u{user}"))
        return made

    def foreign() -> str:
        return "+" + chance.choice(("4420", "33", "46", "49", "1212")) + "".join(chance.choices("0123456789", k=7))

    inbound = [
        CallRequest(digits=f"+1669555{chance.randrange(min(users, 10_000)):04}", at=AT, trunk="a") for _ in range(2000)
    ]
    return {
        "extension": calls(lambda: str(2000 + chance.randrange(users))),
        "local, 7 digits": calls(lambda: str(chance.randint(2_000_000, 5_549_999))),
        "abroad": calls(foreign),
        "emergency": calls(lambda: "911"),
        "from a carrier": inbound,
        "nonsense": calls(lambda: "".join(chance.choices("0123456789*#+ x", k=chance.randint(1, 20)))),
    }


def cpu_us(work: Callable[[], object], count: int) -> float:
    """CPU microseconds each: the median of PARTS runs."""
    parts = []
    for _ in range(PARTS):
        start = time.process_time()
        work()
        parts.append((time.process_time() - start) / count * 1e6)
    return statistics.median(parts)


def cpu_s_apart(made: Path) -> float:
    """CPU seconds of a compilation as a reload does it, the interpreter's start and the imports included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-P", "-m", "config.compile", str(made)], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def resident_mib() -> float:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def memory(model: Model, wanted: list[CallRequest], plans: int) -> Iterator[tuple[int, float]]:
    """Resident memory in MiB after so many plans, in ten steps."""
    step = max(1, plans // 10)
    done = 0
    while done < plans:
        for n in range(done, min(plans, done + step)):
            plan(model, wanted[n % len(wanted)], Facts(draw=n / plans))
        done = min(plans, done + step)
        gc.collect()
        yield done, resident_mib()


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, default=1000)
    options.add_argument("--routes", type=int, default=50_000)
    options.add_argument("--plans", type=int, default=1_000_000)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    figures: dict[str, object] = {"users": given.users, "routes": given.routes}

    def tell(name: str, value: float, unit: str) -> None:
        figures[name] = round(value, 3)
        sys.stdout.write(f"{name:40} {value:10.2f} {unit}\n")

    with tempfile.TemporaryDirectory() as folder:
        made = company(Path(folder), given.users, given.routes)
        tell("compile, a process of its own", cpu_s_apart(made), "s CPU")
        start = time.process_time()
        compiled = compiling.compile(made)
        tell("compile", time.process_time() - start, "s CPU")
        data = encode(compiled)
        tell("compiled", len(data) / 2**20, "MiB")
        tell("decode", cpu_us(lambda: decode(data), 1) / 1000, "ms CPU")
        del compiled
        tracemalloc.start()
        model = decode(data).model
        tell("the model in memory", tracemalloc.get_traced_memory()[0] / 2**20, "MiB")
        tracemalloc.stop()
    numbers = [each.digits for each in requests(given.users)["abroad"]]
    tell(
        "longest match", cpu_us(lambda: [next(model.routes.rows.matches(n), None) for n in numbers], len(numbers)), "µs"
    )
    tell("routes of a number", cpu_us(lambda: [candidates(model.routes, n, AT) for n in numbers], len(numbers)), "µs")
    tell("rate of a number", cpu_us(lambda: [model.rates.rate("b", n) for n in numbers], len(numbers)), "µs")
    wanted = requests(given.users)
    for kind, calls in wanted.items():
        tell(f"plan: {kind}", cpu_us(lambda calls=calls: [plan(model, each) for each in calls], len(calls)), "µs")  # type: ignore[misc]
    every = [each for calls in zip(*wanted.values(), strict=True) for each in calls]
    if given.plans:
        curve = list(memory(model, every, given.plans))
        tell(f"memory after {curve[0][0]:,} plans", curve[0][1], "MiB")
        tell(f"memory after {curve[-1][0]:,} plans", curve[-1][1], "MiB")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

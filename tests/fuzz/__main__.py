"""`script/fuzz`: the readers, also with long runs of one thing, or with --live a whole exchange and a media relay,
--planner what decides, --yaml the way from a configuration to it."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz import decisions, fuzzer, live, pump


def main() -> int:
    """The command line: 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="script/fuzz", description="Fuzz what reads the network, and what decides.")
    parser.add_argument("--count", type=int, default=20000, help="inputs to try (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same run (default %(default)s)")
    parser.add_argument(
        "--live", action="store_true", help="drive a whole exchange and a media relay, and watch their memory"
    )
    parser.add_argument("--planner", action="store_true", help="ask the planner of companies that are bent, too")
    parser.add_argument("--yaml", action="store_true", help="bend configurations, compile them, ask the planner")
    options = parser.parse_args()
    failures: list[str] = []
    if options.live:
        for what, run in (("core", live.fuzz_core), ("relay", live.fuzz_relay)):
            readings, found = run(options.count, options.seed)
            failures += found
            sys.stdout.write(f"{what}: MiB at the checkpoints: {' '.join(f'{each:.1f}' for each in readings)}\n")
    elif options.planner or options.yaml:
        run = decisions.run_planner if options.planner else decisions.run_yaml
        failures = run(options.count, options.seed)
    else:
        failures = fuzzer.run(options.count, options.seed) + pump.slow()
    for line in failures:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{options.count} inputs, seed {options.seed}: {len(failures) or 'no'} failures\n")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

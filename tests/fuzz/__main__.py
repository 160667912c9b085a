"""`script/fuzz`: the readers, or with --live a whole exchange and a media relay."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz import fuzzer, live


def main() -> int:
    """The command line: 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="script/fuzz", description="Fuzz what reads the network.")
    parser.add_argument("--count", type=int, default=20000, help="inputs to try (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same run (default %(default)s)")
    parser.add_argument(
        "--live", action="store_true", help="drive a whole exchange and a media relay, and watch their memory"
    )
    options = parser.parse_args()
    failures: list[str] = []
    if options.live:
        for what, run in (("core", live.fuzz_core), ("relay", live.fuzz_relay)):
            readings, found = run(options.count, options.seed)
            failures += found
            sys.stdout.write(f"{what}: MiB at the checkpoints: {' '.join(f'{each:.1f}' for each in readings)}\n")
    else:
        failures = fuzzer.run(options.count, options.seed)
    for line in failures:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{options.count} inputs, seed {options.seed}: {len(failures) or 'no'} failures\n")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

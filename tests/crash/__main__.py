"""`script/crash`: kills the exchange under calls of real telephones, and says what came of it."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.run import GAP_S, Outcome, run


def main() -> int:
    """0 when every call went on, 1 when something is wrong."""
    parser = argparse.ArgumentParser("script/crash", description="SIGKILL of the exchange under calls that stand.")
    parser.add_argument("--kills", type=int, default=200, help="how often (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the instants and of who does what (1)")
    parser.add_argument("--episode", type=int, default=12, help="kills under one set of calls (12)")
    parser.add_argument("--keep", type=Path, help="an empty folder for logs and what was heard, which stays")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(
            (given.keep or Path(folder)) / "house",
            max(1, min(given.kills, 5000)),
            given.seed,
            episode=max(1, given.episode),
            say=lambda text: print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True),
        )
    print(told(outcome))
    return 1 if outcome.wrong else 0


def told(outcome: Outcome) -> str:
    """The summary."""
    holes = sorted((hole.length_s for hole in outcome.holes), reverse=True)
    away = sorted(outcome.away_s)
    lines = [
        f"kills {outcome.kills}, of them {outcome.in_recovery} while the exchange was on its way back; "
        f"the record feeder {outcome.feeder}",
        f"calls {outcome.dialled}; re-INVITEs of telephones answered {outcome.offers}",
        f"away: median {away[len(away) // 2]:.2f} s, longest {away[-1]:.2f} s",
        f"tones looked at {outcome.looked_s:.0f} s; holes of 60 ms or more {len(holes)}, longest "
        f"{(holes or [0.0])[0] * 1000:.0f} ms (allowed {GAP_S * 1000:.0f})",
        f"longer holes of a machine that had no time, or of a telephone that said nothing {len(outcome.others)}",
        *(f"  {each}" for each in outcome.others[:8]),
        f"wrong {len(outcome.wrong)}",
        *(f"  {each}" for each in outcome.wrong),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

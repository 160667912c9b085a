"""`python -m tests.mutants [FOLDER]`: change each rule of a configuration in turn, and print what its tests miss."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.mutants.run import run

EXAMPLE = Path("config/examples/company")


def main() -> int:
    """The status is 1 when a mutant survives."""
    parser = argparse.ArgumentParser(prog="script/mutate", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=EXAMPLE, help="a configuration with tests")
    options = parser.parse_args()
    start = time.process_time()
    result = run(options.folder)
    for survivor in result.survivors:
        sys.stdout.write(f"{survivor}\n")
    sys.stdout.write(
        f"{result.tests} tests: {result.killed} mutants noticed, {len(result.survivors)} survive; {result.unsound} are"
        f" no sound configuration, {result.same} decide the same; {time.process_time() - start:.0f} s\n"
    )
    return 1 if result.survivors else 0


if __name__ == "__main__":
    sys.exit(main())

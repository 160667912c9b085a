"""`python -m tests.mutants [FOLDER]`: change each rule of a configuration in turn, and print what its tests miss.

Of the example company those that are known and right (`unnoticed.txt`) are not printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.mutants.run import run, unnoticed

EXAMPLE = Path("config/examples/company")


def main() -> int:
    """The status is 1 when a mutant survives that is not known to, or when a known one does not any more."""
    parser = argparse.ArgumentParser(prog="script/mutate", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=EXAMPLE, help="a configuration with tests")
    options = parser.parse_args()
    start = time.process_time()
    result = run(options.folder)
    known = unnoticed() if options.folder == EXAMPLE else set()
    new = [each for each in result.survivors if each.key not in known]
    gone = sorted(known - {each.key for each in result.survivors})
    sys.stdout.writelines(f"{survivor}\n" for survivor in new)
    sys.stdout.writelines(f"noticed by now, take it out of unnoticed.txt: {key}\n" for key in gone)
    sys.stdout.write(
        f"{result.tests} tests: {result.killed} mutants noticed, {len(new)} survive, {len(known) - len(gone)} are known"
        f" to; {result.unsound} are no sound configuration, {result.same} decide the same;"
        f" {time.process_time() - start:.0f} s\n"
    )
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main())

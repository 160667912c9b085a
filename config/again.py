"""A test of the dialplan as a command: what an operator types to see why it came out as it did."""

from __future__ import annotations

import shlex

from config.schema_tests import Test
from dialplan.pretend import written


def explain_again(test: Test, usual: str) -> str:
    """`ringplan explain` for the call of a test, with all that the test says of it. `usual` is when a test calls that
    does not say it."""
    words = [
        "ringplan",
        "explain",
        "--from",
        f"trunk:{test.trunk}" if test.trunk else test.from_ or "",
        "--to",
        test.dial,
    ]
    words += ["--at", test.at.isoformat() if test.at else usual]
    options = {
        "--line": test.line,
        "--caller": test.caller,
        "--phones": ",".join(f"{name}={written(does)}" for name, does in test.phones.items()),
        "--facts": ",".join(f"{name}={value}" for name, value in test.facts.items()),
        "--presses": ",".join(test.presses),
        "--account": test.account,
        "--draw": f"{test.draw:.9f}".rstrip("0") if test.draw else "",
        "--hangs-up": "" if test.hangs_up is None else f"{test.hangs_up:g}",
    }
    for option, value in options.items():
        words += [option, value] if value else []
    words += ["--anonymous"] if test.anonymous else []
    words += ["--attested"] if test.attested else []
    return shlex.join(words)

"""What `script/server` does before it serves: the shipped example, written out, and all that a person needs to try it.

`python -P -m switch.commands.try_out FOLDER`. A port that is taken is said first, and with what to do, so that nobody
fills passwords of an exchange into a telephone that never began.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from config.compiled import Compiled
from config.problems import ConfigError
from switch.arguments import EXIT_CONFIG
from switch.commands.init import prepare, show
from switch.doors import has_family, open_socket
from switch.sip.uri import literal


def main() -> int:
    """Write the example where there is none yet, see whether its ports are free, and describe it."""
    folder = Path(sys.argv[1])
    try:
        example, compiled = prepare(folder)
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    taken = first_taken(compiled)
    if taken:
        hint = f"stop what uses it, or write another port under `listen:` in {example.config}"
        sys.stderr.write(f"{taken}\n    {hint}\n")
        return EXIT_CONFIG
    show(example, compiled, "in another terminal, script/ringplan status, calls, history, trace CALL")
    return 0


def first_taken(compiled: Compiled) -> str:
    """The first listener that cannot be had, in words; empty when all can."""
    opened: list[socket.socket] = []
    try:
        for each in compiled.listeners:
            if each.optional and not has_family(each.address):
                continue
            try:
                opened.append(open_socket(each.transport, each.address, each.port))
            except OSError as error:
                return f"cannot listen on {each.transport} {literal(each.address)} port {each.port}: {error.strerror}"
    finally:
        for one in opened:
            one.close()
    return ""


if __name__ == "__main__":
    sys.exit(main())

"""Work that may wait, in a process of its own and of low priority, so that no call waits for it."""

from __future__ import annotations

import shutil
import subprocess
import sys

LONGEST_S = 120.0


def gently(*command: str) -> list[str]:
    """The command line at the lowest priority, where this system has `nice`."""
    nice = shutil.which("nice")
    return [*([nice, "-n", "19"] if nice else []), *command]


def module(name: str, *arguments: str) -> list[str]:
    """The command line of a module of ours, at the lowest priority."""
    return gently(sys.executable, "-P", "-m", name, *arguments)


def child(name: str, *arguments: str) -> None:
    """Have a module of ours do something, and wait for it: not for the loop. Raises OSError with what it says."""
    try:
        done = subprocess.run(
            module(name, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{name} took more than {LONGEST_S:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(f"{name}: {said[-1][:200] if said else f'status {done.returncode}'}")

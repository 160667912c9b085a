"""The configuration that is live: compiled in a process of its own, kept beside the data, read back after a crash.

The supervisor's start compiles (`boot`); a reload compiles and swaps; a crash restart only reads the kept copy
(`live`), so that an edit that was not reloaded yet does not come into force by accident, nor a broken file keep us
down. The copy holds password hashes: mode 0600.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from config.compiled import Compiled, GuardSettings, ListenerSettings
from config.packed import decode, encode, unpacking
from config.problems import Problem
from switch import models
from switch.arguments import Places
from switch.private import write_private

KEPT = "live.msgpack"
REFUSED = "refused.txt"
_COMPILER = (sys.executable, "-P", "-m", "config.compile")


class ConfigurationError(Exception):
    """The configuration cannot be used. `lines` say why, one problem each, as `file:line:column: what`; `problems` are
    the same where the compiler could tell."""

    def __init__(self, lines: tuple[str, ...], problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(lines[0] if lines else "no configuration")
        self.lines = lines
        self.problems = problems


def boot(places: Places, *, last_good: bool = True) -> tuple[Compiled, tuple[str, ...]]:
    """At the supervisor's start: compile, keep, and return it. With a bad file, the last good one and the errors, or,
    where `last_good` is not wanted, ConfigurationError."""
    done = subprocess.run([*_COMPILER, str(places.config)], stdout=subprocess.PIPE, check=False)
    try:
        compiled = _result(done.returncode, done.stdout)
    except ConfigurationError as error:
        last = kept(places.data) if last_good else None
        if last is None:
            raise
        write_private(places.data / REFUSED, "\n".join(error.lines).encode())
        return last, error.lines
    keep(places.data, compiled)
    return compiled, ()


def live(places: Places) -> Compiled:
    """What is in force. Raises ConfigurationError when there is nothing usable."""
    last = kept(places.data)
    return last if last is not None else boot(places)[0]


class Fresh(NamedTuple):
    """What the compiler has made, and the bytes that it came as."""

    compiled: Compiled
    packed: bytes


async def compile_apart(path: Path) -> Fresh:
    """Compile in a process of its own, so that no call waits. Raises ConfigurationError with all errors at once."""
    process = await asyncio.create_subprocess_exec(*_COMPILER, str(path), stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        return Fresh(_result(process.returncode, out), out)  # which raises
    # In turns of a millisecond: a thread would not do, as reading a piece lets no other one run.
    work = unpacking(out)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return Fresh(done.value, out)
        await asyncio.sleep(0)


def keep(data: Path, compiled: Compiled, packed: bytes | None = None) -> None:
    """Keep a copy that `live` finds; it replaces the old one at one stroke. What was refused before is forgotten.
    `packed` is the same as bytes, where they are at hand."""
    models.keep(data, compiled.model)  # first: a start after a kill between the two keeps nothing anew
    write_private(data / KEPT, encode(compiled) if packed is None else packed)
    (data / REFUSED).unlink(missing_ok=True)


def refusal(data: Path) -> tuple[str, ...]:
    """The errors of the configuration that could not be used at the start, while the last good one is in force."""
    try:
        return tuple((data / REFUSED).read_text(encoding="utf-8").splitlines())
    except OSError:
        return ()


def needs_restart(old: Compiled, new: Compiled) -> tuple[str, ...]:
    """What a reload cannot change: other processes have it, or what stands was made with it. `old` is what the exchange
    started with."""
    names = {
        "listen": _sockets(old) != _sockets(new),
        "media": old.media != new.media,
        "registrar.nonce_lifetime": old.registrar.nonce_life_s != new.registrar.nonce_life_s,
        "guard": _sizes(old.guard) != _sizes(new.guard),
        "metrics": old.metrics != new.metrics,
        "log": old.log != new.log,
        "records": msgspec.structs.replace(old.records, mask=new.records.mask) != new.records,
    }
    return tuple(f"changes under `{name}` take effect at the next start" for name, differs in names.items() if differs)


def _sockets(compiled: Compiled) -> list[ListenerSettings]:
    """The listeners without what a reload can change."""
    return [
        msgspec.structs.replace(each, certificates=(), client_ca="", client_required=False)
        for each in compiled.listeners
    ]


def _sizes(guard: GuardSettings) -> GuardSettings:
    """Without what a reload changes."""
    return msgspec.structs.replace(guard, allow=(), ban=None, hidden=True)


def kept(data: Path) -> Compiled | None:
    """The copy, where there is one that can be read."""
    try:
        return decode((data / KEPT).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def _result(code: int, out: bytes) -> Compiled:
    if code == 0:
        return decode(out)
    try:
        problems = msgspec.json.decode(out, type=tuple[Problem, ...])
    except msgspec.DecodeError:
        raise ConfigurationError((f"the compiler failed with status {code}",)) from None
    raise ConfigurationError(tuple(str(problem) for problem in problems), problems)

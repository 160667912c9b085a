"""One call that is up, for commands on the control socket: which of them is meant, and how something is done to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from switch.calls.call import Call
from switch.control import Refused
from switch.core import Core

Done = TypeVar("Done")


def meant(core: Core, args: dict[str, object]) -> Call:
    """The one call that is up whose id is, or begins with, the argument `call`. Raises Refused."""
    asked, up = str(args.get("call", "")), core.calls.by_id
    found = [asked] if asked in up else [each for each in up if asked and each.startswith(asked)]
    if not found:
        raise Refused(f"no call {asked} is up (ringplan calls shows those that are)")
    if len(found) > 1:
        raise Refused(f"{len(found)} calls begin with {asked}; say more of it")
    return up[found[0]]


def carry_out(core: Core, act: Callable[[float], Done], now: float) -> Done:
    """What `act` returns, which is an input of the exchange like any other. Raises Refused where `act` does, and where
    it fails: the log says why then."""
    done: list[Done] = []
    refused: list[Refused] = []

    def attempt(now: float) -> None:
        try:
            done.append(act(now))
        except Refused as refusal:
            refused.append(refusal)

    core.go_on(attempt, now)
    if refused:
        raise refused[0]
    if not done:
        raise Refused("that could not be done")
    return done[0]

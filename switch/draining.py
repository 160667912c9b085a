"""A stop that cuts nobody off: the exchange takes no new calls, and ends when the last one has, or after a set time.

    serving     a first signal  ->  draining, where calls are up and there is time for them; else the end
    draining    the last call has ended, the time is over, or a second signal  ->  the end

What a drain refuses says `switch/admission.py`: never a call for help. Nor does the time that is over end one: it is
waited for until it ends by itself, or a second signal comes. The end is the composition root's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from switch.core import Core

LOOK_S = 0.1


class Loop(Protocol):
    """What is needed of the event loop."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        """Call back after so many seconds."""


class Draining:
    """Hears the signals. `limit_s` says how long calls are waited for now; `over` is called once, at the end."""

    def __init__(
        self,
        core: Core,
        loop: Loop,
        now: Callable[[], float],
        limit_s: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        over: Callable[[], None],
    ) -> None:
        self._core = core
        self._loop = loop
        self._now = now
        self._limit_s = limit_s
        self._log = log
        self._over = over
        self.active = False
        """Whether calls are being waited for."""

    def told(self) -> None:
        """SIGTERM, or Ctrl-C."""
        now, limit_s, calls = self._now(), self._limit_s(), len(self._core.calls.by_id)
        if self.active or not calls or not (limit_s or self._help()):
            self._end()
            return
        self.active = True
        self._core.drain(now + limit_s, now)
        self._log.info("draining", calls=calls, at_most_s=limit_s, hint="a second signal, or Ctrl-C, ends them now")
        self._look()

    @property
    def trouble(self) -> str:
        """What people and load balancers are told; empty while we serve."""
        until = self._core.admission.draining
        if until is None:
            return ""
        calls, left_s = len(self._core.calls.by_id), max(0.0, until - self._now())
        up = "1 call that is up" if calls == 1 else f"{calls} calls that are up"
        return f"draining: no new calls are taken; waiting for {up}, at most {left_s:.0f} s more"

    def _look(self) -> None:
        if not self.active:
            return
        core, now, until = self._core, self._now(), self._core.admission.draining
        if until is not None and now >= until:
            for call in list(core.calls.by_id.values()):
                if not call.for_help:
                    core.hang_up(call.id, now)
        if core.calls.by_id:
            self._loop.call_later(LOOK_S, self._look)
        else:
            self._end()

    def _help(self) -> bool:
        """Whether somebody who called for help is in a call: only a second signal ends that."""
        return any(call.for_help for call in self._core.calls.by_id.values())

    def _end(self) -> None:
        self.active = False
        self._over()

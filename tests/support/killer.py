"""Kills the exchange of a scene in the middle of something."""

from __future__ import annotations

from typing import Any

from tests.support.scene import Scene


class Killer:
    """Kills the exchange at the `at`th append from now; `mute`: before anything of that input has left; `twice`: and
    again when it has decided what follows from the first time, and said nothing of it; `alone` is False when the media
    workers die with it."""

    def __init__(self, scene: Scene, at: int, *, mute: bool, twice: bool = False, alone: bool = True) -> None:
        self.scene = scene
        self.left = at
        self.mute = mute
        self.twice, self.alone = twice, alone
        self.done = False
        core = scene.exchange.core
        self._append = core._journal
        core._journal = self._on_append  # type: ignore[method-assign]

    def _on_append(self, events: list[Any]) -> None:
        self._append(events)
        self.left -= 1
        if self.left == 0:
            self.scene.exchange.mute = self.mute
            self.scene.clock.timers.start(self.scene.clock.now() + 0.0001, self, None)

    def on_timer(self, what: object, now: float) -> None:
        self.done = True
        exchange = self.scene.exchange
        if self.twice:
            exchange.crash()
            exchange.mute = True
            exchange.restart()
        if not self.alone:
            exchange.engine.legs.clear()
        exchange.crash_and_restart()

"""Kills the exchange of a scene in the middle of something."""

from __future__ import annotations

from typing import Any

from tests.support.scene import Scene


class Killer:
    """Kills the exchange at the `at`th append from now; `mute`: before anything of that input has left."""

    def __init__(self, scene: Scene, at: int, *, mute: bool) -> None:
        self.scene = scene
        self.left = at
        self.mute = mute
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
        self.scene.exchange.crash_and_restart()

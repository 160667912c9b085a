"""Kills the exchange of a scene in the middle of something."""

from __future__ import annotations

from typing import Any

from tests.support.scene import Scene


class Killer:
    """Kills the exchange at the `at`th append from now; `mute`: before anything of that input has left; `twice`: and
    again when it has decided what follows from the first time, and said nothing of it; `media`: the media workers die
    with it. `spares` kills the media workers alone."""

    def __init__(
        self,
        scene: Scene,
        at: int,
        *,
        mute: bool = False,
        twice: bool = False,
        media: bool = False,
        spares: bool = False,
    ) -> None:
        self.scene = scene
        self.left = at
        self.mute, self.twice, self.media, self.spares = mute, twice, media, spares
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
        if self.spares:
            for leg in list(exchange.engine.legs):
                if leg in exchange.engine.legs:
                    exchange.lose_leg(leg)
            return
        if self.twice:
            exchange.crash()
            exchange.mute = True
            exchange.restart()
        if self.media:
            exchange.engine.legs.clear()
        exchange.crash_and_restart()

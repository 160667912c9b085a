"""An exchange hands over to the next one at every single append to its journal (`ringplan upgrade`, decision 27): no
call fails by it, whatever is being set up; nothing is left, and every call has one end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.flow.test_flow_kill import SCENARIOS as KILLED
from tests.support.scene import Scene


class Heir:
    """Hands the exchange of a scene over after the `at`th append from now."""

    def __init__(self, scene: Scene, at: int) -> None:
        self.scene = scene
        self.left = at
        self.done = False
        core = scene.exchange.core
        self._append = core._journal
        core._journal = self._on_append  # type: ignore[method-assign]

    def _on_append(self, events: list[Any]) -> None:
        self._append(events)
        self.left -= 1
        if self.left == 0:
            self.scene.clock.timers.start(self.scene.clock.now() + 0.0001, self, None)

    def on_timer(self, what: object, now: float) -> None:
        self.done = True
        self.scene.exchange.hand_over()


def plain(scene: Scene) -> None:
    alice, bob = scene.phones
    call = alice.call("102")
    scene.wait(2)
    bob.last.answer()
    scene.wait(2)
    assert call.up
    call.hang_up()


def whole(do: Callable[[Scene], None], at: int) -> tuple[Scene, bool]:
    scene = Scene()
    for name in ("alice", "bob"):
        scene.phone(name)
    heir = Heir(scene, at)
    try:
        do(scene)
        scene.finish()
    except AssertionError as error:
        raise AssertionError(f"handed over at append {at}") from error
    except Exception as error:
        raise AssertionError(f"handed over at append {at}: {error!r}") from error
    return scene, heir.done


SCENARIOS = {"plain": plain, **KILLED}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_call_fails_by_a_hand_over_at_any_append(scenario: str) -> None:
    at, done = 0, True
    while done:
        at += 1
        scene, done = whole(SCENARIOS[scenario], at)
        assert scene.exchange.record.result == "answered", f"handed over at append {at}"
    assert at > 4

"""The exchange is killed at every single append while something is under way in a call: transfers, park, rooms,
recordings, limits, messages. Nothing hangs, nothing is left, each call has one end, and each transfer an outcome.
After the packets of that input have left, before, before those of the recovery have left as well, and with all media
workers at once; or these alone die."""

from __future__ import annotations

import pytest

from tests.support import scenarios
from tests.support.killer import Killer

HOW: dict[str, dict[str, bool]] = {
    "after": {},
    "before": {"mute": True},
    "twice": {"mute": True, "twice": True},
    "with media": {"media": True},
    "media alone": {"spares": True},
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("scenario", [*scenarios.CALLS, *scenarios.MORE])
def test_killed_at_every_append_of_what_calls_can_do(scenario: str, how: str) -> None:
    at = 0
    while True:
        at += 1
        scene = scenarios.stage()
        killer = Killer(scene, at, **HOW[how])
        try:
            scenarios.play(scene, scenario)
            scene.finish()
            for record in scene.exchange.records:
                assert all(each.outcome for each in record.transfers), record.transfers
        except AssertionError as error:
            raise AssertionError(f"killed at append {at}") from error
        except Exception as error:
            raise AssertionError(f"killed at append {at}: {error!r}") from error
        if not killer.done:
            assert at > 4
            assert scene.exchange.records[-1].result == "answered"
            assert any(isinstance(event, scenarios.SHOWS[scenario]) for event in scene.exchange.events)
            return

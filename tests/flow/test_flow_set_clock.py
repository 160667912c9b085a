"""Somebody, or NTP, sets the wall clock while a call is up, and the exchange dies: what is left of a time is what is
left by the clock that nobody sets (issue 6: journal; LIM-3, CRD-7)."""

from __future__ import annotations

from typing import Any

import pytest

from dialplan import model as m
from dialplan.groups import ParkLot
from tests.flow.test_flow_limits import began, calls_out, limited, outside
from tests.flow.test_flow_park import Three, lots, slots
from tests.flow.test_flow_session_timer import ALLOW, both_ended, pair
from tests.support.scene import Scene

HOUR_S = 3600.0


def stage(model: m.Model) -> Any:
    return pytest.mark.parametrize("scene", [{"model": model}], indirect=True)


@pytest.fixture(params=[(HOUR_S, 0.0), (-HOUR_S, 0.0), (0.0, HOUR_S), (0.0, -HOUR_S), (HOUR_S, -HOUR_S / 2)])
def steps(request: pytest.FixtureRequest) -> tuple[float, float]:
    """By how much the clock is set while the exchange lives, and while it is away."""
    return request.param  # type: ignore[no-any-return]


def crash(scene: Scene, steps: tuple[float, float], away_s: float = 3.0) -> None:
    scene.clock.set(steps[0])
    scene.wait(1.0)
    scene.exchange.crash()
    scene.clock.set(steps[1])
    scene.wait(away_s)
    scene.exchange.restart()


@stage(limited(alice=60))
def test_the_limit_of_a_call_ends_it_when_its_time_is_up(scene: Scene, steps: tuple[float, float]) -> None:
    call = calls_out(scene, scene.phone("alice"), outside(scene))
    scene.wait(0.1)
    start = began(scene)
    scene.wait(20.0)
    crash(scene, steps)
    scene.wait(start + 59.9 - scene.clock.now())
    assert call.up
    scene.wait(0.3)
    assert call.over
    assert scene.exchange.record.reason == "duration_limit"


@stage(lots(ParkLot(id="main", extension="700", first="701", last="703", timeout_s=120.0)))
def test_who_is_parked_comes_back_when_the_time_is_up(scene: Scene, steps: tuple[float, float]) -> None:
    three = Three(scene)
    three.park()
    scene.wait(30.0)
    rung = len(three.bob.calls)
    crash(scene, steps)
    assert list(slots(scene)) == ["701"]
    scene.wait(118.0 - 34.0 - 0.5)
    assert len(three.bob.calls) == rung
    scene.wait(4.0)
    assert len(three.bob.calls) == rung + 1
    three.call.hang_up()
    scene.wait()


def test_session_timers_run_on(scene: Scene, steps: tuple[float, float]) -> None:
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 1800;refresher=uac", ALLOW))
    scene.wait(600)
    crash(scene, steps)
    scene.wait(1150)
    assert len(scene.exchange.calls) == 1
    scene.wait(20)
    both_ended(scene, one, two)
    assert scene.exchange.record.reason == "session_expired"


def test_telephones_stay_registered_as_long_as_they_were_told(scene: Scene, steps: tuple[float, float]) -> None:
    scene.raw("alice", "192.0.2.21")  # for 600 s, and it does not refresh
    crash(scene, steps)
    scene.wait(590.0)
    assert scene.exchange.core.registrar.has("alice")
    scene.wait(10.0)
    assert not scene.exchange.core.registrar.has("alice")

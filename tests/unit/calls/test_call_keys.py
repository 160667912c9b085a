"""Keys during a call: which codes are found in what somebody presses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from switch.features.call_keys import BETWEEN_S, CallKeys

CODES = {"*1": "record", "*12": "park", "##": "transfer", "#1#": "add_party"}


class Stage:
    def __init__(self, target: str = "line:anna", codes: dict[str, str] = CODES) -> None:
        self.done: list[str] = []
        features: dict[str, Any] = {
            name: lambda call, leg, now, name=name: self.done.append(name)
            for name in ("record", "transfer", "add_party")
        }
        self.keys = CallKeys(lambda: codes, features)
        self.leg: Any = SimpleNamespace(index=0, target=target)
        self.call: Any = SimpleNamespace(id="c", legs={0: self.leg})
        self.now = 10.0

    def press(self, digits: str, between_s: float = 0.3) -> list[str]:
        for digit in digits:
            self.keys(self.call, self.leg, digit, self.now)
            self.now += between_s
        return self.done


def test_a_code_is_found_and_what_goes_before_is_nothing() -> None:
    assert Stage().press("4711*1") == ["record"]
    assert Stage().press("**1") == ["record"]
    assert Stage().press("###") == ["transfer"]
    assert Stage().press("####") == ["transfer", "transfer"]
    assert Stage().press("##1#") == ["transfer"]
    assert Stage().press("#1#") == ["add_party"]


def test_a_code_that_others_begin_with_is_done_at_once() -> None:
    assert Stage().press("*12") == ["record"]


def test_slow_keys_are_no_code() -> None:
    assert Stage().press("*1", between_s=BETWEEN_S + 0.1) == []
    assert Stage().press("##", between_s=BETWEEN_S - 0.1) == ["transfer"]


def test_a_carrier_and_a_house_without_codes_are_not_listened_to() -> None:
    assert Stage(target="trunk:itsp").press("*1##") == []
    stage = Stage(codes={})
    assert stage.press("*1##") == []
    assert stage.keys._pressed == {}


def test_nothing_is_left_of_a_call_that_is_over() -> None:
    stage = Stage()
    stage.press("*")
    assert stage.keys._pressed
    stage.call.legs.clear()  # as `switch.calls.ending.close` has it
    stage.keys.over(stage.call, stage.now)
    assert not stage.keys._pressed
    assert stage.press("1") == []

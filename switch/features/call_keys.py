"""Keys that somebody presses while he talks: feature codes for telephones that have no keys of their own for it.

    a digit      ->  the codes that begin with what was pressed so far wait for more, for `BETWEEN_S`
    a whole code ->  its feature is told, with the call and the leg
    no code      ->  what was pressed is forgotten, but for an end that may begin another one

Only our own lines' legs are listened to, and only while no service of ours serves the call and nobody else listens to
the leg (`Leg.listener`), as a feature that asks for a number does. The other side hears the keys, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from switch.calls.leg import is_trunk

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.leg import Leg

BETWEEN_S = 2.0
Feature = Callable[["Call", "Leg", float], None]
"""Does what a code asks for. A name of `dialplan.codes.CALL_KEYS`."""


class CallKeys:
    """What `Context.digit` tells. `codes` gives the codes of the moment (`Model.call_keys`); one whose feature is not
    among `features` does nothing."""

    def __init__(self, codes: Callable[[], Mapping[str, str]], features: Mapping[str, Feature]) -> None:
        self._codes = codes
        self._features = features
        self._pressed: dict[str, dict[int, tuple[str, float]]] = {}
        """By call and leg: what was pressed, and until when it counts. Legs in the midst of a code alone."""

    def __call__(self, call: Call, leg: Leg, digit: str, now: float) -> None:
        """A digit came."""
        codes = self._codes()
        if not codes or is_trunk(leg.target):
            return
        begun = self._pressed.get(call.id, {})
        before, until = begun.pop(leg.index, ("", 0.0))
        pressed = (before if now < until else "") + digit
        while pressed and not any(code.startswith(pressed) for code in codes):
            pressed = pressed[1:]
        if not pressed:
            return
        feature = codes.get(pressed)
        if feature is None:
            self._pressed.setdefault(call.id, {})[leg.index] = (pressed, now + BETWEEN_S)
            call.noted = True
        elif feature in self._features:
            self._features[feature](call, leg, now)

    def over(self, call: Call, now: float) -> None:
        """The call is over (`Context.over`): what its legs have begun is forgotten."""
        self._pressed.pop(call.id, None)

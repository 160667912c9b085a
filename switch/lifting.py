"""What operators ask and do about quotas of calls outside (`ringplan quota`): who has used how much, and to let
somebody call again. Who did that stands in the journal."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from config.problems import did_you_mean
from dialplan.destinations import To
from dialplan.model import Model
from dialplan.rates import MICRO
from records.events import QuotaReset
from switch.control import Handler, Refused
from switch.facts import LiveFacts
from switch.views import QuotasView, QuotaView

ALL = "all"
"""How people call all lines together."""
MOST_SHOWN = 1000


class Lifting:
    """The handlers. `model` is the dialplan of the moment, `apply` takes events that hold from then on."""

    def __init__(
        self,
        model: Callable[[], Model],
        facts: LiveFacts,
        at: Callable[[], datetime.datetime],
        apply: Callable[[Sequence[QuotaReset]], None],
    ) -> None:
        self._model = model
        self._facts = facts
        self._at = at
        self._apply = apply

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {"quota": self.show, "quota_reset": self.reset}

    def show(self, args: dict[str, Any]) -> QuotasView:
        """Who has used how much; of one line where one is named. Raises Refused."""
        wanted = self._name(str(args.get("name", ""))) if args.get("name") else None
        found = [each for each in self._used() if wanted is None or each.line == (wanted or ALL)]
        return QuotasView(quotas=tuple(found[:MOST_SHOWN]))

    def reset(self, args: dict[str, Any]) -> QuotasView:
        """What the line has called outside so far does not count any more. Raises Refused."""
        name = self._name(str(args.get("name", "")))
        self._apply([QuotaReset(name, str(args.get("by", "")), self._at())])
        return self.show({"name": name or ALL})

    def warnings(self) -> Iterator[str]:
        """A sentence for each quota that is used up, or nearly."""
        for each in self._used():
            if each.used * 100 >= each.limit * 80:
                state = "calls outside are refused" if each.used >= each.limit else "nearly used up"
                who = "all lines together" if each.line == ALL else each.line
                yield f"quota {each.what} of {who}: {each.used:g} of {each.limit:g}, {state} (ringplan quota)"

    def _used(self) -> Iterator[QuotaView]:
        for name, found in self._facts.used(self._at()):
            for what, used, limit in found:
                scale = MICRO if what.startswith("cost") else 1
                yield QuotaView(line=name or ALL, what=what, used=round(used / scale, 2), limit=limit / scale)

    def _name(self, name: str) -> str:
        if name == ALL:
            return ""
        model = self._model()
        if name in model.lines:
            return name
        to = model.extensions.get(name)
        if to is not None and to.kind is To.USER and to.name in model.lines:
            return to.name
        hint = did_you_mean(name, [*model.lines, ALL])
        raise Refused(f"there is no user and no line “{name}”", (hint,) if hint else ())

"""Steps that the exchange carries out itself: by kind of step, who does it.

An executor gets the call, the step and the time. It answers the caller, or not, and reports to the walk how it went
(`dialplan.vocabulary.StepDone`, through `Call.done`). Features register theirs in the composition root. A step that
nobody carries out ends with its status of `dialplan.endings.unavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dialplan.plan import Announce, Echo
from switch.calls.answering import execute

if TYPE_CHECKING:
    from switch.calls.call import Call

Executor = Callable[["Call", Any, float], None]
Executors = Mapping[type, Executor]


BUILT_IN: Executors = MappingProxyType({Announce: execute, Echo: execute})
"""What the call layer does by itself."""

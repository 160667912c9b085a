"""How many examples a property is tried with that takes too long for Hypothesis's hundred, or needs more of them."""

from __future__ import annotations

import os

from hypothesis import settings


def examples(count: int) -> settings:
    """So many in the suite, and as many as `script/properties` is told there. It decorates a test, or is the first
    argument of `settings` with more in it."""
    return settings(max_examples=int(os.environ.get("RINGPLAN_EXAMPLES", str(count))), deadline=None)

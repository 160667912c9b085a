"""A pytest plugin for `script/properties`: every property with RINGPLAN_EXAMPLES examples and no deadline.

It is a profile; what a test says for itself goes before it, so tests say their number by `tests.support.examples`.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("long", max_examples=int(os.environ.get("RINGPLAN_EXAMPLES", "5000")), deadline=None)
settings.load_profile("long")

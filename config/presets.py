"""The dialects of carriers, as values for the keys of a trunk. A key that the operator wrote holds before the preset's.

Names are those of `config.schema_trunk.Trunk`. `docs/trunks.md` has a recipe for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "e164": {},
        "digits": {"numbers": "digits"},
    }
)
"""By name."""

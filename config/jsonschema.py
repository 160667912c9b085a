"""The JSON Schema of the configuration, for editors: they complete keys, show descriptions and mark errors while
typing.

A file asks for it with a first line `# yaml-language-server: $schema=ringplan.schema.json`.
"""

from __future__ import annotations

import json
from typing import Any

from config.schema import Configuration


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12)."""
    made = Configuration.model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "Ringplan configuration"
    return made


def text() -> str:
    """The schema as it is written to a file."""
    return json.dumps(schema(), indent=2, sort_keys=True) + "\n"

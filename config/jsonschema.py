"""The JSON Schema of the configuration, for editors: they complete keys, show descriptions and mark errors while
typing.

A file asks for it with a first line `# yaml-language-server: $schema=ringplan.schema.json`.
"""

from __future__ import annotations

import json
from typing import Any

from config.schema import Configuration
from config.section import Section
from config.types import DURATION_PATTERN, shown_duration
from config.words import NONE, SECONDS, UNIT


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12)."""
    made: dict[str, Any] = Configuration.model_json_schema(by_alias=True)
    for mapping in (made, *made["$defs"].values()):
        mapping["properties"] = {key: _as_written(each) for key, each in mapping["properties"].items()}
    for key, each in made["properties"].items():
        # A section whose entries are all commented out is the same as none.
        if "$ref" in each or each.get("type") in ("object", "array"):
            said = each.get("description", "")
            made["properties"][key] = {"anyOf": [each, {"type": "null"}], "description": said}
    made = _with_shorthands(made)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "Ringplan configuration"
    return made


def _as_written(written: dict[str, Any]) -> dict[str, Any]:
    """A key without `null`, which the reader takes for a text like any other, and with its default as one writes it."""
    kinds = written.get("anyOf", [])
    if {"type": "null"} in kinds:
        rest = [each for each in kinds if each != {"type": "null"}]
        alone = rest[0] if len(rest) == 1 else {"anyOf": rest}
        written = {key: each for key, each in written.items() if key != "anyOf"} | alone
    default = written.pop("default", None)
    unit = written.pop(UNIT, None)
    if unit is not None and default is not None:
        default = (shown_duration(default) if unit == SECONDS else f"{default / unit:g}") if default else NONE
    if isinstance(default, float) and written.get("pattern") == DURATION_PATTERN:
        default = shown_duration(default)
    elif isinstance(default, list) and written.get("type") == "string":
        default = "-".join(map(str, default))
    return written if default is None else written | {"default": default}


def _with_shorthands(each: Any) -> Any:
    """The same, with a text alone wherever it may stand for a whole section."""
    if isinstance(each, dict):
        ref = each.get("$ref")
        if ref in _SHORT:
            return {"anyOf": [{"type": ["string", "integer"]}, each]}
        return {key: _with_shorthands(inner) for key, inner in each.items()}
    return [_with_shorthands(inner) for inner in each] if isinstance(each, list) else each


_SHORT = frozenset(f"#/$defs/{each.__name__}" for each in Section.__subclasses__() if each.shorthand)


def text() -> str:
    """The schema as it is written to a file."""
    return json.dumps(schema(), indent=2, sort_keys=True) + "\n"

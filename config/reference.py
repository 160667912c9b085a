"""Every key of the configuration as tables for docs/configuration.md, from the schema itself.

`python -P -m config.reference` prints them; a test holds the guide to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from config import jsonschema

NEEDED = "**needed**"
_ENTRIES = {
    "listen": "each item of `listen`",
    "listen.certificates": "each item of a listener's `certificates`",
    "sites": "each of `sites`, by its name",
    "groups": "each of `groups`, by its name",
    "users": "each of `users`, by name",
    "users.delegates": "each item of a user's `delegates`",
    "users.vip": "a user's `vip`",
    "ring_groups": "each of `ring_groups`, by its name",
    "ring_groups.members": "each item of a ring group's `members`",
    "attendants": "each of `attendants`, by its name",
    "mailboxes": "each of `mailboxes`, by its name",
    "queues": "each of `queues`, by its name",
    "conferences": "each of `conferences`, by its name",
    "park_lots": "each of `park_lots`, by its name",
    "account_codes": "each of `account_codes`, by its number",
    "lines": "each of `lines`, by its name",
    "devices": "each of `devices`, by its name",
    "extensions": "each of `extensions`, by its number",
    "hours": "each of `hours`, by its name",
    "trunks": "each of `trunks`, by its name",
    "routes": "each of `routes`, by its name",
    "route_files": "each item of `route_files`",
    "rate_files": "each item of `rate_files`",
    "tests": "each item of `tests`",
    "tests.expect": "what a test expects: its `expect`",
    "trunks.hosts": "each item of a trunk's `hosts`",
}


def markdown() -> str:
    """A table for the keys at the top, and one for each section that has keys of its own."""
    schema = jsonschema.schema()
    top = schema["properties"]
    parts = ["### At the top\n\n" + _table(schema, top)]
    for key, each in top.items():
        parts += _sections(schema, key, each)
    return "\n\n".join(parts) + "\n"


def _sections(schema: dict[str, Any], key: str, each: dict[str, Any]) -> Iterator[str]:
    """The table of a section, and of those within it."""
    model = _model(each)
    if model:
        found = schema["$defs"][model]
        title = _ENTRIES.get(key, f"`{key}`")
        yield f"### {title[0].upper()}{title[1:]}\n\n{found['description']}\n\n{_table(found, found['properties'])}"
        for inner, kind in found["properties"].items():
            yield from _sections(schema, f"{key}.{inner}", kind)


def _model(each: Any) -> str:
    """The name of the section that stands under a key, directly, in a list, or by name; else empty."""
    if isinstance(each, list):
        return next(filter(None, map(_model, each)), "")
    if not isinstance(each, dict):
        return ""
    if "$ref" in each:
        return str(each["$ref"]).rpartition("/")[2]
    return next(filter(None, (_model(each.get(key)) for key in ("anyOf", "items", "additionalProperties"))), "")


def _table(schema: dict[str, Any], properties: dict[str, dict[str, Any]]) -> str:
    rows = ["| key | default | |", "|---|---|---|"]
    for key, each in properties.items():
        default = NEEDED if key in schema.get("required", ()) else _default(each.get("default", ""))
        rows.append(f"| `{key}` | {default} | {each.get('description', '')} |")
    return "\n".join(rows)


def _default(value: object) -> str:
    match value:
        case "":
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case list():
            return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())

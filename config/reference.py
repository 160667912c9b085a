"""Every key of the configuration as tables for the guide, from the schema itself: docs/dialplan.md has those of the
dialplan, docs/configuration.md all others.

`python -P -m config.reference` prints the latter, `python -P -m config.reference dialplan` the former; a test holds the
guide to them. The settings that several levels share stand in a table of their own, once.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import Any

from config import jsonschema
from config.effects import effect
from config.schema_settings import Placed, Settings

NEEDED = "**needed**"
SHARED = "settings"
"""The path of the table of what several levels share, and the anchor of its heading."""
DIALPLAN = (
    *("account", "licences", "sites", "groups", "users", "lines", "devices", "dids"),
    *("extensions", "ring_groups", "attendants", "queues", "mailboxes", "conferences", "park_lots"),
    *("features", "call_keys", "account_codes", "services"),
)
"""What stands in docs/dialplan.md, in this order."""
_SHARING = {
    **dict.fromkeys(("sites", "groups", "users", "lines"), frozenset(Placed.model_fields)),
    "account": frozenset(Settings.model_fields),
}
_ENTRIES = {
    "listen": "each item of `listen`",
    "listen.certificates": "each item of a listener's `certificates`",
    SHARED: "settings",
    "settings.quotas": "`quotas`, of one line",
    "settings.forward": "`forward`",
    "settings.record": "`record`",
    "settings.mailbox": "`mailbox`",
    "account.total_quotas": "`account.total_quotas`, of all lines together",
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
    "addresses": "each of `addresses`, by its name",
    "sites.emergency": "a site's `emergency`",
    "trunks.emergency": "a trunk's `emergency`",
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
    """A table for the keys at the top, and one for each section that has keys of its own and is not of the dialplan."""
    schema = jsonschema.schema()
    top = schema["properties"]
    parts = ["### At the top\n\n" + _table(schema, top, "")]
    for key, each in top.items():
        if key not in DIALPLAN:
            parts += _sections(schema, key, each)
    return "\n\n".join(parts) + "\n"


def dialplan() -> str:
    """The tables of the dialplan: what its sections share, and each of them."""
    schema = jsonschema.schema()
    top = schema["properties"]
    parts = list(_sections(schema, SHARED, {"$ref": "#/$defs/Site"}, only=Placed.model_fields))
    parts[0] = parts[0].replace(schema["$defs"]["Site"]["description"], _SHARED_SAID)
    for key in DIALPLAN:
        parts += _sections(schema, key, top[key])
    return "\n\n".join(parts) + "\n"


_SHARED_SAID = """\
What may stand at every level: `account`, each of `sites`, `groups`, `users` and `lines`. Of the account `country`,
`area_code` and `time_zone` stand at the top of the configuration."""


def _sections(schema: dict[str, Any], key: str, each: dict[str, Any], only: Collection[str] = ()) -> Iterator[str]:
    """The table of a section, and of those within it."""
    model = _model(each)
    if model:
        found = schema["$defs"][model]
        title = _ENTRIES.get(key, f"`{key}`")
        shared: frozenset[str] = _SHARING.get(key, frozenset())
        own = [name for name in found["properties"] if name not in shared and (name in only or not only)]
        properties = {name: found["properties"][name] for name in own}
        text = f"### {title[0].upper()}{title[1:]}\n\n{found['description']}\n\n{_table(found, properties, key)}"
        yield text + (f"\n\nAnd every one of the [settings](#{SHARED})." if shared else "")
        for inner, kind in properties.items():
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


def _table(schema: dict[str, Any], properties: dict[str, dict[str, Any]], path: str) -> str:
    rows = ["| key | default | | in force |", "|---|---|---|---|"]
    for key, each in properties.items():
        default = NEEDED if key in schema.get("required", ()) else _default(each.get("default", ""))
        when = effect(f"{path}.{key}".removeprefix("."))
        rows.append(f"| `{key}` | {default} | {each.get('description', '')} | {when} |")
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
    sys.stdout.write(dialplan() if sys.argv[1:] == ["dialplan"] else markdown())

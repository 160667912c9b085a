"""The effective settings of a user, line, group or site as an operator reads them: each value as one writes it, the
level that set it with its file and line, and who has locked it (PRO-3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from config.inherit import DEFAULT, Effective, Levels, Path_, defaults
from config.problems import Mark
from config.types import shown_duration
from config.validate import Loaded
from config.words import NONE
from dialplan.destinations import Destination

KINDS = {"user": "users", "line": "lines", "group": "groups", "site": "sites"}
ACCOUNT = "account"
_OWN = ("name", "extension", "extensions", "group", "site", "operator", "email", "address", "licence", "set_up")
_SECONDS = (
    *("ring", "forward.after", "call_limit"),
    *(f"mailbox.{key}" for key in ("longest", "silence", "keep", "pin_lockout")),
)


class Shown(msgspec.Struct, frozen=True):
    """One setting. `level` is `default`, `account`, `site paris`, `group sales`, `user anna`, `line lobby`, or for a
    caller ID `did +16695550101`; `mark` is where it stands, None for a default. `locked_by` is the level that has
    locked it, empty for none."""

    key: str
    value: str
    level: str
    mark: Mark | None = None
    locked_by: str = ""
    locked_at: Mark | None = None


def shown(loaded: Loaded, kind: str, name: str) -> list[Shown] | None:
    """All settings of `kind` (see KINDS; or ACCOUNT, which has no name) and name, its own ones first; None when there
    is no such thing."""
    levels = Levels(loaded)
    if kind == ACCOUNT:
        return [_row(loaded, levels.account, key) for key in defaults()]
    entity = getattr(loaded.settings, KINDS[kind]).get(name)
    if entity is None:
        return None
    if kind in ("user", "line"):
        found = levels.of(name)
    elif kind == "group":
        found = levels.shared(entity.site or "", name)
    else:
        found = levels.shared(name)
    rows = list(_own(loaded, levels, kind, name, entity))
    rows.extend(_row(loaded, found, key) for key in defaults())
    if not _area(levels, kind, name, entity, found):
        # Another country's area code is nobody's default.
        rows = [Shown("area_code", "", DEFAULT) if row.key == "area_code" else row for row in rows]
    return rows


def _area(levels: Levels, kind: str, name: str, entity: Any, found: Effective) -> str:
    if kind in ("user", "line"):
        return levels.place_of(name)[1]
    site, group = (entity.site or "", name) if kind == "group" else (name, "")
    return levels.place(found, site, group)[1]


def _own(loaded: Loaded, levels: Levels, kind: str, name: str, entity: Any) -> Iterator[Shown]:
    section = KINDS[kind]
    for key in _OWN:
        value = getattr(entity, key, None)
        if key in entity.model_fields_set and value is not None:
            yield Shown(key, written(key, value), f"{kind} {name}", loaded.key_mark(section, name, key))
        elif kind == "user" and key == "site" and levels.site_of(name):
            mark = loaded.key_mark("groups", entity.group, "site")
            yield Shown(key, levels.site_of(name), f"group {entity.group}", mark)
    if kind == "user" and entity.delegates:
        told = ", ".join(each.user for each in entity.delegates)
        yield Shown("delegates", told, f"user {name}", loaded.key_mark(section, name, "delegates"))
    if kind == "user" and entity.vip is not None:
        for key in type(entity.vip).model_fields:
            there = key in entity.vip.model_fields_set
            where = loaded.key_mark(section, name, "vip", key) if there else None
            value = getattr(entity.vip, key)
            told = shown_duration(value) if key == "stage" else written(key, value)
            yield Shown(f"vip.{key}", told, f"user {name}" if there else DEFAULT, where)


def _row(loaded: Loaded, found: Effective, key: str) -> Shown:
    setting, lock = found.setting(key), found.locks.get(key)
    return Shown(
        key,
        written(key, setting.value),
        level(setting.level, setting.owner),
        _mark(loaded, setting.path),
        level(lock.level, lock.owner) if lock is not None else "",
        loaded.mark(*lock.path) if lock is not None else None,
    )


def _mark(loaded: Loaded, path: Path_) -> Mark | None:
    return loaded.key_mark(*path) if path else None


def level(kind: str, owner: str) -> str:
    """A level for people."""
    return f"{kind} {owner}".strip()


def written(key: str, value: Any) -> str:
    """A value as one writes it; empty for nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Destination():
            return NONE if str(value) == "nowhere" else str(value)
        case list() | tuple():
            return "-".join(value) if key == "extensions" else ", ".join(map(str, value))
        case float() if key in _SECONDS:
            return shown_duration(value) if value else NONE
        case int() if key.partition(".")[2].startswith("cost_"):
            return f"{value / 1_000_000:g}" if value else NONE
        case int() if key == "calls" or key.startswith("quotas."):
            return str(value or NONE)
    return str(value)

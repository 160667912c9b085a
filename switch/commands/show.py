"""`ringplan show`: what holds for somebody, and where it was said."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.commands.common import (
    ConfigOption,
    JsonOption,
    console,
    fail,
    keep_whole,
    short_path,
    table,
    write_json,
)

if TYPE_CHECKING:
    from config.problems import Mark
    from config.shown import Shown
    from config.validate import Loaded


class Shows(enum.StrEnum):
    """What has settings."""

    USER = "user"
    LINE = "line"
    GROUP = "group"
    SITE = "site"
    ACCOUNT = "account"


def show(
    kind: Annotated[
        Shows, typer.Argument(help="user, line, group, site, or account.", show_default=False, metavar="KIND")
    ],
    name: Annotated[
        str, typer.Argument(help="Its name in the configuration; the account has none.", metavar="NAME")
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Every setting that holds for a user, line, group, site or the account, with the level, file and line it is from.

    Settings inherit from the account to the site, the group and the user. One that a level above has locked says so.
    It is the configuration that is read, not the running exchange.
    """
    from config.problems import did_you_mean
    from config.shown import KINDS, shown

    loaded = sound(config)
    rows = shown(loaded, kind.value, name)
    if rows is None and not name:
        fail(f"which {kind.value}? name one: " + ", ".join(getattr(loaded.settings, KINDS[kind.value])))
    if rows is None:
        others = (other for other, section in KINDS.items() if name in getattr(loaded.settings, section))
        other = next(others, "")
        hint = did_you_mean(name, getattr(loaded.settings, KINDS[kind.value]))
        hint = f"`ringplan show {other} {name}` would do" if other else hint
        fail(f"there is no {kind.value} `{name}`" + (f": {hint}" if hint else ""))
    if json:
        write_json([_plain(row) for row in rows])
        return
    made = table("setting", "value", "from", "where", "locked by")
    keep_whole(made, "setting", "value")
    for row in rows:
        made.add_row(row.key, row.value or "–", row.level, _place(row.mark), _lock(row))
    console().print(made)


def sound(config: Path | None) -> Loaded:
    """The configuration without an error of form; else its errors, and the end."""
    from config import validate
    from switch.arguments import Places

    loaded = validate.load(config or Places.find().config)
    if loaded.problems:
        details = tuple(f"{short_path(each.mark.file)}{str(each)[len(each.mark.file) :]}" for each in loaded.problems)
        fail("the configuration has errors", details=details)
    return loaded


def _place(mark: Mark | None) -> str:
    return f"{short_path(mark.file)}:{mark.line}" if mark is not None else ""


def _lock(row: Shown) -> str:
    return f"{row.locked_by} ({_place(row.locked_at)})" if row.locked_by else ""


def _plain(row: Shown) -> dict[str, object]:
    def place(mark: Mark | None) -> dict[str, object] | None:
        return None if mark is None else {"file": mark.file, "line": mark.line, "column": mark.column}

    lock = {"by": row.locked_by, **(place(row.locked_at) or {})} if row.locked_by else None
    return {"key": row.key, "value": row.value, "level": row.level, "at": place(row.mark), "locked": lock}

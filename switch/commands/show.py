"""`ringplan show`: what holds for somebody, and where it was said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.commands.common import (
    EXIT_BAD_ARGUMENTS,
    ConfigOption,
    JsonOption,
    common_folder,
    console,
    fail,
    keep_whole,
    short_path,
    table,
    within,
    write_json,
)

if TYPE_CHECKING:
    from config.problems import Mark
    from config.shown import Shown
    from config.validate import Loaded


def show(
    kind: Annotated[
        str, typer.Argument(help="user, line, group, site, or account.", show_default=False, metavar="KIND")
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
    from config.shown import ACCOUNT, KINDS, shown

    loaded = sound(config)
    if kind not in (*KINDS, ACCOUNT):
        other = _meant(loaded, name or kind)
        hint = f"{other} would do" if other else f"write one of {', '.join((*KINDS, ACCOUNT))}"
        fail(f"`{kind}` is nothing whose settings are shown: {hint}", EXIT_BAD_ARGUMENTS)
    rows = shown(loaded, kind, name)
    if rows is None and not name:
        fail(f"which {kind}? name one: " + ", ".join(getattr(loaded.settings, KINDS[kind])))
    if rows is None:
        other = _meant(loaded, name)
        hint = f"{other} would do" if other else did_you_mean(name, getattr(loaded.settings, KINDS[kind]))
        fail(f"there is no {kind} `{name}`" + (f": {hint}" if hint else ""))
    if json:
        write_json([_plain(row) for row in rows])
        return
    _table(rows)


def _meant(loaded: Loaded, word: str) -> str:
    """The command for what has this name, or this extension."""
    from config.shown import KINDS

    for kind, section in KINDS.items():
        for name, entity in getattr(loaded.settings, section).items():
            if word in (name, str(getattr(entity, "extension", None) or "")):
                return f"`ringplan show {kind} {name}`"
    return ""


def _table(rows: Sequence[Shown]) -> None:
    """The settings; below them each lock once, with its place, as there is no room for it in eighty columns."""
    from rich.text import Text

    folder = common_folder(mark.file for row in rows for mark in (row.mark, row.locked_at) if mark is not None)
    locks = {row.locked_by: _place(row.locked_at, folder) for row in rows if row.locked_by}
    made = table("setting", "value", "from", "where", *(["locked by"] if locks else []))
    for row in rows:
        made.add_row(
            row.key, Text(row.value or "–"), row.level, _place(row.mark, folder), *([row.locked_by] if locks else [])
        )
    keep_whole(made, "setting", "from", "where", "locked by")
    made.columns[1].no_wrap = False
    made.columns[1].overflow = "fold"
    out = console()
    out.print(made)
    for by, place in locks.items():
        out.print(Text(f"{by} locks at {place}", "dim"), soft_wrap=True)
    if folder:
        out.print(Text(f"in {short_path(folder)}", "dim"), soft_wrap=True)


def sound(config: Path | None) -> Loaded:
    """The configuration without an error of form; else its errors, and the end."""
    from config import validate
    from switch.arguments import Places

    loaded = validate.load(config or Places.find().config)
    if loaded.problems:
        details = tuple(f"{short_path(each.mark.file)}{str(each)[len(each.mark.file) :]}" for each in loaded.problems)
        fail("the configuration has errors", details=details)
    return loaded


def _place(mark: Mark | None, folder: str) -> str:
    return f"{within(mark.file, folder)}:{mark.line}" if mark is not None else ""


def _plain(row: Shown) -> dict[str, object]:
    def place(mark: Mark | None) -> dict[str, object] | None:
        return None if mark is None else {"file": mark.file, "line": mark.line, "column": mark.column}

    lock = {"by": row.locked_by, **(place(row.locked_at) or {})} if row.locked_by else None
    return {"key": row.key, "value": row.value, "level": row.level, "at": place(row.mark), "locked": lock}

"""`ringplan check`: is this configuration good?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switch.commands.common import JsonOption, console, short_path, write_json

if TYPE_CHECKING:
    from config.compiled import Compiled
    from config.problems import Problem


def check(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A YAML file or a folder; else the one that `serve` takes.", show_default=False, metavar="PATH"
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.", metavar="")] = False,
    json: JsonOption = False,
) -> None:
    """Read a configuration as the exchange would, and name every error by file, line and column.

    Nothing is changed and no exchange is asked. The status is 1 when there are errors.
    """
    from config import compile as compiling
    from config.problems import ConfigError
    from switch.arguments import Places

    path = path or Places.find().config
    compiled: Compiled | None = None
    errors: tuple[Problem, ...] = ()
    try:
        compiled = compiling.compile(path)
    except ConfigError as error:
        errors = error.problems
    warnings = compiled.warnings if compiled else ()
    bad = bool(errors) or (strict and bool(warnings))
    if json:
        version = compiled.version if compiled else ""
        write_json(
            {"good": not bad, "version": version, "errors": _plain(errors), "warnings": _plain(warnings)},
        )
    else:
        show_problems(errors, "error", "bold red")
        show_problems(warnings, "warning", "bold yellow")
        _sum_up(path, compiled, len(errors), len(warnings))
    raise typer.Exit(1 if bad else 0)


def _plain(problems: tuple[Problem, ...]) -> list[dict[str, Any]]:
    return [
        {
            "code": problem.code,
            "file": problem.mark.file,
            "line": problem.mark.line,
            "column": problem.mark.column,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]


def show_problems(problems: tuple[Problem, ...], kind: str, style: str) -> None:
    """Print findings, each with its place and its hint."""
    from rich.text import Text

    out = console()
    for problem in problems:
        place = f"{short_path(problem.mark.file)}:{problem.mark.line}:{problem.mark.column}: "
        out.print(
            Text.assemble((place, "bold"), (f"{kind}: ", style), problem.message, (f"  {problem.code}", "dim")),
            soft_wrap=True,
        )
        if problem.hint:
            out.print(Text(f"    {problem.hint}", "dim"), soft_wrap=True)


def _sum_up(path: Path, compiled: Compiled | None, errors: int, warnings: int) -> None:
    out = console()
    if compiled is None:
        out.print(f"[bold red]●[/] {short_path(str(path))}: {_count(errors, 'error')}", soft_wrap=True)
        return
    model = compiled.model
    parts = [
        _count(len(model.lines), "line"),
        _count(len(compiled.devices), "device"),
        _count(len(compiled.trunks), "trunk"),
    ]
    said = f"{short_path(str(path))} is good: {', '.join(parts)}; version {compiled.version}"
    out.print(f"[bold green]●[/] {said}" + (f"; {_count(warnings, 'warning')}" if warnings else ""), soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
